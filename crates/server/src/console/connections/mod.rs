//! The ways out: group robots, mail, the DingTalk app; what each can prove, how it is doing, and what is wrong.

mod app;
pub(super) mod checks;
pub(super) mod wizard;

use askama::Template;
use axum::response::Response;
use axum_extra::extract::{Form, Query};
use secrecy::SecretString;
use serde::Deserialize;
use yuezhi_store::{lanes, lanes::Lane, robots};

use self::app::AppFacts;
use super::{
    frame::{Frame, render},
    session::{Flash, FlashKind, PageError, SignedIn},
    sign_in::with_status,
    ui::Markup,
    words::{self, Reason},
};
use crate::{
    actions::{
        ActionError, Refusal,
        check_setup::Check,
        save_robot::{self, RobotInput},
        send_test,
    },
    pages::status_of,
    texts::Texts,
};

struct RobotLine {
    name: String,
    lane: String,
    /// Of the configuration file: not to be changed here.
    is_fixed: bool,
    security: String,
    state: State,
}

/// How a lane is doing.
struct State {
    kind: &'static str,
    word: String,
    reason: Option<Reason>,
    until: Option<Markup>,
    is_stopped: bool,
}

struct MailFacts {
    server: String,
    tls: String,
    from: String,
    state: State,
}

struct Broken {
    lane: String,
    error: String,
}

#[derive(Template)]
#[template(path = "console/connections.html")]
struct Page {
    f: Frame,
    t: Texts,
    robots: Vec<RobotLine>,
    mail: Option<MailFacts>,
    broken: Vec<Broken>,
    dingtalk: Option<AppFacts>,
    /// Channels a test message can go to one person by: their names.
    testable: Vec<(String, String)>,
    /// What a check found, where it was asked for without a script.
    lines: Option<Vec<checks::Line>>,
    first_check: &'static str,
    asked: Asked,
    is_edit: bool,
    wrong: Option<(&'static str, String)>,
}

impl Page {
    fn wrong_at(&self, field: &str) -> Option<&str> {
        self.wrong
            .as_ref()
            .filter(|(at, _)| *at == field)
            .map(|(_, text)| text.as_str())
    }
}

/// The form; secrets are never sent back to the browser.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    name: String,
    webhook: String,
    secret: String,
    keywords: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Start {
    edit: String,
}

pub(super) async fn show(me: SignedIn, Query(start): Query<Start>) -> Result<Response, PageError> {
    let wanted = start.edit;
    let name = wanted.clone();
    let robot = me
        .app
        .db
        .read(move |tx| Ok::<_, ActionError>(robots::get(tx, &name)?))
        .await?;
    let is_edit = robot.is_some();
    let asked = robot.map_or_else(Asked::default, |robot| Asked {
        name: robot.name,
        keywords: robot.keywords.join(", "),
        ..Asked::default()
    });
    let page = build(&me, asked, is_edit, None).await?;
    Ok(render(&me, &page))
}

/// The page with findings on it.
async fn page_with(me: &SignedIn, lines: Vec<checks::Line>) -> Result<Response, PageError> {
    let page = Page {
        lines: Some(lines),
        ..build(me, Asked::default(), false, None).await?
    };
    Ok(render(me, &page))
}

async fn build(
    me: &SignedIn,
    asked: Asked,
    is_edit: bool,
    refusal: Option<&Refusal>,
) -> Result<Page, PageError> {
    let (lane_rows, stored) = me
        .app
        .db
        .read(|tx| Ok::<_, ActionError>((lanes::list(tx)?, robots::list(tx)?)))
        .await?;
    let channels = me.app.channels();
    let dingtalk = app::facts(me, &lane_rows);
    let page = Page {
        f: Frame::load(me, "connections", me.t.get("console.nav.connections")).await?,
        t: me.t,
        robots: robot_lines(me, &lane_rows, &stored),
        mail: mail(me, &lane_rows),
        broken: channels
            .broken()
            .iter()
            .map(|b| Broken {
                lane: words::lane(me.t, &b.lane),
                error: b.error.to_string(),
            })
            .collect(),
        testable: testable(me),
        dingtalk,
        lines: None,
        first_check: Check::ALL[0].as_str(),
        asked: Asked {
            webhook: String::new(),
            secret: String::new(),
            ..asked
        },
        is_edit,
        wrong: refusal.map(|refusal| (refusal.field.unwrap_or_default(), refusal.sentence(me.t))),
    };
    Ok(page)
}

/// Personal channels, mail among them.
fn testable(me: &SignedIn) -> Vec<(String, String)> {
    me.app
        .channels()
        .lanes()
        .filter(|channel| channel.limits().personal)
        .map(|channel| {
            let lane = channel.lane();
            (lane.to_owned(), words::lane(me.t, lane))
        })
        .collect()
}

fn robot_lines(me: &SignedIn, lane_rows: &[Lane], stored: &[robots::Robot]) -> Vec<RobotLine> {
    let line = |name: &str, is_fixed: bool, signs: bool, keywords: &[String]| {
        let lane = format!("robot:{name}");
        let mut security = Vec::new();
        if signs {
            security.push(me.t.get("console.connections.signs").to_owned());
        }
        if !keywords.is_empty() {
            security.push(me.t.with(
                "console.connections.keywords_are",
                "words",
                keywords.join(" "),
            ));
        }
        if is_fixed {
            security.push(me.t.get("console.connections.fixed").to_owned());
        }
        let state = state(me, lane_rows.iter().find(|row| row.name == lane));
        RobotLine {
            name: name.to_owned(),
            lane,
            is_fixed,
            security: security.join(" · "),
            state,
        }
    };
    let fixed = me
        .app
        .config
        .robot
        .iter()
        .map(|robot| line(&robot.name, true, robot.secret.is_some(), &robot.keywords));
    let own = stored
        .iter()
        .map(|robot| line(&robot.name, false, robot.secret.is_some(), &robot.keywords));
    fixed.chain(own).collect()
}

fn state(me: &SignedIn, lane: Option<&Lane>) -> State {
    let shut = lane.filter(|lane| !lane.is_open(me.now));
    let is_stopped = shut.is_some_and(|lane| lane.stopped_at.is_some());
    let (kind, key) = match (shut, is_stopped) {
        (None, _) => ("ok", "console.lane_state.ok"),
        (Some(_), true) => ("bad", "console.lane_state.stopped"),
        (Some(_), false) => ("warn", "console.lane_state.held"),
    };
    State {
        kind,
        word: me.t.get(key).to_owned(),
        reason: shut.map(|lane| {
            words::reason(
                me.t,
                lane.reason_code.as_deref().unwrap_or_default(),
                lane.reason_detail.as_deref(),
            )
        }),
        until: shut
            .filter(|_| !is_stopped)
            .and_then(|lane| lane.held_until)
            .map(|until| me.teller().at(until)),
        is_stopped,
    }
}

fn mail(me: &SignedIn, lane_rows: &[Lane]) -> Option<MailFacts> {
    let mail = me.app.config.mail.as_ref()?;
    Some(MailFacts {
        server: mail
            .port
            .map_or_else(|| mail.host.clone(), |port| format!("{}:{port}", mail.host)),
        tls: me.t.of_value("console.tls", &mail.tls),
        from: mail.from.clone(),
        state: state(me, lane_rows.iter().find(|row| row.name == "mail")),
    })
}

pub(super) async fn save(me: SignedIn, Form(asked): Form<Asked>) -> Result<Response, PageError> {
    let separators = [',', '，', '、', ' '];
    let input = RobotInput {
        name: asked.name.clone(),
        webhook: SecretString::from(asked.webhook.trim().to_owned()),
        secret: (!asked.secret.trim().is_empty())
            .then(|| SecretString::from(asked.secret.trim().to_owned())),
        keywords: asked
            .keywords
            .split(separators)
            .map(|word| word.trim().to_owned())
            .filter(|word| !word.is_empty())
            .collect(),
    };
    match save_robot::save(&me.app, me.actor(), input).await {
        Ok(()) => {
            let tested = save_robot::send_test(
                &me.app,
                &me.actor(),
                &format!("robot:{}", asked.name.trim()),
            )
            .await;
            let told = tested.map(|()| Flash::ok(me.t.get("console.connections.saved_and_tested")));
            me.back("/console/connections", told)
        }
        Err(ActionError::Refused(refusal)) => {
            let page = build(&me, asked, false, Some(&refusal)).await?;
            Ok(with_status(status_of(refusal.kind), render(&me, &page)))
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Which {
    lane: String,
    name: String,
}

pub(super) async fn remove(me: SignedIn, Form(which): Form<Which>) -> Result<Response, PageError> {
    let outcome = save_robot::remove(&me.app, me.actor(), &which.name).await;
    me.back(
        "/console/connections",
        outcome.map(|()| Flash::ok(me.t.with("console.connections.removed", "name", &which.name))),
    )
}

pub(super) async fn test(me: SignedIn, Form(which): Form<Which>) -> Result<Response, PageError> {
    let outcome = save_robot::send_test(&me.app, &me.actor(), &which.lane).await;
    me.back(
        "/console/connections",
        outcome.map(|()| {
            Flash::ok(me.t.with(
                "console.connections.tested",
                "name",
                words::lane(me.t, &which.lane),
            ))
        }),
    )
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Whom {
    lane: String,
    staff_no: String,
}

/// A test message to one person, as a rule to whoever presses the button.
pub(super) async fn test_person(
    me: SignedIn,
    Form(whom): Form<Whom>,
) -> Result<Response, PageError> {
    let told = send_test::send_test(&me.app, me.actor(), &whom.lane, &whom.staff_no)
        .await
        .map(|sent| match sent {
            Ok(()) => Flash::ok(me.t.with2(
                "setup.test.sent",
                "name",
                whom.staff_no.trim(),
                "lane",
                words::lane(me.t, &whom.lane),
            )),
            Err(why) => {
                let reason = words::reason(me.t, why.code, Some(&why.detail));
                let detail = if reason.detail.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", reason.detail)
                };
                Flash {
                    kind: FlashKind::Bad,
                    text: reason.text,
                    more: format!("{}{detail}", reason.fix),
                }
            }
        });
    me.back("/console/connections", told)
}
