//! Files in DingTalk's drive (钉盘) and in groups: space, upload in three steps, sending, rights.
//!
//! Callers: a channel that shares files. Everything goes by the operator's unionId, who needs
//! rights on the space. Invariant: the bytes go to the storage host without our token and
//! without a Content-Type, because its signature covers none.
//! Weakness: rights take userids where the operator is a unionId (the overview says otherwise).
//! Source: 获取群存储空间信息, 获取文件上传信息, 提交文件, 发送文件到指定会话, 以应用身份发送文件给指定用户,
//! 添加权限, 获取权限列表, 添加文件夹, 获取文件预览或编辑信息.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::api::Api;
use crate::app::App;
use crate::call::Call;
use crate::error::{Error, MessageProblem, OddAnswer, Oddity};

/// The folder id of a space's root.
pub const ROOT_FOLDER: &str = "0";
/// Members of one change of rights.
pub const MEMBERS_PER_GRANT: usize = 30;

pub const GROUP_SPACE: Api = Api::post("group_space", "/v1.0/convFile/conversations/spaces/query")
    .scope("ConvFile.Space.Read");
pub const UPLOAD_INFO: Api = Api::post(
    "file_upload_info",
    "/v1.0/storage/spaces/{spaceId}/files/uploadInfos/query",
)
.scope("Storage.UploadInfo.Read");
pub const COMMIT: Api = Api::post("file_commit", "/v1.0/storage/spaces/{spaceId}/files/commit")
    .scope("Storage.File.Write");
pub const FOLDER: Api = Api::post(
    "folder_create",
    "/v1.0/storage/spaces/{spaceId}/dentries/{parentId}/folders",
)
.scope("Storage.File.Write");
pub const PREVIEW: Api = Api::post(
    "file_preview",
    "/v1.0/storage/spaces/{spaceId}/dentries/{dentryId}/openInfos/query",
);
pub const SEND: Api = Api::post(
    "file_send_to_group",
    "/v1.0/convFile/conversations/files/send",
)
.scope("ConvFile.File.Send");
pub const SEND_LINK: Api = Api::post(
    "file_link_to_group",
    "/v1.0/convFile/conversations/files/links/send",
)
.scope("ConvFile.File.Send");
pub const SEND_TO_PERSON: Api = Api::post(
    "file_send_to_person",
    "/v1.0/convFile/apps/conversations/files/send",
)
.scope("ConvFile.File.Send");
pub const GRANT: Api = Api::post(
    "file_rights_add",
    "/v2.0/storage/spaces/dentries/{dentryUuid}/permissions",
);
pub const RIGHTS: Api = Api::post(
    "file_rights_query",
    "/v2.0/storage/spaces/dentries/{dentryUuid}/permissions/query",
);
pub const APIS: &[Api] = &[
    GROUP_SPACE,
    UPLOAD_INFO,
    COMMIT,
    FOLDER,
    PREVIEW,
    SEND,
    SEND_LINK,
    SEND_TO_PERSON,
    GRANT,
    RIGHTS,
];

/// The drive, by one acting person.
#[derive(Debug, Clone, Copy)]
pub struct Drive<'a> {
    app: &'a App,
    operator: &'a str,
}

/// Where and how to put a file's bytes. Short-lived: use at once, ask anew after a failure.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UploadInfo {
    pub upload_key: String,
    pub storage_driver: Option<String>,
    header_signature_info: HeaderSignature,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct HeaderSignature {
    resource_urls: Vec<String>,
    headers: BTreeMap<String, String>,
    expiration_seconds: Option<i64>,
}

impl UploadInfo {
    /// How long the permission lasts, in seconds.
    pub fn expires_in_seconds(&self) -> Option<i64> {
        self.header_signature_info.expiration_seconds
    }
}

impl std::fmt::Debug for UploadInfo {
    /// Without the addresses and headers: they carry a signature.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UploadInfo")
            .field("expires_in_seconds", &self.expires_in_seconds())
            .finish_non_exhaustive()
    }
}

/// A file or a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Dentry {
    pub id: String,
    /// Rights go by this.
    pub uuid: String,
    pub space_id: String,
    pub parent_id: Option<String>,
    pub name: String,
    pub size: Option<i64>,
    pub version: Option<i64>,
}

/// What to do where a name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    Rename,
    /// A new version of the same file.
    Overwrite,
    ReturnExisting,
    Refuse,
}

impl OnConflict {
    fn name(self) -> &'static str {
        match self {
            Self::Rename => "AUTO_RENAME",
            Self::Overwrite => "OVERWRITE",
            Self::ReturnExisting => "RETURN_DENTRY_IF_EXISTS",
            Self::Refuse => "RETURN_ERROR_IF_EXISTS",
        }
    }
}

/// A place for a file.
#[derive(Debug, Clone, Copy)]
pub struct FilePlace<'a> {
    pub space_id: &'a str,
    /// [`ROOT_FOLDER`] or a folder's id.
    pub parent_id: &'a str,
    pub name: &'a str,
    pub on_conflict: OnConflict,
}

/// Rights on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    Owner,
    Manager,
    Editor,
    Downloader,
    Reader,
}

impl FileRole {
    fn name(self) -> &'static str {
        match self {
            Self::Owner => "OWNER",
            Self::Manager => "MANAGER",
            Self::Editor => "EDITOR",
            Self::Downloader => "DOWNLOADER",
            Self::Reader => "READER",
        }
    }
}

/// Who gets rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileMember {
    Organisation {
        corp_id: String,
    },
    Department {
        corp_id: String,
        id: i64,
    },
    /// openConversationId.
    Group(String),
    /// userid.
    Person(String),
}

impl FileMember {
    fn to_json(&self) -> Value {
        match self {
            Self::Organisation { corp_id } => json!({ "type": "ORG", "id": corp_id }),
            Self::Department { corp_id, id } => {
                json!({ "type": "DEPT", "id": id.to_string(), "corpId": corp_id })
            }
            Self::Group(id) => json!({ "type": "CONVERSATION", "id": id }),
            Self::Person(id) => json!({ "type": "USER", "id": id }),
        }
    }
}

/// One right on a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FileRight {
    pub role: RoleOfRight,
    pub member: MemberOfRight,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct RoleOfRight {
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct MemberOfRight {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: String,
}

/// An address that shows a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Preview {
    pub url: String,
    pub has_water_mark: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SpaceAnswer {
    space: Space,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Space {
    #[serde(alias = "id")]
    space_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DentryAnswer {
    dentry: Dentry,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RightsAnswer {
    permissions: Vec<FileRight>,
}

impl App {
    /// The drive on behalf of `operator_union_id`.
    pub fn drive<'a>(&'a self, operator_union_id: &'a str) -> Drive<'a> {
        Drive {
            app: self,
            operator: operator_union_id,
        }
    }
}

impl Drive<'_> {
    /// The space id of a group's files.
    pub async fn group_space(
        &self,
        open_conversation_id: &str,
        now_ms: i64,
    ) -> Result<String, Error> {
        let call = self
            .by(&GROUP_SPACE)
            .json(&json!({ "openConversationId": open_conversation_id }));
        Ok(self
            .app
            .read::<SpaceAnswer>(call, now_ms)
            .await?
            .space
            .space_id)
    }

    /// All three steps: asks where to, puts the bytes there, commits.
    pub async fn upload(
        &self,
        place: FilePlace<'_>,
        bytes: Bytes,
        now_ms: i64,
    ) -> Result<Dentry, Error> {
        let info = self.upload_info(place, bytes.len(), now_ms).await?;
        let size = bytes.len();
        self.put(&info, bytes).await?;
        self.commit(place, &info, size, now_ms).await
    }

    /// First step: where to put `size` bytes.
    pub async fn upload_info(
        &self,
        place: FilePlace<'_>,
        size: usize,
        now_ms: i64,
    ) -> Result<UploadInfo, Error> {
        let call = self.by(&UPLOAD_INFO).at("spaceId", place.space_id).json(&json!({
            "protocol": "HEADER_SIGNATURE", "multipart": false,
            "option": {
                "storageDriver": "DINGTALK",
                "preCheckParam": { "size": size, "parentId": place.parent_id, "name": place.name },
            },
        }));
        self.app.read(call, now_ms).await
    }

    /// Second step, on the storage host. Plain HTTP only where the platform itself is reached so.
    pub async fn put(&self, info: &UploadInfo, bytes: Bytes) -> Result<(), Error> {
        let signed = &info.header_signature_info;
        let url = signed
            .resource_urls
            .first()
            .and_then(|url| Url::parse(url).ok())
            .filter(|url| {
                url.scheme() == "https"
                    || (url.scheme() == "http" && self.app.endpoints.api.scheme() == "http")
            })
            .ok_or(MessageProblem::Malformed {
                what: "the storage address that DingTalk gave",
            })?;
        let headers = signed
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let answer = self.app.http.put_signed(url, headers, bytes).await?;
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        Err(Error::Answer(OddAnswer {
            status: answer.status,
            oddity: Oddity::StorageRefused,
            retry_after: answer.retry_after,
            // The storage host's words quote the signature; its status says enough.
            excerpt: "ask for the upload's address again".to_owned(),
        }))
    }

    /// Third step: the file appears in its folder.
    pub async fn commit(
        &self,
        place: FilePlace<'_>,
        info: &UploadInfo,
        size: usize,
        now_ms: i64,
    ) -> Result<Dentry, Error> {
        let call = self.by(&COMMIT).at("spaceId", place.space_id).json(&json!({
            "uploadKey": info.upload_key, "name": place.name, "parentId": place.parent_id,
            "option": { "size": size, "conflictStrategy": place.on_conflict.name() },
        }));
        Ok(self.app.read::<DentryAnswer>(call, now_ms).await?.dentry)
    }

    pub async fn create_folder(&self, place: FilePlace<'_>, now_ms: i64) -> Result<Dentry, Error> {
        let call = self
            .by(&FOLDER)
            .at("spaceId", place.space_id)
            .at("parentId", place.parent_id)
            .json(&json!({
                "name": place.name,
                "option": { "conflictStrategy": place.on_conflict.name() },
            }));
        Ok(self.app.read::<DentryAnswer>(call, now_ms).await?.dentry)
    }

    /// An address that shows a file to people who are signed in.
    pub async fn preview(
        &self,
        space_id: &str,
        dentry_id: &str,
        water_mark: bool,
        now_ms: i64,
    ) -> Result<Preview, Error> {
        let call = self
            .by(&PREVIEW)
            .at("spaceId", space_id)
            .at("dentryId", dentry_id)
            .json(&json!({
                "option": { "type": "PREVIEW", "waterMark": water_mark, "checkLogin": true },
            }));
        self.app.read(call, now_ms).await
    }

    /// Sends a copy into a group; needs COPY on the file and ADD on the group's space.
    pub async fn send_to_group(
        &self,
        space_id: &str,
        dentry_id: &str,
        open_conversation_id: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        self.send(
            &SEND,
            space_id,
            dentry_id,
            Some(open_conversation_id),
            now_ms,
        )
        .await
    }

    /// Sends a link to the file into a group.
    pub async fn link_to_group(
        &self,
        space_id: &str,
        dentry_id: &str,
        open_conversation_id: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        self.send(
            &SEND_LINK,
            space_id,
            dentry_id,
            Some(open_conversation_id),
            now_ms,
        )
        .await
    }

    /// Sends the file to the person this drive acts for, as the app; arrives as a work notice.
    pub async fn send_to_person(
        &self,
        space_id: &str,
        dentry_id: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        self.send(&SEND_TO_PERSON, space_id, dentry_id, None, now_ms)
            .await
    }

    /// Gives rights on a file to at most [`MEMBERS_PER_GRANT`] members.
    pub async fn grant(
        &self,
        dentry_uuid: &str,
        role: FileRole,
        members: &[FileMember],
        now_ms: i64,
    ) -> Result<(), Error> {
        let list: Vec<Value> = members.iter().map(FileMember::to_json).collect();
        let call = self
            .by(&GRANT)
            .at("dentryUuid", dentry_uuid)
            .not_empty("the list of members", list.is_empty())
            .at_most("members", MEMBERS_PER_GRANT, list.len())
            .json(&json!({ "roleId": role.name(), "members": list }));
        self.app.done(call, now_ms).await
    }

    pub async fn rights(&self, dentry_uuid: &str, now_ms: i64) -> Result<Vec<FileRight>, Error> {
        let call = self
            .by(&RIGHTS)
            .at("dentryUuid", dentry_uuid)
            .json(&json!({}));
        Ok(self
            .app
            .read::<RightsAnswer>(call, now_ms)
            .await?
            .permissions)
    }

    async fn send(
        &self,
        api: &'static Api,
        space_id: &str,
        dentry_id: &str,
        open_conversation_id: Option<&str>,
        now_ms: i64,
    ) -> Result<(), Error> {
        let mut body = json!({ "spaceId": space_id, "dentryId": dentry_id });
        if let Some(id) = open_conversation_id {
            body["openConversationId"] = id.into();
        }
        self.app.done(self.by(api).json(&body), now_ms).await
    }

    fn by(&self, api: &'static Api) -> Call<'_> {
        Call::of(api).query("unionId", self.operator)
    }
}
