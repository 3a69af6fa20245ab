//! Publishes files of watched folders as they appear and change.

use super::Next;
use crate::{actions::ActionError, app::App};

pub async fn tick(_app: &App) -> Result<Next, ActionError> {
    Ok(Next::Idle)
}
