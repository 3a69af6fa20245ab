//! The pure rules of Yuezhi: policies, versions, audiences, notices, obligations, deliveries, reminders, schedules.
//!
//! Every other crate of the product calls this one; it calls none of them.
//! Invariant: no async, no I/O, no clock and no randomness of its own. Time, random bytes and jitter are arguments,
//! so every rule here can be checked by a property test.
//! Weakness: the rules see only what the caller hands them; uniqueness and ordering across rows are the store's work.

mod words;

pub mod audience;
pub mod content_hash;
pub mod delivery;
pub mod digest;
pub mod due;
pub mod ids;
pub mod language;
pub mod notice;
pub mod obligation;
pub mod pace;
pub mod policy;
pub mod receipt;
pub mod reminder;
pub mod retry;
pub mod schedule;
pub mod time;
pub mod version;
pub mod work_calendar;

pub use audience::{
    Audience, AudienceError, AudienceSyntaxError, DepartmentTree, Directory, Resolved, Term,
};
pub use content_hash::{ContentHash, ContentHasher};
pub use delivery::{DeliveryEvent, DeliveryKind, DeliveryState};
pub use digest::{DigestRule, Merged, merge};
pub use due::{DayOff, DueDate, DueError, DueRule};
pub use ids::{
    AttemptId, DeliveryId, DepartmentId, FileId, IdSource, LaneId, NoticeId, ObligationId,
    OccurrenceId, PersonId, PolicyId, Random, ReceiptId, ScheduleId, SeededRandom, SourceId,
    TokenId, VersionId, WebhookId,
};
pub use language::Language;
pub use notice::{
    Inherited, NoticeEvent, NoticeState, Progress, Requirement, Succession, is_overdue, succession,
};
pub use obligation::{CloseReason, ObligationEvent, ObligationState, Settlement};
pub use pace::{Grant, Pace, PaceLog};
pub use policy::Slug;
pub use receipt::{ReceiptKind, ReceiptSource};
pub use reminder::{OccurrenceOutcome, PlanFacts, Planned, ReminderPlan, Sweep};
pub use retry::RetryPolicy;
pub use schedule::{Occurrence, OnHoliday, Schedule, ScheduleError, ScheduleRule};
pub use time::{TimeZoneName, UnixMillis};
pub use version::{ChangeKind, VersionEvent, VersionState};
pub use words::{Refused, UnknownWord};
pub use work_calendar::{
    CalendarDay, CalendarFile, CalendarWarning, CalendarYear, DayKind, WorkCalendar,
};
