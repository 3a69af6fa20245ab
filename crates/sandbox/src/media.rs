//! Uploaded media files (媒体文件): what `media/upload` took in and messages name by `media_id`.
//!
//! Written by `openapi::media`, shown to the chat client at `/sandbox/media/{id}`.
//! Invariant: at most [`BYTES_KEPT`] bytes are kept; past that the oldest files go, although the platform keeps them
//! as long as the organisation exists.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// More than any trial uploads, less than memory holds.
const BYTES_KEPT: usize = 256 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaFile {
    /// `@…`
    pub id: String,
    /// `image`, `voice`, `video` or `file`
    pub kind: String,
    pub name: String,
    pub size: usize,
    pub at_ms: i64,
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub bytes: Vec<u8>,
}

impl MediaFile {
    /// In lower case, without the dot; empty for none.
    pub(crate) fn extension(&self) -> &str {
        extension_of(&self.name)
    }

    /// What a browser may show in place; everything else is downloaded.
    pub(crate) fn content_type(&self) -> Option<&'static str> {
        match self.extension().to_ascii_lowercase().as_str() {
            "png" => Some("image/png"),
            "jpg" | "jpeg" => Some("image/jpeg"),
            "gif" => Some("image/gif"),
            "bmp" => Some("image/bmp"),
            "mp3" => Some("audio/mpeg"),
            "wav" => Some("audio/wav"),
            "mp4" => Some("video/mp4"),
            "pdf" => Some("application/pdf"),
            _ => None,
        }
    }
}

pub(crate) fn extension_of(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Oldest first.
#[derive(Debug, Default)]
pub(crate) struct MediaFiles {
    files: Vec<MediaFile>,
    bytes: usize,
}

impl MediaFiles {
    pub(crate) fn add(&mut self, file: MediaFile) {
        self.bytes += file.bytes.len();
        self.files.push(file);
        while self.bytes > BYTES_KEPT && self.files.len() > 1 {
            self.bytes -= self.files.remove(0).bytes.len();
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&MediaFile> {
        self.files.iter().find(|file| file.id == id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &MediaFile> {
        self.files.iter()
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'a, D: Deserializer<'a>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}
