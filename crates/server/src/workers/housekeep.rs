//! Sweeps away what has run out: sessions, idempotency keys, notices that everybody has settled; brings robots and calendar days that another node saved
//! into this one.

use std::time::Duration;

use yuezhi_store::{idempotency, notices, sessions};

use super::Next;
use crate::{
    actions::{ActionError, import_calendar},
    app::App,
    wiring,
};

/// How long a repeated POST with the same key gets the same answer.
const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 3600);

pub async fn tick(app: &App) -> Result<Next, ActionError> {
    let now = app.now();
    app.db
        .write(move |tx| {
            sessions::delete_expired(tx, now)?;
            notices::close_settled(tx, now)?;
            idempotency::prune(tx, now.minus(IDEMPOTENCY_KEPT))?;
            Ok::<_, ActionError>(())
        })
        .await?;
    wiring::reload(app).await?;
    import_calendar::reload(app).await?;
    Ok(Next::Idle)
}
