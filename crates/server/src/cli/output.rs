//! What the commands print: results on standard output, everything else on standard error.
//!
//! Invariant: colours, bars and fitted tables only where a person looks at a terminal (and `NO_COLOR` is not set), so
//! that pipes and files get plain text. Weakness: a reader that closes the pipe early ends the output silently.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use super::Command;
use crate::texts::Texts;

/// Logging goes to standard error; `YUEZHI_LOG` filters it, `YUEZHI_LOG_FORMAT=json` makes it JSON lines.
pub(super) fn start_logging(command: &Command) {
    let is_server = matches!(
        command,
        Command::Serve(_) | Command::Demo(_) | Command::Sandbox(_)
    );
    let default = if is_server {
        "info,lettre=warn"
    } else {
        "warn,lettre=error"
    };
    let wanted = std::env::var("YUEZHI_LOG")
        .ok()
        .filter(|filter| !filter.trim().is_empty());
    let mut refused = None;
    let filter = match wanted.map(|filter| EnvFilter::try_new(&filter)) {
        Some(Ok(filter)) => filter,
        Some(Err(error)) => {
            refused = Some(error);
            EnvFilter::new(default)
        }
        None => EnvFilter::new(default),
    };
    let is_json = std::env::var("YUEZHI_LOG_FORMAT").is_ok_and(|format| format == "json");
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let started = if is_json {
        logs.json().try_init()
    } else {
        logs.with_ansi(is_colourful(&io::stderr()))
            .with_target(false)
            .try_init()
    };
    if started.is_err() {
        note("logging was started already");
    }
    if let Some(error) = refused {
        tracing::warn!(%error, "YUEZHI_LOG is no filter; using {default}");
    }
}

fn is_colourful(stream: &impl io::IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// One line of the result.
pub(super) fn line(text: &str) {
    // A closed pipe has nobody to tell.
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// One line beside the result.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Why the command ends without its result.
pub(super) fn failure(message: &str) {
    let mark = if is_colourful(&io::stderr()) {
        "\u{1b}[31m✗\u{1b}[0m"
    } else {
        "✗"
    };
    note(&format!("{mark} {message}"));
}

/// The result for scripts.
pub(super) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(&text),
        Err(error) => failure(&error.to_string()),
    }
}

/// What a colour means here. An act is green, an observation grey, what needs a look yellow, what is broken red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Strong,
    Good,
    Faint,
    Look,
    Bad,
}

/// `text` in a tone, on a terminal.
pub(super) fn toned(tone: Tone, text: &str) -> String {
    if !is_colourful(&io::stdout()) {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Strong => "1",
        Tone::Good => "32",
        Tone::Faint => "2",
        Tone::Look => "33",
        Tone::Bad => "31",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// A table without borders. `numbers` are the columns that stand to the right.
pub(super) struct Grid {
    table: Table,
}

impl Grid {
    pub(super) fn new(headers: &[&str], numbers: &[usize]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.set_header(headers.iter().map(|header| bold(Cell::new(header))));
        for at in numbers {
            if let Some(column) = table.column_mut(*at) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { table }
    }

    /// Two columns without a header: what and its value.
    pub(super) fn facts() -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        Self { table }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.table.add_row(cells);
    }

    pub(super) fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.table
            .add_row(vec![bold(Cell::new(name)), Cell::new(value.into())]);
    }

    pub(super) fn print(&self) {
        let mut text = String::new();
        for row in self.table.lines() {
            // Cells are padded on both sides; a line need not end or begin with blanks.
            let row = row.strip_prefix(' ').unwrap_or(&row);
            writeln!(text, "{}", row.trim_end()).expect("writing to a String cannot fail");
        }
        line(text.trim_end_matches('\n'));
    }
}

fn bold(cell: Cell) -> Cell {
    if is_colourful(&io::stdout()) {
        cell.add_attribute(comfy_table::Attribute::Bold)
    } else {
        cell
    }
}

/// A bar on standard error for work that takes long; nothing where nobody looks.
pub(super) fn bar(length: u64, what: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length)
        .with_style(style)
        .with_message(what.to_owned())
}

/// An instant of the API in a zone: `2026-11-22 18:00`. What cannot be read is shown as it is.
pub(super) fn when(at: &str, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    match at.parse::<Timestamp>() {
        Ok(at) => at.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => at.to_owned(),
    }
}

/// `a, b, c` in English, `a、b、c` in Chinese.
pub(super) fn enumerate(texts: Texts, parts: &[String]) -> String {
    let separator = match texts.language {
        crate::texts::Language::ZhCn => "、",
        crate::texts::Language::En => ", ",
    };
    parts.join(separator)
}

/// `12%`; a dash when there is nobody.
pub(super) fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 {
        "–".to_owned()
    } else {
        format!("{}%", part * 100 / whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_shown_in_the_zone_of_the_matter() {
        assert_eq!(
            when("2026-11-22T10:00:00.000Z", "Asia/Shanghai"),
            "2026-11-22 18:00"
        );
        assert_eq!(when("soon", "Asia/Shanghai"), "soon");
    }

    #[test]
    fn a_share_of_nobody_is_no_number() {
        assert_eq!(percent(0, 0), "–");
        assert_eq!(percent(1, 3), "33%");
        assert_eq!(percent(999, 1000), "99%");
    }
}
