//! `/sandbox/stream*` and `/sandbox/apps/*`: who is connected, what became of the pushes, and how apps are reached.
//!
//! The same is on [`crate::SandboxHandle`] for tests.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::click::{CardAnswer, NotClickable};
use super::deliver::Arrival;
use super::http;
use super::settings::PushSettings;
use super::switchboard::{FailedPush, Out, PushCounts, StreamConnection};
use super::template::Data as CardData;
use super::{template, template_export};
use crate::SandboxHandle;
use crate::shared::Shared;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sandbox/stream", get(stream))
        .route("/sandbox/stream/cut", post(cut))
        .route("/sandbox/stream/disconnect", post(disconnect))
        .route("/sandbox/templates", get(templates).post(import))
        .route("/sandbox/templates/{id}", get(export))
        .route(
            "/sandbox/apps/{client_id}/push",
            put(set_push).get(get_push),
        )
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Whose {
    /// Only the connections of this app.
    client_id: Option<String>,
    /// Of a SYSTEM disconnect.
    reason: Option<String>,
}

async fn stream(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let lines = shared.push.lines();
    let connections: Vec<_> = lines.connections.iter().map(|one| &one.seen).collect();
    Json(json!({
        "connections": connections,
        "tickets": lines.tickets.len(),
        "apps": lines.counts,
        "failed": lines.failed,
    }))
}

/// Ends TCP connections without a word.
async fn cut(State(shared): State<Arc<Shared>>, Query(whose): Query<Whose>) -> Json<Value> {
    Json(json!({ "told": shared.cut_streams(whose.client_id.as_deref()) }))
}

/// Sends SYSTEM disconnects; the connections end ten seconds later.
async fn disconnect(State(shared): State<Arc<Shared>>, Query(whose): Query<Whose>) -> Json<Value> {
    let reason = whose.reason.as_deref().unwrap_or("connection is expired");
    Json(json!({ "told": shared.disconnect_streams(whose.client_id.as_deref(), reason) }))
}

/// All templates: the ready-made ones and each app's own.
async fn templates(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let world = shared.world();
    let own = world
        .apps
        .iter()
        .map(|app| json!({ "client_id": app.client_id, "templates": app.push.templates }));
    let own: Vec<Value> = own.collect();
    Json(json!({ "public": template::public(), "apps": own }))
}

/// A ready-made template or an app's own as the file that the platform's card builder imports.
async fn export(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let world = shared.world();
    let mut own = world.apps.iter().flat_map(|app| &app.push.templates);
    let found = own.find(|template| template.id == id).cloned();
    let found = found.or_else(|| template::public().into_iter().find(|one| one.id == id));
    match found {
        Some(template) => Json(template_export::write(&template)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[derive(Debug, Deserialize)]
struct Import {
    client_id: String,
    id: String,
    #[serde(default)]
    unpublished: bool,
}

/// Binds the file that the platform's card builder exports to an app, in place of an older one with this id.
async fn import(
    State(shared): State<Arc<Shared>>,
    Query(wanted): Query<Import>,
    Json(file): Json<Value>,
) -> Response {
    match shared.import_template(&wanted.client_id, &wanted.id, !wanted.unpublished, &file) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(reason) => {
            let body = Json(json!({ "error": reason }));
            (StatusCode::UNPROCESSABLE_ENTITY, body).into_response()
        }
    }
}

async fn get_push(State(shared): State<Arc<Shared>>, Path(client_id): Path<String>) -> Response {
    match shared.world().app(&client_id) {
        Some(app) => Json(&app.push).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Saves how the app is reached. A callback address for events must first answer `check_url` with `success`.
async fn set_push(
    State(shared): State<Arc<Shared>>,
    Path(client_id): Path<String>,
    Json(settings): Json<PushSettings>,
) -> Response {
    match shared.set_push(&client_id, settings).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(reason) => {
            let body = Json(json!({ "error": reason }));
            (StatusCode::UNPROCESSABLE_ENTITY, body).into_response()
        }
    }
}

impl Shared {
    fn cut_streams(&self, client_id: Option<&str>) -> usize {
        self.push.lines().tell_all(client_id, || Out::Cut)
    }

    fn disconnect_streams(&self, client_id: Option<&str>, reason: &str) -> usize {
        let told = || Out::Disconnect(reason.to_owned());
        self.push.lines().tell_all(client_id, told)
    }

    fn import_template(
        &self,
        client_id: &str,
        id: &str,
        published: bool,
        file: &Value,
    ) -> Result<(), String> {
        let template = template_export::read(id, published, file)?;
        let mut world = self.world();
        let app = world.apps.iter_mut().find(|app| app.client_id == client_id);
        let templates = &mut app
            .ok_or("there is no app with this client id")?
            .push
            .templates;
        templates.retain(|known| known.id != id);
        templates.push(template);
        Ok(())
    }

    async fn set_push(&self, client_id: &str, settings: PushSettings) -> Result<(), String> {
        if let Some(callback) = &settings.event_callback {
            callback.check()?;
            let allowed_ms = self.world().rules.push.http_ms;
            let body = json!({ "EventType": "check_url" });
            match http::post_event(self, client_id, callback, &body, allowed_ms).await {
                Arrival::Acked(_) => {}
                Arrival::TimedOut => return Err("check_url was not answered in time".into()),
                Arrival::Refused | Arrival::NoLine => {
                    return Err("check_url was not answered with an encrypted success".into());
                }
            }
        }
        let mut world = self.world();
        let app = world.apps.iter_mut().find(|app| app.client_id == client_id);
        app.ok_or("there is no app with this client id")?.push = settings;
        Ok(())
    }
}

impl SandboxHandle {
    /// The open Stream connections, oldest first.
    pub fn stream_connections(&self) -> Vec<StreamConnection> {
        let lines = self.shared.push.lines();
        lines
            .connections
            .iter()
            .map(|one| one.seen.clone())
            .collect()
    }

    /// What became of an app's pushes.
    pub fn push_counts(&self, client_id: &str) -> PushCounts {
        let lines = self.shared.push.lines();
        lines.counts.get(client_id).copied().unwrap_or_default()
    }

    /// Events that were given up, oldest first.
    pub fn failed_pushes(&self) -> Vec<FailedPush> {
        self.shared.push.lines().failed.iter().cloned().collect()
    }

    /// Ends all Stream connections (of one app) without a word. Returns how many.
    pub fn cut_streams(&self, client_id: Option<&str>) -> usize {
        self.shared.cut_streams(client_id)
    }

    /// Sends SYSTEM disconnects with this reason. Returns how many.
    pub fn disconnect_streams(&self, client_id: Option<&str>, reason: &str) -> usize {
        self.shared.disconnect_streams(client_id, reason)
    }

    /// Saves how an app is reached; `Err` says why the developer console would not. An address for events must answer
    /// `check_url` first.
    pub async fn set_push(&self, client_id: &str, settings: PushSettings) -> Result<(), String> {
        self.shared.set_push(client_id, settings).await
    }

    /// This person clicks the button with this action id of a card, and waits for the app as the chat client does.
    pub async fn click_card(
        &self,
        out_track_id: &str,
        userid: &str,
        action_id: &str,
    ) -> Result<CardAnswer, NotClickable> {
        let params = CardData::new();
        super::card_click(&self.shared, out_track_id, userid, action_id, &params).await
    }

    /// A card as this person sees it: title, markdown, fields, buttons; `None` if there is none.
    pub fn card(&self, out_track_id: &str, userid: &str) -> Option<Value> {
        super::card_view(&self.shared.world(), out_track_id, userid)
    }

    /// This person says something in a conversation: to an app's robot (`oto/…`), or in a group, where `@name` of the
    /// app reaches its robot. Returns the message's id.
    pub fn say_as(&self, userid: &str, conversation: &str, text: &str) -> u64 {
        let mut world = self.shared.world();
        super::say(&self.shared, &mut world, userid, conversation, text)
    }

    /// Binds a card template to an app: `file` is what the platform's card builder exports.
    pub fn import_template(
        &self,
        client_id: &str,
        id: &str,
        published: bool,
        file: &Value,
    ) -> Result<(), String> {
        self.shared.import_template(client_id, id, published, file)
    }

    /// Pushes an event to every app that subscribes to it, as if it had happened. `data` is the business object alone.
    pub fn emit(&self, event_type: &str, data: Value) {
        let mut world = self.shared.world();
        super::emit(&self.shared, &mut world, event_type, data);
    }
}
