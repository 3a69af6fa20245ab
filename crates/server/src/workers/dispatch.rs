//! Sends what is due, lane by lane.

use super::Next;
use crate::{actions::ActionError, app::App};

pub async fn tick(_app: &App) -> Result<Next, ActionError> {
    Ok(Next::Idle)
}
