//! DINGs (强提醒) that app robots sent.
//!
//! Written by `openapi::ding`; each receiver has it in the conversation [`conversation`]. Who has read it is told by
//! that conversation's reads. Invariant: a DING changes only by being recalled.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::message::personal_conversation;

/// Stands where a robot code stands in other personal conversations.
pub(crate) const SENDER: &str = "ding";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ding {
    /// `openDingId`, also the query key of its messages.
    pub id: String,
    pub robot_code: String,
    /// 1 in the app, 2 short message, 3 call.
    pub remind_type: u8,
    pub receivers: Vec<String>,
    pub content: String,
    pub at_ms: i64,
    pub recalled: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Dings {
    dings: BTreeMap<String, Ding>,
}

/// Where a person's DINGs are shown.
pub(crate) fn conversation(userid: &str) -> String {
    personal_conversation(SENDER, userid)
}

impl Dings {
    /// Puts a new or changed DING in place.
    pub(crate) fn put(&mut self, ding: Ding) {
        self.dings.insert(ding.id.clone(), ding);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Ding> {
        self.dings.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Ding> {
        self.dings.values()
    }
}
