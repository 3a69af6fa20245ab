//! Events of the subscription (事件订阅): changes of the directory and notices about messages,
//! to-dos and announcements.
//!
//! Callers: frames of type EVENT; [`Event::from_http`] for decrypted HTTP pushes.
//! Invariant: keys are read in any case, as the pages themselves differ.
//! Weakness: `user_modify_org` tells of fields the organisation keeps, not of personal ones; lost
//! events do not come again forever, so the directory needs a full comparison every night.
//! Source: 通讯录事件 and the page of each event, the official documents.

use serde_json::{Map, Value};

use super::lenient::Fields;
use super::notices::{BlackboardSent, MessageMark, ScopesChanged, TodoEvent};
use super::{Withheld, withheld};
use crate::stream::frame::Frame;

/// Events outside the month's Webhook&Stream quota
/// (附录: 不计入 Webhook 调用量的事件列表, as far as published).
pub const UNMETERED_EVENTS: [&str; 14] = [
    "user_add_org",
    "user_modify_org",
    "user_leave_org",
    "user_active_org",
    "org_dept_create",
    "org_dept_modify",
    "org_dept_remove",
    "org_change",
    "label_user_change",
    "label_conf_add",
    "label_conf_del",
    "label_conf_modify",
    "org_admin_add",
    "org_admin_remove",
];

/// Whether a push of this event counts against the Webhook&Stream quota.
pub fn is_metered(event_type: &str) -> bool {
    !UNMETERED_EVENTS.contains(&event_type)
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The same for every push of this event.
    pub event_id: String,
    pub event_type: String,
    pub corp_id: Option<String>,
    /// The app (`eventUnifiedAppId`).
    pub app_id: Option<String>,
    /// Unix milliseconds.
    pub born_at_ms: Option<i64>,
    pub body: EventBody,
    /// The platform's JSON.
    pub data: Value,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EventBody {
    Contact(ContactEvent),
    /// `robot_msg_read`
    MessageRead(MessageMark),
    /// `robot_msg_recall`
    MessageRecalled(MessageMark),
    Todo(TodoEvent),
    /// `blackboard_sent`
    BlackboardSent(BlackboardSent),
    /// `inner_app_scopes_change`: other people may see the app.
    ScopesChanged(ScopesChanged),
    /// `check_url`: the platform tests an address; answer `success`.
    CheckUrl,
    Unknown,
}

/// A change of the directory (通讯录).
#[derive(Debug, Clone, PartialEq)]
pub enum ContactEvent {
    Users {
        change: UserChange,
        user_ids: Vec<String>,
        /// Of [`UserChange::Modified`], where the platform says it.
        diffs: Vec<UserDiff>,
        at_ms: Option<i64>,
    },
    Departments {
        change: DepartmentChange,
        department_ids: Vec<i64>,
        at_ms: Option<i64>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserChange {
    Added,
    Modified,
    Left,
    /// Logged in to DingTalk for the first time.
    Activated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DepartmentChange {
    Created,
    Modified,
    Removed,
}

/// The fields of one person before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct UserDiff {
    pub user_id: String,
    pub prev: Map<String, Value>,
    pub curr: Map<String, Value>,
}

impl Event {
    /// From the plain text that [`CallbackCrypto::open`](crate::callback::CallbackCrypto::open)
    /// gives. `None`: not an event.
    ///
    /// Errors: [`Withheld`] where the platform keeps the content back.
    pub fn from_http(plain: &str) -> Result<Option<Self>, Withheld> {
        let Ok(data) = serde_json::from_str::<Value>(plain) else {
            return Ok(None);
        };
        let fields = Fields::of(&data);
        let Some(event_type) = fields.text("eventtype") else {
            return Ok(None);
        };
        match withheld(&fields, &event_type, false) {
            Some(withheld) => Err(withheld),
            None => Ok(Some(Self::of(&event_type, &Fields::default(), data))),
        }
    }

    pub(super) fn of_frame(frame: &Frame, data: Value) -> Self {
        let headers = Fields::of(&serde_json::json!(frame.headers));
        let event_type = headers
            .text("eventtype")
            .or_else(|| Fields::of(&data).text("eventtype"))
            .unwrap_or_default();
        Self::of(&event_type, &headers, data)
    }

    /// `headers` go before the fields of the data; where the data carries both ids and a `data`
    /// of its own (as the pages print it), the inner one is what happened.
    fn of(event_type: &str, headers: &Fields, data: Value) -> Self {
        let outer = Fields::of(&data);
        let id = |name: &str| headers.text(name).or_else(|| outer.text(name));
        let number = |name: &str| headers.number(name).or_else(|| outer.number(name));
        let nested = outer.has("eventtype") && outer.has("data");
        let data = match outer.value("data") {
            Some(Value::String(text)) if nested => {
                serde_json::from_str(text).unwrap_or_else(|_| data.clone())
            }
            Some(inner) if nested => inner.clone(),
            _ => data,
        };
        let fields = Fields::of(&data);
        Self {
            event_id: id("eventid").or_else(|| id("bizid")).unwrap_or_default(),
            event_type: event_type.to_owned(),
            corp_id: id("eventcorpid").or_else(|| id("corpid")),
            app_id: id("eventunifiedappid"),
            born_at_ms: number("eventborntime").or_else(|| number("eventtime")),
            body: body(event_type, &fields),
            data,
        }
    }

    /// Whether this push counted against the Webhook&Stream quota.
    pub fn is_metered(&self) -> bool {
        is_metered(&self.event_type)
    }
}

fn body(event_type: &str, fields: &Fields) -> EventBody {
    match event_type {
        "user_add_org" => users(UserChange::Added, fields),
        "user_modify_org" => users(UserChange::Modified, fields),
        "user_leave_org" => users(UserChange::Left, fields),
        "user_active_org" => users(UserChange::Activated, fields),
        "org_dept_create" => departments(DepartmentChange::Created, fields),
        "org_dept_modify" => departments(DepartmentChange::Modified, fields),
        "org_dept_remove" => departments(DepartmentChange::Removed, fields),
        "robot_msg_read" => EventBody::MessageRead(MessageMark::of(fields)),
        "robot_msg_recall" => EventBody::MessageRecalled(MessageMark::of(fields)),
        "blackboard_sent" => EventBody::BlackboardSent(BlackboardSent::of(fields)),
        "inner_app_scopes_change" => EventBody::ScopesChanged(ScopesChanged::of(fields)),
        "check_url" => EventBody::CheckUrl,
        other => TodoEvent::of(other, fields).map_or(EventBody::Unknown, EventBody::Todo),
    }
}

fn users(change: UserChange, fields: &Fields) -> EventBody {
    let diffs = fields.items("diffinfo").iter().map(diff).collect();
    EventBody::Contact(ContactEvent::Users {
        change,
        user_ids: fields.texts("userid"),
        diffs,
        at_ms: fields.number("timestamp"),
    })
}

fn departments(change: DepartmentChange, fields: &Fields) -> EventBody {
    EventBody::Contact(ContactEvent::Departments {
        change,
        department_ids: fields.numbers("deptid"),
        at_ms: fields.number("timestamp"),
    })
}

fn diff(value: &Value) -> UserDiff {
    let fields = Fields::of(value);
    let side = |name| match fields.value(name) {
        Some(Value::Object(map)) => map.clone(),
        _ => Map::new(),
    };
    UserDiff {
        user_id: fields.text_or_empty("userid"),
        prev: side("prev"),
        curr: side("curr"),
    }
}
