//! An answer in the conversation a reply came from.
//!
//! Callers: the Stream link and the HTTP callback after the handler spoke; the server for what it says later.
//! Invariant: the session's address first (no metered call), the robot's interface when the session has run out or the
//! platform refused it. Weakness: an answer whose fate is unknown is not repeated by the other way.

use dingtalk::stream::ReplyError;
use dingtalk::{AppMessage, At, RobotMessage};
use yuezhi_domain::UnixMillis;

use super::inbound::{Reply, Saying};
use crate::app::DingTalkApp;
use crate::codes;
use crate::dingtalk_verdict;
use crate::message::one_line;
use crate::outcome::Why;

/// Says something where `reply` was written.
pub async fn say(
    app: &DingTalkApp,
    reply: &Reply,
    saying: &Saying,
    now: UnixMillis,
) -> Result<(), Why> {
    if let Some(session) = &reply.session {
        let message = saying.to_robot_message();
        let posted = session
            .0
            .reply(
                app.client().http(),
                app.client().endpoints(),
                &message,
                &At::default(),
                now.get(),
            )
            .await;
        if matches!(posted, Ok(_) | Err(ReplyError::Call(_))) {
            app.count_push("session_webhook");
        }
        match posted {
            Ok(_) => return Ok(()),
            Err(ReplyError::Call(error)) if error.maybe_delivered() => {
                return Err(dingtalk_verdict::why_of(&error, now));
            }
            Err(_) => {}
        }
    }
    let message = saying.to_app_message();
    let robot = app.client().robot(app.robot_code());
    let sent = if reply.is_group {
        robot
            .send_to_group(&reply.conversation, &message, now.get())
            .await
            .map(|_| ())
    } else if let Some(user_id) = &reply.user_id {
        robot
            .send_to_people(&[user_id], &message, now.get())
            .await
            .map(|_| ())
    } else {
        return Err(Why::new(codes::DINGTALK_PERSON_UNKNOWN, ""));
    };
    sent.map_err(|error| dingtalk_verdict::why_of(&error, now))
}

/// The same where nobody waits for the outcome: the person sees no answer and writes again, the log says why.
pub(super) async fn say_or_log(app: &DingTalkApp, reply: &Reply, saying: &Saying, now: UnixMillis) {
    if let Err(why) = say(app, reply, saying, now).await {
        tracing::warn!(message_id = %reply.msg_id, %why, "an answer did not get into the chat");
    }
}

impl Saying {
    pub(super) fn to_robot_message(&self) -> RobotMessage {
        match self {
            Self::Text(content) => RobotMessage::Text {
                content: content.clone(),
            },
            Self::Markdown { title, text } => RobotMessage::Markdown {
                title: one_line(title, 100),
                text: text.clone(),
            },
        }
    }

    fn to_app_message(&self) -> AppMessage {
        match self {
            Self::Text(content) => AppMessage::Text {
                content: content.clone(),
            },
            Self::Markdown { title, text } => AppMessage::Markdown {
                title: one_line(title, 100),
                text: text.clone(),
            },
        }
    }
}
