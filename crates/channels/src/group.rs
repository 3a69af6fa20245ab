//! A notification group (通知群) as a channel: the app's robot writes to it, and the platform tells who has read.
//!
//! Caller: the registry, for each group that the server keeps. Invariant: the lane is `group:NAME`, whatever the group is
//! called in the chat. Weakness: the app's robot cannot mention anybody (official document), so people are named in
//! words; there is no key against repeats: a message whose answer was lost may appear twice.
//! Source: 机器人发送群聊消息, 查询企业机器人群聊消息用户已读状态.

use std::sync::Arc;

use dingtalk::Error;
use yuezhi_domain::{Language, UnixMillis};

use crate::app::DingTalkApp;
use crate::channel::{Address, BoxFuture, Channel, ChannelKind, Cost, Limits};
use crate::dingtalk_verdict::{self, READ_WINDOW};
use crate::group_admin::{self, GroupAt};
use crate::message::{Mentions, Post, Recipient, SentMessage, one_line};
use crate::outcome::{CheckReport, Level, Outcome, ReadReport, Reader, Why};
use crate::{app_robot, codes, limits};

/// A group that the server keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupSettings {
    /// Names the lanes: `group:{name}` and `group_announcement:{name}`.
    pub name: String,
    pub open_conversation_id: String,
    pub chat_id: Option<String>,
    pub is_scene: bool,
    pub owner_user_id: String,
}

impl GroupSettings {
    /// As the calls that change a group name it.
    pub fn at(&self) -> GroupAt {
        GroupAt {
            open_conversation_id: self.open_conversation_id.clone(),
            chat_id: self.chat_id.clone(),
            is_scene: self.is_scene,
        }
    }
}

/// Messages to one group.
pub(crate) struct Group {
    lane: String,
    limits: Limits,
    app: Arc<DingTalkApp>,
    conversation: String,
}

impl Group {
    pub(crate) fn open(app: &Arc<DingTalkApp>, settings: &GroupSettings) -> Arc<dyn Channel> {
        Arc::new(Self {
            lane: format!("{}:{}", ChannelKind::Group, settings.name),
            limits: Limits {
                personal: false,
                address: Address::Group,
                coalesce_above: Some(15),
                read_checks: limits::WITHIN_A_DAY,
                ..limits::of(ChannelKind::Group, app)
            },
            app: Arc::clone(app),
            conversation: settings.open_conversation_id.clone(),
        })
    }
}

impl Channel for Group {
    fn lane(&self) -> &str {
        &self.lane
    }

    fn kind(&self) -> ChannelKind {
        ChannelKind::Group
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn reaches(&self, _: &Recipient) -> Result<(), Why> {
        Ok(())
    }

    fn send<'a>(&'a self, post: &'a Post) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            if post.message.raw.is_some() {
                return Outcome::Reject {
                    why: Why::new(codes::DINGTALK_RAW_UNSUPPORTED, ""),
                };
            }
            match write(&self.app, &self.conversation, post).await {
                Ok(key) => Outcome::Sent {
                    platform_id: Some(key).filter(|key| !key.is_empty()),
                },
                Err(error) => outcome(&error, post.now),
            }
        })
    }

    fn cost(&self, _: usize) -> Cost {
        Cost {
            api_calls: 1,
            push_messages: 0,
        }
    }

    fn readers<'a>(&'a self, sent: &'a SentMessage, now: UnixMillis) -> BoxFuture<'a, ReadReport> {
        Box::pin(readers(
            &self.app,
            &self.conversation,
            &sent.platform_id,
            sent.sent_at,
            now,
        ))
    }

    fn check(&self, now: UnixMillis) -> BoxFuture<'_, CheckReport> {
        Box::pin(check(&self.app, &self.conversation, now))
    }
}

/// Writes to the group; the `processQueryKey`.
pub(crate) async fn write(
    app: &DingTalkApp,
    conversation: &str,
    post: &Post,
) -> Result<String, Error> {
    let url = post.links().next().map_or("", |link| link.url);
    let named = named(&post.mentions, post.message.language);
    let message = app_robot::fitted(&post.message, url, named.as_deref())?;
    app.client()
        .robot(app.robot_code())
        .send_to_group(conversation, &message, post.now.get())
        .await
}

/// What is wrong with the group stops its lane, not one message.
pub(crate) fn outcome(error: &Error, now: UnixMillis) -> Outcome {
    match dingtalk_verdict::outcome(error, now) {
        Outcome::Reject { why } if why.code == codes::DINGTALK_TARGET_GONE => {
            Outcome::Misconfigured {
                why: Why {
                    code: codes::GROUP_GONE,
                    ..why
                },
            }
        }
        other => other,
    }
}

/// Who has read, as long as the platform tells.
pub(crate) async fn readers(
    app: &DingTalkApp,
    conversation: &str,
    key: &str,
    sent_at: UnixMillis,
    now: UnixMillis,
) -> ReadReport {
    if now.since(sent_at) >= READ_WINDOW {
        return limits::reads_over();
    }
    if app.is_out_of_calls() {
        return limits::no_budget();
    }
    let robot = app.client().robot(app.robot_code());
    let mut readers = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..PAGES {
        let page = match robot
            .group_reads(conversation, key, token.as_deref(), now.get())
            .await
        {
            Ok(page) => page,
            Err(error) => return dingtalk_verdict::no_readers(&error, sent_at, now),
        };
        readers.extend(page.read_user_ids.into_iter().map(|user_id| Reader {
            dingtalk_user_id: user_id,
            at: None,
        }));
        token = page.next_token.filter(|next| !next.is_empty());
        if !page.has_more || token.is_none() {
            break;
        }
    }
    ReadReport::readers(readers)
}

/// Of 200 readers each: a group has at most a thousand members.
const PAGES: usize = 10;

/// Whether the robot can write there; one metered call.
pub(crate) async fn check(app: &DingTalkApp, conversation: &str, now: UnixMillis) -> CheckReport {
    match group_admin::has_robot(app, conversation, now).await {
        Ok(true) => CheckReport::one(Level::Fine, Why::new(codes::GROUP_ROBOT_READY, "")),
        Ok(false) => CheckReport::one(Level::Failed, Why::new(codes::GROUP_ROBOT_MISSING, "")),
        Err(error) => {
            let level = match &error {
                group_admin::GroupError::Later { .. } => Level::Warning,
                _ => Level::Failed,
            };
            CheckReport::one(level, error.why())
        }
    }
}

/// More names than this tell nobody anything.
const NAMES: usize = 50;

/// Whom the message is meant for, in words.
fn named(mentions: &Mentions, language: Language) -> Option<String> {
    let zh = language == Language::ZhCn;
    if mentions.all {
        return Some(
            if zh {
                "请全体成员查看"
            } else {
                "For everybody"
            }
            .to_owned(),
        );
    }
    if mentions.people.is_empty() {
        return None;
    }
    let names: Vec<String> = mentions
        .people
        .iter()
        .take(NAMES)
        .map(|person| one_line(&person.name, 40))
        .collect();
    let more = mentions.people.len().saturating_sub(NAMES);
    Some(match (zh, more) {
        (true, 0) => format!("请以下同事查看：{}", names.join("、")),
        (true, more) => format!("请以下同事查看：{}，另有 {more} 人", names.join("、")),
        (false, 0) => format!("For {}", names.join(", ")),
        (false, more) => format!("For {} and {more} more", names.join(", ")),
    })
}
