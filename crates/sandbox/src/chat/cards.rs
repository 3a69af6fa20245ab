//! Cards in the chat client: as the persona sees them, the tops of a group, and clicks.
//!
//! A click waits for the app as the real client does; the answer says what to show.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Conversation, NOBODY, NOT_YOURS, Refused, persona_of};
use crate::push::{self, CardAnswer, CardData, NotClickable};
use crate::shared::Shared;

const NO_CARD: Refused = Refused(
    StatusCode::NOT_FOUND,
    "没有这张卡片",
    "There is no such card",
);

/// `GET /chat/cards/{out_track_id}`
pub(super) async fn card(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(out_track_id): Path<String>,
) -> Result<Json<Value>, Refused> {
    let world = shared.world();
    let person = persona_of(&world, &headers).ok_or(NOBODY)?;
    let card = world.cards.get(&out_track_id).ok_or(NO_CARD)?;
    let now_ms = shared.clock.now_ms();
    card.delivery_for(&world, &person.userid, now_ms)
        .ok_or(NO_CARD)?;
    push::card_view(&world, &out_track_id, &person.userid)
        .map(Json)
        .ok_or(NO_CARD)
}

/// `GET /chat/tops?conversation=…`: the open top cards of a group.
pub(super) async fn tops(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(wanted): Query<Conversation>,
) -> Result<Json<Value>, Refused> {
    let world = shared.world();
    let person = persona_of(&world, &headers).ok_or(NOBODY)?;
    if !world.may_see(&person.userid, &wanted.conversation) {
        return Err(NOT_YOURS);
    }
    let now_ms = shared.clock.now_ms();
    let tops = world.cards.tops(&wanted.conversation, now_ms);
    let own = tops
        .iter()
        .filter(|(_, delivery)| delivery.is_for(&person.userid));
    let views = own.filter_map(|(card, _)| {
        let mut view = push::card_view(&world, &card.out_track_id, &person.userid)?;
        view["bubble"] = push::draw_card(&world, &card.out_track_id, &person.userid).into();
        Some(view)
    });
    Ok(Json(json!({ "tops": views.collect::<Vec<_>>() })))
}

#[derive(Debug, Deserialize)]
pub(super) struct Click {
    out_track_id: String,
    action_id: String,
    #[serde(default)]
    params: CardData,
}

/// `POST /chat/cards/click {"out_track_id","action_id"}`: answers when the app has, or after two seconds.
pub(super) async fn click(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(click): Json<Click>,
) -> Result<Json<Value>, Refused> {
    let userid = persona_of(&shared.world(), &headers)
        .ok_or(NOBODY)?
        .userid
        .clone();
    let clicked = push::card_click(
        &shared,
        &click.out_track_id,
        &userid,
        &click.action_id,
        &click.params,
    );
    let result = clicked.await.map_err(|error| match error {
        NotClickable::NoCard => NO_CARD,
        NotClickable::NoButton => Refused(
            StatusCode::CONFLICT,
            "按钮已不可点击",
            "The button can no longer be clicked",
        ),
    })?;
    let (zh, en) = words(result);
    let card = push::card_view(&shared.world(), &click.out_track_id, &userid);
    Ok(Json(
        json!({ "result": result, "zh": zh, "en": en, "card": card }),
    ))
}

/// What the client shows for a moment; nothing where the card speaks for itself.
fn words(answer: CardAnswer) -> (&'static str, &'static str) {
    match answer {
        CardAnswer::Updated | CardAnswer::Answered => ("", ""),
        CardAnswer::Unanswered => ("请求超时，请稍后再试", "Timed out, please try again later"),
        CardAnswer::Refused => ("操作失败", "That did not work"),
        CardAnswer::NotDelivered => (
            "操作失败：应用没有接收卡片回调",
            "That did not work: the app takes no callbacks of this card",
        ),
    }
}
