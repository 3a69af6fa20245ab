//! The app robot's chat with single people (单聊机器人消息): twenty people a call, a card with one button.
//!
//! Caller: the registry. Invariant: success of the call is not success for everybody: the platform names whom it does not
//! know and whom it throttled. Weakness: no key against repeats; after a lost answer a repeat may show twice.
//! Sources: 批量发送人与机器人会话中机器人消息, 批量查询人与机器人会话机器人消息是否已读.

use std::sync::Arc;
use std::time::Duration;

use dingtalk::calls::app_message::MESSAGE_PARAM_LIMIT_BYTES;
use dingtalk::calls::robot_people::{PEOPLE_PER_SEND, PersonOutcome, PersonRead, ReadStatus};
use dingtalk::{AppMessage, Button, Error, MessageProblem, Orientation};
use yuezhi_domain::UnixMillis;

use crate::app::DingTalkApp;
use crate::channel::{Channel, ChannelKind, Limits};
use crate::dingtalk_verdict::{self, READ_WINDOW};
use crate::markdown::{button_label, further_links, markdown, shorten, title};
use crate::message::{Message, SentMessage};
use crate::outcome::{CheckReport, Outcome, ReadReport, Reader, Why};
use crate::personal::{self, Load, Way};
use crate::{codes, limits};

/// A person whom the platform throttled is tried again after this.
const AGAIN: Duration = Duration::from_mins(1);

pub(crate) struct AppRobot {
    app: Arc<DingTalkApp>,
    limits: Limits,
}

impl AppRobot {
    pub(crate) fn open(app: &Arc<DingTalkApp>) -> Arc<dyn Channel> {
        personal::lane(Self {
            app: Arc::clone(app),
            limits: Limits {
                people_per_call: PEOPLE_PER_SEND,
                max_bytes: MESSAGE_PARAM_LIMIT_BYTES,
                read_checks: limits::WITHIN_A_DAY,
                ..limits::of(ChannelKind::AppRobot, app)
            },
        })
    }
}

impl Way for AppRobot {
    const KIND: ChannelKind = ChannelKind::AppRobot;

    fn app(&self) -> &DingTalkApp {
        &self.app
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    async fn carry(&self, load: &Load<'_>) -> Result<Vec<Outcome>, Error> {
        let message = fitted(load.message, load.url, None)?;
        let robot = self.app.client().robot(self.app.robot_code());
        let sent = robot
            .send_to_people(&load.people, &message, load.now.get())
            .await?;
        let key = Some(sent.process_query_key.clone()).filter(|key| !key.is_empty());
        Ok(load
            .people
            .iter()
            .map(|person| of_person(sent.of(person), key.as_deref()))
            .collect())
    }

    async fn readers(&self, sent: &SentMessage, now: UnixMillis) -> Result<ReadReport, Error> {
        if now.since(sent.sent_at) >= READ_WINDOW {
            return Ok(limits::reads_over());
        }
        let robot = self.app.client().robot(self.app.robot_code());
        let reads = robot.people_reads(&sent.platform_id, now.get()).await?;
        Ok(ReadReport::readers(read(reads.people)))
    }

    async fn check(&self, now: UnixMillis) -> CheckReport {
        let probe = self.app.client().probe();
        let found = probe.robot(self.app.robot_code(), now.get()).await;
        dingtalk_verdict::of_probe(found, now)
    }
}

/// Those who have read.
pub(crate) fn read(people: Vec<PersonRead>) -> Vec<Reader> {
    people
        .into_iter()
        .filter(|person| person.read_status == ReadStatus::Read)
        .map(|person| Reader {
            dingtalk_user_id: person.user_id,
            at: person.read_timestamp.filter(|at| *at > 0).map(UnixMillis),
        })
        .collect()
}

/// The message as a card with one button, or as markdown where there is nothing to open; its text cut to the limit. `last`: a
/// line at the end.
///
/// Errors: it cannot be made to fit.
pub(crate) fn fitted(
    message: &Message,
    url: &str,
    last: Option<&str>,
) -> Result<AppMessage, Error> {
    let build = |text: &str| {
        let title = title(message);
        let text = text.to_owned();
        if url.is_empty() {
            return AppMessage::Markdown { title, text };
        }
        AppMessage::ActionCard {
            title,
            text,
            buttons: vec![Button {
                title: button_label(message),
                url: url.to_owned(),
            }],
            orientation: Orientation::Vertical,
        }
    };
    let long = markdown(message, further_links(message), last);
    let text = shorten(&long, |cut| build(cut).fits()).ok_or(MessageProblem::TooLarge {
        what: "the message without its text",
        unit: "bytes",
        limit: MESSAGE_PARAM_LIMIT_BYTES,
        got: MESSAGE_PARAM_LIMIT_BYTES + 1,
    })?;
    Ok(build(&text))
}

fn of_person(outcome: PersonOutcome, key: Option<&str>) -> Outcome {
    match outcome {
        PersonOutcome::Accepted => Outcome::Sent {
            platform_id: key.map(ToOwned::to_owned),
        },
        PersonOutcome::Invalid => Outcome::Reject {
            why: Why::new(codes::DINGTALK_PERSON_UNKNOWN, ""),
        },
        PersonOutcome::FlowControlled => Outcome::Retry {
            after: Some(AGAIN),
            why: Why::new(codes::DINGTALK_PERSON_THROTTLED, ""),
            maybe_delivered: false,
        },
        PersonOutcome::Filtered => Outcome::Reject {
            why: Why::new(codes::DINGTALK_PERSON_FILTERED, ""),
        },
    }
}
