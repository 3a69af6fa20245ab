//! `/chat/events`: new messages and reads, live, for one persona.
//!
//! Invariant: a client that fell behind is told to load everything again (`changed`) and misses nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures_util::{Stream, StreamExt};
use serde_json::json;
use tokio_stream::wrappers::BroadcastStream;

use super::{persona_of, view};
use crate::shared::{Event, Shared};

pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Sent, Infallible>>> {
    let userid = persona_of(&shared.world(), &headers)
        .map_or_else(String::new, |person| person.userid.clone());
    let stop = shared.stop.clone().cancelled_owned();
    let heard = BroadcastStream::new(shared.events.subscribe());
    let hello = futures_util::stream::iter([Ok(Sent::default().event("hello").data("{}"))]);
    let told = heard.filter_map(move |event| {
        let sent = event.map_or_else(|_| Some(changed()), |event| tell(&shared, &event, &userid));
        std::future::ready(sent.map(Ok))
    });
    Sse::new(hello.chain(told).take_until(stop))
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

fn tell(shared: &Shared, event: &Event, userid: &str) -> Option<Sent> {
    let world = shared.world();
    match event {
        Event::Message(message) => {
            if !world.may_see(userid, &message.conversation) || !world.shows(message, userid) {
                return None;
            }
            let message = world.message(message.id)?;
            let row = view::conversation(&world, &message.conversation, userid)?;
            let data =
                json!({ "conversation": row, "message": view::message(&world, message, userid) });
            Some(Sent::default().event("message").data(data.to_string()))
        }
        Event::Read {
            conversation,
            userid: reader,
        } => {
            let concerns = world.may_see(userid, conversation);
            let row = view::conversation(&world, conversation, userid).filter(|_| concerns)?;
            let data = json!({ "conversation": row, "mine": reader == userid });
            Some(Sent::default().event("read").data(data.to_string()))
        }
        Event::Card(out_track_id) => {
            let card = world.cards.get(out_track_id)?;
            let at = card.delivery_for(&world, userid, shared.clock.now_ms());
            // A top card that was just closed must leave the page as well.
            let carried = card.deliveries.iter().filter_map(|one| one.message_id);
            let carried = carried
                .filter_map(|id| world.message(id))
                .filter(|message| world.may_see(userid, &message.conversation))
                .filter(|message| world.shows(message, userid));
            let messages: Vec<_> = carried
                .map(|message| view::message(&world, message, userid))
                .collect();
            let tops = card
                .deliveries
                .iter()
                .filter(|one| one.message_id.is_none() && world.may_see(userid, &one.space_id));
            let tops: Vec<_> = tops.map(|one| one.space_id.clone()).collect();
            if at.is_none() && tops.is_empty() {
                return None;
            }
            let data = json!({ "out_track_id": out_track_id, "messages": messages, "tops": tops });
            Some(Sent::default().event("card").data(data.to_string()))
        }
        Event::Mail(id) => {
            let mail = world.mails.iter().rev().find(|mail| mail.id == *id)?;
            let person = world.person(userid);
            let is_mine = person.is_some_and(|person| mail.is_to(&person.email));
            let data = json!({ "mine": is_mine });
            Some(Sent::default().event("mail").data(data.to_string()))
        }
        Event::Changed => Some(changed()),
    }
}

fn changed() -> Sent {
    Sent::default().event("changed").data("{}")
}
