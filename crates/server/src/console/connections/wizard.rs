//! Connecting the organisation's DingTalk app, step by step: what to click there, what to copy where, a check each.
//!
//! The steps and their words stand in `locales/*/setup.toml`; the values are this installation's own. Invariant: no
//! secret is asked for or shown here; keys stand in the configuration file. Weakness: the platform renames its menus
//! now and then; the names are those of its documentation of August 2026.

use askama::Template;
use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use yuezhi_channels::app_checks;

use crate::{
    actions::check_setup::Check,
    console::{
        frame::{Frame, render},
        session::{PageError, SignedIn},
    },
    texts::Texts,
};

/// One thing to do on the platform and what it gives.
struct Step {
    id: &'static str,
    number: usize,
    title: String,
    /// Whether what it yields stands in the configuration; `None` where that cannot be seen.
    is_done: Option<bool>,
    is_optional: bool,
    does: Vec<String>,
    /// Label and value to copy into the platform's pages.
    values: Vec<(String, String)>,
    scopes: Vec<Scope>,
    events: Vec<(String, &'static str)>,
    has_template: bool,
    note: Option<String>,
    /// Lines for the configuration file.
    lines: Option<String>,
    check: Option<&'static str>,
}

/// A permission point.
struct Scope {
    name: &'static str,
    what_for: String,
    apply: Option<String>,
}

#[derive(Template)]
#[template(path = "console/wizard.html")]
struct Page {
    f: Frame,
    t: Texts,
    steps: Vec<Step>,
    copy_into: String,
    has_public_url: bool,
}

/// Directory events; the platform does not charge for them.
const EVENTS: &[&str] = &[
    "user_add_org",
    "user_modify_org",
    "user_leave_org",
    "user_active_org",
    "org_dept_create",
    "org_dept_modify",
    "org_dept_remove",
];

pub(in crate::console) async fn show(me: SignedIn) -> Result<Response, PageError> {
    let page = Page {
        f: Frame::load(&me, "connections", me.t.get("setup.wizard.title")).await?,
        t: me.t,
        steps: steps(&me),
        copy_into: me.t.get("setup.wizard.copy_into_env").to_owned(),
        has_public_url: me.app.config.server.public_url.is_some(),
    };
    Ok(render(&me, &page))
}

/// The confirmation card as the card platform imports it.
pub(in crate::console) async fn card_template(_me: SignedIn) -> Response {
    (
        [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            ),
            (
                header::CONTENT_DISPOSITION,
                HeaderValue::from_static("attachment; filename=\"yuezhi-card.json\""),
            ),
        ],
        yuezhi_channels::card::template(),
    )
        .into_response()
}

fn steps(me: &SignedIn) -> Vec<Step> {
    let dingtalk = &me.app.config.dingtalk;
    let of = |id| Step::of(me.t, id);
    let all = [
        of("app"),
        Step {
            is_done: Some(dingtalk.has_app()),
            lines: Some(key_lines(me)),
            check: Some(Check::Keys.as_str()),
            ..of("keys")
        },
        Step {
            scopes: scopes(me),
            check: Some(Check::Scopes.as_str()),
            ..of("scopes")
        },
        Step {
            values: addresses(me),
            note: Some(me.t.get("setup.wizard.egress_unknown").to_owned()),
            check: Some(Check::Address.as_str()),
            ..of("security")
        },
        Step {
            check: Some(Check::Robot.as_str()),
            ..of("robot")
        },
        Step {
            values: vec![(
                me.t.get("setup.wizard.callback_url").to_owned(),
                format!("{}/dingtalk/callback", me.app.public_url()),
            )],
            events: EVENTS
                .iter()
                .map(|event| (me.t.of_value("setup.wizard.event", event), *event))
                .collect(),
            check: Some(Check::Stream.as_str()),
            ..of("stream")
        },
        Step {
            is_done: Some(dingtalk.card_template_id.is_some()),
            is_optional: true,
            has_template: true,
            lines: Some(line(
                "card_template_id",
                dingtalk.card_template_id.as_deref(),
                "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.schema",
            )),
            check: Some(Check::Card.as_str()),
            ..of("card")
        },
        Step {
            is_done: Some(dingtalk.operator_user_id.is_some()),
            is_optional: true,
            lines: Some(line(
                "operator_user_id",
                dingtalk.operator_user_id.as_deref(),
                "manager1234",
            )),
            check: Some(Check::Operator.as_str()),
            ..of("operator")
        },
        Step {
            check: Some(Check::Sight.as_str()),
            ..of("publish")
        },
        Step {
            is_done: Some(dingtalk.sync_people),
            lines: Some("sync_people = true".to_owned()),
            ..of("people")
        },
    ];
    all.into_iter()
        .enumerate()
        .map(|(index, step)| Step {
            number: index + 1,
            ..step
        })
        .collect()
}

impl Step {
    fn of(t: Texts, id: &'static str) -> Self {
        let does = (1..=9)
            .map(|n| format!("setup.wizard.{id}_{n}"))
            .take_while(|key| t.has(key))
            .map(|key| t.get(&key).to_owned())
            .collect();
        Self {
            id,
            number: 0,
            title: t.of_value("setup.wizard", &format!("{id}_title")),
            is_done: None,
            is_optional: false,
            does,
            values: Vec::new(),
            scopes: Vec::new(),
            events: Vec::new(),
            has_template: false,
            note: None,
            lines: None,
            check: None,
        }
    }
}

/// A line of the file: what is set, else an example to replace.
fn line(key: &str, value: Option<&str>, example: &str) -> String {
    format!("{key} = \"{}\"", value.unwrap_or(example).trim())
}

/// The secret itself is never shown; the lines name a file for it.
fn key_lines(me: &SignedIn) -> String {
    let dingtalk = &me.app.config.dingtalk;
    let agent_id = dingtalk
        .agent_id
        .map_or_else(|| "1234567890".to_owned(), |id| id.to_string());
    let secret_file = dingtalk.client_secret_file.as_ref().map_or_else(
        || "/etc/yuezhi/dingtalk-client-secret".to_owned(),
        |path| path.display().to_string(),
    );
    [
        "[dingtalk]".to_owned(),
        line(
            "client_id",
            dingtalk.client_id.as_deref(),
            "dingxxxxxxxxxxxxxxxx",
        ),
        line("client_secret_file", Some(&secret_file), ""),
        format!("agent_id = {agent_id}"),
        line(
            "corp_id",
            dingtalk.corp_id.as_deref(),
            "dingxxxxxxxxxxxxxxxxxxxxxxxx",
        ),
    ]
    .join("\n")
}

fn scopes(me: &SignedIn) -> Vec<Scope> {
    let client_id = me.app.config.dingtalk.client_id.as_deref();
    app_checks::SCOPES
        .iter()
        .map(|(name, _)| Scope {
            name,
            what_for: me.t.of_value("setup.scope", name),
            apply: client_id.map(|id| app_checks::apply_link(id, name)),
        })
        .collect()
}

fn addresses(me: &SignedIn) -> Vec<(String, String)> {
    let at = |key: &str, path: &str| {
        (
            me.t.of_value("setup.wizard", key),
            format!("{}{path}", me.app.public_url()),
        )
    };
    vec![
        at("redirect_url", "/my/sign-in/dingtalk/return"),
        at("home_url", "/my"),
        at("admin_url", "/console"),
    ]
}
