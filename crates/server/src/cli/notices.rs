//! `yuezhi notices`, `status`, `remind`, `cancel`.

use std::collections::BTreeSet;

use super::{
    Failure, Global,
    client::{Client, segment, with_query},
    output::{self, Grid, Tone},
};
use crate::{
    api::notices::{CancelBody, Cancelled, Notice, NoticeDetail, Recipient, RemindBody, Reminded},
    texts::Texts,
};

/// Filters of the list.
#[derive(Debug, clap::Args)]
pub struct ListArguments {
    /// Only notices in this state: expanding, open, closed, cancelled, superseded.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only notices of this policy (short name).
    #[arg(long, value_name = "SLUG")]
    policy: Option<String>,
    /// At most so many, newest first.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

/// Which notice, and how much of it.
#[derive(Debug, clap::Args)]
pub struct StatusArguments {
    /// Its id, a unique beginning of it, or a policy's short name (its newest notice).
    notice: String,
    /// List people in this state, with commas: pending, acknowledged, declined, exempted, superseded, closed.
    #[arg(long, value_name = "STATE", default_value = "pending")]
    state: String,
    /// Only this department and those below it.
    #[arg(long, value_name = "NAME")]
    department: Option<String>,
    /// List at most so many people; 0 lists nobody.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
}

/// Whom to remind of what.
#[derive(Debug, clap::Args)]
pub struct RemindArguments {
    /// Its id, a unique beginning of it, or a policy's short name (its newest notice).
    notice: String,
    /// Only this department and those below it; the group is left alone.
    #[arg(long, value_name = "NAME")]
    department: Option<String>,
    /// Only these people, by staff number; the group is left alone. May stand several times.
    #[arg(long = "person", value_name = "STAFF_NO")]
    people: Vec<String>,
    /// Count only, send nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What to take back, and why.
#[derive(Debug, clap::Args)]
pub struct CancelArguments {
    /// Its id, a unique beginning of it, or a policy's short name (its newest notice).
    notice: String,
    /// Shown to whoever opens its link.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) async fn list(global: &Global, arguments: ListArguments) -> Result<(), Failure> {
    let client = Client::find(global)?;
    let texts = global.texts();
    let query = [
        ("state", arguments.state.as_deref().unwrap_or_default()),
        ("policy", arguments.policy.as_deref().unwrap_or_default()),
    ];
    let notices: Vec<Notice> = client
        .all("/api/v1/notices", &query, arguments.limit as usize)
        .await?;
    if global.json {
        output::json(&notices);
        return Ok(());
    }
    if notices.is_empty() {
        output::note(texts.get("cli.notices_none"));
        return Ok(());
    }
    let shown = unique_beginnings(&notices);
    let headers = [
        "notice",
        "title",
        "label",
        "state",
        "due",
        "opened",
        "confirmed",
        "of",
    ]
    .map(|c| texts.of_value("cli.column", c));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let mut grid = Grid::new(&headers, &[5, 6, 7]);
    for (notice, id) in notices.iter().zip(shown) {
        let numbers = &notice.numbers;
        grid.row(vec![
            id,
            notice.title.clone(),
            notice.label.clone(),
            state(texts, &notice.state),
            notice
                .due_at
                .as_deref()
                .map(|at| output::when(at, &notice.time_zone))
                .unwrap_or_default(),
            output::percent(numbers.opened, numbers.total),
            confirmed(notice, texts),
            numbers.total.to_string(),
        ]);
    }
    grid.print();
    Ok(())
}

/// Nothing is confirmed on a notice that only informs.
fn confirmed(notice: &Notice, texts: Texts) -> String {
    let numbers = &notice.numbers;
    match notice.requirement.as_str() {
        "inform" => texts.of_value("cli.requirement", "inform"),
        _ => output::percent(numbers.acknowledged, numbers.total - numbers.exempted),
    }
}

fn state(texts: Texts, word: &str) -> String {
    texts.of_value("cli.state", word)
}

/// The shortest beginnings, at least eight characters, that tell the listed notices apart.
fn unique_beginnings(notices: &[Notice]) -> Vec<String> {
    let shortened = |length: usize| {
        notices
            .iter()
            .map(move |notice| notice.id.chars().take(length).collect::<String>())
    };
    let length = [8, 13, 18, 23].into_iter().find(|length| {
        let distinct: BTreeSet<String> = shortened(*length).collect();
        distinct.len() == notices.len()
    });
    shortened(length.unwrap_or(36)).collect()
}

pub(super) async fn status(global: &Global, arguments: StatusArguments) -> Result<(), Failure> {
    let client = Client::find(global)?;
    let texts = global.texts();
    let id = resolve(&client, &arguments.notice, texts).await?;
    let detail: NoticeDetail = client.get(&format!("/api/v1/notices/{id}")).await?;
    let query = [
        ("state", arguments.state.as_str()),
        (
            "department",
            arguments.department.as_deref().unwrap_or_default(),
        ),
    ];
    let people: Vec<Recipient> = match arguments.limit {
        0 => Vec::new(),
        limit => {
            client
                .all(
                    &format!("/api/v1/notices/{id}/recipients"),
                    &query,
                    limit as usize,
                )
                .await?
        }
    };
    if global.json {
        output::json(&serde_json::json!({ "notice": detail, "recipients": people }));
        return Ok(());
    }
    print_status(&detail, texts);
    print_departments(&detail, texts);
    print_people(&detail, &people, texts);
    Ok(())
}

fn print_status(detail: &NoticeDetail, texts: Texts) {
    let notice = &detail.notice;
    let numbers = &notice.numbers;
    output::line(&output::toned(
        Tone::Strong,
        &format!("{} {}", notice.title, notice.label),
    ));
    let mut facts = Grid::facts();
    let mut fact = |key: &str, value: String| facts.fact(&texts.of_value("cli.fact", key), value);
    fact("notice", notice.id.clone());
    fact("state", state(texts, &notice.state));
    if let Some(reason) = &notice.close_reason {
        fact("reason", reason.clone());
    }
    fact(
        "requirement",
        texts.of_value("cli.requirement", &notice.requirement),
    );
    fact("audience", notice.audience.clone());
    if let Some(due) = &notice.due_at {
        fact("due", output::when(due, &notice.time_zone));
    }
    fact("channels", output::enumerate(texts, &notice.channels));
    if let Some(next) = &notice.next_reminder_at {
        fact("next_reminder", output::when(next, &notice.time_zone));
    }
    fact("link", notice.url.clone());
    facts.print();
    output::line("");
    let part = |tone: Tone, key: &str, n: i64| {
        output::toned(tone, &texts.with(&format!("cli.number_{key}"), "n", n))
    };
    let mut parts = vec![
        part(Tone::Strong, "total", numbers.total),
        part(Tone::Faint, "opened", numbers.opened),
    ];
    if notice.requirement != "inform" {
        parts.push(part(Tone::Good, "acknowledged", numbers.acknowledged));
        parts.push(part(Tone::Look, "pending", numbers.pending));
    }
    if detail.overdue > 0 {
        parts.push(part(Tone::Bad, "overdue", detail.overdue));
    }
    output::line(&parts.join(" · "));
}

fn print_departments(detail: &NoticeDetail, texts: Texts) {
    if detail.departments.len() < 2 {
        return;
    }
    output::line("");
    let headers = ["department", "of", "opened", "confirmed", "pending"]
        .map(|c| texts.of_value("cli.column", c));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let mut grid = Grid::new(&headers, &[1, 2, 3, 4]);
    for part in &detail.departments {
        grid.row(vec![
            part.department.clone(),
            part.numbers.total.to_string(),
            part.numbers.opened.to_string(),
            part.numbers.acknowledged.to_string(),
            part.numbers.pending.to_string(),
        ]);
    }
    grid.print();
}

fn print_people(detail: &NoticeDetail, people: &[Recipient], texts: Texts) {
    if people.is_empty() {
        return;
    }
    output::line("");
    let headers = [
        "staff_no",
        "name",
        "department",
        "state",
        "opened",
        "reminded",
    ]
    .map(|c| texts.of_value("cli.column", c));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let mut grid = Grid::new(&headers, &[5]);
    let zone = &detail.notice.time_zone;
    for person in people {
        let shown = if person.is_overdue {
            texts.of_value("cli.state", "overdue")
        } else {
            state(texts, &person.state)
        };
        grid.row(vec![
            person.staff_no.clone(),
            person.name.clone(),
            person.department.clone(),
            shown,
            person
                .opened_at
                .as_deref()
                .map(|at| output::when(at, zone))
                .unwrap_or_default(),
            person.reminded.to_string(),
        ]);
    }
    grid.print();
    let left = detail.notice.numbers.pending - people.len() as i64;
    if left > 0 && people.iter().all(|person| person.state == "pending") {
        output::note(&texts.with("cli.people_more", "n", left));
    }
}

pub(super) async fn remind(global: &Global, arguments: RemindArguments) -> Result<(), Failure> {
    let client = Client::find(global)?;
    let texts = global.texts();
    let id = resolve(&client, &arguments.notice, texts).await?;
    let body = RemindBody {
        staff_nos: arguments.people,
        department: arguments.department,
        dry_run: arguments.dry_run,
    };
    let reminded: Reminded = client
        .post(&format!("/api/v1/notices/{id}/reminders"), &body)
        .await?;
    if global.json {
        output::json(&reminded);
        return Ok(());
    }
    let key = if reminded.dry_run {
        "cli.would_remind"
    } else {
        "cli.reminded"
    };
    output::line(&texts.count(key, reminded.outstanding));
    for delivery in &reminded.deliveries {
        let key = if delivery.personal {
            "cli.delivery_personal"
        } else {
            "cli.delivery_group"
        };
        output::line(&format!(
            "  {}",
            texts.with2(key, "channel", &delivery.channel, "n", delivery.messages)
        ));
    }
    Ok(())
}

pub(super) async fn cancel(global: &Global, arguments: CancelArguments) -> Result<(), Failure> {
    let client = Client::find(global)?;
    let texts = global.texts();
    let id = resolve(&client, &arguments.notice, texts).await?;
    let body = CancelBody {
        reason: arguments.reason,
    };
    let cancelled: Cancelled = client
        .post(&format!("/api/v1/notices/{id}/cancellation"), &body)
        .await?;
    if global.json {
        output::json(&cancelled);
    } else {
        output::line(&texts.with2(
            "cli.cancelled",
            "people",
            cancelled.pending_closed,
            "messages",
            cancelled.deliveries_cancelled,
        ));
    }
    Ok(())
}

/// The id that a person means: an id, a policy's short name, or a unique beginning of an id.
async fn resolve(client: &Client, text: &str, texts: Texts) -> Result<String, Failure> {
    let text = text.trim();
    if text.parse::<yuezhi_domain::NoticeId>().is_ok() {
        return Ok(text.to_owned());
    }
    if could_begin_an_id(text) {
        let all: Vec<Notice> = client.all("/api/v1/notices", &[], 100_000).await?;
        let ids: Vec<&str> = all.iter().map(|notice| notice.id.as_str()).collect();
        match beginning_with(&ids, text) {
            Found::One(id) => return Ok(id),
            Found::Several(n) => {
                return Err(Failure::usage(texts.with2(
                    "cli.notice_several",
                    "text",
                    text,
                    "n",
                    n,
                )));
            }
            Found::None => {}
        }
    }
    let path = with_query("/api/v1/notices", &[("policy", text), ("limit", "1")]);
    let newest: crate::api::input::Page<Notice> = client.get(&path).await?;
    let newest = newest.items.into_iter().next();
    newest
        .map(|notice| segment(&notice.id))
        .ok_or_else(|| Failure::failed(texts.with("cli.notice_none_of_policy", "policy", text)))
}

fn could_begin_an_id(text: &str) -> bool {
    text.chars().count() >= 4 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    One(String),
    Several(usize),
    None,
}

fn beginning_with(ids: &[&str], text: &str) -> Found {
    let text = text.to_ascii_lowercase();
    let found: Vec<&&str> = ids.iter().filter(|id| id.starts_with(&text)).collect();
    match found.as_slice() {
        [] => Found::None,
        [one] => Found::One((**one).to_owned()),
        several => Found::Several(several.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unique_beginning_names_a_notice() {
        let ids = [
            "0199aaaa-1111-7000-8000-000000000001",
            "0199aaaa-2222-7000-8000-000000000002",
        ];
        assert_eq!(
            beginning_with(&ids, "0199AAAA-1"),
            Found::One(ids[0].to_owned())
        );
        assert_eq!(beginning_with(&ids, "0199"), Found::Several(2));
        assert_eq!(beginning_with(&ids, "ffff"), Found::None);
    }

    #[test]
    fn a_short_name_is_no_beginning_of_an_id() {
        assert!(!could_begin_an_id("travel-expenses"));
        assert!(!could_begin_an_id("abc"));
        assert!(could_begin_an_id("0199aaaa-1"));
    }
}
