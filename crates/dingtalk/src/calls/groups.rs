//! Groups (群会话): made, kept in step, looked up.
//!
//! Callers: whatever keeps a notification group. Invariant: `uuid` makes a scene group once.
//! Weakness: internal groups can only be changed if this interface made them; a scene group
//! takes members some seconds after it was made (400020: again in five seconds).
//! The old `chat/create` family is closed to new apps and is not here.
//! Source: 创建群会话 (im/group), 创建场景群 (sceneGroup), 查询群会话, 转换chatId为openConversationId.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::Api;
use crate::app::App;
use crate::call::Call;
use crate::error::{Error, MessageProblem};

/// Characters of an internal group's name.
pub const NAME_LIMIT_CHARS: usize = 20;
/// Characters of a scene group's title.
pub const TITLE_LIMIT_CHARS: usize = 30;
/// Members named in one call that makes or changes an internal group (stated on the older pages).
pub const MEMBERS_PER_CALL: usize = 40;
/// Members a scene group is made with.
pub const SCENE_MEMBERS_AT_START: usize = 999;
/// Members added to or removed from a scene group in one call.
pub const SCENE_MEMBERS_PER_CALL: usize = 100;
/// Members of a group.
pub const MEMBERS_LIMIT: usize = 1000;

const SCOPE: &str = "qyapi_chat_manage";
pub const CREATE: Api = Api::post("group_create", "/v1.0/im/group/create").scope(SCOPE);
pub const UPDATE: Api = Api::post("group_update", "/v1.0/im/group/update").scope(SCOPE);
pub const GET: Api = Api::get("group_get", "/chat/get").scope(SCOPE);
pub const CONVERT: Api = Api::post(
    "group_convert_id",
    "/v1.0/im/chat/{chatId}/convertToOpenConversationId",
)
.scope(SCOPE);
pub const SCENE_CREATE: Api =
    Api::post("scene_group_create", "/v1.0/im/sceneGroup/create").scope(SCOPE);
pub const SCENE_UPDATE: Api =
    Api::post("scene_group_update", "/v1.0/im/sceneGroup/update").scope(SCOPE);
pub const SCENE_ADD: Api =
    Api::post("scene_group_add", "/v1.0/im/sceneGroup/member/add").scope(SCOPE);
pub const SCENE_REMOVE: Api =
    Api::post("scene_group_remove", "/v1.0/im/sceneGroup/member/delete").scope(SCOPE);
pub const SCENE_MEMBERS: Api = Api::post(
    "scene_group_members",
    "/v1.0/im/sceneGroups/members/batchQuery",
)
.scope(SCOPE);
pub const SCENE_QUERY: Api =
    Api::post("scene_group_query", "/v1.0/im/sceneGroups/query").scope(SCOPE);
pub const APIS: &[Api] = &[
    CREATE,
    UPDATE,
    GET,
    CONVERT,
    SCENE_CREATE,
    SCENE_UPDATE,
    SCENE_ADD,
    SCENE_REMOVE,
    SCENE_MEMBERS,
    SCENE_QUERY,
];

/// Groups of one app's organisation.
#[derive(Debug, Clone, Copy)]
pub struct Groups<'a> {
    app: &'a App,
}

/// What members of an internal group may do; `None` leaves the platform's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupRules {
    /// 0 everybody, 1 the owner only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mention_all_authority: Option<u8>,
    /// 1: newcomers see the last 100 messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_history_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searchable: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_banned_type: Option<u8>,
    /// 0 everybody manages, 1 the owner only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management_type: Option<u8>,
}

/// An internal group to make.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewGroup {
    /// 1 to [`NAME_LIMIT_CHARS`] characters.
    pub name: String,
    pub owner_user_id: String,
    /// With the owner, at most [`MEMBERS_PER_CALL`]; the rest by [`Groups::update`].
    pub member_user_ids: Vec<String>,
    pub rules: Option<GroupRules>,
}

/// A group that was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct GroupMade {
    /// Robots and cards are sent to this.
    #[serde(rename = "openConversationId")]
    pub open_conversation_id: String,
    /// Internal groups are changed by this.
    #[serde(rename = "chatid")]
    pub chat_id: String,
}

/// Changes to an internal group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupChange {
    pub name: Option<String>,
    pub owner_user_id: Option<String>,
    pub add_user_ids: Vec<String>,
    pub remove_user_ids: Vec<String>,
    pub rules: Option<GroupRules>,
}

/// A group as `chat/get` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct GroupInfo {
    pub name: String,
    pub owner: String,
    #[serde(rename = "useridlist")]
    pub member_user_ids: Vec<String>,
    /// 1 in use, 2 disbanded.
    pub status: i64,
}

/// A scene group (场景群) to make from a published template.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewSceneGroup {
    /// At most [`TITLE_LIMIT_CHARS`] characters.
    pub title: String,
    pub template_id: String,
    pub owner_user_id: String,
    /// At most [`SCENE_MEMBERS_AT_START`].
    pub member_user_ids: Vec<String>,
    pub administrator_user_ids: Vec<String>,
    /// The same id makes one group.
    pub uuid: String,
}

/// Changes to a scene group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SceneGroupChange {
    pub title: Option<String>,
    pub owner_user_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GroupMembers {
    pub member_user_ids: Vec<String>,
    pub has_more: bool,
    pub next_token: Option<String>,
}

/// A scene group as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SceneGroup {
    pub title: String,
    pub template_id: Option<String>,
    pub owner_user_id: Option<String>,
    pub open_conversation_id: Option<String>,
    /// 1 in use, 2 disbanded.
    pub status: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Shown {
    chat_info: GroupInfo,
}

impl App {
    pub fn groups(&self) -> Groups<'_> {
        Groups { app: self }
    }
}

impl Groups<'_> {
    /// Makes an internal group (内部群).
    pub async fn create(&self, new: &NewGroup, now_ms: i64) -> Result<GroupMade, Error> {
        named("the group's name", &new.name, NAME_LIMIT_CHARS)?;
        let mut body = json!({
            "name": new.name, "owner": new.owner_user_id, "ownerType": "emp",
            "useridlist": new.member_user_ids, "conversationTag": 2,
        });
        if let Some(rules) = &new.rules {
            body["managementOptions"] = json!(rules);
        }
        let call = Call::of(&CREATE)
            .at_most("members", MEMBERS_PER_CALL, new.member_user_ids.len())
            .json(&body);
        self.app.read(call, now_ms).await
    }

    /// Changes an internal group made by [`Groups::create`].
    pub async fn update(
        &self,
        chat_id: &str,
        change: &GroupChange,
        now_ms: i64,
    ) -> Result<(), Error> {
        let mut body = json!({ "chatid": chat_id });
        if let Some(name) = &change.name {
            named("the group's name", name, NAME_LIMIT_CHARS)?;
            body["name"] = name.clone().into();
        }
        if let Some(owner) = &change.owner_user_id {
            body["owner"] = owner.clone().into();
        }
        for (key, people) in [
            ("add_useridlist", &change.add_user_ids),
            ("del_useridlist", &change.remove_user_ids),
        ] {
            if !people.is_empty() {
                body[key] = json!(people);
            }
        }
        if let Some(rules) = &change.rules {
            body["managementOptions"] = json!(rules);
        }
        let call = Call::of(&UPDATE)
            .at_most("new members", MEMBERS_PER_CALL, change.add_user_ids.len())
            .at_most(
                "leaving members",
                MEMBERS_PER_CALL,
                change.remove_user_ids.len(),
            )
            .json(&body);
        self.app.done(call, now_ms).await
    }

    pub async fn get(&self, chat_id: &str, now_ms: i64) -> Result<GroupInfo, Error> {
        let call = Call::of(&GET).query("chatid", chat_id);
        Ok(self.app.read::<Shown>(call, now_ms).await?.chat_info)
    }

    /// The openConversationId of a chatId.
    pub async fn open_conversation_id(&self, chat_id: &str, now_ms: i64) -> Result<String, Error> {
        let call = Call::of(&CONVERT).at("chatId", chat_id).json(&json!({}));
        let made: GroupMade = self.app.read(call, now_ms).await?;
        Ok(made.open_conversation_id)
    }

    /// Makes a scene group.
    pub async fn create_scene(&self, new: &NewSceneGroup, now_ms: i64) -> Result<GroupMade, Error> {
        named("the group's title", &new.title, TITLE_LIMIT_CHARS)?;
        // Bodies and answers of this family are written with underscores.
        let call = Call::of(&SCENE_CREATE)
            .at_most("members", SCENE_MEMBERS_AT_START, new.member_user_ids.len())
            .json(&json!({
                "title": new.title, "template_id": new.template_id,
                "owner_user_id": new.owner_user_id, "user_ids": new.member_user_ids,
                "subadmin_ids": new.administrator_user_ids, "uuid": new.uuid,
            }));
        self.app.read(call, now_ms).await
    }

    pub async fn update_scene(
        &self,
        open_conversation_id: &str,
        change: &SceneGroupChange,
        now_ms: i64,
    ) -> Result<(), Error> {
        let mut body = json!({ "open_conversation_id": open_conversation_id });
        if let Some(title) = &change.title {
            named("the group's title", title, TITLE_LIMIT_CHARS)?;
            body["title"] = title.clone().into();
        }
        if let Some(owner) = &change.owner_user_id {
            body["owner_user_id"] = owner.clone().into();
        }
        self.app
            .done(Call::of(&SCENE_UPDATE).json(&body), now_ms)
            .await
    }

    /// Adds at most [`SCENE_MEMBERS_PER_CALL`] people to a scene group.
    pub async fn add_to_scene(
        &self,
        open_conversation_id: &str,
        user_ids: &[impl AsRef<str>],
        now_ms: i64,
    ) -> Result<(), Error> {
        self.scene_members(&SCENE_ADD, open_conversation_id, user_ids, now_ms)
            .await
    }

    /// Removes at most [`SCENE_MEMBERS_PER_CALL`] people from a scene group.
    pub async fn remove_from_scene(
        &self,
        open_conversation_id: &str,
        user_ids: &[impl AsRef<str>],
        now_ms: i64,
    ) -> Result<(), Error> {
        self.scene_members(&SCENE_REMOVE, open_conversation_id, user_ids, now_ms)
            .await
    }

    /// One page of a scene group's members.
    pub async fn members_of_scene(
        &self,
        open_conversation_id: &str,
        max_results: u32,
        next_token: Option<&str>,
        now_ms: i64,
    ) -> Result<GroupMembers, Error> {
        let mut body =
            json!({ "openConversationId": open_conversation_id, "maxResults": max_results });
        if let Some(token) = next_token {
            body["nextToken"] = token.into();
        }
        self.app
            .read(Call::of(&SCENE_MEMBERS).json(&body), now_ms)
            .await
    }

    pub async fn scene(
        &self,
        open_conversation_id: &str,
        now_ms: i64,
    ) -> Result<SceneGroup, Error> {
        let call =
            Call::of(&SCENE_QUERY).json(&json!({ "openConversationId": open_conversation_id }));
        self.app.read(call, now_ms).await
    }

    async fn scene_members(
        &self,
        api: &'static Api,
        open_conversation_id: &str,
        user_ids: &[impl AsRef<str>],
        now_ms: i64,
    ) -> Result<(), Error> {
        let people: Vec<&str> = user_ids.iter().map(AsRef::as_ref).collect();
        let call = Call::of(api)
            .not_empty("the list of people", people.is_empty())
            .at_most("people", SCENE_MEMBERS_PER_CALL, people.len())
            .json(&json!({ "open_conversation_id": open_conversation_id, "user_ids": people }));
        self.app.done(call, now_ms).await
    }
}

fn named(what: &'static str, name: &str, limit: usize) -> Result<(), Error> {
    let got = name.chars().count();
    if name.trim().is_empty() {
        return Err(MessageProblem::Empty { what }.into());
    }
    if got > limit {
        return Err(MessageProblem::TooLarge {
            what,
            unit: "characters",
            limit,
            got,
        }
        .into());
    }
    Ok(())
}
