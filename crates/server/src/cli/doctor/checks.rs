//! The checks of the doctor, one after another.

use std::time::Duration;

use yuezhi_channels::{Level, Why};
use yuezhi_domain::DeliveryState;
use yuezhi_store::{SCHEMA_VERSION, accounts, deliveries, lanes, people};

use super::{
    super::{
        Global,
        send::{advice, reason},
        serve::place_of,
        token,
    },
    Findings,
    Health::{Broken, Fine, Look},
};
use crate::{
    actions::{ActionError, Actor, import_calendar, save_robot},
    app::App,
    config::Config,
};

/// A clock that is off by more than this makes signatures and due dates doubtful.
const LARGEST_SKEW: Duration = Duration::from_mins(1);
/// DingTalk refuses signatures older or newer than an hour (official document of the custom robot).
const REFUSED_SKEW: Duration = Duration::from_hours(1);
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn run(global: &Global, send_test: bool, findings: &mut Findings) {
    let config = match global.load_config() {
        Ok(config) => config,
        Err(failure) => return findings.add_words(Broken, "configuration", failure.message),
    };
    match global.config_path() {
        Some(path) => findings.add(
            Fine,
            "configuration",
            "configuration",
            &[("path", &path.display())],
        ),
        None => findings.add(Look, "configuration", "configuration_none", &[]),
    }
    let app = match Box::pin(token::open(global)).await {
        Ok(app) => app,
        Err(failure) => {
            findings.add_words(Broken, "database", failure.message);
            return Box::pin(address_and_clock(&config, None, findings)).await;
        }
    };
    findings.add(
        Fine,
        "database",
        "database",
        &[
            ("place", &place_of(&config.database.url)),
            ("version", &SCHEMA_VERSION),
        ],
    );
    Box::pin(of_data(&app, findings)).await;
    Box::pin(of_channels(&app, send_test, findings)).await;
    Box::pin(of_login(&app, findings)).await;
    calendar(&app, findings);
    folders(&config, findings);
    Box::pin(address_and_clock(&config, Some(&app), findings)).await;
    app.db.close();
}

/// People, accounts, what failed.
async fn of_data(app: &App, findings: &mut Findings) {
    let read = app
        .db
        .read(|tx| {
            let failed = deliveries::counts_by_lane_state(tx)?
                .into_iter()
                .filter(|count| {
                    matches!(
                        count.state,
                        DeliveryState::Failed | DeliveryState::Undeliverable
                    )
                })
                .map(|count| count.count)
                .sum::<i64>();
            Ok::<_, ActionError>((
                people::count_active(tx)?,
                accounts::count(tx)?,
                failed,
                lanes::list(tx)?,
            ))
        })
        .await;
    let (people, accounts, failed, lanes) = match read {
        Ok(read) => read,
        Err(error) => return findings.add_words(Broken, "database", error.to_string()),
    };
    match people {
        0 => findings.add(Look, "people", "people_none", &[]),
        n => findings.add(Fine, "people", "people", &[("n", &n)]),
    }
    match accounts {
        0 => findings.add(
            Look,
            "accounts",
            "accounts_none",
            &[("url", &format!("{}/console", app.public_url()))],
        ),
        n => findings.add(Fine, "accounts", "accounts", &[("n", &n)]),
    }
    if failed > 0 {
        findings.add(Look, "deliveries", "deliveries_failed", &[("n", &failed)]);
    }
    let now = app.now();
    for lane in lanes.into_iter().filter(|lane| !lane.is_open(now)) {
        let code = lane.reason_code.unwrap_or_default();
        let detail = lane.reason_detail.unwrap_or_default();
        let why = reason(findings.texts, &code, &detail);
        let (health, key) = if lane.stopped_at.is_some() {
            (Broken, "lane_stopped")
        } else {
            (Look, "lane_held")
        };
        findings.add(health, &lane.name, key, &[("why", &why)]);
    }
}

/// Robots and mail, as far as can be found out without sending; or with a test message.
async fn of_channels(app: &App, send_test: bool, findings: &mut Findings) {
    let channels = app.channels();
    for broken in channels.broken() {
        findings.add(
            Broken,
            &broken.lane,
            "channel_broken",
            &[("detail", &broken.error)],
        );
    }
    if channels.lanes().next().is_none() {
        findings.add(Look, "channels", "channels_none", &[]);
    }
    if channels.mail().is_none() && !channels.broken().iter().any(|broken| broken.lane == "mail") {
        findings.add(Look, "mail", "mail_none", &[]);
    }
    for channel in channels.lanes() {
        let lane = channel.lane();
        if send_test && !channel.limits().personal {
            match save_robot::send_test(app, &Actor::CommandLine, lane).await {
                Ok(()) => findings.add(Fine, lane, "test_sent", &[]),
                Err(ActionError::Refused(refusal)) => {
                    findings.add_words(Broken, lane, refusal.sentence(findings.texts));
                }
                Err(error) => findings.add_words(Broken, lane, error.to_string()),
            }
            continue;
        }
        let report = channel.check(app.now()).await;
        for finding in report.findings {
            let health = match finding.level {
                Level::Fine => Fine,
                Level::Warning => Look,
                Level::Failed => Broken,
            };
            add_why(findings, health, lane, &finding.why);
        }
    }
}

fn add_why(findings: &mut Findings, health: super::Health, subject: &str, why: &Why) {
    let key = format!("cli.doctor_{}", why.code);
    let message = if findings.texts.has(&key) {
        findings.texts.get(&key).to_owned()
    } else {
        advice(findings.texts, why)
    };
    findings.add_words(health, subject, message);
}

/// The keys of the DingTalk app: a code that cannot be good is refused in one way if the keys are, in another if not.
async fn of_login(app: &App, findings: &mut Findings) {
    let dingtalk = &app.config.dingtalk;
    let Some(login) = app.channels().dingtalk_login() else {
        let key = if dingtalk.client_id.is_some() {
            "login_secret_missing"
        } else {
            "login_none"
        };
        let health = if dingtalk.client_id.is_some() {
            Broken
        } else {
            Look
        };
        return findings.add(health, "dingtalk", key, &[]);
    };
    match login.check(app.now()).await {
        Ok(()) => findings.add(Fine, "dingtalk", "login", &[]),
        Err(why) => add_why(findings, Broken, "dingtalk", &why),
    }
}

fn calendar(app: &App, findings: &mut Findings) {
    let warnings = import_calendar::warnings(app, app.now());
    if warnings.is_empty() {
        findings.add(Fine, "calendar", "calendar", &[]);
    }
    for warning in warnings {
        findings.add(
            Look,
            "calendar",
            "calendar_missing",
            &[("year", &warning.year())],
        );
    }
}

fn folders(config: &Config, findings: &mut Findings) {
    for source in &config.source {
        let subject = format!("source:{}", source.name);
        match std::fs::read_dir(&source.folder) {
            Ok(_) => findings.add(
                Fine,
                &subject,
                "folder",
                &[("path", &source.folder.display())],
            ),
            Err(error) => {
                findings.add(
                    Broken,
                    &subject,
                    "folder_unreadable",
                    &[("path", &source.folder.display()), ("detail", &error)],
                );
            }
        }
    }
}

/// Whether people can reach the server where messages will point, and whether the clock agrees with DingTalk's.
async fn address_and_clock(config: &Config, app: Option<&App>, findings: &mut Findings) {
    let http = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let http = match http {
        Ok(http) => http,
        Err(error) => return findings.add(Broken, "network", "network", &[("detail", &error)]),
    };
    match config.server.public_url.as_deref() {
        None => findings.add(
            Look,
            "public_url",
            "public_url_none",
            &[("listen", &config.server.listen)],
        ),
        Some(url) => public_url(&http, url, findings).await,
    }
    let now = app.map_or_else(|| crate::clock::Clock::system().now(), App::now);
    clock(&http, &config.dingtalk.oapi_base, now, findings).await;
}

async fn public_url(http: &reqwest::Client, url: &str, findings: &mut Findings) {
    let host = url::Url::parse(url)
        .ok()
        .and_then(|u| u.host_str().map(ToOwned::to_owned))
        .unwrap_or_default();
    if host == "localhost" || host.starts_with("127.") || host == "[::1]" {
        findings.add(Look, "public_url", "public_url_local", &[("url", &url)]);
    }
    let answer = http
        .get(format!("{}/healthz", url.trim_end_matches('/')))
        .send()
        .await;
    match answer {
        Ok(answer) if answer.status().is_success() => {
            findings.add(Fine, "public_url", "public_url", &[("url", &url)]);
        }
        Ok(answer) => findings.add(
            Look,
            "public_url",
            "public_url_odd",
            &[("url", &url), ("status", &answer.status())],
        ),
        Err(_) => findings.add(
            Look,
            "public_url",
            "public_url_unreachable",
            &[("url", &url)],
        ),
    }
}

async fn clock(
    http: &reqwest::Client,
    base: &str,
    now: yuezhi_domain::UnixMillis,
    findings: &mut Findings,
) {
    let Ok(answer) = http.head(base).send().await else {
        return findings.add(Look, "clock", "clock_unknown", &[("host", &base)]);
    };
    let date = answer
        .headers()
        .get(reqwest::header::DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(http_date);
    let Some(there) = date else {
        return findings.add(Look, "clock", "clock_unknown", &[("host", &base)]);
    };
    let skew = now.since(there).max(there.since(now));
    let seconds = skew.as_secs();
    match skew {
        skew if skew > REFUSED_SKEW => {
            findings.add(Broken, "clock", "clock_wrong", &[("seconds", &seconds)]);
        }
        skew if skew > LARGEST_SKEW => {
            findings.add(Look, "clock", "clock_off", &[("seconds", &seconds)]);
        }
        _ => findings.add(Fine, "clock", "clock", &[]),
    }
}

/// `Sun, 22 Nov 2026 10:00:00 GMT`
fn http_date(text: &str) -> Option<yuezhi_domain::UnixMillis> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    Some(zoned.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_http_answer_is_read() {
        let at = http_date("Sun, 22 Nov 2026 10:00:00 GMT").unwrap();
        assert_eq!(at.to_string(), "2026-11-22T10:00:00.000Z");
        assert_eq!(http_date("soon"), None);
    }
}
