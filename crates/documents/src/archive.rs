//! A zip container (docx, xlsx) opened with every size counted while it is inflated.
//!
//! Called by the docx and xlsx readers. Invariant: what is inflated from one file, over all parts and
//! reads together, never exceeds `Limits::max_unpacked_bytes`, whatever its headers claim.

use std::io::{Cursor, Read};

use crate::{Format, Limits, ReadError};

/// Word writes a few dozen parts; pictures add some hundreds.
const MAX_PARTS: usize = 20_000;

pub(crate) struct Archive<'a> {
    zip: zip::ZipArchive<Cursor<&'a [u8]>>,
    format: Format,
    bytes_left: u64,
}

impl<'a> Archive<'a> {
    pub(crate) fn open(
        format: Format,
        bytes: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, ReadError> {
        let zip = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
            ReadError::broken(format, format!("its zip container does not open ({error})"))
        })?;
        if zip.len() > MAX_PARTS {
            return Err(ReadError::too_complex(format!(
                "it has {} parts",
                zip.len()
            )));
        }
        Ok(Self {
            zip,
            format,
            bytes_left: limits.max_unpacked_bytes,
        })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.zip
            .file_names()
            .filter_map(Result::ok)
            .map(|name| name.replace('\\', "/"))
            .collect()
    }

    /// The bytes of a part, or `None` if there is no such part.
    pub(crate) fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(index) = self.zip.index_for_name(name) else {
            return Ok(None);
        };
        let mut content = Vec::new();
        self.inflate(index, &mut content)?;
        Ok(Some(content))
    }

    /// Inflates every part once, into nothing: for readers of containers that do not count themselves.
    pub(crate) fn check_all(&mut self) -> Result<(), ReadError> {
        (0..self.zip.len()).try_for_each(|index| self.inflate(index, &mut std::io::sink()))
    }

    fn inflate(&mut self, index: usize, into: &mut impl std::io::Write) -> Result<(), ReadError> {
        let entry = self.zip.by_index(index).map_err(|error| match error {
            zip::result::ZipError::UnsupportedArchive(reason)
                if reason == zip::result::ZipError::PASSWORD_REQUIRED =>
            {
                ReadError::Encrypted
            }
            other => {
                ReadError::broken(self.format, format!("a part of it does not open ({other})"))
            }
        })?;
        let copied =
            std::io::copy(&mut entry.take(self.bytes_left + 1), into).map_err(|error| {
                ReadError::broken(
                    self.format,
                    format!("a part of it does not unpack ({error})"),
                )
            })?;
        if copied > self.bytes_left {
            return Err(ReadError::too_complex("it unpacks to more than the limit"));
        }
        self.bytes_left -= copied;
        Ok(())
    }
}
