//! Bytes into and out of the drive: upload information, the signed addresses, and the commit.
//!
//! By spaceId (v1.0, 历史文档) and by parentDentryUuid (v2.0). The signed addresses stand in for object storage: they take exactly the headers they were signed with, no Content-Type and no token, and answer XML.
//! Invariant: bytes that were not committed are no file. Weakness: one piece only; multipart is refused.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::groups::segment;
use super::required;
use super::storage::{Asked, asked, bad, file_name, no_dentry, numeric_id, sign, signed_address};
use crate::call::{Call, ModernRefusal, modern};
use crate::drive::{Change, Dentry, Download, FILE_BYTES, ROOT, Role, Signature, Upload, Version};
use crate::shared::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/v1.0/storage/spaces/{spaceId}/files/uploadInfos/query",
            modern(ask_v1),
        )
        .route(
            "/v1.0/storage/spaces/{spaceId}/files/commit",
            modern(commit_v1),
        )
        .route(
            "/v2.0/storage/spaces/files/{parentDentryUuid}/uploadInfos/query",
            modern(ask_v2),
        )
        .route(
            "/v2.0/storage/spaces/files/{parentDentryUuid}/commit",
            modern(commit_v2),
        )
        .route(
            "/v1.0/storage/spaces/{spaceId}/dentries/{dentryId}/downloadInfos/query",
            modern(download),
        )
}

/// The signed addresses; they belong to neither API host.
pub(super) fn object_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sandbox/storage/{key}", get(get_object).put(put_object))
        .layer(DefaultBodyLimit::max(FILE_BYTES))
}

/// `POST …/uploadInfos/query {"protocol":"HEADER_SIGNATURE","multipart":false,"option":{"preCheckParam":{…}}}`
fn ask_v1(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let space_id = segment(call, 3);
    let parent = asked.body["option"]["preCheckParam"]["parentId"]
        .as_str()
        .unwrap_or(ROOT)
        .to_owned();
    asked.folder(&space_id, &parent, Role::Editor)?;
    if asked.body["multipart"].as_bool() == Some(true) {
        return Err(bad("multipart 仅用于 5 GB 以上的文件"));
    }
    open_upload(shared, &mut asked, space_id, None)
}

/// The same by `parentDentryUuid`; the uuid of a space's root is accepted as well.
fn ask_v2(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let (space_id, parent_id) = parent_of_uuid(&asked, &segment(call, 4))?;
    asked.folder(&space_id, &parent_id, Role::Editor)?;
    open_upload(shared, &mut asked, space_id, Some(parent_id))
}

fn open_upload(
    shared: &Shared,
    asked: &mut Asked<'_>,
    space_id: String,
    parent_id: Option<String>,
) -> Result<Value, ModernRefusal> {
    if asked.body["protocol"].as_str() != Some("HEADER_SIGNATURE") {
        return Err(bad("protocol 仅支持 HEADER_SIGNATURE"));
    }
    let check = &asked.body["option"]["preCheckParam"];
    if let Some(name) = check["name"].as_str() {
        file_name(name)?;
    }
    if check["size"]
        .as_u64()
        .is_some_and(|size| size > FILE_BYTES as u64)
    {
        return Err(bad("文件过大：沙盒单个文件最大 64 MB"));
    }
    let key = shared.ids().token();
    let signature = sign(shared, asked.now_ms);
    let answer = json!({
        "uploadKey": key,
        "storageDriver": "DINGTALK",
        "protocol": "HEADER_SIGNATURE",
        "headerSignatureInfo": signed_address(shared, &key, &signature),
    });
    let now_ms = asked.now_ms;
    let userid = asked.operator.userid.clone();
    let uploads = &mut asked.world.drive.uploads;
    // Bytes that nobody commits for a day are dropped.
    uploads.retain(|_, upload| upload.signature.expires_ms > now_ms - 86_400_000);
    uploads.insert(
        key,
        Upload {
            space_id,
            parent_id,
            userid,
            signature,
            bytes: None,
        },
    );
    Ok(answer)
}

/// `POST …/files/commit {"uploadKey","name","parentId","option":{"size","conflictStrategy"}}`
fn commit_v1(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let space_id = segment(call, 3);
    let parent_id = asked.body["parentId"].as_str().unwrap_or(ROOT).to_owned();
    commit(shared, &mut asked, &space_id, &parent_id)
}

fn commit_v2(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let (space_id, parent_id) = parent_of_uuid(&asked, &segment(call, 4))?;
    if asked.body["option"]["convertToOnlineDoc"].as_bool() == Some(true) {
        return Err(bad("沙盒没有在线文档，convertToOnlineDoc 须为 false"));
    }
    commit(shared, &mut asked, &space_id, &parent_id)
}

fn commit(
    shared: &Shared,
    asked: &mut Asked<'_>,
    space_id: &str,
    parent_id: &str,
) -> Result<Value, ModernRefusal> {
    let key = required(&asked.body, "uploadKey")?.to_owned();
    let name = file_name(required(&asked.body, "name")?)?;
    asked.folder(space_id, parent_id, Role::Editor)?;
    let upload = asked.world.drive.uploads.get(&key).filter(|upload| {
        upload.space_id == space_id
            && upload.userid == asked.operator.userid
            && upload
                .parent_id
                .as_deref()
                .is_none_or(|parent| parent == parent_id)
    });
    let upload = upload
        .ok_or_else(|| ModernRefusal::bad("uploadKeyNotExist", "uploadKey 不存在或不属于该空间"))?;
    let bytes = upload
        .bytes
        .clone()
        .ok_or_else(|| ModernRefusal::bad("fileNotUploaded", "文件尚未上传"))?;
    let size = bytes.len() as u64;
    if asked.body["option"]["size"]
        .as_u64()
        .is_some_and(|said| said != size)
    {
        return Err(bad(&format!("size 与已上传的 {size} 字节不一致")));
    }
    let strategy = asked.body["option"]["conflictStrategy"]
        .as_str()
        .unwrap_or("AUTO_RENAME")
        .to_owned();
    let version = Version {
        number: 1,
        size,
        by: asked.operator.userid.clone(),
        at_ms: asked.now_ms,
    };
    let placed = place(
        shared,
        asked,
        (space_id, parent_id, &name),
        &strategy,
        Some(version),
    )?;
    asked.world.drive.uploads.remove(&key);
    if let Placed::Written(dentry) = &placed {
        let version = dentry.newest().map_or(1, |version| version.number);
        asked.record(Change::Content {
            dentry_id: dentry.id.clone(),
            version,
            bytes,
        });
    }
    let dentry = placed.dentry();
    Ok(json!({ "dentry": asked.show(dentry, None) }))
}

/// What became of a name.
pub(super) enum Placed {
    Written(Dentry),
    /// The one that was there, untouched.
    Found(Dentry),
}

impl Placed {
    pub(super) fn dentry(&self) -> &Dentry {
        match self {
            Self::Written(dentry) | Self::Found(dentry) => dentry,
        }
    }
}

/// Puts a file (with its version) or a folder (without) under a name; an existing one is met by the strategy.
pub(super) fn place(
    shared: &Shared,
    asked: &mut Asked<'_>,
    (space_id, parent_id, name): (&str, &str, &str),
    strategy: &str,
    version: Option<Version>,
) -> Result<Placed, ModernRefusal> {
    let known = asked.world.drive.named(space_id, parent_id, name).cloned();
    let name = match (strategy, known) {
        (_, None) => name.to_owned(),
        ("AUTO_RENAME", Some(_)) => free_name(asked, space_id, parent_id, name),
        ("RETURN_DENTRY_IF_EXISTS", Some(known)) => return Ok(Placed::Found(known)),
        ("RETURN_ERROR_IF_EXISTS", Some(_)) => {
            return Err(ModernRefusal::bad(
                "dentryNameConflict",
                "同名文件或文件夹已存在",
            ));
        }
        ("OVERWRITE", Some(mut known)) => {
            if let (Some(newest), Some(mut version)) = (known.newest(), version) {
                asked.dentry(space_id, &known.id, Role::Editor)?;
                version.number = newest.number + 1;
                known.changed_ms = version.at_ms;
                known.versions.push(version);
                note_properties(asked, &mut known);
                asked.record(Change::Dentry {
                    dentry: Box::new(known.clone()),
                });
                return Ok(Placed::Written(known));
            }
            return Err(ModernRefusal::bad(
                "dentryNameConflict",
                "同名文件夹不能被覆盖",
            ));
        }
        (_, Some(_)) => {
            return Err(bad(
                "conflictStrategy 取值 AUTO_RENAME、OVERWRITE、RETURN_DENTRY_IF_EXISTS 或 RETURN_ERROR_IF_EXISTS",
            ));
        }
    };
    let mut dentry = Dentry {
        id: numeric_id(shared),
        uuid: shared.ids().token(),
        space_id: space_id.to_owned(),
        parent_id: parent_id.to_owned(),
        name,
        versions: version.into_iter().collect(),
        creator: asked.operator.userid.clone(),
        made_ms: asked.now_ms,
        changed_ms: asked.now_ms,
        grants: Vec::new(),
        stands_alone: false,
        app_properties: serde_json::Map::new(),
    };
    note_properties(asked, &mut dentry);
    asked.record(Change::Dentry {
        dentry: Box::new(dentry.clone()),
    });
    Ok(Placed::Written(dentry))
}

/// `option.appProperties`, kept for the calling app.
fn note_properties(asked: &Asked<'_>, dentry: &mut Dentry) {
    let given = &asked.body["option"]["appProperties"];
    if given.as_array().is_some_and(|rows| !rows.is_empty()) {
        dentry
            .app_properties
            .insert(asked.caller.client_id.clone(), given.clone());
    }
}

/// 年休假(1).docx
fn free_name(asked: &Asked<'_>, space_id: &str, parent_id: &str, name: &str) -> String {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let mut round = 1;
    loop {
        let other = format!("{stem}({round}){extension}");
        if asked
            .world
            .drive
            .named(space_id, parent_id, &other)
            .is_none()
        {
            return other;
        }
        round += 1;
    }
}

fn parent_of_uuid(asked: &Asked<'_>, uuid: &str) -> Result<(String, String), ModernRefusal> {
    let drive = &asked.world.drive;
    if let Some(space) = drive.spaces().iter().find(|space| space.root_uuid == uuid) {
        return Ok((space.id.clone(), ROOT.to_owned()));
    }
    let folder = drive
        .by_uuid(uuid)
        .filter(|dentry| dentry.is_folder())
        .ok_or_else(no_dentry)?;
    Ok((folder.space_id.clone(), folder.id.clone()))
}

/// `POST …/downloadInfos/query {"option":{"version"}}`
fn download(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut asked = asked(shared, call)?;
    let dentry = asked.dentry(&segment(call, 3), &segment(call, 5), Role::Downloader)?;
    let newest = dentry.newest().ok_or_else(|| bad("文件夹不能下载"))?.number;
    let version = asked.body["option"]["version"].as_u64().unwrap_or(newest);
    if dentry.versions.iter().all(|known| known.number != version) {
        return Err(bad("version 不存在"));
    }
    let key = shared.ids().token();
    let signature = sign(shared, asked.now_ms);
    let info = signed_address(shared, &key, &signature);
    let now_ms = asked.now_ms;
    let downloads = &mut asked.world.drive.downloads;
    downloads.retain(|_, download| download.signature.expires_ms > now_ms);
    downloads.insert(
        key,
        Download {
            dentry_id: dentry.id,
            version,
            signature,
        },
    );
    Ok(json!({ "protocol": "HEADER_SIGNATURE", "headerSignatureInfo": info }))
}

async fn put_object(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let Some(upload) = world.drive.uploads.get_mut(&key) else {
        return xml(
            StatusCode::NOT_FOUND,
            "NoSuchKey",
            "The specified key does not exist.",
        );
    };
    if let Err(refusal) = check_signature(&headers, &upload.signature, now_ms) {
        return *refusal;
    }
    upload.bytes = Some(body);
    StatusCode::OK.into_response()
}

async fn get_object(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    let now_ms = shared.clock.now_ms();
    let world = shared.world();
    let Some(download) = world.drive.downloads.get(&key) else {
        return xml(
            StatusCode::NOT_FOUND,
            "NoSuchKey",
            "The specified key does not exist.",
        );
    };
    if let Err(refusal) = check_signature(&headers, &download.signature, now_ms) {
        return *refusal;
    }
    match world.drive.content(&download.dentry_id, download.version) {
        Some(bytes) => (
            [(header::CONTENT_TYPE, "application/octet-stream")],
            bytes.clone(),
        )
            .into_response(),
        None => xml(
            StatusCode::NOT_FOUND,
            "NoSuchKey",
            "The sandbox keeps the newest bytes only.",
        ),
    }
}

/// Object storage signs the headers: one too many or another value breaks the signature.
fn check_signature(
    headers: &HeaderMap,
    wanted: &Signature,
    now_ms: i64,
) -> Result<(), Box<Response>> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let refuse = |code, message| Err(Box::new(xml(StatusCode::FORBIDDEN, code, message)));
    if !text("x-acs-dingtalk-access-token").is_empty() {
        return refuse(
            "SignatureDoesNotMatch",
            "The request carries a token that was not signed.",
        );
    }
    if !text("content-type").is_empty() {
        return refuse(
            "SignatureDoesNotMatch",
            "The Content-Type was not signed: send the request without one.",
        );
    }
    if text("authorization") != wanted.authorization || text("x-oss-date") != wanted.date {
        return refuse(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        );
    }
    if now_ms > wanted.expires_ms {
        return refuse("AccessDenied", "Request has expired.");
    }
    Ok(())
}

fn xml(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}
