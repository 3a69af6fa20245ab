//! Where documents meet the server: parsing off the async threads, bounded in time, and refusals in words.

use std::time::Duration;

use yuezhi_documents::ReadError;

use crate::refusal::{ActionError, Refusal};

/// Runs CPU-bound work on a blocking thread and waits for it at most so long.
///
/// Weakness: a parser that hangs keeps its thread until it ends; sizes and nesting are bounded so that it ends.
pub async fn bounded<T: Send + 'static>(
    longest: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ActionError> {
    match tokio::time::timeout(longest, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(panicked)) => Err(ActionError::internal(panicked)),
        Err(_) => Err(Refusal::invalid("file", "file_too_complex").into()),
    }
}

/// The refusal that tells an author what is wrong with a file.
pub fn document_refusal(field: &'static str, error: &ReadError) -> Refusal {
    let refusal = Refusal::invalid(field, format!("file_{}", error.code()));
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / 1_048_576.0);
    match error {
        ReadError::TooLarge {
            limit_bytes,
            actual,
        } => refusal
            .with("limit", mib(*limit_bytes))
            .with("actual", mib(*actual)),
        ReadError::ScannedPdf { pages } => refusal.with("pages", pages),
        ReadError::FrontMatter { line, detail } => {
            refusal.with("line", line).with("detail", detail)
        }
        other => refusal.with("detail", other),
    }
}

/// The stable snake_case word of a plain enum, as its serde form writes it.
pub fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
