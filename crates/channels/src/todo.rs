//! To-dos (待办): one task for up to a hundred people, which closes for each of them when they have confirmed.
//!
//! Caller: the registry. Invariant: the post's key is the task's source id, so a repeat finds the first task.
//! Weakness: nobody can tick such a task in DingTalk; it closes only because the server says so.
//! Sources: 新增钉钉待办任务, 更新钉钉待办执行者状态.

use std::sync::Arc;

use dingtalk::calls::todo::{
    EXECUTORS_AT_START, EXECUTORS_PER_CALL, NewTodo, SUBJECT_LIMIT_CHARS, TodoKind,
};
use dingtalk::{Error, Reason};
use yuezhi_domain::UnixMillis;

use crate::app::DingTalkApp;
use crate::channel::{Address, Channel, ChannelKind, Limits};
use crate::markdown::title;
use crate::message::{Message, SentMessage, one_line};
use crate::outcome::{CheckReport, Level, Outcome, Why};
use crate::personal::{self, Load, Way, addresses};
use crate::{codes, dingtalk_verdict, limits};

/// Rows of the task's card.
const ROWS: usize = 6;

pub(crate) struct Todo {
    app: Arc<DingTalkApp>,
    limits: Limits,
}

impl Todo {
    /// `None` without an operator, in whose name tasks are made.
    pub(crate) fn open(app: &Arc<DingTalkApp>) -> Option<Arc<dyn Channel>> {
        app.settings().operator_user_id.as_ref()?;
        Some(personal::lane(Self {
            app: Arc::clone(app),
            limits: Limits {
                people_per_call: EXECUTORS_AT_START,
                // Of the subject, at three bytes a character.
                max_bytes: 3 * SUBJECT_LIMIT_CHARS,
                idempotent: true,
                follows_up: true,
                ..limits::of(ChannelKind::Todo, app)
            },
        }))
    }

    async fn close(&self, sent: &SentMessage, now: UnixMillis) -> Result<(), Error> {
        let Some(creator) = self.app.operator_union_id(now).await? else {
            return Ok(());
        };
        let todos = self.app.client().todos(creator);
        let people = addresses(Address::DingTalkUnion, &sent.recipients);
        for some in people.chunks(EXECUTORS_PER_CALL) {
            let done: Vec<(&str, bool)> = some.iter().map(|person| (*person, true)).collect();
            todos.set_done(&sent.platform_id, &done, now.get()).await?;
        }
        Ok(())
    }
}

impl Way for Todo {
    const KIND: ChannelKind = ChannelKind::Todo;

    fn app(&self) -> &DingTalkApp {
        &self.app
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    async fn carry(&self, load: &Load<'_>) -> Result<Vec<Outcome>, Error> {
        let Some(creator) = self.app.operator_union_id(load.now).await? else {
            return Ok(load.all(&no_operator()));
        };
        let todos = self.app.client().todos(creator);
        match todos.create(&new_todo(load), load.now.get()).await {
            Ok(todo) => Ok(load.sent(Some(todo.id).filter(|id| !id.is_empty()))),
            Err(error) => match error.reason() {
                Some(Reason::AlreadyExists { id }) => Ok(load.sent(id)),
                _ => Err(error),
            },
        }
    }

    async fn settle(&self, sent: &SentMessage, now: UnixMillis) -> Result<(), Error> {
        self.close(sent, now).await
    }

    async fn withdraw(&self, sent: &SentMessage, now: UnixMillis) -> Result<(), Error> {
        self.close(sent, now).await
    }

    async fn check(&self, now: UnixMillis) -> CheckReport {
        match self.app.operator_union_id(now).await {
            Ok(Some(_)) => CheckReport::one(Level::Fine, Why::new(codes::DINGTALK_APP_READY, "")),
            Ok(None) => CheckReport::of_outcome(no_operator()),
            Err(error) => CheckReport::of_outcome(dingtalk_verdict::outcome(&error, now)),
        }
    }
}

fn no_operator() -> Outcome {
    Outcome::Misconfigured {
        why: Why::new(codes::DINGTALK_OPERATOR_UNKNOWN, ""),
    }
}

fn new_todo(load: &Load<'_>) -> NewTodo {
    let due_at = load
        .message
        .matter
        .as_ref()
        .and_then(|matter| matter.due_at);
    NewTodo {
        subject: subject(load.message),
        source_id: load.key.clone(),
        executor_union_ids: load.people.iter().map(|&id| id.to_owned()).collect(),
        app_url: load.url.to_owned(),
        pc_url: load.url.to_owned(),
        // A time gone by is refused.
        due_ms: due_at.filter(|due| *due > load.now).map(UnixMillis::get),
        kind: TodoKind::Todo,
        fields: rows(load.message),
        only_executors: true,
        ..NewTodo::default()
    }
}

fn subject(message: &Message) -> String {
    let lead = one_line(&message.lead, 300);
    if lead.is_empty() {
        return title(message);
    }
    one_line(&format!("{} · {lead}", title(message)), SUBJECT_LIMIT_CHARS)
}

fn rows(message: &Message) -> Vec<(String, String)> {
    message
        .facts
        .iter()
        .take(ROWS)
        .map(|fact| (one_line(&fact.label, 20), one_line(&fact.value, 100)))
        .collect()
}
