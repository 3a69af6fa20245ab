//! The address people reach the server at, the clock, the calendar, watched folders.

use std::time::Duration;

use yuezhi_domain::UnixMillis;

use super::{Findings, Health};
use crate::{actions::import_calendar, app::App, config::Config};

/// A clock that is off by more than this makes signatures and due dates doubtful.
const LARGEST_SKEW: Duration = Duration::from_mins(1);
/// DingTalk refuses signatures older or newer than an hour (official document of the custom robot).
const REFUSED_SKEW: Duration = Duration::from_hours(1);
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn calendar(app: &App, found: &mut Findings) {
    let warnings = import_calendar::warnings(app, app.now());
    if warnings.is_empty() {
        found.add(Health::Fine, "calendar", "calendar", &[]);
    }
    for warning in warnings {
        found.add(
            Health::Look,
            "calendar",
            "calendar_missing",
            &[("year", &warning.year())],
        );
    }
}

pub(super) fn folders(app: &App, found: &mut Findings) {
    for source in &app.config.source {
        let subject = format!("source:{}", source.name);
        let path = source.folder.display();
        match std::fs::read_dir(&source.folder) {
            Ok(_) => found.add(Health::Fine, &subject, "folder", &[("path", &path)]),
            Err(error) => found.add(
                Health::Broken,
                &subject,
                "folder_unreadable",
                &[("path", &path), ("detail", &error)],
            ),
        }
    }
}

fn http() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// Whether people can reach the server where messages will point.
pub(super) async fn public_url(config: &Config, found: &mut Findings) {
    let Some(url) = config.server.public_url.as_deref() else {
        return found.add(
            Health::Look,
            "public_url",
            "public_url_none",
            &[("listen", &config.server.listen)],
        );
    };
    let host = url::Url::parse(url)
        .ok()
        .and_then(|u| u.host_str().map(ToOwned::to_owned))
        .unwrap_or_default();
    if host == "localhost" || host.starts_with("127.") || host == "[::1]" {
        found.add(
            Health::Look,
            "public_url",
            "public_url_local",
            &[("url", &url)],
        );
    }
    let http = match http() {
        Ok(http) => http,
        Err(error) => {
            return found.add(Health::Broken, "network", "network", &[("detail", &error)]);
        }
    };
    let answer = http
        .get(format!("{}/healthz", url.trim_end_matches('/')))
        .send()
        .await;
    match answer {
        Ok(answer) if answer.status().is_success() => {
            found.add(Health::Fine, "public_url", "public_url", &[("url", &url)]);
        }
        Ok(answer) => found.add(
            Health::Look,
            "public_url",
            "public_url_odd",
            &[("url", &url), ("status", &answer.status())],
        ),
        Err(_) => found.add(
            Health::Look,
            "public_url",
            "public_url_unreachable",
            &[("url", &url)],
        ),
    }
}

/// Whether the clock agrees with DingTalk's.
pub(super) async fn clock(config: &Config, now: UnixMillis, found: &mut Findings) {
    let base = config.dingtalk.oapi_base.as_str();
    let answer = match http() {
        Ok(http) => http.head(base).send().await.ok(),
        Err(error) => {
            return found.add(Health::Broken, "network", "network", &[("detail", &error)]);
        }
    };
    let date = answer
        .as_ref()
        .and_then(|answer| answer.headers().get(reqwest::header::DATE))
        .and_then(|date| date.to_str().ok())
        .and_then(http_date);
    let Some(there) = date else {
        return found.add(Health::Look, "clock", "clock_unknown", &[("host", &base)]);
    };
    let skew = now.since(there).max(there.since(now));
    let seconds = skew.as_secs();
    match skew {
        skew if skew > REFUSED_SKEW => {
            found.add(
                Health::Broken,
                "clock",
                "clock_wrong",
                &[("seconds", &seconds)],
            );
        }
        skew if skew > LARGEST_SKEW => {
            found.add(Health::Look, "clock", "clock_off", &[("seconds", &seconds)]);
        }
        _ => found.add(Health::Fine, "clock", "clock", &[]),
    }
}

/// `Sun, 22 Nov 2026 10:00:00 GMT`
fn http_date(text: &str) -> Option<UnixMillis> {
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
