//! Fills a fresh demo through the same actions that people use: import, publish, open, confirm, schedule.
//!
//! The company's past is played with the clock set back, oldest version first; only what happened in the last weeks
//! is told in the chats. Invariant: nothing is written past the actions, so the seeded state is one that could be.

use std::fmt::Write as _;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use yuezhi_domain::{Language, NoticeId, ReceiptSource, Requirement, SeededRandom, UnixMillis};
use yuezhi_sandbox as sandbox;
use yuezhi_store::{notices, obligations, settings, versions};

use super::{
    SEED, SEEDED_SETTING, Shipped, company::Company, robot_secret, robot_token, time_travel,
};
use crate::{
    actions::{
        ActionError, Actor, change_schedule, confirm_reading, import_people,
        publish_version::{self, PublishRequest, Published, UploadedFile, VersionSource},
        record_opening,
    },
    app::App,
    workers,
};

/// Versions younger than this are told to people; older ones are history.
const TOLD_DAYS: i64 = 45;
const DAY_MS: i64 = 24 * 3600 * 1000;

pub(super) async fn seed(
    app: &App,
    company: &Company,
    progress: &dyn Fn(&str),
) -> Result<(), ActionError> {
    let texts = app.texts();
    let today = app.now();
    progress(&texts.with("cli.demo_people", "n", company.people.len()));
    time_travel::set_offset(app, -800 * DAY_MS);
    import(app, company).await?;
    let mut random = SeededRandom::new(SEED);
    let shipped = shipped(today)?;
    for (at, version) in &shipped {
        progress(&texts.with2(
            "cli.demo_policy",
            "title",
            &version.title,
            "label",
            &version.label,
        ));
        time_travel::set_offset(app, at.0 - today.0);
        publish(app, version, today, &mut random).await?;
    }
    time_travel::set_offset(app, 0);
    schedules(app).await?;
    app.db
        .write(move |tx| Ok::<_, ActionError>(settings::put(tx, SEEDED_SETTING, "yes")?))
        .await
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

fn path_of(company: &Company, id: u32) -> String {
    let mut names = Vec::new();
    let mut next = Some(id);
    while let Some(department) = next.and_then(|id| company.departments.iter().find(|d| d.id == id))
    {
        names.push(department.name);
        next = department.parent_id;
    }
    names.reverse();
    names.join("/")
}

struct ShippedVersion {
    title: String,
    label: String,
    file: UploadedFile,
}

/// Every shipped version with the time it was published: a fortnight before it took effect, in the morning.
fn shipped(today: UnixMillis) -> Result<Vec<(UnixMillis, ShippedVersion)>, ActionError> {
    let mut all = Vec::new();
    for name in Shipped::iter().filter(|name| name.starts_with("policies/")) {
        let Some(file) = Shipped::get(&name) else {
            continue;
        };
        let limits = yuezhi_documents::Limits::default();
        let file_name = name.rsplit('/').next().unwrap_or(&name).to_owned();
        let document = yuezhi_documents::read(&file_name, &file.data, &limits)
            .map_err(ActionError::internal)?;
        let front = document.front_matter;
        let effective: Option<jiff::civil::Date> = front
            .effective
            .as_deref()
            .and_then(|date| date.parse().ok());
        let published = effective
            .and_then(|date| date.at(10, 5, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok())
            .map_or(today.0 - 30 * DAY_MS, |at| {
                UnixMillis::from(&at).0 - 14 * DAY_MS - 8 * 3600 * 1000
            });
        let label = file_name.trim_end_matches(".md").to_owned();
        let file = UploadedFile {
            name: file_name,
            bytes: Bytes::from(file.data.into_owned()),
        };
        let title = front.title.unwrap_or_default();
        all.push((
            UnixMillis(published.min(today.0 - 3 * DAY_MS)),
            ShippedVersion { title, label, file },
        ));
    }
    all.sort_by(|a, b| (a.0, &a.1.title, &a.1.label).cmp(&(b.0, &b.1.title, &b.1.label)));
    Ok(all)
}

async fn publish(
    app: &App,
    version: &ShippedVersion,
    today: UnixMillis,
    random: &mut SeededRandom,
) -> Result<(), ActionError> {
    let told = today.0 - app.now().0 < TOLD_DAYS * DAY_MS;
    let mut request =
        PublishRequest::of_file(Actor::System, VersionSource::Demo, version.file.clone());
    request.label = Some(version.label.clone());
    if !told {
        request.channels = Some(Vec::new());
        request.plan = Some("none".to_owned());
    } else {
        request.channels = Some(
            app.channels()
                .lanes()
                .map(|c| c.lane().to_owned())
                .take(2)
                .collect(),
        );
    }
    let Published::New(published) = publish_version::publish(app, request).await? else {
        return Ok(());
    };
    if told {
        workers::send_all(app).await?;
    }
    let age_days = (today.0 - app.now().0) / DAY_MS;
    // Old ones are nearly done; young ones are under way.
    let done = if told {
        35 + (age_days * 2).min(50)
    } else {
        97
    };
    answer(
        app,
        published.notice_no,
        &published.notice_id,
        done as u64,
        random,
        today,
    )
    .await
}

/// Some people open, most of those confirm, over the days that have passed.
async fn answer(
    app: &App,
    notice_no: i64,
    notice_id: &NoticeId,
    share: u64,
    random: &mut SeededRandom,
    today: UnixMillis,
) -> Result<(), ActionError> {
    let id = *notice_id;
    let (notice, text_hash, people) = app
        .db
        .read(move |tx| {
            let notice = notices::by_id(tx, &id)?
                .ok_or_else(|| ActionError::internal("the notice is gone"))?;
            let version = versions::get(tx, notice.version_no)?
                .ok_or_else(|| ActionError::internal("the version is gone"))?;
            Ok::<_, ActionError>((
                notice.clone(),
                version.text_hash,
                obligations::person_nos(tx, notice.no)?,
            ))
        })
        .await?;
    let start = app.now();
    for (day, part) in [(0_i64, 45_u64), (1, 30), (3, 15), (6, 10)] {
        let at = start.0 + day * DAY_MS + 2 * 3600 * 1000;
        if at >= today.0 {
            break;
        }
        time_travel::set_offset(app, at - today.0);
        let acting: Vec<(i64, bool)> = people
            .iter()
            .filter_map(|person| {
                let draw = random.next_u64() % 10_000;
                (draw < share * part).then_some((*person, random.next_u64() % 100 < 88))
            })
            .collect();
        let (text_hash, consent_hash) = (text_hash.clone(), notice.consent_hash.clone());
        stream::iter(acting)
            .map(|(person_no, confirms)| {
                let (text_hash, consent_hash) = (text_hash.to_string(), consent_hash.to_string());
                let confirms = confirms && notice.requirement == Requirement::Confirm;
                async move {
                    let detail = "{\"by\":\"session\"}".to_owned();
                    let opening = record_opening::Opening {
                        notice_no,
                        person_no,
                        source: ReceiptSource::Page,
                        language: Language::ZhCn,
                        detail: detail.clone(),
                    };
                    record_opening::record_opening(app, opening).await?;
                    if confirms {
                        let confirmation = confirm_reading::Confirmation {
                            notice_no,
                            person_no,
                            source: ReceiptSource::Page,
                            language: Language::ZhCn,
                            text_hash,
                            consent_hash,
                            detail,
                        };
                        confirm_reading::confirm(app, confirmation).await?;
                    }
                    Ok::<_, ActionError>(())
                }
            })
            .buffer_unordered(64)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
    }
    Ok(())
}

/// The mission's two standing reminders.
async fn schedules(app: &App) -> Result<(), ActionError> {
    let texts = app.texts();
    let lanes: Vec<String> = app
        .channels()
        .lanes()
        .filter(|c| !c.limits().personal)
        .map(|c| c.lane().to_owned())
        .take(1)
        .collect();
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

/// The company as the sandbox knows it.
pub(super) fn organisation(company: &Company) -> sandbox::Organisation {
    const COLOURS: [&str; 8] = [
        "#4E7BD9", "#3FA37C", "#C9822B", "#B5566B", "#7A6BC4", "#3D98A8", "#8A7A55", "#6B7F94",
    ];
    sandbox::Organisation {
        corp_id: company.corp_id.to_owned(),
        name: company.name.to_owned(),
        departments: company
            .departments
            .iter()
            .map(|d| sandbox::Department {
                id: i64::from(d.id),
                name: d.name.to_owned(),
                parent_id: d.parent_id.map(i64::from),
            })
            .collect(),
        people: company
            .people
            .iter()
            .zip(COLOURS.iter().cycle())
            .map(|(p, colour)| sandbox::Person {
                userid: p.userid.clone(),
                unionid: p.unionid.clone(),
                name: p.name.clone(),
                mobile: p.mobile.clone(),
                email: p.email.clone().unwrap_or_default(),
                avatar_colour: (*colour).to_owned(),
                title: p.title.to_owned(),
                department_ids: p.department_ids.iter().map(|id| i64::from(*id)).collect(),
            })
            .collect(),
    }
}

/// Its groups, each with our robot in it.
pub(super) fn groups(company: &Company) -> Vec<sandbox::Group> {
    company
        .groups
        .iter()
        .map(|group| {
            let mut robot = sandbox::Robot::new(robot_token(group.id), group.robot_name);
            robot.security.secret = Some(robot_secret(group.id));
            let mut made = sandbox::Group::new(group.id, group.title);
            made.members = group
                .members
                .iter()
                .filter_map(|staff_no| {
                    company
                        .people
                        .iter()
                        .find(|p| &p.staff_no == staff_no)
                        .map(|p| p.userid.clone())
                })
                .collect();
            made.robots = vec![robot];
            made
        })
        .collect()
}

/// The internal app that signs people in.
pub(super) fn login_app() -> sandbox::App {
    sandbox::App {
        name: "阅知".to_owned(),
        client_id: "dingdemoyuezhi0001".to_owned(),
        client_secret: "demo-client-secret-of-the-sandbox".to_owned(),
        robot_code: "dingdemoyuezhi0001".to_owned(),
        agent_id: 3_000_000_001,
    }
}
