//! What the employee pages show: dates in words, files, the differences since this person's last version.

use yuezhi_documents::{DiffLabels, Document};
use yuezhi_domain::{ContentHash, Language, UnixMillis};
use yuezhi_store::{Tx, contents, versions::Version};

use crate::{actions::ActionError, app::App, documents::bounded, texts::Texts};

/// A file to take away.
pub struct FileLink {
    pub href: String,
    pub name: String,
    pub size: String,
    pub is_original: bool,
}

/// `11 月 30 日（周一）18:00` / `Mon 30 Nov, 18:00`, with the year when it is not this one.
pub fn day_and_time(app: &App, texts: Texts, at: UnixMillis, now: UnixMillis) -> String {
    let local = at.in_zone(app.time_zone.zone());
    let same_year = local.year() == now.in_zone(app.time_zone.zone()).year();
    match texts.language {
        Language::ZhCn => {
            let weekday = ["一", "二", "三", "四", "五", "六", "日"]
                .get(usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0))
                .copied()
                .unwrap_or_default();
            let year = if same_year {
                String::new()
            } else {
                format!("{} 年 ", local.year())
            };
            format!(
                "{year}{} 月 {} 日（周{weekday}）{:02}:{:02}",
                local.month(),
                local.day(),
                local.hour(),
                local.minute()
            )
        }
        Language::En => {
            let form = if same_year {
                "%a %-d %b, %H:%M"
            } else {
                "%a %-d %b %Y, %H:%M"
            };
            local.strftime(form).to_string()
        }
    }
}

/// `2026-11-24 10:20:31` in the installation's zone.
pub fn exact(app: &App, at: UnixMillis) -> String {
    at.in_zone(app.time_zone.zone())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// `86 KB`.
pub fn size(bytes: i64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KB", (bytes + 512) / 1024),
        _ => format!("{:.1} MB", bytes as f64 / 1_048_576.0),
    }
}

/// The words of the comparison in the reader's language.
pub fn diff_labels(language: Language) -> DiffLabels {
    match language {
        Language::ZhCn => DiffLabels::chinese(),
        Language::En => DiffLabels::english(),
    }
}

/// A stored text as a string.
pub fn stored_text(tx: &mut Tx<'_>, hash: &ContentHash) -> Result<String, ActionError> {
    let bytes = contents::get(tx, hash)?
        .ok_or_else(|| ActionError::internal(format!("content {hash} is missing")))?;
    String::from_utf8(bytes).map_err(ActionError::internal)
}

/// The comparison of two versions as HTML with its counts, made once and kept.
pub async fn comparison(
    app: &App,
    old: &Version,
    new: &Version,
    language: Language,
) -> Result<Comparison, ActionError> {
    let key = (
        old.document_hash.to_string(),
        new.document_hash.to_string(),
        language,
    );
    if let Some(kept) = app.comparisons.get(&key) {
        return Ok(kept);
    }
    let (old_hash, new_hash) = (old.document_hash, new.document_hash);
    let (old_bytes, new_bytes) = app
        .db
        .read(move |tx| {
            let missing = || ActionError::internal("the document of a version is missing");
            let old = contents::get(tx, &old_hash)?.ok_or_else(missing)?;
            let new = contents::get(tx, &new_hash)?.ok_or_else(missing)?;
            Ok::<_, ActionError>((old, new))
        })
        .await?;
    let made = bounded(std::time::Duration::from_secs(20), move || {
        let old: Document = serde_json::from_slice(&old_bytes).map_err(ActionError::internal)?;
        let new: Document = serde_json::from_slice(&new_bytes).map_err(ActionError::internal)?;
        let diff = yuezhi_documents::diff(&old.clauses(), &new.clauses());
        Ok::<_, ActionError>(Comparison {
            html: diff.html(&diff_labels(language)),
            counts: diff.counts(),
        })
    })
    .await??;
    app.comparisons.put(key, made.clone());
    Ok(made)
}

/// What changed between two versions.
#[derive(Debug, Clone)]
pub struct Comparison {
    pub html: String,
    pub counts: yuezhi_documents::Counts,
}

/// Comparisons that were asked for lately: everybody who opens a notice needs the same few.
#[derive(Debug, Default)]
pub struct Comparisons(
    std::sync::Mutex<std::collections::HashMap<(String, String, Language), Comparison>>,
);

const COMPARISONS_KEPT: usize = 64;

impl Comparisons {
    fn get(&self, key: &(String, String, Language)) -> Option<Comparison> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    fn put(&self, key: (String, String, Language), comparison: Comparison) {
        let mut kept = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.len() >= COMPARISONS_KEPT {
            kept.clear();
        }
        kept.insert(key, comparison);
    }
}
