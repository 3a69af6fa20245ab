//! The organisation's DingTalk app: its keys, permissions, robot, card, operator, groups and Stream.
//!
//! Invariant: where no app is configured there is one finding, not ten.

use yuezhi_channels::{
    ChannelKind, CheckReport, DingTalkApp, Level, Why,
    app_checks::{self, Part},
    codes,
};

use super::{Check, Findings, Health, keys};
use crate::app::App;

/// Looks at one thing about the app.
pub(super) async fn look(app: &App, check: Check, found: &mut Findings) {
    let channels = app.channels();
    if check == Check::Keys {
        of_keys(app, found);
    }
    let Some(dingtalk) = channels.app() else {
        return;
    };
    let subject = check.as_str();
    let part = match check {
        Check::Keys => Part::Keys,
        Check::Address => Part::Address,
        Check::Sight => Part::Sight,
        Check::Scopes => return scopes(app, dingtalk, found).await,
        Check::Agent if dingtalk.settings().agent_id.is_none() => {
            return lacks(found, subject, codes::APP_AGENT_ID_MISSING);
        }
        Check::Agent => Part::AgentId,
        Check::Robot => Part::Robot,
        Check::Card => return card(dingtalk, found),
        Check::Operator if dingtalk.settings().operator_user_id.is_none() => {
            return lacks(found, subject, codes::APP_OPERATOR_MISSING);
        }
        Check::Operator => Part::Operator,
        Check::Groups => return groups(app, found).await,
        Check::Stream => return stream(app, found),
        _ => return,
    };
    add(
        found,
        subject,
        app_checks::look(dingtalk, part, app.now()).await,
    );
}

fn add(found: &mut Findings, subject: &str, report: CheckReport) {
    for finding in report.findings {
        found.add_why(finding.level, subject, &finding.why);
    }
}

/// Something that is not configured; only what needs it is missing.
fn lacks(found: &mut Findings, subject: &str, code: &'static str) {
    found.add_why(Level::Warning, subject, &Why::new(code, ""));
}

/// What can be seen of the keys without asking.
fn of_keys(app: &App, found: &mut Findings) {
    let config = &app.config.dingtalk;
    match (config.client_id.is_some(), config.client_secret.is_some()) {
        (false, _) => return found.add(Health::Look, "keys", "login_none", &[]),
        (true, false) => return found.add(Health::Broken, "keys", "login_secret_missing", &[]),
        (true, true) => {}
    }
    for (key, problem) in keys::problems(config) {
        let words = found.texts.of_value("setup.key", problem);
        let health = if matches!(problem, "template_odd" | "mobile_here" | "corp_id_odd") {
            Health::Look
        } else {
            Health::Broken
        };
        found.add_words(health, "keys", format!("{key}: {words}"));
    }
}

/// One line for those granted, one for each that is missing, one for those that nobody can ask about.
async fn scopes(app: &App, dingtalk: &DingTalkApp, found: &mut Findings) {
    let checks = app_checks::scopes(dingtalk, true, app.now()).await;
    let mut granted = 0;
    let mut unknown = Vec::new();
    for check in checks {
        match (check.granted, &check.trouble) {
            (Some(true), _) => granted += 1,
            (Some(false), _) => {
                let what_for = found.texts.of_value("setup.scope", check.scope);
                let why = Why::new(codes::APP_SCOPE_MISSING, check.apply_url);
                found.add_why(Level::Failed, "scopes", &why);
                if let Some(last) = found.all.last_mut() {
                    last.message = format!("{} {} ({what_for})", last.message, check.scope);
                }
            }
            (None, Some(trouble)) => {
                let words = format!("{} {}", check.scope, trouble.detail);
                let why = Why::new(trouble.code, words.trim());
                found.add_why(Level::Warning, "scopes", &why);
            }
            (None, None) => unknown.push(check.scope),
        }
    }
    if granted > 0 {
        found.add(Health::Fine, "scopes", "scopes", &[("n", &granted)]);
    }
    if !unknown.is_empty() {
        found.add(
            Health::Fine,
            "scopes",
            "scopes_unknown",
            &[("scopes", &unknown.join(", "))],
        );
    }
}

/// Whether the template is published shows with the first card only.
fn card(dingtalk: &DingTalkApp, found: &mut Findings) {
    let (level, code) = match dingtalk.settings().card_template_id {
        Some(_) => (Level::Fine, codes::APP_CARD_TEMPLATE_SET),
        None => (Level::Warning, codes::APP_CARD_TEMPLATE_MISSING),
    };
    found.add_why(level, "card", &Why::new(code, ""));
}

/// The robot in each notification group. One metered call a group.
async fn groups(app: &App, found: &mut Findings) {
    let channels = app.channels();
    let groups = channels
        .lanes()
        .filter(|channel| channel.kind() == ChannelKind::Group);
    for channel in groups {
        let report = channel.check(app.now()).await;
        add(found, channel.lane(), report);
    }
}

/// The connection of this process; the command line has none.
fn stream(app: &App, found: &mut Findings) {
    let Some(status) = app.stream_status() else {
        let config = &app.config.dingtalk;
        let key = if config.callback_token.is_some() {
            "stream_callback"
        } else if config.stream {
            "stream_elsewhere"
        } else {
            return lacks(found, "stream", codes::APP_STREAM_OFF);
        };
        return found.add(Health::Fine, "stream", key, &[]);
    };
    let why = if status.is_connected() {
        Why::new(codes::APP_STREAM_CONNECTED, "")
    } else {
        let problem = status.last_error.as_ref();
        let words = problem.map_or("", |problem| problem.detail.as_str());
        Why::new(codes::APP_STREAM_DOWN, words)
    };
    let level = if status.is_connected() {
        Level::Fine
    } else {
        Level::Failed
    };
    found.add_why(level, "stream", &why);
    if status.over_quota > 0 {
        let why = Why::new(codes::APP_STREAM_OVER_QUOTA, "");
        found.add_why(Level::Warning, "stream", &why);
    }
}
