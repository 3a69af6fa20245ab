//! How many metered calls it takes to tell people personally in DingTalk, beside one call a person.
//!
//! Publishes to an invented company in the sandbox, which counts by the platform's rules, and then lets everybody
//! confirm within a moment. Counts, unlike times, are the same on every machine. Weakness: the sandbox's reading of
//! which interfaces are metered is the documentation's; the platform's bill may differ.

use std::time::Duration;

use secrecy::SecretString;
use yuezhi_domain::DeliveryState;
use yuezhi_sandbox::{
    App as SandboxApp, Metering, Organisation, Person, Sandbox, SandboxConfig, SandboxHandle,
};
use yuezhi_server::{
    app::{App, Start},
    clock::Clock,
    config::{Config, DatabaseConfig, DingTalkConfig, ServerConfig},
    demo::company,
    serve::{open_database, system_ids},
    workers::{self, Next},
};
use yuezhi_store::{StoreError, deliveries, followups, people};

use crate::{
    figures::{ratio, whole},
    installation::{self, SEED, said},
    options::{Measure, Options},
    place::{Engine, Place},
    report::Section,
};

const PEOPLE: usize = 1_000;
/// Of the free edition (标准版), a month.
const QUOTA: usize = 5_000;
const LANES: [&str; 5] = ["work_notice", "app_robot", "card", "todo", "announcement"];
const CLIENT_ID: &str = "dingbench0001";
const CLIENT_SECRET: &str = "client-secret-of-the-bench";
const TEMPLATE: &str = "yuezhi-confirm.schema";
const AT_MOST: Duration = Duration::from_mins(2);

pub(crate) async fn measure(options: &Options) -> anyhow::Result<Section> {
    let size = options.sized(PEOPLE, 60);
    let mut section = Section::new(
        Measure::Calls,
        options,
        &format!("metered calls for telling {} people", whole(size as f64)),
        &[
            "channel",
            "calls",
            "the dry run said",
            "one call a person",
            "fewer by",
            "publications in a free month",
            "calls after everybody confirmed",
        ],
    );
    for lane in LANES {
        let counted = Box::pin(count(lane, size, options)).await?;
        section.row([
            format!("`{lane}`"),
            whole(counted.publishing as f64),
            whole(counted.planned as f64),
            whole(size as f64),
            ratio(size as f64, counted.publishing as f64),
            whole((QUOTA / counted.publishing.max(1)) as f64),
            counted
                .following
                .map_or_else(|| "–".to_owned(), |calls| whole(calls as f64)),
        ]);
    }
    section.note(
        "Some read English: they get other words, and so calls of their own. Confirmations that come one by one over \
         days take up to a call each to close a to-do or update a card; within a few seconds they share one.",
    );
    Ok(section)
}

struct Counted {
    publishing: usize,
    planned: u64,
    /// Closing to-dos, updating cards; `None` where nothing follows.
    following: Option<usize>,
}

async fn count(lane: &'static str, size: usize, options: &Options) -> anyhow::Result<Counted> {
    let sandbox = sandbox(size).await?;
    let place = Place::new(Engine::Sqlite, options)?;
    let app = start(&place, &sandbox, size).await?;
    sandbox.clear_calls();
    let published = installation::publish(&app, 1, &[lane]).await?;
    let planned = published.plan.deliveries.iter().find(|d| d.lane == lane);
    let planned = planned.map_or(0, |delivery| delivery.cost.api_calls);
    tokio::time::timeout(AT_MOST, send(&app)).await??;
    let publishing = metered(&sandbox);
    let follows_up = app
        .channels()
        .get(lane)
        .is_some_and(|channel| channel.limits().follows_up);
    let mut following = None;
    if follows_up {
        sandbox.clear_calls();
        everybody_confirms(&app, published.notice_no, lane).await?;
        following = Some(metered(&sandbox));
    }
    sandbox.shutdown().await;
    Ok(Counted {
        publishing,
        planned,
        following,
    })
}

/// Until nothing is due: the app keeps to the platform's pace.
async fn send(app: &App) -> anyhow::Result<()> {
    loop {
        workers::send_all(app).await.map_err(said)?;
        let counts = app.db.read(deliveries::counts_by_lane_state).await?;
        let is_open = |state| matches!(state, DeliveryState::Due | DeliveryState::Sending);
        if !counts.iter().any(|count| is_open(count.state)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn metered(sandbox: &SandboxHandle) -> usize {
    let calls = sandbox.calls();
    calls
        .iter()
        .filter(|call| call.metered == Metering::Api)
        .count()
}

async fn everybody_confirms(app: &App, notice_no: i64, lane: &'static str) -> anyhow::Result<()> {
    let now = app.now();
    app.db
        .write(move |tx| {
            for person in people::list(tx, &people::PeopleFilter::default(), 0, usize::MAX >> 1)? {
                followups::settle_person(tx, notice_no, person.no, &[lane.to_owned()], now)?;
            }
            Ok::<_, StoreError>(())
        })
        .await?;
    let telling = async {
        while app.db.read(followups::waiting).await? > 0 {
            if workers::follow_up::tick(app).await.map_err(said)? != Next::Now {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    };
    tokio::time::timeout(AT_MOST, telling).await?
}

async fn sandbox(size: usize) -> anyhow::Result<SandboxHandle> {
    let company = company::company(size, SEED);
    let people = company.people.into_iter().map(|person| Person {
        userid: person.userid,
        unionid: person.unionid,
        name: person.name,
        mobile: person.mobile,
        ..Person::default()
    });
    let mut config = SandboxConfig::new(Organisation {
        corp_id: company.corp_id.to_owned(),
        name: company.name.to_owned(),
        people: people.collect(),
        ..Organisation::default()
    });
    config.apps = vec![SandboxApp {
        name: "阅知".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.to_owned(),
        robot_code: CLIENT_ID.to_owned(),
        agent_id: 1,
        ..SandboxApp::default()
    }];
    let sandbox = Sandbox::start(config).await?;
    let template = serde_json::from_str(yuezhi_channels::card::template())?;
    sandbox
        .import_template(CLIENT_ID, TEMPLATE, true, &template)
        .map_err(anyhow::Error::msg)?;
    Ok(sandbox)
}

async fn start(place: &Place, sandbox: &SandboxHandle, size: usize) -> anyhow::Result<App> {
    let operator = sandbox.organisation().people.first().cloned();
    let config = Config {
        server: ServerConfig {
            public_url: Some("https://policy.example".to_owned()),
            ..ServerConfig::default()
        },
        database: DatabaseConfig {
            url: place.url(),
            ..DatabaseConfig::default()
        },
        dingtalk: DingTalkConfig {
            client_id: Some(CLIENT_ID.to_owned()),
            client_secret: Some(SecretString::from(CLIENT_SECRET)),
            agent_id: Some(1),
            card_template_id: Some(TEMPLATE.to_owned()),
            operator_user_id: operator.map(|person| person.userid),
            stream: false,
            api_base: sandbox.url(),
            oapi_base: sandbox.url(),
            login_base: sandbox.url(),
            ..DingTalkConfig::default()
        },
        ..Config::default()
    };
    let db = open_database(&config).await.map_err(said)?;
    let app = App::start(Start {
        config,
        db,
        clock: Clock::system(),
        ids: system_ids(),
        demo: None,
    })
    .await
    .map_err(said)?;
    installation::fill_company(&app, size).await?;
    know_the_directory(&app, sandbox).await?;
    Ok(app)
}

/// As after a walk of the directory.
async fn know_the_directory(app: &App, sandbox: &SandboxHandle) -> anyhow::Result<()> {
    let now = app.now();
    let everybody = sandbox.organisation().people;
    app.db
        .write(move |tx| {
            for person in &everybody {
                if let Some(known) = people::by_dingtalk_user_id(tx, &person.userid)? {
                    people::set_directory(tx, known.no, &person.unionid, true, now)?;
                }
            }
            Ok::<_, StoreError>(())
        })
        .await?;
    Ok(())
}
