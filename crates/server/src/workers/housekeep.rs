//! Sweeps away what has run out: sessions, idempotency keys, events of DingTalk, notices that everybody has settled;
//! brings robots, groups and calendar days that another node saved into this one.

use std::time::Duration;

use yuezhi_store::{idempotency, inbound_events, notices, sessions};

use super::Next;
use crate::{
    actions::{ActionError, import_calendar},
    app::App,
    wiring,
};

/// How long a repeated POST with the same key gets the same answer.
const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 3600);

/// How long a platform's repeated event is recognised; platforms repeat for hours at most.
const EVENTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

pub async fn tick(app: &App) -> Result<Next, ActionError> {
    let now = app.now();
    app.db
        .write(move |tx| {
            sessions::delete_expired(tx, now)?;
            notices::close_settled(tx, now)?;
            idempotency::prune(tx, now.minus(IDEMPOTENCY_KEPT))?;
            inbound_events::forget(tx, now.minus(EVENTS_KEPT))?;
            Ok::<_, ActionError>(())
        })
        .await?;
    wiring::reload(app).await?;
    import_calendar::reload(app).await?;
    Ok(Next::Idle)
}
