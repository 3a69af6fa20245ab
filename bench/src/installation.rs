//! An installation to measure: a node over a given database, an invented company, policies that were published.
//!
//! Everything goes through the product's own actions; only people are added in bulk, by the store's way for first
//! imports, because an import file of a million lines is not what is measured here.

use std::{collections::HashMap, net::SocketAddr};

use anyhow::Context as _;
use bytes::Bytes;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use yuezhi_channels::{MailSettings, Registry, RegistryConfig, RobotSettings};
use yuezhi_domain::{ObligationState, PersonId, Requirement, UnixMillis};
use yuezhi_server::{
    actions::{
        ActionError, Actor,
        publish_version::{
            self, PublishRequest, Published, PublishedVersion, UploadedFile, VersionSource,
        },
        sign_in,
    },
    app::{App, Start},
    clock::Clock,
    config::{Config, DatabaseConfig, MailConfig, RobotConfig, ServerConfig},
    demo::company::{self, Company},
    serve::{open_database, system_ids},
    workers::{self, Next},
};
use yuezhi_store::{Value, accounts, departments, lanes, people, progress, sessions};

pub(crate) const SEED: u64 = 20_261_122;
const CHUNK: usize = 10_000;

/// What a node can send to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Connections {
    /// Name and webhook; at the platform's pace.
    pub robots: Vec<(String, String)>,
    /// A robot without a limit, as a private platform may have; `robot:fast`.
    pub unlimited: Option<String>,
    /// Mail relay without TLS.
    pub relay: Option<SocketAddr>,
}

/// The lane of [`Connections::unlimited`].
pub(crate) const FAST_LANE: &str = "robot:fast";

impl Connections {
    pub(crate) fn unlimited(webhook: String) -> Self {
        Self {
            unlimited: Some(webhook),
            ..Self::default()
        }
    }

    pub(crate) fn relay(address: SocketAddr) -> Self {
        Self {
            relay: Some(address),
            ..Self::default()
        }
    }

    pub(crate) fn config(&self, database: &str) -> Config {
        Config {
            server: ServerConfig {
                listen: "127.0.0.1:0".to_owned(),
                public_url: Some("http://127.0.0.1:8790".to_owned()),
                ..ServerConfig::default()
            },
            database: DatabaseConfig {
                url: database.to_owned(),
                ..DatabaseConfig::default()
            },
            robot: self
                .robots
                .iter()
                .map(|(name, webhook)| RobotConfig {
                    name: name.clone(),
                    webhook: Some(SecretString::from(webhook.clone())),
                    webhook_file: None,
                    secret: None,
                    secret_file: None,
                    keywords: Vec::new(),
                })
                .collect(),
            mail: self.relay.map(|relay| MailConfig {
                host: relay.ip().to_string(),
                port: Some(relay.port()),
                tls: "none".to_owned(),
                ca_file: None,
                username: None,
                password: None,
                password_file: None,
                from: "阅知 <policy@lanchuan.example>".to_owned(),
                reply_to: None,
                connections: 4,
                per_minute: None,
            }),
            ..Config::default()
        }
    }
}

/// A node without a listener and without running workers.
pub(crate) async fn start(database: &str, connections: &Connections) -> anyhow::Result<App> {
    let config = connections.config(database);
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
    if let Some(webhook) = &connections.unlimited {
        app.replace_channels(unlimited(webhook, connections)?);
        let now = app.now();
        app.db
            .write(move |tx| lanes::ensure(tx, FAST_LANE, "robot", now))
            .await?;
    }
    Ok(app)
}

fn unlimited(webhook: &str, connections: &Connections) -> anyhow::Result<Registry> {
    let robot = RobotSettings {
        name: "fast".to_owned(),
        webhook: SecretString::from(webhook.to_owned()),
        secret: None,
        keywords: Vec::new(),
        per_minute: Some(0),
    };
    let mail = connections.config("").mail.map(|mail| MailSettings {
        host: mail.host,
        port: mail.port,
        tls: mail.tls,
        ca_file: None,
        username: None,
        password: None,
        from: mail.from,
        reply_to: None,
        connections: mail.connections,
        per_minute: None,
    });
    Ok(Registry::build(RegistryConfig {
        robots: vec![robot],
        mail,
        oapi_base: connections.config("").dingtalk.oapi_base,
        ..RegistryConfig::default()
    })?)
}

/// An action's error in the words of this program.
#[expect(clippy::needless_pass_by_value, reason = "stands in map_err")]
pub(crate) fn said(error: ActionError) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

/// Adds the invented company; people are numbered from 1 without gaps.
pub(crate) async fn fill_company(app: &App, size: usize) -> anyhow::Result<()> {
    let company = company::company(size, SEED);
    let now = app.now();
    let paths = paths(&company);
    let ids = app.ids.clone();
    let numbers: HashMap<u32, i64> = app
        .db
        .write(move |tx| {
            paths
                .iter()
                .map(|(id, path)| Ok((*id, departments::ensure_path(tx, path, &ids, now)?)))
                .collect::<Result<_, yuezhi_store::StoreError>>()
        })
        .await?;
    for chunk in company.people.chunks(CHUNK) {
        let rows: Vec<(PersonId, people::NewPerson)> = chunk
            .iter()
            .map(|person| (app.ids.next(now), row(person, &numbers)))
            .collect();
        app.db
            .write(move |tx| people::insert_many(tx, &rows, now))
            .await?;
    }
    analyse(app).await
}

/// What autovacuum does on a PostgreSQL within its first minute.
async fn analyse(app: &App) -> anyhow::Result<()> {
    if app.db.dialect() == yuezhi_store::Dialect::Postgres {
        app.db.write(|tx| tx.exec("ANALYZE", &[])).await?;
    }
    Ok(())
}

fn paths(company: &Company) -> Vec<(u32, String)> {
    let mut known: HashMap<u32, String> = HashMap::new();
    // Parents stand before their children.
    for department in &company.departments {
        let above = department.parent_id.and_then(|id| known.get(&id));
        let path = above.map_or_else(
            || department.name.to_owned(),
            |above| format!("{above}/{}", department.name),
        );
        known.insert(department.id, path);
    }
    known.into_iter().collect()
}

fn row(person: &company::Person, numbers: &HashMap<u32, i64>) -> people::NewPerson {
    people::NewPerson {
        staff_no: person.staff_no.clone(),
        dingtalk_user_id: Some(person.userid.clone()),
        name: person.name.clone(),
        email: person.email.clone(),
        mobile: Some(person.mobile.clone()),
        title: Some(person.title.to_owned()),
        language: Some(person.language.to_owned()),
        department_nos: person
            .department_ids
            .iter()
            .filter_map(|id| numbers.get(id).copied())
            .collect(),
        manager_staff_no: person.manager_staff_no.clone(),
        hired_on: Some(person.hired_on.clone()),
    }
}

/// Publishes a policy of its own for everyone; `number` tells it from the others.
pub(crate) async fn publish(
    app: &App,
    number: usize,
    lanes: &[&str],
) -> anyhow::Result<PublishedVersion> {
    let file = UploadedFile {
        name: format!("policy-{number}.md"),
        bytes: Bytes::from(policy_text(number)),
    };
    let request = PublishRequest {
        policy: Some(format!("bench-{number}")),
        title: Some(format!("第{number}号管理办法")),
        audience: Some("everyone".to_owned()),
        requirement: Some(Requirement::Confirm),
        due: Some("7d".to_owned()),
        channels: Some(lanes.iter().map(|lane| (*lane).to_owned()).collect()),
        plan: Some("none".to_owned()),
        ..PublishRequest::of_file(Actor::System, VersionSource::Demo, file)
    };
    match Box::pin(publish_version::publish(app, request))
        .await
        .map_err(said)?
    {
        Published::New(published) => Ok(*published),
        Published::Unchanged { .. } => anyhow::bail!("policy {number} was published before"),
    }
}

fn policy_text(number: usize) -> String {
    let clauses = (1..=12).map(|clause| {
        let amount = 1000 * clause + number;
        format!(
            "第{clause}条 员工办理第{number}-{clause}类事项，应当提前三个工作日提交申请，由直属上级审批后交归口部门备案；\
             单次金额超过人民币{amount}元的，还应当经财务负责人批准。\n\n"
        )
    });
    let head = format!("# 第{number}号管理办法\n\n");
    std::iter::once(head).chain(clauses).collect()
}

/// Runs the chunks of large audiences until there are none left.
pub(crate) async fn expand_all(app: &App) -> anyhow::Result<()> {
    while workers::expand::tick(app).await.map_err(said)? == Next::Now {}
    Ok(())
}

/// A published notice as confirmations need it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub notice_no: i64,
    pub notice_id: String,
    pub text_hash: String,
    pub consent_hash: String,
}

pub(crate) async fn asked(app: &App, published: &PublishedVersion) -> anyhow::Result<Asked> {
    let (notice_no, version_no) = (published.notice_no, published.version_no);
    let found = app
        .db
        .read(move |tx| {
            Ok::<_, yuezhi_store::StoreError>((
                yuezhi_store::notices::get(tx, notice_no)?,
                yuezhi_store::versions::get(tx, version_no)?,
            ))
        })
        .await?;
    let (notice, version) = (
        found.0.context("the notice is gone")?,
        found.1.context("the version is gone")?,
    );
    Ok(Asked {
        notice_no,
        notice_id: notice.id.to_string(),
        text_hash: version.text_hash.to_string(),
        consent_hash: notice.consent_hash.to_string(),
    })
}

/// The number of the person whose turn it is: everybody once, people of a department far apart.
pub(crate) const fn someone(turn: i64, people: i64) -> i64 {
    // A prime that is no divisor of the company's size.
    1 + turn * 7_919 % people
}

/// Marks about a third of a notice's people as having confirmed, in bulk.
pub(crate) async fn answer_a_third(app: &App, notice_no: i64) -> anyhow::Result<()> {
    const ANSWER: &str = "UPDATE obligations SET state = 'acknowledged', acted_at = ?2, opened_at = ?2 \
         WHERE notice_no = ?1 AND state = 'pending' AND person_no % 3 = ?3";
    let now = app.now();
    app.db
        .write(move |tx| {
            tx.exec(
                ANSWER,
                &[
                    Value::Int(notice_no),
                    Value::Int(now.0),
                    Value::Int(notice_no % 3),
                ],
            )?;
            progress::recount(tx, notice_no)
        })
        .await?;
    Ok(())
}

/// How many obligations of a notice are in a state.
pub(crate) async fn count_in_state(
    app: &App,
    notice_no: i64,
    state: ObligationState,
) -> anyhow::Result<i64> {
    let totals = app
        .db
        .read(move |tx| progress::totals(tx, notice_no))
        .await?;
    Ok(match state {
        ObligationState::Acknowledged => totals.acknowledged,
        ObligationState::Pending => totals.pending,
        _ => totals.total,
    })
}

/// The cookie header of a signed-in publisher, and of a person.
pub(crate) async fn cookies(app: &App, person_no: i64) -> anyhow::Result<(String, String)> {
    let (console, mine) = (sign_in::fresh_secret(app), sign_in::fresh_secret(app));
    let (console_hash, my_hash) = (sign_in::secret_hash(&console), sign_in::secret_hash(&mine));
    let now = app.now();
    app.db
        .write(move |tx| {
            let account = accounts::NewAccount {
                id: format!("bench-{}", now.0),
                login: format!("bench-{}", now.0),
                name: "Bench".to_owned(),
                password_hash: "no password".to_owned(),
                language: None,
                created_at: now,
            };
            let account_no = accounts::insert(tx, &account)?;
            sessions::insert(tx, &session(&console_hash, Some(account_no), None, now))?;
            sessions::insert(tx, &session(&my_hash, None, Some(person_no), now))
        })
        .await?;
    Ok((
        format!("yuezhi_console={console}"),
        format!("yuezhi_me={mine}"),
    ))
}

fn session(
    hash: &str,
    account_no: Option<i64>,
    person_no: Option<i64>,
    now: UnixMillis,
) -> sessions::Session {
    sessions::Session {
        hash: hash.to_owned(),
        account_no,
        person_no,
        method: "password".to_owned(),
        created_at: now,
        expires_at: now.plus(std::time::Duration::from_hours(24)),
        user_agent: "bench".to_owned(),
    }
}
