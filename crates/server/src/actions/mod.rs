//! Everything the system can do: one verb a file. `ls` of this folder is the list.
//!
//! Called by the console, the API, the employee pages, the command line and the workers, which parse and render;
//! all decisions are here. Invariant: an action makes its change in one `db.write` closure, or none at all; nothing
//! in a closure touches the network.

pub mod answer_in_chat;
pub mod cancel_notice;
pub mod change_schedule;
pub mod check_setup;
pub mod confirm_reading;
pub mod create_token;
pub mod hear_dingtalk;
pub mod import_calendar;
pub mod import_people;
mod keep_people;
pub mod publish_version;
pub mod record_opening;
pub mod retry_delivery;
pub mod save_group;
pub mod save_robot;
pub mod send_reminders;
pub mod send_test;
pub mod sign_in;
pub mod sync_directory;
pub mod walk_directory;

use std::fmt;

pub use crate::refusal::{ActionError, Refusal, RefusalKind};

/// Who does something; stands in the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Somebody signed in to the console.
    Account { no: i64, login: String },
    /// A script with an API token.
    Token { name: String },
    /// The command line on the server's own machine.
    CommandLine,
    /// A watched folder.
    Folder { source: String },
    /// A person of the directory, about themselves.
    Person { no: i64, staff_no: String },
    /// A schedule or a plan.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account { login, .. } => write!(f, "account:{login}"),
            Self::Token { name } => write!(f, "token:{name}"),
            Self::CommandLine => f.write_str("command-line"),
            Self::Folder { source } => write!(f, "folder:{source}"),
            Self::Person { staff_no, .. } => write!(f, "person:{staff_no}"),
            Self::System => f.write_str("system"),
        }
    }
}
