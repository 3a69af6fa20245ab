//! To-dos (待办). Everything here goes by unionId, not userid.
//!
//! Callers: a channel for to-dos. Invariant: `source_id` makes a task once; a repeat is
//! `Reason::AlreadyExists` with the task's id. Weakness: people cannot tick a work to-do
//! themselves; they open `detail_url` and the app says who is done. Only the app that made a
//! task may change it; keep the creator's unionId with the task's id.
//! Source: 新增钉钉待办任务, 更新钉钉待办任务, 更新钉钉待办执行者状态, 删除钉钉待办任务, 查询企业下用户待办列表.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Api;
use crate::app::App;
use crate::call::Call;
use crate::error::{Error, MessageProblem};

/// Characters of a subject.
pub const SUBJECT_LIMIT_CHARS: usize = 1024;
/// Executors advised when a task is made; more by [`Todos::update`].
pub const EXECUTORS_AT_START: usize = 100;
/// Executors of one update or one status call.
pub const EXECUTORS_PER_CALL: usize = 1000;
/// Bytes of an address behind a task.
pub const URL_LIMIT_BYTES: usize = 1024;
/// Finished tasks are listed this far back.
pub const FINISHED_DAYS: u32 = 180;

const WRITE: &str = "Todo.Todo.Write";
const READ: &str = "Todo.Todo.Read";
pub const CREATE: Api = Api::post("todo_create", "/v1.0/todo/users/{unionId}/tasks").scope(WRITE);
pub const UPDATE: Api =
    Api::put("todo_update", "/v1.0/todo/users/{unionId}/tasks/{taskId}").scope(WRITE);
pub const STATUS: Api = Api::put(
    "todo_executor_status",
    "/v1.0/todo/users/{unionId}/tasks/{taskId}/executorStatus",
)
.scope(WRITE);
pub const DELETE: Api =
    Api::delete("todo_delete", "/v1.0/todo/users/{unionId}/tasks/{taskId}").scope(WRITE);
pub const GET: Api = Api::get("todo_get", "/v1.0/todo/users/{unionId}/tasks/{taskId}").scope(READ);
pub const QUERY: Api =
    Api::post("todo_query", "/v1.0/todo/users/{unionId}/org/tasks/query").scope(READ);
pub const APIS: &[Api] = &[CREATE, UPDATE, STATUS, DELETE, GET, QUERY];

/// To-dos made by one person.
#[derive(Debug, Clone, Copy)]
pub struct Todos<'a> {
    app: &'a App,
    creator: &'a str,
}

/// Work to be done, or something to be read; the latter stays out of the count of to-dos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TodoKind {
    #[default]
    Todo,
    Read,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    Low,
    Ordinary,
    Urgent,
    VeryUrgent,
}

impl Priority {
    fn number(self) -> u8 {
        match self {
            Self::Low => 10,
            Self::Ordinary => 20,
            Self::Urgent => 30,
            Self::VeryUrgent => 40,
        }
    }
}

/// A task to make.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewTodo {
    pub subject: String,
    /// Idempotency key: one task per source id.
    pub source_id: String,
    pub executor_union_ids: Vec<String>,
    pub participant_union_ids: Vec<String>,
    /// Mandatory since 2024-02-01.
    pub app_url: String,
    pub pc_url: String,
    /// Unix milliseconds.
    pub due_ms: Option<i64>,
    /// Unix milliseconds; DingTalk reminds then by itself.
    pub remind_ms: Option<i64>,
    pub kind: TodoKind,
    pub priority: Option<Priority>,
    /// Label and value, shown in the card.
    pub fields: Vec<(String, String)>,
    /// Also as a DING. Not sent where the creator is the executor.
    pub ding: bool,
    /// Only executors see it in their lists.
    pub only_executors: bool,
}

/// Changes to a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TodoChange {
    pub subject: Option<String>,
    pub due_ms: Option<i64>,
    pub done: Option<bool>,
    /// The whole new list, at most [`EXECUTORS_PER_CALL`].
    pub executor_union_ids: Option<Vec<String>>,
    pub participant_union_ids: Option<Vec<String>>,
}

/// A task as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Todo {
    pub id: String,
    pub subject: String,
    pub done: bool,
    pub source_id: Option<String>,
    pub executor_ids: Vec<String>,
    pub creator_id: Option<String>,
    pub biz_tag: Option<String>,
    pub created_time: Option<i64>,
    pub modified_time: Option<i64>,
    pub due_time: Option<i64>,
}

/// A page of somebody's tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TodoPage {
    #[serde(rename = "todoCards")]
    pub tasks: Vec<TodoCard>,
    pub next_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TodoCard {
    pub task_id: String,
    pub subject: String,
    pub source_id: Option<String>,
    pub is_done: bool,
    pub due_time: Option<i64>,
    pub biz_tag: Option<String>,
}

impl App {
    /// To-dos whose creator and operator is `creator_union_id`.
    pub fn todos<'a>(&'a self, creator_union_id: &'a str) -> Todos<'a> {
        Todos {
            app: self,
            creator: creator_union_id,
        }
    }
}

impl Todos<'_> {
    pub async fn create(&self, new: &NewTodo, now_ms: i64) -> Result<Todo, Error> {
        for (what, unit, limit, got) in [
            (
                "the subject",
                "characters",
                SUBJECT_LIMIT_CHARS,
                new.subject.chars().count(),
            ),
            ("the address", "bytes", URL_LIMIT_BYTES, new.app_url.len()),
            ("the address", "bytes", URL_LIMIT_BYTES, new.pc_url.len()),
        ] {
            if got > limit {
                return Err(MessageProblem::TooLarge {
                    what,
                    unit,
                    limit,
                    got,
                }
                .into());
            }
        }
        let call = self
            .about(&CREATE, None)
            .not_empty("the subject", new.subject.trim().is_empty())
            .not_empty(
                "the address",
                new.app_url.is_empty() || new.pc_url.is_empty(),
            )
            .at_most(
                "executors",
                EXECUTORS_AT_START,
                new.executor_union_ids.len(),
            )
            .at_most(
                "participants",
                EXECUTORS_AT_START,
                new.participant_union_ids.len(),
            )
            .json(&new.to_json(self.creator));
        self.app.read(call, now_ms).await
    }

    pub async fn update(
        &self,
        task_id: &str,
        change: &TodoChange,
        now_ms: i64,
    ) -> Result<(), Error> {
        let mut body = json!({});
        if let Some(subject) = &change.subject {
            body["subject"] = subject.clone().into();
        }
        if let Some(due_ms) = change.due_ms {
            body["dueTime"] = due_ms.into();
        }
        if let Some(done) = change.done {
            body["done"] = done.into();
        }
        let mut call = self.about(&UPDATE, Some(task_id));
        for (key, people) in [
            ("executorIds", &change.executor_union_ids),
            ("participantIds", &change.participant_union_ids),
        ] {
            if let Some(people) = people {
                call = call.at_most("people", EXECUTORS_PER_CALL, people.len());
                body[key] = json!(people);
            }
        }
        self.app.done(call.json(&body), now_ms).await
    }

    /// Says for some executors whether they are done.
    pub async fn set_done(
        &self,
        task_id: &str,
        executors: &[(&str, bool)],
        now_ms: i64,
    ) -> Result<(), Error> {
        let list: Vec<Value> = executors
            .iter()
            .map(|(id, done)| json!({ "id": id, "isDone": done }))
            .collect();
        let call = self
            .about(&STATUS, Some(task_id))
            .not_empty("the list of executors", list.is_empty())
            .at_most("executors", EXECUTORS_PER_CALL, list.len())
            .json(&json!({ "executorStatusList": list }));
        self.app.done(call, now_ms).await
    }

    pub async fn delete(&self, task_id: &str, now_ms: i64) -> Result<(), Error> {
        self.app
            .done(self.about(&DELETE, Some(task_id)), now_ms)
            .await
    }

    pub async fn get(&self, task_id: &str, now_ms: i64) -> Result<Todo, Error> {
        let call = Call::of(&GET)
            .at("unionId", self.creator)
            .at("taskId", task_id);
        self.app.read(call, now_ms).await
    }

    /// One page of the tasks in which this person is executor.
    pub async fn query(
        &self,
        is_done: bool,
        next_token: Option<&str>,
        now_ms: i64,
    ) -> Result<TodoPage, Error> {
        let mut body = json!({ "isDone": is_done, "roleTypes": [["executor"]] });
        if let Some(token) = next_token {
            body["nextToken"] = token.into();
        }
        let call = Call::of(&QUERY).at("unionId", self.creator).json(&body);
        self.app.read(call, now_ms).await
    }

    fn about(&self, api: &'static Api, task_id: Option<&str>) -> Call<'_> {
        let call = Call::of(api)
            .at("unionId", self.creator)
            .query("operatorId", self.creator);
        match task_id {
            Some(task_id) => call.at("taskId", task_id),
            None => call,
        }
    }
}

impl NewTodo {
    fn to_json(&self, creator: &str) -> Value {
        let mut body = json!({
            "subject": self.subject,
            "sourceId": self.source_id,
            "creatorId": creator,
            "executorIds": self.executor_union_ids,
            "participantIds": self.participant_union_ids,
            "detailUrl": { "appUrl": self.app_url, "pcUrl": self.pc_url },
            "isOnlyShowExecutor": self.only_executors,
            "todoType": self.kind,
            // Flags as texts, as documented.
            "notifyConfigs": { "dingNotify": if self.ding { "1" } else { "0" } },
        });
        if let Some(due_ms) = self.due_ms {
            body["dueTime"] = due_ms.into();
        }
        if let Some(remind_ms) = self.remind_ms {
            body["reminderTimeStamp"] = remind_ms.into();
        }
        if let Some(priority) = self.priority {
            body["priority"] = priority.number().into();
        }
        if !self.fields.is_empty() {
            let row =
                |(key, value): &(String, String)| json!({ "fieldKey": key, "fieldValue": value });
            body["contentFieldList"] = self.fields.iter().map(row).collect();
        }
        body
    }
}
