//! Work notices (工作通知): send, progress, result, recall, status bar.
//!
//! Source: 发送工作通知 (`asynchronous-sending-of-enterprise-session-messages`) and the pages beside it. The send is
//! asynchronous, and past a limit it answers success while nobody receives it: such people stand in the result's
//! `forbidden_list` and nowhere else.
//! Where sources disagree the stricter side holds: 100 people and 20 departments a call, 500 notices a day and person,
//! 24 hours for everything that is asked or changed later.

use std::collections::HashSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::legacy::{Asked, asked, invalid, is_true, missing, nested, number};
use super::notice_body::{NoticeBody, read, read_status};
use crate::call::{Call, LegacyRefusal};
use crate::journal::Entry;
use crate::message::{Message, Sender};
use crate::meters::day_of;
use crate::rules::Unsuitable;
use crate::shared::{Event, Shared};
use crate::work_notices::{self, NoticeTask};
use crate::world::World;

const USERS_AT_MOST: usize = 100;
const DEPARTMENTS_AT_MOST: usize = 20;
const RECIPIENTS_AT_MOST: usize = 5_000;
const STATUS_BAR_USERS_AT_MOST: usize = 5;
const RESULT_RECEIVERS_AT_MOST: usize = 100;
const ONE_DAY_MS: i64 = 24 * 3_600_000;

/// The codes of `forbidden_list`.
const TOO_MANY_IN_A_MINUTE: u32 = 143_103;
const TOO_MANY_IN_A_DAY: u32 = 143_105;
const SAME_CONTENT: u32 = 143_106;

/// `POST /topapi/message/corpconversation/asyncsend_v2`
pub(super) fn send(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |mut asked| {
        check_agent(&asked)?;
        let request = Request::read(asked.body)?;
        let receivers = find_receivers(asked.world, asked.caller.client_id.as_str(), &request)?;
        let msg = nested(&asked.body["msg"]).ok_or_else(|| missing("msg"))?;
        let body = read(asked.world, &msg)?;
        let few = !request.userids.is_empty()
            && request.userids.len() <= STATUS_BAR_USERS_AT_MOST
            && request.departments.is_empty()
            && !request.to_all;
        if body.status.is_some() && !few {
            return Err(invalid("status_bar，仅支持userid_list不超过5人"));
        }
        moderate(asked.world, &body)?;
        let task = sort_out(&asked, &request, receivers, &msg, &body);
        let id = task.id;
        deliver(&mut asked, &task, &body);
        asked.world.record(Entry::WorkNotice(task));
        Ok(json!({ "task_id": id }))
    })
}

/// `POST …/getsendprogress`
pub(super) fn progress(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |asked| {
        let task = own_task(&asked, "task_id")?;
        let (percent, status) = progress_of(asked.world, task, asked.now_ms);
        Ok(json!({ "progress": { "progress_in_percent": percent, "status": status } }))
    })
}

/// `POST …/getsendresult`: refused for more than 100 receivers.
pub(super) fn result(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |asked| {
        let task = own_task(&asked, "task_id")?;
        if task.receivers() > RESULT_RECEIVERS_AT_MOST {
            return Err(too_many_for_result());
        }
        if progress_of(asked.world, task, asked.now_ms).1 < 2 {
            return Ok(json!({ "send_result": empty_result() }));
        }
        let messages = asked
            .world
            .with_query_key(&work_notices::query_key(task.id));
        let userids_with = |wanted: bool| -> Vec<&str> {
            let rows = messages.iter().filter_map(|message| {
                let userid = message.recipient()?;
                (asked.world.read_at(message, userid).is_some() == wanted).then_some(userid)
            });
            rows.collect()
        };
        let forbidden = task.forbidden.iter().map(|(code, userid)| {
            json!({ "code": code.to_string(), "count": count_of(&asked, *code), "userid": userid })
        });
        let forbidden_ids = task.forbidden.iter().map(|(_, userid)| userid);
        Ok(json!({ "send_result": {
            "invalid_user_id_list": task.invalid_users,
            "invalid_dept_id_list": task.invalid_departments,
            "failed_user_id_list": task.failed,
            "forbidden_user_id_list": forbidden_ids.collect::<Vec<_>>(),
            "forbidden_list": forbidden.collect::<Vec<_>>(),
            "read_user_id_list": userids_with(true),
            "unread_user_id_list": userids_with(false),
        } }))
    })
}

/// `POST …/recall {"agent_id","msg_task_id"}`
pub(super) fn recall(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |asked| {
        let mut task = own_task(&asked, "msg_task_id")?.clone();
        asked.world.record(Entry::Recalled {
            process_query_key: work_notices::query_key(task.id),
        });
        task.recalled = true;
        asked.world.record(Entry::WorkNotice(task));
        asked.shared.tell(Event::Changed);
        Ok(json!({}))
    })
}

/// `POST …/status_bar/update {"agent_id","task_id","status_value","status_bg"}`
pub(super) fn update_status(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |asked| {
        let mut task = own_task(&asked, "task_id")?.clone();
        let status = read_status(
            asked.body["status_value"].as_str(),
            asked.body["status_bg"].as_str(),
        )?;
        let is_done = progress_of(asked.world, &task, asked.now_ms).1 == 2;
        if task.receivers() > STATUS_BAR_USERS_AT_MOST || task.to_all || !is_done {
            return Err(too_many_for_result());
        }
        task.status = Some(status);
        asked.world.record(Entry::WorkNotice(task));
        asked.shared.tell(Event::Changed);
        Ok(json!({}))
    })
}

/// Whom a send names.
struct Request {
    userids: Vec<String>,
    departments: Vec<i64>,
    to_all: bool,
}

impl Request {
    fn read(body: &Value) -> Result<Self, LegacyRefusal> {
        let list = |name: &str| -> Vec<String> {
            let parts = body[name].as_str().unwrap_or_default().split(',');
            parts
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect()
        };
        let (userids, departments) = (list("userid_list"), list("dept_id_list"));
        let to_all = is_true(&body["to_all_user"]);
        if userids.is_empty() && departments.is_empty() && !to_all {
            // Observed, not documented: hhyo/Archery#836.
            return Err(LegacyRefusal::new(1, "Platform System error"));
        }
        // The two codes are inferred.
        if userids.len() > USERS_AT_MOST {
            return Err(LegacyRefusal::new(
                40_031,
                "不合法的UserID列表，最大长度100",
            ));
        }
        if departments.len() > DEPARTMENTS_AT_MOST {
            return Err(invalid("dept_id_list，最大长度20"));
        }
        let departments = departments
            .iter()
            .map(|id| id.parse().map_err(|_| invalid("dept_id_list")))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            userids,
            departments,
            to_all,
        })
    }
}

#[derive(Default)]
struct Receivers {
    people: Vec<String>,
    invalid_users: Vec<String>,
    invalid_departments: Vec<i64>,
}

/// Everyone named, once; sub-departments count. Someone outside the app's visible range refuses the whole call.
fn find_receivers(
    world: &World,
    client_id: &str,
    request: &Request,
) -> Result<Receivers, LegacyRefusal> {
    let mut found = Receivers::default();
    let mut seen = HashSet::new();
    for userid in &request.userids {
        match world.person(userid) {
            None => found.invalid_users.push(userid.clone()),
            Some(person) if !world.is_visible(client_id, person) => {
                return Err(LegacyRefusal::new(50_002, "企业员工不在授权范围"));
            }
            Some(_) if seen.insert(userid.clone()) => found.people.push(userid.clone()),
            Some(_) => {}
        }
    }
    let organisation = &world.organisation;
    for id in &request.departments {
        if !organisation.departments.iter().any(|known| known.id == *id) {
            found.invalid_departments.push(*id);
        } else if !world.is_visible_department(client_id, *id) {
            return Err(LegacyRefusal::new(50_004, "企业部门不在授权范围"));
        }
    }
    let wanted = |person: &&crate::organisation::Person| {
        let lines = person
            .department_ids
            .iter()
            .flat_map(|id| organisation.with_ancestors(*id));
        request.to_all
            || lines
                .into_iter()
                .any(|id| request.departments.contains(&id))
    };
    if request.to_all || !request.departments.is_empty() {
        for person in organisation.people.iter().filter(wanted) {
            if world.is_visible(client_id, person) && seen.insert(person.userid.clone()) {
                found.people.push(person.userid.clone());
            }
        }
    }
    Ok(found)
}

/// Decides who receives it; the others are dropped without a word.
fn sort_out(
    asked: &Asked<'_>,
    request: &Request,
    receivers: Receivers,
    msg: &Value,
    body: &NoticeBody,
) -> NoticeTask {
    let (world, client_id) = (&*asked.world, &asked.caller.client_id);
    let (limits, day) = (&world.rules.limits, day_of(asked.now_ms));
    let content_hash = hash(msg);
    let book = &world.work_notices;
    let minute = limits
        .notice_recipients_per_minute
        .map_or(usize::MAX, |limit| limit as usize)
        .saturating_sub(book.recipients_of_last_minute(client_id, asked.now_ms));
    let room = minute.min(RECIPIENTS_AT_MOST);
    let is_one_too_many = request.to_all
        && limits
            .notices_to_all_per_day
            .is_some_and(|limit| book.to_all_of_day(client_id, &day) >= limit as usize);
    let mut task = NoticeTask {
        id: book.next_id(),
        client_id: client_id.clone(),
        agent_id: asked.caller.agent_id,
        at_ms: asked.now_ms,
        to_all: request.to_all,
        sent: Vec::new(),
        failed: Vec::new(),
        invalid_users: receivers.invalid_users,
        invalid_departments: receivers.invalid_departments,
        forbidden: Vec::new(),
        status: body.status.clone(),
        recalled: false,
        content_hash,
    };
    for userid in receivers.people {
        let is_active = world.person(&userid).is_some_and(|person| person.active);
        let count = book.count_of_day(client_id, &userid, &day);
        if !is_active {
            task.failed.push(userid);
        } else if is_one_too_many
            || limits
                .notices_per_person_day
                .is_some_and(|limit| count >= limit)
        {
            // That the fourth notice to everyone is dropped with this code is inferred.
            task.forbidden.push((TOO_MANY_IN_A_DAY, userid));
        } else if book.is_repeat(client_id, &userid, &day, &task.content_hash) {
            task.forbidden.push((SAME_CONTENT, userid));
        } else if task.sent.len() >= room {
            task.forbidden.push((TOO_MANY_IN_A_MINUTE, userid));
        } else {
            task.sent.push(userid);
        }
    }
    task
}

fn deliver(asked: &mut Asked<'_>, task: &NoticeTask, body: &NoticeBody) {
    let app = asked.world.app(&asked.caller.client_id);
    let name = app.map_or_else(String::new, |app| app.name.clone());
    for userid in &task.sent {
        let message = Message {
            id: 0,
            conversation: work_notices::conversation(userid),
            at_ms: asked.now_ms,
            sender: Sender::App {
                name: name.clone(),
                robot_code: work_notices::SENDER.into(),
            },
            content: body.content.clone(),
            mentions: Vec::new(),
            at_all: false,
            msg_uuid: None,
            process_query_key: Some(work_notices::query_key(task.id)),
            recalled: false,
        };
        asked.shared.post(asked.world, message);
    }
}

/// SHA-256 of the message as JSON, whose keys are in the order they came in.
fn hash(msg: &Value) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(msg.to_string().as_bytes());
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

fn check_agent(asked: &Asked<'_>) -> Result<(), LegacyRefusal> {
    let Some(agent_id) = number(&asked.body["agent_id"]) else {
        return Err(LegacyRefusal::new(1, "Platform System error"));
    };
    if agent_id == asked.caller.agent_id {
        Ok(())
    } else {
        Err(LegacyRefusal::new(40_056, "不合法的agentid"))
    }
}

/// The caller's task of the last 24 hours. (The code for any other is inferred.)
fn own_task<'a>(asked: &'a Asked<'_>, name: &str) -> Result<&'a NoticeTask, LegacyRefusal> {
    check_agent(asked)?;
    let id = number(&asked.body[name]).ok_or_else(|| missing(name))?;
    let known = u64::try_from(id)
        .ok()
        .and_then(|id| asked.world.work_notices.get(id));
    known
        .filter(|task| {
            task.client_id == asked.caller.client_id && asked.now_ms - task.at_ms <= ONE_DAY_MS
        })
        .ok_or_else(|| invalid(format!("{name}，任务不存在或已超过24小时")))
}

/// Percent, and 0 未开始, 1 处理中, 2 处理完毕.
fn progress_of(world: &World, task: &NoticeTask, now_ms: i64) -> (i64, u8) {
    let whole_ms = world.rules.limits.notice_delivery_ms;
    match now_ms - task.at_ms {
        age if age >= whole_ms => (100, 2),
        age if age * 2 >= whole_ms => (50, 1),
        _ => (0, 0),
    }
}

fn too_many_for_result() -> LegacyRefusal {
    LegacyRefusal::new(41_052, "本次发送人数过多,不再返回发送结果")
}

/// The `count` of a `forbidden_list` row is the limit that was reached, as far as the documentation's sample tells.
fn count_of(asked: &Asked<'_>, code: u32) -> u32 {
    let limits = &asked.world.rules.limits;
    match code {
        TOO_MANY_IN_A_DAY => limits.notices_per_person_day.unwrap_or_default(),
        TOO_MANY_IN_A_MINUTE => limits.notice_recipients_per_minute.unwrap_or_default(),
        _ => 1,
    }
}

fn empty_result() -> Value {
    json!({
        "invalid_user_id_list": [], "invalid_dept_id_list": [], "failed_user_id_list": [],
        "forbidden_user_id_list": [], "forbidden_list": [], "read_user_id_list": [], "unread_user_id_list": [],
    })
}

fn moderate(world: &World, body: &NoticeBody) -> Result<(), LegacyRefusal> {
    match world.rules.moderation.judge(&body.content) {
        None => Ok(()),
        Some(Unsuitable::Link) => Err(LegacyRefusal::new(40_048, "url中包含不合法domain")),
        Some(_) => Err(LegacyRefusal::new(1_430_002, "消息内容含有违禁内容")),
    }
}
