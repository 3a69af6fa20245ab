//! Fires reminders of notices and standing schedules when their time has come.
//!
//! The times stand in the database (`notices.next_reminder_at`, `schedules.next_at`); this tick only asks the actions
//! to decide what is due and tells the loop when to come again.

use super::Next;
use crate::{
    actions::{ActionError, change_schedule, send_reminders},
    app::App,
};

pub async fn tick(app: &App) -> Result<Next, ActionError> {
    // Both are asked before either may fail: neither may keep the other from firing.
    let plans = send_reminders::fire_due(app).await;
    let schedules = change_schedule::fire_due(app).await;
    Ok([plans?, schedules?]
        .into_iter()
        .flatten()
        .min()
        .map_or(Next::Idle, Next::At))
}
