//! DING inside DingTalk, for those who have not reacted to anything else: two hundred people a call.
//!
//! Caller: the registry. Invariant: never by SMS or phone, which cost money. Weakness: the words are plain text with an
//! address in it; who has read is known from the platform's SDK only.
//! Source: 机器人发送DING消息.

use std::sync::Arc;

use dingtalk::Error;
use dingtalk::calls::ding::{DingBy, IN_APP_RECEIVERS};
use dingtalk::calls::robot_people::ReadStatus;
use yuezhi_domain::UnixMillis;

use crate::app::DingTalkApp;
use crate::channel::{Channel, ChannelKind, Limits};
use crate::dingtalk_verdict::{self, READ_WINDOW};
use crate::markdown::{in_bytes, title};
use crate::message::{SentMessage, one_line};
use crate::outcome::{CheckReport, Outcome, ReadReport, Reader, Why};
use crate::personal::{self, Load, Way};
use crate::{codes, limits};

/// No limit is documented; a DING is a call and not a text.
const TEXT_BYTES: usize = 1_500;

pub(crate) struct Ding {
    app: Arc<DingTalkApp>,
    limits: Limits,
}

impl Ding {
    pub(crate) fn open(app: &Arc<DingTalkApp>) -> Arc<dyn Channel> {
        personal::lane(Self {
            app: Arc::clone(app),
            limits: Limits {
                people_per_call: IN_APP_RECEIVERS,
                max_bytes: TEXT_BYTES,
                read_checks: limits::WITHIN_A_DAY,
                ..limits::of(ChannelKind::Ding, app)
            },
        })
    }
}

impl Way for Ding {
    const KIND: ChannelKind = ChannelKind::Ding;

    fn app(&self) -> &DingTalkApp {
        &self.app
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    async fn carry(&self, load: &Load<'_>) -> Result<Vec<Outcome>, Error> {
        let robot = self.app.client().robot(self.app.robot_code());
        let sent = robot
            .ding(DingBy::App, &load.people, &words(load), load.now.get())
            .await?;
        let id = Some(sent.open_ding_id.clone()).filter(|id| !id.is_empty());
        let of_person = |person: &&str| {
            let failed = |people: &Vec<String>| people.iter().any(|failed| failed == person);
            match sent.failed.iter().find(|(_, people)| failed(people)) {
                Some((reason, _)) => Outcome::Reject {
                    why: Why::redacted(codes::DINGTALK_DING_NOT_DELIVERED, reason, &[]),
                },
                None => Outcome::Sent {
                    platform_id: id.clone(),
                },
            }
        };
        Ok(load.people.iter().map(of_person).collect())
    }

    async fn readers(&self, sent: &SentMessage, now: UnixMillis) -> Result<ReadReport, Error> {
        // No end is documented; after the last check nobody asks.
        if now.since(sent.sent_at) >= READ_WINDOW {
            return Ok(limits::reads_over());
        }
        let robot = self.app.client().robot(self.app.robot_code());
        let reads = robot.ding_reads(&sent.platform_id, now.get()).await?;
        let readers = reads
            .into_iter()
            .filter(|person| person.read_status == ReadStatus::Read)
            .map(|person| Reader {
                dingtalk_user_id: person.user_id,
                at: None,
            })
            .collect();
        Ok(ReadReport::readers(readers))
    }

    async fn check(&self, now: UnixMillis) -> CheckReport {
        let probe = self.app.client().probe();
        let found = probe.robot(self.app.robot_code(), now.get()).await;
        dingtalk_verdict::of_probe(found, now)
    }
}

fn words(load: &Load<'_>) -> String {
    let title = title(load.message);
    let room = TEXT_BYTES.saturating_sub(title.len() + load.url.len() + 2);
    let lead = in_bytes(&one_line(&load.message.lead, 300), room);
    [title.as_str(), &lead, load.url]
        .into_iter()
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}
