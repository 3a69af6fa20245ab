//! `/sandbox/people` and `/sandbox/departments`: a test or a reader plays the organisation's administrator.
//!
//! JSON in and out like the rest of `/sandbox/*`, without login. What an app would be told it is told.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::directory::{self, DirectoryError, LeaveReason};
use crate::organisation::{Department, Person};
use crate::shared::Shared;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sandbox/people", post(hire).get(people))
        .route("/sandbox/people/{userid}", put(change).delete(leave))
        .route("/sandbox/people/{userid}/return", post(rehire))
        .route("/sandbox/departments", post(add_department))
        .route(
            "/sandbox/departments/{id}",
            put(change_department).delete(remove_department),
        )
}

async fn people(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let world = shared.world();
    Json(json!({ "people": world.organisation.people, "leavers": world.directory.leavers }))
}

async fn hire(State(shared): State<Arc<Shared>>, Json(person): Json<Person>) -> Response {
    let done = directory::hire(&shared, &mut shared.world(), person);
    answer(StatusCode::CREATED, done)
}

/// Changes the named fields and leaves the rest.
async fn change(
    State(shared): State<Arc<Shared>>,
    Path(userid): Path<String>,
    Json(fields): Json<Value>,
) -> Response {
    let mut world = shared.world();
    let Some(known) = world.person(&userid) else {
        return answer(StatusCode::OK, Err(DirectoryError::Nobody(userid)));
    };
    match merged(known, &fields) {
        Ok(changed) => {
            let done = directory::change(&shared, &mut world, &userid, |person| *person = changed);
            answer(StatusCode::NO_CONTENT, done)
        }
        Err(reason) => (StatusCode::UNPROCESSABLE_ENTITY, reason).into_response(),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Leaving {
    reason: LeaveReason,
}

/// `DELETE /sandbox/people/{userid}?reason=leave`
async fn leave(
    State(shared): State<Arc<Shared>>,
    Path(userid): Path<String>,
    Query(leaving): Query<Leaving>,
) -> Response {
    let done = directory::leave(&shared, &mut shared.world(), &userid, leaving.reason);
    answer(StatusCode::NO_CONTENT, done)
}

async fn rehire(State(shared): State<Arc<Shared>>, Path(userid): Path<String>) -> Response {
    let done = directory::rehire(&shared, &mut shared.world(), &userid);
    answer(StatusCode::NO_CONTENT, done)
}

async fn add_department(
    State(shared): State<Arc<Shared>>,
    Json(department): Json<Department>,
) -> Response {
    match directory::put_department(&shared, &mut shared.world(), department) {
        Ok(id) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        Err(error) => answer(StatusCode::OK, Err(error)),
    }
}

async fn change_department(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<i64>,
    Json(fields): Json<Value>,
) -> Response {
    let mut world = shared.world();
    let known = world
        .organisation
        .departments
        .iter()
        .find(|department| department.id == id);
    let Some(known) = known else {
        return answer(StatusCode::OK, Err(DirectoryError::NoDepartment(id)));
    };
    match merged(known, &fields) {
        Ok(changed) => {
            let done = directory::put_department(&shared, &mut world, Department { id, ..changed });
            answer(StatusCode::NO_CONTENT, done.map(drop))
        }
        Err(reason) => (StatusCode::UNPROCESSABLE_ENTITY, reason).into_response(),
    }
}

async fn remove_department(State(shared): State<Arc<Shared>>, Path(id): Path<i64>) -> Response {
    let done = directory::remove_department(&shared, &mut shared.world(), id);
    answer(StatusCode::NO_CONTENT, done)
}

/// What is known with some fields replaced.
fn merged<T: serde::Serialize + serde::de::DeserializeOwned>(
    known: &T,
    fields: &Value,
) -> Result<T, String> {
    let mut whole = serde_json::to_value(known).map_err(|error| error.to_string())?;
    for (name, value) in fields.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).map_err(|error| error.to_string())
}

fn answer(done: StatusCode, result: Result<(), DirectoryError>) -> Response {
    match result {
        Ok(()) => done.into_response(),
        Err(error) => {
            let status = match error {
                DirectoryError::Nobody(_)
                | DirectoryError::NeverLeft(_)
                | DirectoryError::NoDepartment(_) => StatusCode::NOT_FOUND,
                DirectoryError::AlreadyHere(_) | DirectoryError::NotEmpty(_) => {
                    StatusCode::CONFLICT
                }
                DirectoryError::Nameless | DirectoryError::Circle(_) => {
                    StatusCode::UNPROCESSABLE_ENTITY
                }
            };
            (status, error.to_string()).into_response()
        }
    }
}
