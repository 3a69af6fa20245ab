//! To-dos (待办) v1.0: create, change, tick off per executor, delete, get, list.
//!
//! Source: 创建钉钉待办任务 (`add-dingtalk-to-do-task`) and the pages beside it; reading by source is in the SDK only.
//! Everyone is named by unionId. `detailUrl` is mandatory since 2024-02-01; one task per sourceId, a repeat names the
//! task that exists. Work to-dos cannot be ticked by a person: only the app that made one changes it.
//! Weakness: codes other than those of creating are inferred from them.

use serde_json::{Value, json};

use super::{json_body, strings};
use crate::call::{Call, Caller, ModernRefusal, modern_caller};
use crate::journal::Entry;
use crate::shared::{Event, Shared};
use crate::todos::{Executor, Todo, TodoKind};
use crate::world::World;

const EXECUTORS_AT_CREATE: usize = 100;
const PEOPLE_AT_UPDATE: usize = 1_000;
const PARTICIPANTS_AT_CREATE: usize = 100;
const PAGE: usize = 20;
/// Finished to-dos are listed this long.
const DONE_LISTED_MS: i64 = 180 * 24 * 3_600_000;

/// `POST /v1.0/todo/users/{unionId}/tasks?operatorId=…`
pub(super) fn create(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let creator = owner(&world, call, CREATE)?;
    let body = json_body(call)?;
    let held_back = shared
        .faults
        .flow_controlled(&call.path, |share| shared.ids().chance(share));
    if held_back.is_some() {
        return Err(ModernRefusal::bad(
            "todo.taskCreate.flowControlError",
            "flowControl because of executorId or orgId",
        ));
    }
    let source_id = body["sourceId"].as_str().unwrap_or_default().to_owned();
    if !source_id.is_empty()
        && let Some(known) = world.todos.with_source(&caller.client_id, &source_id)
    {
        let id = known.id;
        return Err(wrong(CREATE, format!("task exist, taskId: {id}")));
    }
    let mut todo = read_new(&world, &body)?;
    todo.id = world.todos.next_id();
    todo.client_id.clone_from(&caller.client_id);
    todo.creator = creator;
    // Without one of its own a task gets a source id from the platform.
    todo.source_id = if source_id.is_empty() {
        format!("isv_dingtalkTodo-{}", todo.id)
    } else {
        source_id
    };
    (todo.created_ms, todo.modified_ms) = (now_ms, now_ms);
    let answer = whole(&todo, &shared.ids().request_id());
    keep(shared, &mut world, &todo, "todo_task_create");
    Ok(answer)
}

/// `PUT /v1.0/todo/users/{unionId}/tasks/{taskId}?operatorId=…`: changes what is named.
pub(super) fn update(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let mut todo = own_todo(&world, call, &caller, UPDATE)?;
    let body = json_body(call)?;
    if !body["subject"].is_null() {
        todo.subject = bounded(&body, "subject", 1_024, UPDATE)?;
    }
    if !body["description"].is_null() {
        todo.description = bounded(&body, "description", 4_096, UPDATE)?;
    }
    if !body["dueTime"].is_null() {
        todo.due_ms = moment(&body, "dueTime", UPDATE)?;
    }
    if !body["executorIds"].is_null() {
        let ids = people(&world, &body, "executorIds", PEOPLE_AT_UPDATE, UPDATE)?;
        let done = |id: &String| {
            todo.executors
                .iter()
                .any(|one| one.id == *id && one.is_done)
        };
        let executors = ids.into_iter().map(|id| Executor {
            is_done: done(&id),
            id,
        });
        todo.executors = executors.collect();
    }
    if !body["participantIds"].is_null() {
        todo.participants = people(&world, &body, "participantIds", PEOPLE_AT_UPDATE, UPDATE)?;
    }
    if !body["contentFieldList"].is_null() {
        todo.content_fields = body["contentFieldList"].clone();
    }
    if let Some(done) = body["done"].as_bool() {
        set_done(&mut todo, done, now_ms);
        for executor in &mut todo.executors {
            executor.is_done = done;
        }
    }
    todo.modified_ms = now_ms;
    keep(shared, &mut world, &todo, "todo_task_update");
    Ok(json!({ "result": true, "requestId": shared.ids().request_id() }))
}

/// `PUT …/tasks/{taskId}/executorStatus {"executorStatusList":[{"id","isDone"}]}`
pub(super) fn executor_status(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let mut todo = own_todo(&world, call, &caller, UPDATE)?;
    let body = json_body(call)?;
    let rows = body["executorStatusList"].as_array();
    let rows = rows
        .filter(|rows| !rows.is_empty())
        .ok_or_else(|| ModernRefusal::missing("executorStatusList"))?;
    if rows.len() > PEOPLE_AT_UPDATE {
        return Err(wrong(UPDATE, "executorStatusList is oversize"));
    }
    for row in rows {
        let (Some(id), Some(is_done)) = (row["id"].as_str(), row["isDone"].as_bool()) else {
            return Err(wrong(UPDATE, "executorStatusList is invalid"));
        };
        let executor = todo.executors.iter_mut().find(|one| one.id == id);
        let executor = executor.ok_or_else(|| wrong(UPDATE, format!("executor {id} not exist")))?;
        executor.is_done = is_done;
    }
    let all_done = todo.executors.iter().all(|one| one.is_done);
    if all_done != todo.is_done {
        set_done(&mut todo, all_done, now_ms);
    }
    todo.modified_ms = now_ms;
    keep(shared, &mut world, &todo, "todo_task_update");
    Ok(json!({ "result": true, "requestId": shared.ids().request_id() }))
}

/// `DELETE …/tasks/{taskId}?operatorId=…`
pub(super) fn delete(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let todo = own_todo(&world, call, &caller, DELETE)?;
    tell(shared, &mut world, &todo, "todo_task_delete");
    world.record(Entry::TodoDeleted { id: todo.id });
    shared.tell(Event::Changed);
    Ok(json!({ "result": true, "requestId": shared.ids().request_id() }))
}

/// `DELETE …/tasks/{taskId}/hide`: takes it off the list of the person in the path.
pub(super) fn hide(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, shared.clock.now_ms())?;
    let union_id = owner(&world, call, DELETE)?;
    let mut todo = own_todo(&world, call, &caller, DELETE)?;
    if !todo.hidden_for.contains(&union_id) {
        todo.hidden_for.push(union_id);
        world.record(Entry::Todo(todo));
        shared.tell(Event::Changed);
    }
    Ok(json!({ "success": true }))
}

/// `GET …/tasks/{taskId}`
pub(super) fn get(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, shared.clock.now_ms())?;
    let todo = own_todo(&world, call, &caller, GET)?;
    Ok(whole(&todo, &shared.ids().request_id()))
}

/// `GET …/tasks/sources/{sourceId}`
pub(super) fn by_source(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, shared.clock.now_ms())?;
    owner(&world, call, GET)?;
    let source_id = segment(call, 7);
    let todo = world.todos.with_source(&caller.client_id, &source_id);
    let todo = todo.ok_or_else(|| wrong(GET, "task not exist"))?;
    Ok(whole(todo, &shared.ids().request_id()))
}

/// `POST /v1.0/todo/users/{unionId}/org/tasks/query {"nextToken","isDone","roleTypes","todoType"}`
pub(super) fn query(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    modern_caller(&mut world, call, now_ms)?;
    let union_id = owner(&world, call, GET)?;
    let body = json_body(call)?;
    let from: usize = body["nextToken"]
        .as_str()
        .and_then(|token| token.parse().ok())
        .unwrap_or(0);
    let roles: Vec<String> = body["roleTypes"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(strings)
        .collect();
    let kind = body["todoType"].as_str().unwrap_or("TODO");
    let has_role = |todo: &Todo| {
        let is = |role: &str| match role {
            "creator" => todo.creator == union_id,
            "participant" => todo.participants.contains(&union_id),
            _ => todo.is_of(&union_id),
        };
        if roles.is_empty() {
            ["executor", "creator", "participant"].into_iter().any(is)
        } else {
            roles.iter().any(|role| is(role))
        }
    };
    let rows: Vec<_> = world
        .todos
        .iter()
        .rev()
        .filter(|todo| has_role(todo) && kind_of(todo.kind) == kind)
        .filter(|todo| !todo.hidden_for.contains(&union_id))
        .filter(|todo| {
            let wanted = body["isDone"].as_bool();
            wanted.is_none_or(|wanted| wanted == todo.is_done_for(&union_id))
        })
        .filter(|todo| todo.done_ms.is_none_or(|at| now_ms - at <= DONE_LISTED_MS))
        .collect();
    let cards = rows.iter().skip(from).take(PAGE).map(|todo| {
        json!({
            "taskId": todo.id.to_string(),
            "subject": todo.subject,
            "dueTime": todo.due_ms,
            "detailUrl": { "appUrl": todo.app_url, "pcUrl": todo.pc_url },
            "priority": todo.priority,
            "sourceId": todo.source_id,
            "bizTag": BIZ_TAG,
            "isDone": todo.is_done_for(&union_id),
            "todoType": kind_of(todo.kind),
            "creatorId": todo.creator,
            "createdTime": todo.created_ms,
            "modifiedTime": todo.modified_ms,
        })
    });
    let mut answer = json!({ "todoCards": cards.collect::<Vec<_>>() });
    if from + PAGE < rows.len() {
        answer["nextToken"] = (from + PAGE).to_string().into();
    }
    Ok(answer)
}

/// Which call a refusal is of.
const CREATE: &str = "taskCreate";
const UPDATE: &str = "taskUpdate";
const DELETE: &str = "taskDelete";
const GET: &str = "taskGet";

/// The platform's mark of to-dos that apps made.
const BIZ_TAG: &str = "isv_dingtalkTodo";

fn wrong(verb: &str, message: impl Into<String>) -> ModernRefusal {
    ModernRefusal::bad(format!("todo.{verb}.paramError"), message)
}

fn kind_of(kind: TodoKind) -> &'static str {
    match kind {
        TodoKind::Todo => "TODO",
        TodoKind::Read => "READ",
    }
}

/// A part of the path, decoded: 0 is before the first slash.
fn segment(call: &Call, at: usize) -> String {
    let part = call.path.split('/').nth(at).unwrap_or_default();
    let plain = part.replace('+', "%2B");
    url::form_urlencoded::parse(format!("v={plain}").as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

/// The person in the path.
fn owner(world: &World, call: &Call, verb: &str) -> Result<String, ModernRefusal> {
    let union_id = segment(call, 4);
    let person = world.person_by_union(&union_id);
    person
        .map(|person| person.unionid.clone())
        .ok_or_else(|| wrong(verb, format!("unionId {union_id} is invalid")))
}

fn own_todo(
    world: &World,
    call: &Call,
    caller: &Caller,
    verb: &str,
) -> Result<Todo, ModernRefusal> {
    owner(world, call, verb)?;
    let todo = segment(call, 6)
        .parse()
        .ok()
        .and_then(|id| world.todos.get(id));
    let todo = todo.ok_or_else(|| wrong(verb, "task not exist"))?;
    if todo.client_id == caller.client_id {
        Ok(todo.clone())
    } else {
        Err(wrong(verb, "task not belong to bizTag"))
    }
}

fn read_new(world: &World, body: &Value) -> Result<Todo, ModernRefusal> {
    let link = |name: &str| -> Result<String, ModernRefusal> {
        let url = body["detailUrl"][name].as_str().unwrap_or_default();
        if url.len() > 1_024 {
            return Err(wrong(CREATE, format!("detailUrl.{name} is oversize")));
        }
        Ok(url.to_owned())
    };
    let (app_url, pc_url) = (link("appUrl")?, link("pcUrl")?);
    if app_url.is_empty() && pc_url.is_empty() {
        return Err(wrong(CREATE, "detailUrl is required"));
    }
    check_notify(&body["notifyConfigs"])?;
    check_notify(&body["remindNotifyConfigs"])?;
    let priority = body["priority"].as_i64();
    if priority.is_some_and(|priority| ![10, 20, 30, 40].contains(&priority)) {
        return Err(wrong(CREATE, "priority is invalid"));
    }
    let kind = match body["todoType"].as_str() {
        None | Some("TODO") => TodoKind::Todo,
        Some("READ") => TodoKind::Read,
        Some(_) => return Err(wrong(CREATE, "todoType is invalid")),
    };
    let executors = people(world, body, "executorIds", EXECUTORS_AT_CREATE, CREATE)?;
    let subject = bounded(body, "subject", 1_024, CREATE)?;
    if subject.trim().is_empty() {
        return Err(ModernRefusal::missing("subject"));
    }
    Ok(Todo {
        subject,
        description: bounded(body, "description", 4_096, CREATE)?,
        due_ms: moment(body, "dueTime", CREATE)?,
        reminder_ms: moment(body, "reminderTimeStamp", CREATE)?,
        executors: executors
            .into_iter()
            .map(|id| Executor { id, is_done: false })
            .collect(),
        participants: people(
            world,
            body,
            "participantIds",
            PARTICIPANTS_AT_CREATE,
            CREATE,
        )?,
        app_url,
        pc_url,
        content_fields: body["contentFieldList"].clone(),
        is_only_shown_to_executors: body["isOnlyShowExecutor"].as_bool() == Some(true),
        priority,
        kind,
        ..Todo::default()
    })
}

/// All values are strings, `"1"` or `"true"`; a number or a boolean is refused.
fn check_notify(configs: &Value) -> Result<(), ModernRefusal> {
    let fields = configs.as_object().into_iter().flatten();
    for (name, value) in fields {
        if !value.is_string() && !value.is_null() {
            return Err(wrong(CREATE, format!("notifyConfigs.{name} is invalid")));
        }
    }
    Ok(())
}

fn bounded(body: &Value, name: &str, at_most: usize, verb: &str) -> Result<String, ModernRefusal> {
    let text = body[name].as_str().unwrap_or_default();
    if text.chars().count() > at_most {
        return Err(wrong(verb, format!("{name} is oversize")));
    }
    Ok(text.to_owned())
}

fn moment(body: &Value, name: &str, verb: &str) -> Result<Option<i64>, ModernRefusal> {
    match &body[name] {
        Value::Null => Ok(None),
        value => value
            .as_i64()
            .filter(|at| *at > 0)
            .map(Some)
            .ok_or_else(|| wrong(verb, format!("{name} is invalid"))),
    }
}

/// unionIds of the organisation, each once.
fn people(
    world: &World,
    body: &Value,
    name: &str,
    at_most: usize,
    verb: &str,
) -> Result<Vec<String>, ModernRefusal> {
    let mut ids = strings(&body[name]);
    if ids.len() > at_most {
        return Err(wrong(verb, format!("{name} is oversize")));
    }
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    match ids.iter().find(|id| world.person_by_union(id).is_none()) {
        Some(unknown) => Err(wrong(verb, format!("{name} {unknown} is invalid"))),
        None => Ok(ids),
    }
}

fn set_done(todo: &mut Todo, is_done: bool, now_ms: i64) {
    todo.is_done = is_done;
    todo.done_ms = is_done.then_some(now_ms);
}

/// An executor ticks a to-do in the client, or takes the tick back. False if it is not theirs.
pub(crate) fn tick(
    shared: &Shared,
    world: &mut World,
    id: u64,
    union_id: &str,
    is_done: bool,
) -> bool {
    let Some(mut todo) = world.todos.get(id).cloned() else {
        return false;
    };
    let own = todo.executors.iter_mut().find(|one| one.id == union_id);
    let Some(own) = own else { return false };
    own.is_done = is_done;
    let now_ms = shared.clock.now_ms();
    let all_done = todo.executors.iter().all(|one| one.is_done);
    if all_done != todo.is_done {
        set_done(&mut todo, all_done, now_ms);
    }
    todo.modified_ms = now_ms;
    keep(shared, world, &todo, "todo_task_update");
    true
}

fn keep(shared: &Shared, world: &mut World, todo: &Todo, event: &str) {
    world.record(Entry::Todo(todo.clone()));
    tell(shared, world, todo, event);
    shared.tell(Event::Changed);
}

/// `todo_task_create`, `todo_task_update` and `todo_task_delete` to the apps that subscribe.
fn tell(shared: &Shared, world: &mut World, todo: &Todo, event: &str) {
    let union_ids: Vec<_> = todo.executors.iter().map(|one| one.id.as_str()).collect();
    let data =
        json!({ "taskId": todo.id.to_string(), "unionIdList": union_ids, "bizTag": BIZ_TAG });
    crate::push::emit(shared, world, event, data);
}

fn whole(todo: &Todo, request_id: &str) -> Value {
    let executors: Vec<_> = todo.executors.iter().map(|one| one.id.as_str()).collect();
    let done: Vec<_> = todo
        .executors
        .iter()
        .filter(|one| one.is_done)
        .map(|one| one.id.as_str())
        .collect();
    json!({
        "id": todo.id.to_string(),
        "subject": todo.subject,
        "description": todo.description,
        "startTime": todo.created_ms,
        "dueTime": todo.due_ms,
        "finishTime": todo.done_ms,
        "done": todo.is_done,
        "executorIds": executors,
        "doneExecutorIds": done,
        "participantIds": todo.participants,
        "detailUrl": { "appUrl": todo.app_url, "pcUrl": todo.pc_url },
        "source": BIZ_TAG,
        "sourceId": todo.source_id,
        "bizTag": BIZ_TAG,
        "createdTime": todo.created_ms,
        "modifiedTime": todo.modified_ms,
        "creatorId": todo.creator,
        "modifierId": todo.creator,
        "isOnlyShowExecutor": todo.is_only_shown_to_executors,
        "priority": todo.priority,
        "todoType": kind_of(todo.kind),
        "requestId": request_id,
    })
}
