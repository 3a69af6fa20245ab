//! To-dos (待办) of v1.0, by unionId: who made them, who has to do them, who is done.
//!
//! Written by `openapi::todos`; shown by the chat client and `GET /sandbox/todos`. Invariant: only the app that made a
//! to-do changes it; one source id of an app names at most one to-do that is not deleted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Todo {
    /// A number as text on the wire of the to-do API.
    pub id: u64,
    pub client_id: String,
    /// unionId
    pub creator: String,
    pub subject: String,
    pub description: String,
    pub source_id: String,
    pub due_ms: Option<i64>,
    pub reminder_ms: Option<i64>,
    pub executors: Vec<Executor>,
    /// unionIds
    pub participants: Vec<String>,
    pub app_url: String,
    pub pc_url: String,
    pub content_fields: Value,
    pub is_only_shown_to_executors: bool,
    pub priority: Option<i64>,
    pub kind: TodoKind,
    pub is_done: bool,
    /// unionIds of those whose list it was taken off.
    pub hidden_for: Vec<String>,
    /// When it was done, to leave it out of lists after 180 days.
    pub done_ms: Option<i64>,
    pub created_ms: i64,
    pub modified_ms: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executor {
    /// unionId
    pub id: String,
    pub is_done: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TodoKind {
    #[default]
    Todo,
    /// 待阅
    Read,
}

#[derive(Debug, Default)]
pub(crate) struct Todos {
    todos: BTreeMap<u64, Todo>,
    last_id: u64,
}

impl Todos {
    /// Puts a new or changed to-do in place.
    pub(crate) fn put(&mut self, todo: Todo) {
        self.last_id = self.last_id.max(todo.id);
        self.todos.insert(todo.id, todo);
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.todos.remove(&id);
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Todo> {
        self.todos.get(&id)
    }

    pub(crate) fn with_source(&self, client_id: &str, source_id: &str) -> Option<&Todo> {
        self.todos
            .values()
            .find(|todo| todo.client_id == client_id && todo.source_id == source_id)
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Todo> {
        self.todos.values()
    }

    /// The numbers only look like the platform's; they grow.
    pub(crate) fn next_id(&self) -> u64 {
        self.last_id.max(61_000_000_000_000) + 1
    }
}

impl Todo {
    pub(crate) fn is_of(&self, union_id: &str) -> bool {
        self.executors.iter().any(|one| one.id == union_id)
    }

    /// Done for this person: by themselves, or for everyone.
    pub(crate) fn is_done_for(&self, union_id: &str) -> bool {
        self.is_done
            || self
                .executors
                .iter()
                .any(|one| one.id == union_id && one.is_done)
    }
}
