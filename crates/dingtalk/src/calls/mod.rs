//! The typed calls, one file per area. Each area is a light handle borrowed from an
//! [`App`]: `app.robot(code).send_to_people(…)`, `app.announcements(userid).create(…)`.
//!
//! Invariant: limits that the documents state are checked before anything is sent
//! ([`MessageProblem`](crate::MessageProblem)); answers are read leniently; an answer of success
//! whose body says `success: false` is an error.
//! Weakness: interfaces marked [`Api::documented`]` == false` are known from the platform's SDK only.

pub mod app_message;
pub mod blackboard;
pub mod cards;
pub mod ding;
pub mod directory;
pub mod drive;
pub mod group_blackboard;
pub mod groups;
pub mod jsapi;
pub mod media;
pub mod robot_groups;
pub mod robot_people;
pub mod roles;
pub mod todo;
pub mod work_notice;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::Api;
use crate::app::App;
use crate::call::{Call, Reply};
use crate::error::{ApiRefusal, Error, OddAnswer, Oddity};

/// Every interface this crate has a method for: for a table of permissions or of what a plan costs.
pub const ALL: &[&[Api]] = &[
    robot_people::APIS,
    robot_groups::APIS,
    ding::APIS,
    work_notice::APIS,
    cards::APIS,
    blackboard::APIS,
    group_blackboard::APIS,
    groups::APIS,
    todo::APIS,
    directory::APIS,
    roles::APIS,
    jsapi::APIS,
    media::APIS,
    drive::APIS,
];

/// `{"result": …}` of the old host.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
struct Wrapped<T> {
    result: Option<T>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Done {
    success: Option<Value>,
    result: Option<Value>,
    #[serde(alias = "message", alias = "errormsg")]
    errmsg: Option<Value>,
    #[serde(alias = "requestid")]
    request_id: Option<String>,
}

impl App {
    /// The whole body as `T`.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        now_ms: i64,
    ) -> Result<T, Error> {
        self.call(call, now_ms).await?.read()
    }

    /// The body's `result` as `T`.
    pub(crate) async fn result<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        now_ms: i64,
    ) -> Result<T, Error> {
        let reply = self.call(call, now_ms).await?;
        reply.read::<Wrapped<T>>()?.result.ok_or_else(|| {
            Error::Answer(OddAnswer {
                status: 200,
                oddity: Oddity::Unreadable,
                retry_after: None,
                excerpt: "the answer has no result".to_owned(),
            })
        })
    }

    /// The body's `result`, or nothing where there is none.
    pub(crate) async fn list<T: DeserializeOwned + Default>(
        &self,
        call: Call<'_>,
        now_ms: i64,
    ) -> Result<T, Error> {
        let wrapped = self.read::<Wrapped<T>>(call, now_ms).await?;
        Ok(wrapped.result.unwrap_or_default())
    }

    /// Nothing but success, if the body does not deny it.
    pub(crate) async fn done(&self, call: Call<'_>, now_ms: i64) -> Result<(), Error> {
        undenied(&self.call(call, now_ms).await?)
    }
}

/// Errors: [`Error::Api`] with the code `success.false`.
pub(crate) fn undenied(reply: &Reply) -> Result<(), Error> {
    let Ok(done) = reply.read::<Done>() else {
        return Ok(());
    };
    let denies = |value: &Option<Value>| {
        value
            .as_ref()
            .is_some_and(|value| *value == Value::Bool(false) || *value == "false")
    };
    if !denies(&done.success) && !denies(&done.result) {
        return Ok(());
    }
    let words = done.errmsg.as_ref().and_then(Value::as_str);
    Err(Error::Api(Box::new(ApiRefusal {
        status: 200,
        code: "success.false".to_owned(),
        message: crate::redact(
            words.unwrap_or("the answer says that it did not succeed"),
            &[],
        ),
        request_id: done.request_id,
        required_scopes: Vec::new(),
        apply_url: None,
        retry_after: None,
    })))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn every_interface_has_its_own_name() {
        let names: Vec<_> = super::ALL.iter().flat_map(|apis| apis.iter()).collect();
        let unique: HashSet<_> = names.iter().map(|api| api.name).collect();
        assert_eq!(unique.len(), names.len());
        let unique: HashSet<_> = names.iter().map(|api| (api.method, api.path)).collect();
        assert_eq!(unique.len(), names.len());
        assert!(names.len() > 60);
    }
}
