//! The trait that every way out implements, and its limits as data.
//!
//! Callers: the dispatch worker (`send`, `limits`), the doctor (`check`), the dry run (`reaches`).
//! Invariant: `lane` is stable across restarts; pace and holds are kept under that name.

use std::pin::Pin;
use std::time::Duration;

use yuezhi_domain::{Pace, UnixMillis};

use crate::message::{Bulk, Post, Recipient, SentMessage};
use crate::outcome::{CheckReport, Outcome, ReadReport, Why};

/// A future that a worker can hold without knowing the channel.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One configured way out.
pub trait Channel: Send + Sync {
    /// The endpoint with a limit of its own: `robot:hr`, `mail`.
    fn lane(&self) -> &str;

    fn kind(&self) -> ChannelKind;

    fn limits(&self) -> &Limits;

    /// Whether this person has an address here; the reason if not. Group channels reach everybody.
    fn reaches(&self, recipient: &Recipient) -> Result<(), Why>;

    /// One attempt. Cancelling the future leaves nothing half-used behind, but the message may
    /// already have gone out.
    fn send<'a>(&'a self, post: &'a Post) -> BoxFuture<'a, Outcome>;

    /// One call of the platform for many people: the outcome of each, in the order of the recipients. Called where
    /// [`Limits::people_per_call`] is above 1, with at most so many.
    fn send_many<'a>(&'a self, bulk: &'a Bulk) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(bulk.recipients.len());
            for index in 0..bulk.recipients.len() {
                outcomes.push(self.send(&bulk.post(index)).await);
            }
            outcomes
        })
    }

    /// What sending to so many people takes from the platform's monthly quotas, at most.
    fn cost(&self, _people: usize) -> Cost {
        Cost::default()
    }

    /// Who has read a message, as far as the platform tells; asked at [`Limits::read_checks`].
    fn readers<'a>(
        &'a self,
        _sent: &'a SentMessage,
        _now: UnixMillis,
    ) -> BoxFuture<'a, ReadReport> {
        Box::pin(std::future::ready(ReadReport::Unsupported))
    }

    /// These recipients have settled elsewhere: their copy is to show it (card) or to close (to-do). Called where
    /// [`Limits::follows_up`]; one outcome for all, repeatable.
    fn settle<'a>(&'a self, _sent: &'a SentMessage, _now: UnixMillis) -> BoxFuture<'a, Outcome> {
        Box::pin(std::future::ready(Outcome::Sent { platform_id: None }))
    }

    /// The matter is over for these recipients without their doing. As [`Channel::settle`].
    fn withdraw<'a>(&'a self, _sent: &'a SentMessage, _now: UnixMillis) -> BoxFuture<'a, Outcome> {
        Box::pin(std::future::ready(Outcome::Sent { platform_id: None }))
    }

    /// For the doctor: as much as can be found out without sending a message to anybody.
    fn check(&self, now: UnixMillis) -> BoxFuture<'_, CheckReport>;
}

/// What a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// Custom group robot (自定义机器人).
    Robot,
    /// Mail over SMTP.
    Mail,
    /// Work notice (工作通知), personal.
    WorkNotice,
    /// The app robot's chat with one person (单聊机器人消息).
    AppRobot,
    /// An interactive card (互动卡片) in that chat, with a button that confirms.
    Card,
    /// A to-do (待办) that closes on confirmation.
    Todo,
    /// DING, for those who have not reacted to anything else.
    Ding,
    /// Company announcement (公告) with a list of readers.
    Announcement,
    /// The app robot's message to a notification group (通知群).
    Group,
    /// Group announcement (群公告), or the next best thing that the tenant allows.
    GroupAnnouncement,
}

impl ChannelKind {
    pub const ALL: [Self; 10] = [
        Self::Robot,
        Self::Mail,
        Self::WorkNotice,
        Self::AppRobot,
        Self::Card,
        Self::Todo,
        Self::Ding,
        Self::Announcement,
        Self::Group,
        Self::GroupAnnouncement,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Robot => "robot",
            Self::Mail => "mail",
            Self::WorkNotice => "work_notice",
            Self::AppRobot => "app_robot",
            Self::Card => "card",
            Self::Todo => "todo",
            Self::Ding => "ding",
            Self::Announcement => "announcement",
            Self::Group => "group",
            Self::GroupAnnouncement => "group_announcement",
        }
    }
}

impl ChannelKind {
    /// Of a lane that may not be configured any more: `robot:hr` is a [`Self::Robot`].
    pub fn of_lane(lane: &str) -> Option<Self> {
        let word = lane.split(':').next().unwrap_or(lane);
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// By which name channels of this kind know people.
    pub const fn address(self) -> Address {
        match self {
            Self::Robot | Self::Group | Self::GroupAnnouncement => Address::Group,
            Self::Mail => Address::Mail,
            Self::Todo => Address::DingTalkUnion,
            Self::WorkNotice | Self::AppRobot | Self::Card | Self::Ding | Self::Announcement => {
                Address::DingTalkUser
            }
        }
    }

    /// Too loud for a first message: only reminders go this way.
    pub const fn is_for_reminders_only(self) -> bool {
        matches!(self, Self::Ding)
    }

    /// The message stays in view until the matter is over, so that a reminder need not repeat it.
    pub const fn stands(self) -> bool {
        matches!(
            self,
            Self::Todo | Self::Announcement | Self::GroupAnnouncement
        )
    }
}

impl std::fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a lane can bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Sends per window; `None` means as fast as it goes.
    pub pace: Option<Pace>,
    /// How long the platform refuses after the pace was exceeded.
    pub hold_after_throttle: Duration,
    /// Messages under way at the same time. Each counts until its outcome is on record, so a crash repeats at most so
    /// many.
    pub in_flight: usize,
    /// The same where answers come quicker than a disk writes: then outcomes may wait to be recorded together.
    pub unrecorded: usize,
    /// More due messages than this for one target are better merged into a digest.
    pub coalesce_above: Option<usize>,
    /// Largest message; longer texts are cut on a character boundary.
    pub max_bytes: usize,
    /// One message per person (`Post::recipient` is required) rather than one per group.
    pub personal: bool,
    /// A repeated send with the same key shows one message.
    pub idempotent: bool,
    /// How many recipients one call of the platform takes; above 1 [`Channel::send_many`] is used.
    pub people_per_call: usize,
    /// Which name of the person is needed.
    pub address: Address,
    /// The message can be changed later: [`Channel::settle`] and [`Channel::withdraw`] do something.
    pub follows_up: bool,
    /// So long after sending [`Channel::readers`] is worth asking; empty where the platform cannot tell.
    pub read_checks: &'static [Duration],
    /// The group's members are needed to send ([`Post::members`]).
    pub needs_members: bool,
}

/// By which name a personal channel knows people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// None: a group.
    Group,
    Mail,
    /// `userid`, of somebody who has activated DingTalk.
    DingTalkUser,
    /// `unionid`: to-dos.
    DingTalkUnion,
}

/// Calls that count against the organisation's monthly quotas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Calls of the open platform's interfaces (付费 API 调用量).
    pub api_calls: u64,
    /// Webhook and Stream messages (Webhook & Stream 调用量).
    pub push_messages: u64,
}

impl std::ops::Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            api_calls: self.api_calls + other.api_calls,
            push_messages: self.push_messages + other.push_messages,
        }
    }
}
