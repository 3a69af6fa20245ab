//! Media files (媒体文件): uploaded once, then named by `media_id` in messages.
//!
//! Callers: channels that send pictures or files. Metered, one call a file.
//! Invariant: the type stands in the query, part and query agree. Weakness: shown inside DingTalk
//! only; there is no public address. Ids do not expire while the organisation exists.
//! Source: 上传媒体文件 (the newer page's sizes; an older error table is stricter).

use bytes::Bytes;
use serde::Deserialize;

use crate::api::Api;
use crate::app::App;
use crate::call::Call;
use crate::error::{Error, MessageProblem};

pub const UPLOAD: Api = Api::post("media_upload", "/media/upload");
pub const APIS: &[Api] = &[UPLOAD];
const MIB: usize = 1024 * 1024;

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// jpg, gif, png, bmp.
    Image,
    /// amr, mp3, wav.
    Voice,
    /// mp4.
    Video,
    /// doc, docx, xls, xlsx, ppt, pptx, zip, pdf, rar.
    File,
}

impl MediaKind {
    /// Largest file in bytes.
    pub fn limit_bytes(self) -> usize {
        match self {
            Self::Voice => 2 * MIB,
            Self::Image | Self::Video | Self::File => 20 * MIB,
        }
    }

    /// File name endings the platform takes.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Image => &["jpg", "jpeg", "gif", "png", "bmp"],
            Self::Voice => &["amr", "mp3", "wav"],
            Self::Video => &["mp4"],
            Self::File => &[
                "doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "pdf", "rar",
            ],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::File => "file",
        }
    }
}

#[derive(Deserialize)]
struct Uploaded {
    media_id: String,
}

impl App {
    /// Uploads a file; returns its `media_id` (`@…`). `bytes` are not copied.
    pub async fn upload_media(
        &self,
        kind: MediaKind,
        file_name: &str,
        bytes: Bytes,
        now_ms: i64,
    ) -> Result<String, Error> {
        let ending = file_name
            .rsplit_once('.')
            .map(|(_, ending)| ending.to_ascii_lowercase())
            .unwrap_or_default();
        if !kind.endings().contains(&ending.as_str()) {
            return Err(MessageProblem::Malformed {
                what: "a file of this type",
            }
            .into());
        }
        if bytes.len() > kind.limit_bytes() {
            return Err(MessageProblem::TooLarge {
                what: "the file",
                unit: "bytes",
                limit: kind.limit_bytes(),
                got: bytes.len(),
            }
            .into());
        }
        // Quotes and line breaks would end the header that carries the name.
        let safe = |c: char| {
            if c.is_control() || matches!(c, '"' | '\\' | '/') {
                '_'
            } else {
                c
            }
        };
        let call = Call::of(&UPLOAD)
            .not_empty("the file", bytes.is_empty())
            .query("type", kind.name())
            .media(
                file_name.chars().map(safe).collect(),
                "application/octet-stream",
                bytes,
            );
        Ok(self.read::<Uploaded>(call, now_ms).await?.media_id)
    }
}
