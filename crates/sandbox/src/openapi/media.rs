//! `POST /media/upload?type=…`: a multipart form with one file in the part `media`.
//!
//! Source: 上传媒体文件 (`upload-media-files`). Images, videos and files up to 20 MB, voice up to 2 MB, by extension.
//! The global error table still names 1, 2 and 10 MB; the page of the API, which is newer, counts here.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::legacy::missing;
use crate::call::{Call, LegacyRefusal, legacy_answer, legacy_caller};
use crate::journal::Entry;
use crate::media::{MediaFile, extension_of};
use crate::shared::Shared;

const MEGABYTE: usize = 1024 * 1024;

/// Type, largest size and the extensions it may have.
const KINDS: &[(&str, usize, &[&str])] = &[
    (
        "image",
        20 * MEGABYTE,
        &["jpg", "jpeg", "gif", "png", "bmp"],
    ),
    ("voice", 2 * MEGABYTE, &["amr", "mp3", "wav"]),
    ("video", 20 * MEGABYTE, &["mp4"]),
    (
        "file",
        20 * MEGABYTE,
        &[
            "doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "pdf", "rar",
        ],
    ),
];

/// The one route that reads a multipart form.
pub(super) async fn upload(State(shared): State<Arc<Shared>>, call: Call) -> Response {
    let form = read_form(&call).await;
    let result = admit(&shared, &call, form);
    legacy_answer(&shared, result)
}

#[derive(Default)]
struct Form {
    kind: Option<String>,
    file: Option<(String, Vec<u8>)>,
}

async fn read_form(call: &Call) -> Form {
    let mut form = Form::default();
    let Some(kind) = call.headers.get(header::CONTENT_TYPE) else {
        return form;
    };
    let mut request = Request::new(Body::from(call.body.clone()));
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, kind.clone());
    // The listener has already bounded what was read.
    DefaultBodyLimit::disable().apply(&mut request);
    let Ok(mut parts) = Multipart::from_request(request, &()).await else {
        return form;
    };
    while let Ok(Some(part)) = parts.next_field().await {
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let Ok(bytes) = part.bytes().await else {
            return form;
        };
        match (name.as_str(), file_name) {
            ("media", Some(file_name)) => form.file = Some((file_name, bytes.to_vec())),
            ("type", _) => form.kind = String::from_utf8(bytes.to_vec()).ok(),
            _ => {}
        }
    }
    form
}

fn admit(shared: &Shared, call: &Call, form: Form) -> Result<Value, LegacyRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    legacy_caller(&mut world, call, now_ms)?;
    let wanted = call.query("type").or(form.kind.as_deref()).map(str::trim);
    let (kind, size_at_most, extensions) = KINDS
        .iter()
        .find(|(kind, ..)| Some(*kind) == wanted)
        .ok_or_else(|| LegacyRefusal::new(40_004, "不合法的媒体文件类型"))?;
    let (name, bytes) = form.file.ok_or_else(|| missing("media"))?;
    let extension = extension_of(&name).to_ascii_lowercase();
    if !extensions.contains(&extension.as_str()) {
        return Err(LegacyRefusal::new(40_005, "不合法的文件类型"));
    }
    if bytes.is_empty() || bytes.len() > *size_at_most {
        return Err(LegacyRefusal::new(40_006, "不合法的文件大小"));
    }
    let id = format!("@lAz{}", shared.ids().code());
    world.record(Entry::Media(MediaFile {
        id: id.clone(),
        kind: (*kind).to_owned(),
        name,
        size: bytes.len(),
        at_ms: now_ms,
        bytes,
    }));
    Ok(json!({ "type": kind, "media_id": id, "created_at": now_ms }))
}

/// `GET /sandbox/media/{id}`: what the chat client shows or lets the reader keep.
pub(crate) fn show(shared: &Shared, id: &str) -> Response {
    let world = shared.world();
    let Some(file) = world.media.get(id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let name: String = url::form_urlencoded::byte_serialize(file.name.as_bytes())
        .collect::<String>()
        .replace('+', "%20");
    let place = if file.content_type().is_some() {
        "inline"
    } else {
        "attachment"
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            file.content_type()
                .unwrap_or("application/octet-stream")
                .to_owned(),
        ),
        (
            header::CONTENT_DISPOSITION,
            format!("{place}; filename*=UTF-8''{name}"),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox".to_owned(),
        ),
    ];
    (headers, file.bytes.clone()).into_response()
}
