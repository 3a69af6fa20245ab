//! Every way out to people, behind one trait: a neutral [`Post`] goes in, an [`Outcome`] comes out.
//!
//! Who calls it: the dispatch worker sends, the doctor and the console check, the planner asks
//! for [`Limits`]. It knows the platforms and nothing of the database.
//! Invariant: a channel never retries on its own account what may have been delivered; what to
//! do next is data in the outcome. No secret stands in an outcome or a report.
//! Weakness: "sent" means accepted by the platform or relay, not shown to a person.
//!
//! A channel is one folder here and one line in [`registry`].

mod announcement;
pub mod app;
pub mod app_checks;
mod app_robot;
pub mod card;
mod channel;
pub mod codes;
mod ding;
mod dingtalk_verdict;
pub mod directory;
pub mod files;
mod group;
pub mod group_admin;
mod group_announcement;
mod limits;
mod login;
mod mail;
mod markdown;
mod message;
mod outcome;
mod personal;
pub mod registry;
pub mod robot;
pub mod stream;
mod todo;
mod work_notice;

pub use app::{AppSettings, BudgetLeft, DingTalkApp, Meter, MeteredCalls, MeteredKind};
pub use channel::{Address, BoxFuture, Channel, ChannelKind, Cost, Limits};
pub use dingtalk::RobotMessage as RawRobot;
pub use group::GroupSettings;
pub use group_announcement::Rung;
pub use login::{DingTalkLogin, InsideVisitor, LoginSettings};
pub use mail::{MailConfig, MailSettings, MailTls};
pub use message::{
    Bulk, Fact, Link, LinkTo, Matter, Mention, Mentions, Message, Para, Post, Recipient,
    SentMessage,
};
pub use outcome::{CheckReport, Finding, Level, Outcome, ReadReport, Reader, Undelivered, Why};
pub use registry::{Broken, ChannelConfig, ConfigError, Registry, RegistryConfig, lanes_of, open};
pub use robot::RobotSettings;
