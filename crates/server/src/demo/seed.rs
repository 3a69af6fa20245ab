//! Fills a fresh demo through the same actions that people use: import, publish, open, confirm, schedule.
//!
//! The company's past is played with the clock set back, oldest version first; only what happened in the last weeks
//! is told in the chats. Invariant: nothing is written past the actions, so the seeded state is one that could be.

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use yuezhi_channels::ChannelKind;
use yuezhi_domain::{NoticeId, ReceiptSource, Requirement, SeededRandom, UnixMillis};
use yuezhi_store::{notices, obligations, settings, versions};

use super::{
    SEED, SEEDED_SETTING, Shipped,
    company::Company,
    platform::{self, KEPT_GROUP},
    time_travel,
};
use crate::{
    actions::{
        ActionError, Actor, change_schedule, confirm_reading, import_people,
        publish_version::{self, PublishRequest, Published, UploadedFile, VersionSource},
        record_opening,
        save_group::{self, GroupInput},
        sync_directory::{self, Apply},
    },
    app::App,
    workers,
};

/// The group that hears of every policy.
const NEWS_LANE: &str = "robot:policy-news";
const DAY_MS: i64 = 24 * 3600 * 1000;

/// These are news of the last days, whatever their files say: slug, version, days ago, share confirmed so far.
const YOUNG: &[(&str, &str, i64, u64)] = &[
    ("information-security", "3.0", 4, 58),
    ("code-of-conduct", "2.0", 9, 86),
];

/// What happens on the company's way to today.
enum Event {
    Publish(ShippedVersion),
    /// So many of a hundred people in all have answered by then.
    Answer {
        notice_id: NoticeId,
        notice_no: i64,
        from: u64,
        to: u64,
    },
}

pub(super) async fn seed(
    app: &App,
    company: &Company,
    progress: &dyn Fn(&str),
) -> Result<(), ActionError> {
    let texts = app.texts();
    let today = app.now();
    progress(&texts.with("cli.demo_people", "n", company.people.len()));
    let mut timeline: BTreeMap<(UnixMillis, usize), Event> = BTreeMap::new();
    for (at, version) in shipped(today)? {
        timeline.insert((at, timeline.len()), Event::Publish(version));
    }
    let first = timeline.keys().next().map_or(today, |(at, _)| *at);
    time_travel::set_offset(app, first.0 - today.0 - DAY_MS);
    import(app, company).await?;
    adopt(app, company).await?;
    while let Some(((at, _), event)) = timeline.pop_first() {
        remind_until(app, at, today).await?;
        time_travel::set_offset(app, at.0 - today.0);
        match event {
            Event::Publish(version) => {
                progress(&texts.with2(
                    "cli.demo_policy",
                    "title",
                    &version.title,
                    "label",
                    &version.label,
                ));
                if let Some((notice_no, notice_id)) = publish(app, &version).await? {
                    let answers = answers(&version, at, today, notice_no, notice_id);
                    for (answered_at, event) in answers {
                        timeline.insert((answered_at, usize::MAX - timeline.len()), event);
                    }
                }
            }
            Event::Answer {
                notice_id,
                notice_no,
                from,
                to,
            } => {
                answer(app, notice_no, &notice_id, from, to).await?;
            }
        }
        workers::send_all(app).await?;
    }
    remind_until(app, today, today).await?;
    time_travel::set_offset(app, 0);
    schedules(app).await?;
    group_of_everyone(app, company).await?;
    app.db
        .write(move |tx| {
            notices::close_settled(tx, today)?;
            Ok::<_, ActionError>(settings::put(tx, SEEDED_SETTING, "yes")?)
        })
        .await
}

/// Lets the reminders fire that fall due on the way.
async fn remind_until(app: &App, until: UnixMillis, today: UnixMillis) -> Result<(), ActionError> {
    const MOST: usize = 200;
    for _ in 0..MOST {
        let Some(stop) = time_travel::next_stop(app)
            .await?
            .filter(|stop| *stop < until)
        else {
            break;
        };
        time_travel::set_offset(app, stop.0 - today.0);
        workers::remind::tick(app).await?;
        workers::send_all(app).await?;
    }
    Ok(())
}

/// Some answer on the first day, most of the others within a week; of what is old, everybody in the end.
fn answers(
    version: &ShippedVersion,
    at: UnixMillis,
    today: UnixMillis,
    notice_no: i64,
    notice_id: NoticeId,
) -> Vec<(UnixMillis, Event)> {
    let share = version.share;
    let steps = [
        (0, 38),
        (1, 62),
        (2, 74),
        (3, 82),
        (5, 93),
        (7, 98),
        (10, 100),
    ];
    let mut from = 0;
    let mut events = Vec::new();
    for (day, reached) in steps {
        let when = UnixMillis(at.0 + day * DAY_MS + 3 * 3600 * 1000);
        let to = reached * share / 100;
        if when >= today {
            break;
        }
        events.push((
            when,
            Event::Answer {
                notice_id,
                notice_no,
                from,
                to,
            },
        ));
        from = to;
    }
    events
}

async fn import(app: &App, company: &Company) -> Result<(), ActionError> {
    let mut csv =
        String::from("工号,姓名,部门,邮箱,手机,职务,直属上级工号,入职日期,语言,钉钉UserID\n");
    for person in &company.people {
        let departments: Vec<String> = person
            .department_ids
            .iter()
            .map(|id| path_of(company, *id))
            .collect();
        let manager = person.manager_staff_no.as_deref().unwrap_or_default();
        let email = person.email.as_deref().unwrap_or_default();
        writeln!(
            csv,
            "{},\"{}\",\"{}\",{email},{},{},{manager},{},{},{}",
            person.staff_no,
            person.name,
            departments.join(";"),
            person.mobile,
            person.title,
            person.hired_on,
            person.language,
            person.userid,
        )
        .map_err(ActionError::internal)?;
    }
    let file = UploadedFile {
        name: "people.csv".to_owned(),
        bytes: Bytes::from(csv),
    };
    let request = import_people::ImportRequest {
        actor: Actor::System,
        file,
        close_missing: false,
        dry_run: false,
    };
    let report = import_people::import(app, request).await?;
    match report.problems.first() {
        Some(problem) => Err(ActionError::internal(format!(
            "line {}: {}",
            problem.line, problem.code
        ))),
        None => Ok(()),
    }
}

/// Hands the people over to the directory as its first walk would find it: what it does not hold (languages) stays, and
/// everybody keeps who they are. The walk itself comes with the workers.
async fn adopt(app: &App, company: &Company) -> Result<(), ActionError> {
    let how = Apply {
        actor: Actor::System.to_string(),
        dry_run: false,
        allow_loss: false,
    };
    sync_directory::apply(app, platform::directory(company), how).await?;
    Ok(())
}

/// The group that is kept for everyone; a company too large for one group has none.
async fn group_of_everyone(app: &App, company: &Company) -> Result<(), ActionError> {
    if company.people.len() > save_group::LARGEST {
        return Ok(());
    }
    let input = GroupInput {
        name: KEPT_GROUP.to_owned(),
        title: app.texts().get("messages.demo_group_title").to_owned(),
        audience: "everyone".to_owned(),
        greets: true,
        ..GroupInput::default()
    };
    save_group::create(app, &Actor::System, input).await
}

fn path_of(company: &Company, id: u32) -> String {
    let mut names = Vec::new();
    let mut next = Some(id);
    while let Some(department) = next.and_then(|id| company.departments.iter().find(|d| d.id == id))
    {
        names.push(department.name);
        next = department.parent_id;
    }
    names.reverse();
    // The company itself stands above everything and need not be said each time.
    if names.len() > 1 {
        names.remove(0);
    }
    names.join("/")
}

struct ShippedVersion {
    slug: String,
    title: String,
    label: String,
    file: UploadedFile,
    /// Given where the file's own date does not fit the day of publishing.
    effective: Option<String>,
    /// Of a hundred people, so many have answered by today or in the end.
    share: u64,
    /// Another version waits to be published by whoever tries the demo: it goes to everyone personally and by mail too.
    has_next: bool,
}

/// Every shipped version with the time it was published: a fortnight before it took effect, in the morning.
fn shipped(today: UnixMillis) -> Result<Vec<(UnixMillis, ShippedVersion)>, ActionError> {
    let mut all = Vec::new();
    for name in Shipped::iter().filter(|name| name.starts_with("policies/")) {
        let Some(file) = Shipped::get(&name) else {
            continue;
        };
        let mut parts = name.rsplit('/');
        let file_name = parts.next().unwrap_or(&name).to_owned();
        let slug = parts.next().unwrap_or_default().to_owned();
        let label = file_name.trim_end_matches(".md").to_owned();
        let limits = yuezhi_documents::Limits::default();
        let document = yuezhi_documents::read(&file_name, &file.data, &limits)
            .map_err(ActionError::internal)?;
        let front = document.front_matter;
        let young = YOUNG.iter().find(|(s, l, ..)| *s == slug && *l == label);
        let (at, effective, share) = match young {
            Some((_, _, days, share)) => {
                let at = UnixMillis(today.0 - days * DAY_MS);
                let effective = UnixMillis(today.0 + 20 * DAY_MS).to_timestamp();
                (at, Some(effective.strftime("%Y-%m-01").to_string()), *share)
            }
            None => (published_at(front.effective.as_deref(), today), None, 100),
        };
        all.push((
            at,
            ShippedVersion {
                title: front.title.unwrap_or_default(),
                file: UploadedFile {
                    name: file_name,
                    bytes: Bytes::from(file.data.into_owned()),
                },
                has_next: Shipped::iter().any(|next| next.starts_with(&format!("next/{slug}-"))),
                slug,
                label,
                effective,
                share,
            },
        ));
    }
    all.sort_by(|a, b| (a.0, &a.1.slug, &a.1.label).cmp(&(b.0, &b.1.slug, &b.1.label)));
    Ok(all)
}

/// 10:05 in Hangzhou, a fortnight before the day in the file.
fn published_at(effective: Option<&str>, today: UnixMillis) -> UnixMillis {
    let at = effective
        .and_then(|date| date.parse::<jiff::civil::Date>().ok())
        .and_then(|date| date.at(2, 5, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map_or(today.0 - 30 * DAY_MS, |at| {
            UnixMillis::from(&at).0 - 14 * DAY_MS
        });
    UnixMillis(at.min(today.0 - 20 * DAY_MS))
}

async fn publish(
    app: &App,
    version: &ShippedVersion,
) -> Result<Option<(i64, NoticeId)>, ActionError> {
    let mut request =
        PublishRequest::of_file(Actor::System, VersionSource::Demo, version.file.clone());
    request.label = Some(version.label.clone());
    request.effective.clone_from(&version.effective);
    let channels = app.channels();
    let robot = channels.get(NEWS_LANE);
    // What the next version goes over unless somebody says otherwise.
    let personally = channels.get(ChannelKind::WorkNotice.as_str());
    let mail = channels.mail();
    let more = [personally, mail.as_ref()].into_iter().flatten();
    request.channels = Some(
        robot
            .into_iter()
            .chain(more.filter(|_| version.has_next))
            .map(|channel| channel.lane().to_owned())
            .collect(),
    );
    match publish_version::publish(app, request).await? {
        Published::New(published) => Ok(Some((published.notice_no, published.notice_id))),
        Published::Unchanged { .. } => Ok(None),
    }
}

/// Where a person stands among a hundred, the same for every question about one notice.
fn place(person_no: i64, notice_no: i64) -> u64 {
    SeededRandom::new(SEED ^ (person_no as u64) << 20 ^ notice_no as u64).next_u64() % 100
}

/// Some look in first and confirm at the very end.
fn only_looks(person_no: i64) -> bool {
    person_no % 9 == 0
}

/// Those whose turn it is open the text; nearly all of them confirm where that is asked, at last everybody.
async fn answer(
    app: &App,
    notice_no: i64,
    notice_id: &NoticeId,
    from: u64,
    to: u64,
) -> Result<(), ActionError> {
    let id = *notice_id;
    let (notice, text_hash, people) = app
        .db
        .read(move |tx| {
            let gone = || ActionError::internal("the notice is gone");
            let notice = notices::by_id(tx, &id)?.ok_or_else(gone)?;
            let version = versions::get(tx, notice.version_no)?.ok_or_else(gone)?;
            let people = obligations::person_nos(tx, notice.no)?;
            Ok::<_, ActionError>((notice, version.text_hash, people))
        })
        .await?;
    let confirm = notice.requirement == Requirement::Confirm;
    let acting: Vec<i64> = people
        .into_iter()
        .filter(|person_no| {
            (from..to).contains(&place(*person_no, notice_no))
                || (to >= 100 && only_looks(*person_no))
        })
        .collect();
    let text_hash = text_hash.to_string();
    let consent_hash = notice.consent_hash.to_string();
    let act = |person_no: i64| {
        let (text_hash, consent_hash) = (text_hash.clone(), consent_hash.clone());
        async move {
            let source = ReceiptSource::Page;
            let detail = "{\"by\":\"session\"}".to_owned();
            let language = notice.language;
            let opening = record_opening::Opening {
                notice_no,
                person_no,
                source,
                language,
                detail: detail.clone(),
            };
            record_opening::record_opening(app, opening).await?;
            if confirm && (to >= 90 || !only_looks(person_no)) {
                let confirmation = confirm_reading::Confirmation {
                    notice_no,
                    person_no,
                    source,
                    language,
                    text_hash,
                    consent_hash,
                    detail,
                };
                confirm_reading::confirm(app, confirmation).await?;
            }
            Ok::<_, ActionError>(())
        }
    };
    let done: Vec<Result<(), ActionError>> = stream::iter(acting)
        .map(act)
        .buffer_unordered(64)
        .collect()
        .await;
    done.into_iter().collect()
}

/// The mission's two standing reminders.
async fn schedules(app: &App) -> Result<(), ActionError> {
    let texts = app.texts();
    let lanes = vec![NEWS_LANE.to_owned()];
    for (key, rule) in [("workday", "每个工作日 09:00"), ("friday", "每周五 17:00")] {
        let input = change_schedule::ScheduleInput {
            name: texts.get(&format!("messages.demo_{key}_name")).to_owned(),
            rule: rule.to_owned(),
            time_zone: None,
            lanes: lanes.clone(),
            title: texts.get(&format!("messages.demo_{key}_title")).to_owned(),
            body: texts.get(&format!("messages.demo_{key}_body")).to_owned(),
        };
        change_schedule::create(app, Actor::System, &input).await?;
    }
    Ok(())
}
