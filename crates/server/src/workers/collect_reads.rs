//! Asks the platform who has read a message, while it still tells, as seldom as will do.
//!
//! What it answers becomes receipts `read_reported`: the message was seen, which is neither opening the text nor
//! confirming. Invariant: a receipt per person, notice and lane; nothing is asked any more when the budget is low,
//! when everybody has settled, or when the platform no longer tells.

use std::time::Duration;

use yuezhi_channels::{ReadReport, Reader, SentMessage, Undelivered};
use yuezhi_domain::{ReceiptId, ReceiptKind, ReceiptSource, UnixMillis};
use yuezhi_store::{
    Tx, deliveries, notices, obligations, people,
    platform_messages::{self, PlatformMessage},
    receipts::{self, NewReceipt},
    versions,
};

use super::Next;
use crate::{
    actions::ActionError,
    app::App,
    budget::{self, Level},
    messages,
};

/// Asked about in one tick, one after the other.
const AT_ONCE: usize = 50;

/// Asks about what is due.
pub async fn tick(app: &App) -> Result<Next, ActionError> {
    let now = app.now();
    let config = app.config.dingtalk.clone();
    let (due, level, next) = app
        .db
        .read(move |tx| {
            Ok::<_, ActionError>((
                platform_messages::due_for_check(tx, now, AT_ONCE)?,
                budget::read(tx, &config, now)?.api.level(),
                platform_messages::next_check_at(tx)?,
            ))
        })
        .await?;
    if due.is_empty() {
        return Ok(next.map_or(Next::Idle, Next::At));
    }
    let more = due.len() == AT_ONCE;
    for message in due {
        ask(app, message, level, now).await?;
    }
    Ok(if more { Next::Now } else { Next::Idle })
}

async fn ask(
    app: &App,
    message: PlatformMessage,
    level: Level,
    now: UnixMillis,
) -> Result<(), ActionError> {
    let Some(channel) = app.channels().get(&message.lane).cloned() else {
        return postpone(app, message, None).await;
    };
    let checks = channel.limits().read_checks;
    let next = next_check(&message, checks, now);
    if level >= Level::Low {
        return postpone(app, message, next).await;
    }
    let (notice_no, nos) = (message.notice_no, message.people.clone());
    let (people, wanted) = app
        .db
        .read(move |tx| {
            let people = people::by_nos(tx, &nos)?;
            let wanted =
                nos.is_empty() || obligations::count_outstanding_among(tx, notice_no, &nos)? > 0;
            Ok::<_, ActionError>((people, wanted))
        })
        .await?;
    if !wanted {
        return postpone(app, message, None).await;
    }
    let sent = SentMessage {
        platform_id: message.platform_id.clone(),
        recipients: people.iter().map(messages::recipient).collect(),
        language: app.language,
        sent_at: message.sent_at,
    };
    match channel.readers(&sent, now).await {
        ReadReport::Readers {
            readers,
            undelivered,
        } => {
            if !undelivered.is_empty() {
                record_undelivered(app, &message, undelivered).await?;
            }
            record(app, message, readers, next, now).await
        }
        ReadReport::Later { after, why } => {
            tracing::debug!(lane = %message.lane, code = why.code, "who has read cannot be asked now");
            postpone(
                app,
                message,
                Some(now.plus(after.max(Duration::from_secs(1)))),
            )
            .await
        }
        ReadReport::Unsupported | ReadReport::Over { .. } => postpone(app, message, None).await,
    }
}

/// The first of the channel's times that lies ahead.
fn next_check(
    message: &PlatformMessage,
    checks: &[Duration],
    now: UnixMillis,
) -> Option<UnixMillis> {
    checks
        .iter()
        .map(|after| message.sent_at.plus(*after))
        .find(|at| *at > now)
}

async fn postpone(
    app: &App,
    message: PlatformMessage,
    next: Option<UnixMillis>,
) -> Result<(), ActionError> {
    app.db
        .write(move |tx| {
            platform_messages::postpone_check(tx, &message, next)?;
            Ok(())
        })
        .await
}

async fn record(
    app: &App,
    message: PlatformMessage,
    readers: Vec<Reader>,
    next: Option<UnixMillis>,
    now: UnixMillis,
) -> Result<(), ActionError> {
    let ids = app.ids.clone();
    let notice_no = message.notice_no;
    let news = app
        .db
        .write(move |tx| {
            let count = i64::try_from(readers.len()).unwrap_or(i64::MAX);
            if !platform_messages::record_check(tx, &message, next, count)? || notice_no == 0 {
                return Ok(false);
            }
            Ok::<_, ActionError>(report(tx, &message, &readers, now, &|| ids.next(now))?)
        })
        .await?;
    if news {
        app.announce(notice_no);
    }
    Ok(())
}

/// Sending was accepted, and these people still got nothing: their deliveries have failed, with the reason.
async fn record_undelivered(
    app: &App,
    message: &PlatformMessage,
    undelivered: Vec<Undelivered>,
) -> Result<(), ActionError> {
    let (lane, platform_id) = (message.lane.clone(), message.platform_id.clone());
    tracing::warn!(%lane, people = undelivered.len(), "people did not get a message that the platform had taken");
    app.db
        .write(move |tx| {
            for one in &undelivered {
                let user_id = [one.dingtalk_user_id.clone()];
                let nos = people::nos_by_dingtalk_user_ids(tx, &user_id)?;
                let nos: Vec<i64> = nos.values().copied().collect();
                let why = (one.why.code, one.why.detail.as_str());
                deliveries::record_undelivered(tx, (&lane, &platform_id), &nos, why)?;
            }
            Ok::<_, ActionError>(())
        })
        .await
}

/// Receipts for those of whom there is none yet on this lane; whether there were such.
pub(crate) fn report(
    tx: &mut Tx<'_>,
    message: &PlatformMessage,
    readers: &[Reader],
    now: UnixMillis,
    fresh_id: &dyn Fn() -> ReceiptId,
) -> Result<bool, yuezhi_store::StoreError> {
    let Some(notice) = notices::get(tx, message.notice_no)? else {
        return Ok(false);
    };
    let Some(version) = versions::get(tx, notice.version_no)? else {
        return Ok(false);
    };
    let user_ids: Vec<String> = readers
        .iter()
        .map(|reader| reader.dingtalk_user_id.clone())
        .collect();
    let nos = people::nos_by_dingtalk_user_ids(tx, &user_ids)?;
    let person_nos: Vec<i64> = nos.values().copied().collect();
    let detail = serde_json::json!({ "lane": message.lane }).to_string();
    let known = receipts::read_reported(tx, message.notice_no, &person_nos, &detail)?;
    let mut any = false;
    for reader in readers {
        let Some(person_no) = nos.get(&reader.dingtalk_user_id).copied() else {
            continue;
        };
        if known.contains(&person_no)
            || obligations::get(tx, message.notice_no, person_no)?.is_none()
        {
            continue;
        }
        receipts::insert(
            tx,
            &NewReceipt {
                id: fresh_id(),
                notice_no: message.notice_no,
                person_no,
                version_no: notice.version_no,
                kind: ReceiptKind::ReadReported,
                source: ReceiptSource::Channel,
                at: reader.at.unwrap_or(now),
                language: notice.language,
                text_hash: version.text_hash,
                consent_hash: None,
                detail: detail.clone(),
            },
        )?;
        any = true;
    }
    Ok(any)
}
