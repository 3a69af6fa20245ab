//! What DingTalk tells of its own accord: buttons pressed, replies written, people changed, messages read.
//!
//! Called by the Stream worker and the HTTP callback. Invariants: whatever is answered "taken" is on record, once,
//! however often it comes; what could not be done is answered "later" and comes again (events), or stands as it
//! stood (a card's follow-up, a person's next message). Weakness: a message that came while nobody listened is lost,
//! the platform does not promise to repeat it; the directory's nightly walk mends lost events.

use std::time::Duration;

use tokio::time::Instant;
use yuezhi_channels::{
    Reader, card, directory,
    stream::{Answer, CardAnswer, CardPress, Change, Inbound, Reply, Saying},
};
use yuezhi_domain::{NoticeId, UnixMillis};
use yuezhi_store::{followups, inbound_events, people, platform_messages};

use super::{
    ActionError,
    answer_in_chat::{self, CardClick, ChatAnswer, Said},
    sync_directory, walk_directory,
};
use crate::{
    app::App,
    messages::{House, chat},
    workers::collect_reads,
};

/// The platform shows a card's answer within two seconds; the client gives up a little before.
const CARD_ANSWER: Duration = Duration::from_millis(1_200);
/// More changed people than this are left to a walk.
const MOST_PEOPLE: usize = 20;
/// The lane of cards with a button.
const CARD_LANE: &str = "card";

/// Keeps what came and says what to answer.
pub async fn hear(app: &App, inbound: Inbound) -> Answer {
    match take(app, &inbound).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(%error, "what DingTalk told could not be kept; it is asked to tell again");
            Answer::Later
        }
    }
}

async fn take(app: &App, inbound: &Inbound) -> Result<Answer, ActionError> {
    match inbound {
        Inbound::CardConfirm(press) => pressed(app, press).await,
        Inbound::Reply(reply) => reply_to(app, reply).await,
        Inbound::Directory { event_id, change } => {
            if app.config.dingtalk.sync_people {
                change_directory(app, change).await?;
            }
            remember(app, event_id, "directory").await
        }
        Inbound::MessageRead {
            event_id,
            platform_id,
            user_id,
            at,
        } => {
            let reader = Reader {
                dingtalk_user_id: user_id.clone(),
                at: *at,
            };
            read(app, event_id, platform_id, reader).await
        }
        Inbound::TodoChanged { event_id, .. } => remember(app, event_id, "todo").await,
        Inbound::AnnouncementSent { event_id, .. } => remember(app, event_id, "announcement").await,
        Inbound::OverQuota { about, .. } => {
            tracing::warn!(%about, "a push came without content: the month's Stream quota is used up");
            Ok(Answer::Taken)
        }
        Inbound::Other { .. } => Ok(Answer::Taken),
    }
}

async fn remember(app: &App, id: &str, kind: &'static str) -> Result<Answer, ActionError> {
    let (now, id) = (app.now(), id.to_owned());
    app.db
        .write(move |tx| {
            inbound_events::first_time(tx, &id, kind, now)?;
            Ok::<_, ActionError>(())
        })
        .await?;
    Ok(Answer::Taken)
}

async fn pressed(app: &App, press: &CardPress) -> Result<Answer, ActionError> {
    let began = Instant::now();
    let named = card::notice_of(&press.out_track_id);
    let Some(notice_id) = named.and_then(|notice| notice.parse::<NoticeId>().ok()) else {
        // Another program's card; the app is not ours alone.
        return Ok(Answer::Taken);
    };
    let click = CardClick {
        dingtalk_user_id: press.user_id.clone(),
        notice_id,
        out_track_id: press.out_track_id.clone(),
        event_id: press.event_id.clone(),
    };
    let answer = answer_in_chat::press(app, click).await?;
    let is_in_time = began.elapsed() < CARD_ANSWER;
    let settled = matches!(answer.what, Said::Confirmed { .. } | Said::Already { .. });
    record_press(app, press, settled && is_in_time).await?;
    Ok(Answer::Card(CardAnswer {
        for_presser: chat::on_card(&House::of(app), &answer),
        ..CardAnswer::default()
    }))
}

/// The answer itself changes the card, so that it needs no call of its own.
async fn record_press(app: &App, press: &CardPress, is_shown: bool) -> Result<(), ActionError> {
    let (now, press) = (app.now(), press.clone());
    app.db
        .write(move |tx| {
            inbound_events::first_time(tx, &press.event_id, "card", now)?;
            if is_shown && let Some(person) = people::by_dingtalk_user_id(tx, &press.user_id)? {
                followups::shown_already(tx, CARD_LANE, &press.out_track_id, person.no)?;
            }
            Ok::<_, ActionError>(())
        })
        .await
}

async fn reply_to(app: &App, reply: &Reply) -> Result<Answer, ActionError> {
    let house = House::of(app);
    let answer = match &reply.user_id {
        Some(user_id) => {
            let heard = answer_in_chat::Reply {
                dingtalk_user_id: user_id.clone(),
                text: reply.text.clone(),
                message_id: reply.msg_id.clone(),
                in_group: reply.is_group,
            };
            match answer_in_chat::reply(app, heard).await? {
                Some(answer) => answer,
                None => return Ok(Answer::Taken),
            }
        }
        None => ChatAnswer {
            language: app.language,
            what: Said::Stranger,
        },
    };
    Ok(Answer::Say(Saying::Markdown {
        title: chat::headline(&answer, &house),
        text: chat::markdown(&house, &answer, reply.is_group, app.now()),
    }))
}

async fn change_directory(app: &App, change: &Change) -> Result<(), ActionError> {
    match change {
        Change::People(user_ids) if user_ids.len() <= MOST_PEOPLE => {
            for user_id in user_ids {
                one(app, user_id).await?;
            }
            Ok(())
        }
        Change::People(_) | Change::Departments(_) | Change::Sight => walk_soon(app).await,
        Change::Activated(user_ids) => sync_directory::apply_activated(app, user_ids.clone()).await,
        Change::Left(user_ids) => sync_directory::apply_leavers(app, user_ids.clone())
            .await
            .map(drop),
    }
}

/// Asks for one person as they are now: the event says only who.
async fn one(app: &App, user_id: &str) -> Result<(), ActionError> {
    let channels = app.channels();
    let Some(dingtalk) = channels.app() else {
        return Ok(());
    };
    match directory::one(dingtalk, user_id, app.now()).await {
        Ok(Some(person)) => sync_directory::apply_person(app, person).await,
        // Gone again, or out of the app's sight: only a walk can tell.
        Ok(None) => walk_soon(app).await,
        Err(why) => {
            tracing::warn!(
                code = why.code,
                "a changed person could not be asked for; the directory is read soon"
            );
            walk_soon(app).await
        }
    }
}

async fn walk_soon(app: &App) -> Result<(), ActionError> {
    let now: UnixMillis = app.now();
    app.db
        .write(move |tx| Ok::<_, ActionError>(walk_directory::mark(tx, now)?))
        .await
}

/// Somebody has read a message of the robot: told at once what would else be asked for later.
async fn read(
    app: &App,
    event_id: &str,
    platform_id: &str,
    reader: Reader,
) -> Result<Answer, ActionError> {
    let (now, ids) = (app.now(), app.ids.clone());
    let (event_id, platform_id) = (event_id.to_owned(), platform_id.to_owned());
    let lanes: Vec<String> = app
        .channels()
        .lanes()
        .map(|channel| channel.lane().to_owned())
        .collect();
    let notice_no = app
        .db
        .write(move |tx| {
            if !inbound_events::first_time(tx, &event_id, "message_read", now)? {
                return Ok(None);
            }
            for lane in &lanes {
                let message = platform_messages::by_platform_id(tx, lane, &platform_id)?;
                if let Some(message) = message.filter(|message| message.notice_no != 0) {
                    let readers = std::slice::from_ref(&reader);
                    let news =
                        collect_reads::report(tx, &message, readers, now, &|| ids.next(now))?;
                    return Ok(news.then_some(message.notice_no));
                }
            }
            Ok::<_, ActionError>(None)
        })
        .await?;
    if let Some(notice_no) = notice_no {
        app.announce(notice_no);
    }
    Ok(Answer::Taken)
}
