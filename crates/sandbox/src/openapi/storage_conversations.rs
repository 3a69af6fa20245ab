//! Files in conversations: a copy into a group, a link in a group, a file from the app to one person.
//!
//! A copy needs the right to download the file and membership of the group;
//! what an app sends to one person arrives among the work notices.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::groups::live_group;
use super::required;
use super::storage::{Asked, asked, bad};
use super::storage_spaces::space_of_group;
use super::storage_uploads::place;
use crate::call::{Call, ModernRefusal, modern};
use crate::drive::{Change, Dentry, ROOT, Role};
use crate::message::{Content, Message, Sender};
use crate::shared::Shared;
use crate::work_notices;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1.0/convFile/conversations/files/send", modern(send_copy))
        .route(
            "/v1.0/convFile/conversations/files/links/send",
            modern(send_link),
        )
        .route(
            "/v1.0/convFile/apps/conversations/files/send",
            modern(send_as_app),
        )
}

/// `POST …/files/send?unionId {"spaceId","dentryId","openConversationId"}`
fn send_copy(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let conversation = required(&asked.body, "openConversationId")?.to_owned();
    let original = file(&asked, Role::Downloader)?;
    let space = space_of_group(shared, &mut asked, &conversation)?;
    let newest = original.newest().cloned();
    let bytes = newest.as_ref().and_then(|version| {
        asked
            .world
            .drive
            .content(&original.id, version.number)
            .cloned()
    });
    let version = newest.map(|mut version| {
        version.number = 1;
        version.by.clone_from(&asked.operator.userid);
        version.at_ms = asked.now_ms;
        version
    });
    let placed = place(
        shared,
        &mut asked,
        (&space.id, ROOT, &original.name),
        "AUTO_RENAME",
        version,
    )?;
    let copy = placed.dentry().clone();
    if let Some(bytes) = bytes {
        asked.record(Change::Content {
            dentry_id: copy.id.clone(),
            version: 1,
            bytes,
        });
    }
    let sender = Sender::Person {
        userid: asked.operator.userid.clone(),
    };
    say(shared, &mut asked, &conversation, sender, &copy);
    Ok(answer(&asked, &copy, &conversation))
}

/// `POST …/files/links/send?unionId`: the file stays where it is.
fn send_link(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let conversation = required(&asked.body, "openConversationId")?.to_owned();
    let group = live_group(&asked.world, &conversation)?;
    if !group.members.contains(&asked.operator.userid) {
        return Err(ModernRefusal {
            status: 403,
            ..ModernRefusal::bad("permissionDenied", "操作者不在群内")
        });
    }
    let original = file(&asked, Role::Reader)?;
    let sender = Sender::Person {
        userid: asked.operator.userid.clone(),
    };
    say(shared, &mut asked, &conversation, sender, &original);
    Ok(answer(&asked, &original, &conversation))
}

/// `POST …/apps/conversations/files/send?unionId=<receiver> {"spaceId","dentryId"}`
fn send_as_app(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let receiver = asked.operator.clone();
    if !asked.world.is_visible(&asked.caller.client_id, &receiver) {
        return Err(bad("接收者不在应用可见范围内"));
    }
    // The receiver needs no right of his own: the app shows its file.
    let space = asked.known_space(required(&asked.body, "spaceId")?)?;
    let known = asked.world.drive.dentry(required(&asked.body, "dentryId")?);
    let known = known.filter(|dentry| dentry.space_id == space.id && !dentry.is_folder());
    let original = known.cloned().ok_or_else(super::storage::no_dentry)?;
    let conversation = work_notices::conversation(&receiver.userid);
    let name = asked
        .world
        .app(&asked.caller.client_id)
        .map_or_else(String::new, |app| app.name.clone());
    let sender = Sender::App {
        name,
        robot_code: work_notices::SENDER.into(),
    };
    say(shared, &mut asked, &conversation, sender, &original);
    Ok(answer(&asked, &original, &conversation))
}

fn file(asked: &Asked<'_>, least: Role) -> Result<Dentry, ModernRefusal> {
    let dentry = asked.dentry(
        required(&asked.body, "spaceId")?,
        required(&asked.body, "dentryId")?,
        least,
    )?;
    if dentry.is_folder() {
        Err(bad("不能发送文件夹"))
    } else {
        Ok(dentry)
    }
}

fn say(
    shared: &Shared,
    asked: &mut Asked<'_>,
    conversation: &str,
    sender: Sender,
    dentry: &Dentry,
) {
    let message = Message {
        id: 0,
        conversation: conversation.to_owned(),
        at_ms: 0,
        sender,
        content: Content::File {
            name: dentry.name.clone(),
            file_type: dentry.extension().to_owned(),
            href: Some(format!("/sandbox/files/{}", dentry.id)),
        },
        mentions: Vec::new(),
        at_all: false,
        msg_uuid: None,
        process_query_key: None,
        recalled: false,
    };
    shared.post(&mut asked.world, message);
}

fn answer(asked: &Asked<'_>, dentry: &Dentry, conversation: &str) -> Value {
    let mut file = asked.show(dentry, None);
    file["conversationId"] = conversation.into();
    json!({ "file": file })
}
