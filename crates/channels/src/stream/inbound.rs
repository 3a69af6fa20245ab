//! Pushes as the server knows them, and what it can answer.
//!
//! Callers: the Stream link and the HTTP callback make them; the server's handler reads them.
//! Invariant: every variant that changes something carries an id which is the same for every push of the same thing,
//! except a press on a card, which the platform does not number: confirming must be repeatable per card and person.

use std::collections::BTreeMap;

use dingtalk::calls::cards::VALUE_LIMIT_BYTES;
use dingtalk::stream::{
    BotMessage, CardCallback, CardResponse, ContactEvent, ConversationKind, DepartmentChange,
    Event, EventBody, Payload, SessionWebhook, TodoChange, UserChange, Withheld,
};
use yuezhi_domain::UnixMillis;

use crate::message::one_line;

/// Something that DingTalk tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// The confirming button of a card was pressed.
    CardConfirm(CardPress),
    /// Somebody wrote to the robot.
    Reply(Reply),
    /// The directory has changed.
    Directory { event_id: String, change: Change },
    /// Somebody has read a message of the robot.
    MessageRead {
        event_id: String,
        /// The outcome of sending named it so.
        platform_id: String,
        user_id: String,
        at: Option<UnixMillis>,
    },
    /// A to-do was made, changed or deleted, possibly by ourselves.
    TodoChanged {
        event_id: String,
        task_id: String,
        union_ids: Vec<String>,
        step: TodoStep,
    },
    /// A company announcement is out.
    AnnouncementSent {
        event_id: String,
        announcement: AnnouncementOut,
    },
    /// Something came without its content: the month's Webhook & Stream quota is used up.
    OverQuota {
        /// The kind of push.
        about: String,
        /// The platform's words.
        detail: String,
    },
    /// Nothing that this program acts on.
    Other { kind: String, id: String },
}

/// One press on a card's button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardPress {
    pub out_track_id: String,
    pub user_id: String,
    /// The platform's name of this push; another press has another one.
    pub event_id: String,
    /// What the button carries.
    pub params: BTreeMap<String, String>,
}

/// One message to the robot.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The same for every push of this message.
    pub msg_id: String,
    /// Of the organisation; `None` for outsiders, and for everybody before the app is published.
    pub user_id: Option<String>,
    /// The name shown in the chat.
    pub nick: String,
    pub conversation: String,
    pub is_group: bool,
    /// Trimmed; empty for pictures and files.
    pub text: String,
    pub at: Option<UnixMillis>,
    /// Where an answer can be posted for about 90 minutes.
    pub session: Option<Session>,
}

/// The address for answers into one conversation; a secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Session(pub(super) SessionWebhook);

/// What changed in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Joined, came back, or changed: ask for them ([`crate::directory::one`]).
    People(Vec<String>),
    /// Activated DingTalk and can receive messages from now on.
    Activated(Vec<String>),
    Left(Vec<String>),
    /// Departments were made, renamed, moved or removed: only a walk shows where.
    Departments(Vec<i64>),
    /// Other people may see the app, or the app other people.
    Sight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TodoStep {
    Created,
    Updated,
    Deleted,
}

/// An announcement that is out; the only way to learn its id without listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncementOut {
    pub id: String,
    pub sender_union_id: Option<String>,
    pub user_ids: Vec<String>,
    pub department_ids: Vec<i64>,
}

/// What to answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Taken; there is nothing to say.
    Taken,
    /// Not taken: push it again. Only events are sure to come again.
    Later,
    /// What a pressed card is to show.
    Card(CardAnswer),
    /// Said in the conversation a reply came from.
    Say(Saying),
}

/// Card variables; those not named stay as they are. Values above 1 KB are cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardAnswer {
    pub for_all: BTreeMap<String, String>,
    /// Only the person who pressed sees these.
    pub for_presser: BTreeMap<String, String>,
}

/// Words of the robot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saying {
    Text(String),
    Markdown {
        /// Shown in the list of conversations.
        title: String,
        text: String,
    },
}

impl CardAnswer {
    pub(super) fn to_response(&self) -> CardResponse {
        let mut response = CardResponse::unchanged();
        for (key, value) in &self.for_all {
            response = response.for_all(key, fitting(value));
        }
        for (key, value) in &self.for_presser {
            response = response.for_clicker(key, fitting(value));
        }
        response
    }
}

fn fitting(value: &str) -> String {
    if value.len() <= VALUE_LIMIT_BYTES {
        return value.to_owned();
    }
    let mut bytes = "…".len();
    let kept = value
        .chars()
        .take_while(|c| {
            bytes += c.len_utf8();
            bytes <= VALUE_LIMIT_BYTES
        })
        .collect::<String>();
    kept + "…"
}

impl Inbound {
    /// `id`: the platform's name of the push.
    pub(super) fn of(payload: Payload, id: &str) -> Self {
        match payload {
            Payload::Card(press) => Self::of_card(*press, id),
            Payload::Bot(message) => Self::Reply(Reply::of(*message, id)),
            Payload::Event(event) => Self::of_event(*event, id),
            Payload::Withheld(withheld) => Self::of_withheld(withheld),
            Payload::Other(_) => Self::other("push", id),
        }
    }

    pub(super) fn of_card(press: CardCallback, id: &str) -> Self {
        let confirms = press.param("action").as_deref() == Some(CONFIRM)
            || press.action_ids.iter().any(|action| action == CONFIRM);
        // Cards are made with userIdType 1: another type is another app's card.
        if !confirms || press.user_id.is_empty() || press.user_id_type == Some(2) {
            return Self::other("card", id);
        }
        let params = press
            .params
            .keys()
            .filter_map(|key| Some((key.clone(), press.param(key)?)))
            .collect();
        Self::CardConfirm(CardPress {
            out_track_id: press.out_track_id,
            user_id: press.user_id,
            event_id: id.to_owned(),
            params,
        })
    }

    pub(super) fn of_event(event: Event, id: &str) -> Self {
        let event_id = if event.event_id.is_empty() {
            id.to_owned()
        } else {
            event.event_id
        };
        match event.body {
            EventBody::Contact(contact) => Self::Directory {
                event_id,
                change: Change::of(contact),
            },
            EventBody::ScopesChanged(_) => Self::Directory {
                event_id,
                change: Change::Sight,
            },
            EventBody::MessageRead(mark) => match mark.user_id {
                Some(user_id) => Self::MessageRead {
                    event_id,
                    platform_id: mark.process_query_key,
                    user_id,
                    at: mark.at_ms.map(UnixMillis),
                },
                None => Self::other("robot_msg_read", &event_id),
            },
            EventBody::Todo(todo) => Self::TodoChanged {
                event_id,
                task_id: todo.task_id,
                union_ids: todo.union_ids,
                step: match todo.change {
                    TodoChange::Created => TodoStep::Created,
                    TodoChange::Updated => TodoStep::Updated,
                    TodoChange::Deleted => TodoStep::Deleted,
                },
            },
            EventBody::BlackboardSent(sent) => Self::AnnouncementSent {
                event_id,
                announcement: AnnouncementOut {
                    id: sent.blackboard_id,
                    sender_union_id: sent.union_id,
                    user_ids: sent.staff_ids,
                    department_ids: sent.department_ids,
                },
            },
            EventBody::MessageRecalled(_) | EventBody::CheckUrl | EventBody::Unknown => {
                Self::other(&event.event_type, &event_id)
            }
        }
    }

    pub(super) fn of_withheld(withheld: Withheld) -> Self {
        Self::OverQuota {
            detail: dingtalk::redact(&withheld.message, &[]),
            about: withheld.about,
        }
    }

    pub(super) fn other(kind: &str, id: &str) -> Self {
        Self::Other {
            kind: one_line(kind, 64),
            id: id.to_owned(),
        }
    }

    /// The same for every push of the same thing; for a card's press, of the same push.
    pub fn id(&self) -> &str {
        match self {
            Self::CardConfirm(press) => &press.event_id,
            Self::Reply(reply) => &reply.msg_id,
            Self::Directory { event_id, .. }
            | Self::MessageRead { event_id, .. }
            | Self::TodoChanged { event_id, .. }
            | Self::AnnouncementSent { event_id, .. } => event_id,
            Self::OverQuota { about, .. } => about,
            Self::Other { id, .. } => id,
        }
    }
}

/// The button's `action` in the card template.
const CONFIRM: &str = "confirm";

impl Reply {
    pub(super) fn of(message: BotMessage, id: &str) -> Self {
        let text = message.words().unwrap_or_default();
        Self {
            msg_id: if message.msg_id.is_empty() {
                id.to_owned()
            } else {
                message.msg_id
            },
            user_id: message.sender.staff_id,
            nick: message.sender.nick,
            conversation: message.conversation_id,
            is_group: message.conversation == ConversationKind::Group,
            text: text.trim().to_owned(),
            at: message.created_at_ms.map(UnixMillis),
            session: message.session.map(Session),
        }
    }
}

impl Change {
    fn of(contact: ContactEvent) -> Self {
        match contact {
            ContactEvent::Users {
                change, user_ids, ..
            } => match change {
                UserChange::Added | UserChange::Modified => Self::People(user_ids),
                UserChange::Activated => Self::Activated(user_ids),
                UserChange::Left => Self::Left(user_ids),
            },
            ContactEvent::Departments {
                change:
                    DepartmentChange::Created | DepartmentChange::Modified | DepartmentChange::Removed,
                department_ids,
                ..
            } => Self::Departments(department_ids),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(body: &str) -> Inbound {
        Inbound::of_card(CardCallback::from_http(body.as_bytes()).unwrap(), "m1")
    }

    #[test]
    fn only_the_confirming_button_confirms() {
        let body = r#"{"type":"actionCallback","outTrackId":"yz.1.a","corpId":"ding1","userId":"u1",
            "content":"{\"cardPrivateData\":{\"actionIds\":[\"b1\"],\"params\":{\"action\":\"confirm\",\"n\":3}}}"}"#;
        let Inbound::CardConfirm(press_of) = press(body) else {
            panic!("{:?}", press(body));
        };
        assert_eq!(
            (press_of.out_track_id.as_str(), press_of.user_id.as_str()),
            ("yz.1.a", "u1")
        );
        assert_eq!(press_of.params["n"], "3");
        let other = body.replace("confirm", "open");
        assert!(matches!(press(&other), Inbound::Other { .. }));
        let by_union_id = body.replace(r#""userId":"u1""#, r#""userId":"x","userIdType":2"#);
        assert!(matches!(press(&by_union_id), Inbound::Other { .. }));
    }

    #[test]
    fn an_event_is_known_by_its_own_id() {
        let event =
            |plain: &str| Inbound::of_event(Event::from_http(plain).unwrap().unwrap(), "m1");
        let left = event(
            r#"{"EventType":"user_leave_org","eventId":"e7","timeStamp":"1","userId":["u1","u2"]}"#,
        );
        assert_eq!(
            left,
            Inbound::Directory {
                event_id: "e7".into(),
                change: Change::Left(vec!["u1".into(), "u2".into()]),
            }
        );
        assert_eq!(left.id(), "e7");
        let unknown = event(r#"{"EventType":"org_change"}"#);
        assert_eq!(unknown, Inbound::other("org_change", "m1"));
    }

    #[test]
    fn a_long_value_is_cut_to_what_a_card_takes() {
        assert_eq!(fitting("短"), "短");
        let cut = fitting(&"长".repeat(600));
        assert!(cut.len() <= VALUE_LIMIT_BYTES && cut.ends_with('…'));
        let answer = CardAnswer {
            for_presser: [("state".into(), "确".repeat(600))].into(),
            ..CardAnswer::default()
        };
        assert_eq!(answer.to_response().check(), Ok(()));
    }
}
