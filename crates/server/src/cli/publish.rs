//! `yuezhi publish FILE…`: publish, or with `--dry-run` say exactly what would happen. Asks nothing.

use std::path::{Path, PathBuf};

use reqwest::multipart::{Form, Part};
use serde_json::json;

use super::{
    Failure, Global,
    client::Client,
    output::{self, Grid, Tone},
};
use crate::{
    api::versions::{Plan, PlanWarning, Published},
    texts::Texts,
};

/// What is not given comes from the file's front matter, then from the policy's last notice.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Markdown, docx, pdf with text, txt or html; several files are several policies.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Short name of the policy.
    #[arg(long, value_name = "SLUG")]
    policy: Option<String>,
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    #[arg(long, value_name = "TEXT")]
    category: Option<String>,
    /// The department that answers for it.
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// Who must know: `everyone`, or `department:Finance, person:1024, -department:Interns`.
    #[arg(long, value_name = "RULE")]
    audience: Option<String>,
    /// inform, read or confirm.
    #[arg(long, value_name = "WHAT")]
    require: Option<String>,
    /// 7d (days), 5wd (workdays), 2026-12-31, "2026-12-31 18:00" or none.
    #[arg(long, value_name = "WHEN")]
    due: Option<String>,
    /// A channel such as dingtalk, robot:hr or mail; may stand several times. `none`: nobody is told.
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<String>,
    /// Reminder plan: "before 2d, on due, after 1wd x5", "every workday 09:00" or none.
    #[arg(long, value_name = "PLAN")]
    remind: Option<String>,
    /// major: everybody confirms anew; minor: who confirmed need not again.
    #[arg(long, value_name = "KIND")]
    change: Option<String>,
    /// What changed, in a sentence.
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
    /// Date from which it applies.
    #[arg(long, value_name = "DATE")]
    effective: Option<String>,
    /// What people see as the version, such as 3.0.
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Language of the text: zh-CN or en.
    #[arg(long, value_name = "LANG")]
    text_language: Option<String>,
    /// A file to go with it; may stand several times.
    #[arg(long = "attach", value_name = "FILE")]
    attachments: Vec<PathBuf>,
    /// Say who would get what and when; do nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let texts = global.texts();
    refuse_one_name_for_several(&arguments, texts)?;
    let client = Client::find(global)?;
    let progress = output::bar(arguments.files.len() as u64, texts.get("cli.publishing"));
    let many = arguments.files.len() > 1;
    let mut results = Vec::new();
    let mut failures: Vec<Failure> = Vec::new();
    for file in &arguments.files {
        let done = one(&client, &arguments, file, texts).await;
        progress.inc(1);
        match done {
            Ok(done) if global.json => results.push(done.json(file)),
            Ok(done) => progress.suspend(|| done.print(texts)),
            Err(failure) if many => {
                results.push(json!({ "file": file, "error": failure.message }));
                progress.suspend(|| {
                    output::failure(&format!("{}: {}", file.display(), failure.message));
                });
                failures.push(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    progress.finish_and_clear();
    if global.json {
        match (many, results.as_slice()) {
            (false, [only]) => output::json(only),
            _ => output::json(&results),
        }
    }
    match failures.iter().map(|failure| failure.code).max() {
        None => Ok(()),
        Some(code) => {
            let message = texts.with2(
                "cli.some_failed",
                "failed",
                failures.len(),
                "all",
                arguments.files.len(),
            );
            Err(Failure { message, code })
        }
    }
}

/// A name, a title or a summary belongs to one policy.
fn refuse_one_name_for_several(arguments: &Arguments, texts: Texts) -> Result<(), Failure> {
    let single = [
        ("--policy", arguments.policy.is_some()),
        ("--title", arguments.title.is_some()),
        ("--summary", arguments.summary.is_some()),
        ("--label", arguments.label.is_some()),
        ("--attach", !arguments.attachments.is_empty()),
    ];
    match single
        .iter()
        .find(|(_, given)| *given && arguments.files.len() > 1)
    {
        Some((option, _)) => Err(Failure::usage(texts.with(
            "cli.one_file_only",
            "option",
            option,
        ))),
        None => Ok(()),
    }
}

enum Done {
    Planned(Box<Plan>),
    Published(Published),
}

async fn one(
    client: &Client,
    arguments: &Arguments,
    file: &Path,
    texts: Texts,
) -> Result<Done, Failure> {
    let form = form(arguments, file, texts)?;
    if arguments.dry_run {
        return Ok(Done::Planned(
            client
                .post_form("/api/v1/versions?dry_run=true", form)
                .await?,
        ));
    }
    Ok(Done::Published(
        client.post_form("/api/v1/versions", form).await?,
    ))
}

fn form(arguments: &Arguments, file: &Path, texts: Texts) -> Result<Form, Failure> {
    let mut form = Form::new().part("file", part(file, texts)?);
    for attachment in &arguments.attachments {
        form = form.part("attachments", part(attachment, texts)?);
    }
    let fields = [
        ("policy", &arguments.policy),
        ("title", &arguments.title),
        ("category", &arguments.category),
        ("owner", &arguments.owner),
        ("audience", &arguments.audience),
        ("requirement", &arguments.require),
        ("due", &arguments.due),
        ("plan", &arguments.remind),
        ("change", &arguments.change),
        ("summary", &arguments.summary),
        ("effective", &arguments.effective),
        ("label", &arguments.label),
        ("language", &arguments.text_language),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            form = form.text(name, value.clone());
        }
    }
    for channel in &arguments.channels {
        form = form.text("channels", channel.clone());
    }
    Ok(form)
}

/// A file as a part of a form; its name goes along, its folder does not.
pub(super) fn part(file: &Path, texts: Texts) -> Result<Part, Failure> {
    let unreadable = |detail: String| {
        Failure::usage(texts.with2(
            "cli.file_unreadable",
            "file",
            file.display(),
            "detail",
            detail,
        ))
    };
    let bytes = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    Ok(Part::bytes(bytes).file_name(name))
}

impl Done {
    fn json(&self, file: &Path) -> serde_json::Value {
        match self {
            Self::Planned(plan) => json!({ "file": file, "plan": plan }),
            Self::Published(published) => json!({ "file": file, "published": published }),
        }
    }

    fn print(&self, texts: Texts) {
        match self {
            Self::Planned(plan) => print_plan(plan, texts),
            Self::Published(published) => print_published(published, texts),
        }
    }
}

fn print_published(published: &Published, texts: Texts) {
    let name = format!("{} {}", published.policy, published.label);
    if published.unchanged {
        output::line(&texts.with("cli.unchanged", "name", name));
        return;
    }
    let done = texts.with2("cli.published", "name", &name, "n", published.recipients);
    output::line(&format!("{} {done}", output::toned(Tone::Good, "✓")));
    let mut facts = Grid::facts();
    if let Some(notice) = &published.notice {
        facts.fact(&texts.of_value("cli.fact", "notice"), notice.clone());
    }
    if let Some(url) = &published.url {
        facts.fact(&texts.of_value("cli.fact", "link"), url.clone());
    }
    facts.print();
    print_warnings(&published.warnings);
}

fn print_warnings(warnings: &[PlanWarning]) {
    for warning in warnings {
        let fix = warning
            .fix
            .as_deref()
            .map(|fix| format!(" {fix}"))
            .unwrap_or_default();
        output::line(&format!(
            "{} {}{fix}",
            output::toned(Tone::Look, "!"),
            warning.message
        ));
    }
}

/// Who, when, over which channels, which reminders, what falls, what to look at.
fn print_plan(plan: &Plan, texts: Texts) {
    output::line(&output::toned(
        Tone::Strong,
        &format!("{} {}", plan.title, plan.label),
    ));
    let mut facts = Grid::facts();
    let mut fact = |key: &str, value: String| facts.fact(&texts.of_value("cli.fact", key), value);
    fact("policy", policy_line(plan, texts));
    if !plan.summary.is_empty() {
        let mark = if plan.summary_is_proposed {
            texts.get("cli.summary_proposed")
        } else {
            ""
        };
        fact("summary", format!("{}{mark}", plan.summary));
    }
    if let (Some(changed), Some(added), Some(deleted)) = (
        plan.changed_clauses,
        plan.added_clauses,
        plan.deleted_clauses,
    ) {
        let counted = texts.fill(
            "cli.clauses_changed",
            &[
                ("changed", &changed),
                ("added", &added),
                ("deleted", &deleted),
            ],
        );
        fact("clauses", counted);
    }
    fact(
        "requirement",
        texts.of_value("cli.requirement", &plan.requirement),
    );
    fact(
        "audience",
        texts.with2(
            "cli.audience_people",
            "audience",
            &plan.audience,
            "n",
            plan.recipients,
        ),
    );
    let departments = plan
        .departments
        .iter()
        .take(8)
        .map(|part| format!("{} {}", part.department, part.people));
    fact(
        "departments",
        more(
            &departments.collect::<Vec<_>>(),
            plan.departments.len(),
            texts,
        ),
    );
    fact(
        "for_example",
        more(
            &plan.sample,
            usize::try_from(plan.recipients).unwrap_or(0),
            texts,
        ),
    );
    let due = plan
        .due_at
        .as_deref()
        .map(|at| output::when(at, &plan.time_zone));
    fact(
        "due",
        due.unwrap_or_else(|| texts.get("cli.due_none").to_owned()),
    );
    if let Some(effective) = &plan.effective_on {
        fact("effective", effective.clone());
    }
    fact("channels", channel_lines(plan, texts).join("\n"));
    if !plan.undeliverable_people.is_empty() {
        fact(
            "unreachable",
            output::enumerate(texts, &plan.undeliverable_people),
        );
    }
    fact("metered", budget_lines(plan, texts).join("\n"));
    fact("reminders", reminder_lines(plan, texts).join("\n"));
    for old in &plan.supersedes {
        let key = if old.carried_forward {
            "cli.supersedes_carried"
        } else {
            "cli.supersedes_anew"
        };
        let values: [(&str, &dyn std::fmt::Display); 3] = [
            ("title", &old.title),
            ("pending", &old.pending),
            ("acknowledged", &old.acknowledged),
        ];
        fact("ends", texts.fill(key, &values));
    }
    facts.print();
    print_warnings(&plan.warnings);
    output::note(texts.get(if plan.unchanged {
        "cli.dry_run_unchanged"
    } else {
        "cli.dry_run_over"
    }));
}

fn policy_line(plan: &Plan, texts: Texts) -> String {
    let kind = if plan.is_new_policy {
        texts.get("cli.policy_new").to_owned()
    } else {
        texts.of_value("cli.change", &plan.change)
    };
    let mut parts = vec![plan.policy.clone(), kind];
    parts.extend(
        [&plan.category, &plan.owner]
            .into_iter()
            .filter(|part| !part.is_empty())
            .cloned(),
    );
    parts.join(" · ")
}

fn channel_lines(plan: &Plan, texts: Texts) -> Vec<String> {
    if plan.deliveries.is_empty() {
        return vec![texts.get("cli.channels_none").to_owned()];
    }
    let shown = plan.deliveries.iter().map(|delivery| {
        let key = if delivery.personal {
            "cli.delivery_personal"
        } else {
            "cli.delivery_group"
        };
        let line = texts.with2(key, "channel", &delivery.channel, "n", delivery.messages);
        let numbers = [
            ("cli.delivery_calls", delivery.api_calls),
            ("cli.delivery_push", delivery.push_messages),
            (
                "cli.without_address",
                delivery.undeliverable.max(0).unsigned_abs(),
            ),
            (
                "cli.without_active",
                delivery.inactive.max(0).unsigned_abs(),
            ),
        ];
        numbers
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .fold(line, |line, (key, n)| line + &texts.with(key, "n", n))
    });
    shown.collect()
}

/// What it takes from the month's quotas: before, after, and what that means.
fn budget_lines(plan: &Plan, texts: Texts) -> Vec<String> {
    let Some(budget) = &plan.budget else {
        return vec![texts.get("cli.fact.metered_none").to_owned()];
    };
    [
        ("cli.budget_api", &budget.api),
        ("cli.budget_push", &budget.push),
    ]
    .into_iter()
    .filter(|(_, share)| share.takes > 0)
    .map(|(key, share)| {
        let level = match share.level_after.as_str() {
            "fine" => String::new(),
            level => texts.with(
                "cli.budget_level",
                "level",
                texts.of_value("cli", &format!("level_{level}")),
            ),
        };
        texts.fill(
            key,
            &[
                ("takes", &share.takes),
                ("quota", &share.quota),
                ("left", &share.left),
                ("after", &share.left_after),
                ("level", &level),
            ],
        )
    })
    .collect()
}

fn reminder_lines(plan: &Plan, texts: Texts) -> Vec<String> {
    if plan.reminders.is_empty() {
        return vec![texts.get("cli.reminders_none").to_owned()];
    }
    let mut lines = vec![plan.reminder_plan.clone()];
    lines.extend(
        plan.reminders
            .iter()
            .map(|r| format!("{}  {}", output::when(&r.at, &plan.time_zone), r.step)),
    );
    lines
}

/// The first few and how many more there are.
fn more(shown: &[String], all: usize, texts: Texts) -> String {
    let left = all.saturating_sub(shown.len());
    let list = output::enumerate(texts, shown);
    if left == 0 {
        list
    } else {
        format!("{list} {}", texts.with("cli.and_more", "n", left))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::texts::Language;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &[&str]) -> Arguments {
        Line::try_parse_from([&["publish"], line].concat())
            .unwrap()
            .arguments
    }

    #[test]
    fn a_channel_may_stand_several_times() {
        let arguments = parse(&[
            "a.md",
            "--channel",
            "robot:hr",
            "--channel",
            "mail",
            "--require",
            "confirm",
            "--due",
            "7d",
        ]);
        assert_eq!(arguments.channels, ["robot:hr", "mail"]);
        assert!(Line::try_parse_from(["publish"]).is_err());
    }

    #[test]
    fn a_title_for_several_files_is_refused() {
        let texts = Texts::of(Language::En);
        assert!(refuse_one_name_for_several(&parse(&["a.md", "b.md"]), texts).is_ok());
        let refused = refuse_one_name_for_several(&parse(&["a.md", "b.md", "--title", "x"]), texts)
            .unwrap_err();
        assert_eq!(refused.code, 2);
        assert!(refused.message.contains("--title"));
    }

    #[test]
    fn a_file_that_is_not_there_is_a_usage_error_that_names_it() {
        let failure = part(Path::new("no such file.md"), Texts::of(Language::En)).unwrap_err();
        assert_eq!(failure.code, 2);
        assert!(failure.message.contains("no such file.md"));
    }
}
