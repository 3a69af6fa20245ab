//! Tables for import: CSV in the encodings and separators that spreadsheets write, and xlsx.
//!
//! Called by the people import. Invariant: cells are text as a person sees them (a phone number is not
//! `1.38E10`), row numbers are those of the file, and no claim of a file about its own size is believed.
//! Weakness: of a workbook only the first sheet with content is read; formulas give their stored value.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{DataRef, Reader, Xlsx};
use serde::{Deserialize, Serialize};

use crate::archive::Archive;
use crate::{Format, Limits, ReadError, check_size, encoding, format, isolate};

/// A header row and the rows below it. Every row has as many cells as there are headers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub headers: Vec<String>,
    pub rows: Vec<Row>,
}

/// `line` is the row's number in the file, from 1, for messages to the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub line: usize,
    pub cells: Vec<String>,
}

/// Reads a CSV or xlsx file. The first row with content holds the headers; empty rows are skipped.
pub fn read(file_name: &str, bytes: &[u8], limits: &Limits) -> Result<Table, ReadError> {
    check_size(bytes, limits)?;
    let rows = if format::is_zip(bytes) {
        isolate::isolated(Format::Docx, || xlsx_rows(bytes, limits)).map_err(name_the_workbook)?
    } else {
        // Detection names pictures, old Excel files and the like.
        let head_is_text = matches!(format::extension(file_name).as_str(), "csv" | "tsv" | "txt");
        if !head_is_text || bytes.contains(&0) {
            Format::detect(file_name, bytes)?;
        }
        csv_rows(bytes, limits)?
    };
    table(rows)
}

fn table(mut rows: Vec<Row>) -> Result<Table, ReadError> {
    rows.retain(|row| row.cells.iter().any(|cell| !cell.is_empty()));
    let mut rows = rows.into_iter();
    let Some(first) = rows.next() else {
        return Err(ReadError::NoText);
    };
    let mut headers = first.cells;
    while headers.last().is_some_and(String::is_empty) {
        headers.pop();
    }
    let width = headers.len();
    let mut read: Vec<Row> = rows.collect();
    // Content beside the named columns is kept under an empty name, not thrown away.
    let widest = read
        .iter()
        .map(|row| {
            row.cells
                .iter()
                .rposition(|c| !c.is_empty())
                .map_or(0, |at| at + 1)
        })
        .max();
    let width = width.max(widest.unwrap_or(0));
    headers.resize(width, String::new());
    for row in &mut read {
        row.cells.resize(width, String::new());
    }
    Ok(Table {
        headers,
        rows: read,
    })
}

fn csv_rows(bytes: &[u8], limits: &Limits) -> Result<Vec<Row>, ReadError> {
    let text = encoding::decode(bytes)?;
    let text = skip_separator_line(&text);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(text))
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| broken_table(&error.to_string()))?;
        let line = record.position().map_or(0, |at| line_number(text, at));
        check_shape(rows.len(), record.len(), limits)?;
        rows.push(Row {
            line,
            cells: record.iter().map(|cell| cell.trim().to_owned()).collect(),
        });
    }
    Ok(rows)
}

/// The reader notes where it was before it skipped empty lines.
fn line_number(text: &str, at: &csv::Position) -> usize {
    let start = usize::try_from(at.byte()).unwrap_or(usize::MAX);
    let skipped = text
        .get(start..)
        .map_or(0, |rest| rest.bytes().take_while(|b| *b == b'\n').count());
    usize::try_from(at.line())
        .unwrap_or(usize::MAX)
        .saturating_add(skipped)
}

/// Excel reads a first line `sep=;` as an instruction.
fn skip_separator_line(text: &str) -> &str {
    match text.split_once('\n') {
        Some((first, rest)) if first.trim().to_lowercase().starts_with("sep=") => rest,
        _ => text,
    }
}

/// The separator that occurs most in the first line with content, outside quotes.
fn separator(text: &str) -> u8 {
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let mut quoted = false;
    let mut counts = [(b',', 0usize), (b';', 0), (b'\t', 0)];
    for byte in first.bytes() {
        quoted ^= byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(sign, _)| *sign == byte && !quoted) {
            *count += 1;
        }
    }
    counts
        .iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or(b',', |(sign, count)| if *count == 0 { b',' } else { *sign })
}

fn xlsx_rows(bytes: &[u8], limits: &Limits) -> Result<Vec<Row>, ReadError> {
    let mut archive = Archive::open(Format::Docx, bytes, limits)?;
    if !archive.names().iter().any(|name| name == "xl/workbook.xml") {
        return Err(ReadError::Unsupported {
            what: "a zip file that is no xlsx workbook".to_owned(),
        });
    }
    archive.check_all()?;
    let broken = |error: calamine::XlsxError| broken_table(&error.to_string());
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    for name in workbook.sheet_names() {
        let mut cells = workbook.worksheet_cells_reader(&name).map_err(broken)?;
        let mut rows: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        while let Some(cell) = cells.next_cell().map_err(broken)? {
            let text = cell_text(cell.get_value());
            if text.is_empty() {
                continue;
            }
            let (row, column) = (cell.get_position().0, cell.get_position().1 as usize);
            check_shape(rows.len(), column + 1, limits)?;
            let cells = rows.entry(row).or_default();
            if cells.len() <= column {
                cells.resize(column + 1, String::new());
            }
            cells[column] = text;
        }
        if !rows.is_empty() {
            return Ok(rows
                .into_iter()
                .map(|(row, cells)| Row {
                    line: row as usize + 1,
                    cells,
                })
                .collect());
        }
    }
    Ok(Vec::new())
}

fn cell_text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number_text(*number),
        DataRef::String(text) => text.trim().to_owned(),
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Bool(truth) => truth.to_string(),
        DataRef::DateTime(moment) if moment.is_duration() => number_text(moment.as_f64()),
        DataRef::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            if (hour, minute, second) == (0, 0, 0) {
                date
            } else {
                format!("{date} {hour:02}:{minute:02}:{second:02}")
            }
        }
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

/// Whole numbers without a point: job numbers and phone numbers are kept as floats by Excel.
fn number_text(number: f64) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        format!("{number:.0}")
    } else {
        number.to_string()
    }
}

fn check_shape(rows: usize, columns: usize, limits: &Limits) -> Result<(), ReadError> {
    if rows >= limits.max_rows {
        return Err(ReadError::too_complex(format!(
            "it has more than {} rows",
            limits.max_rows
        )));
    }
    if columns > limits.max_columns {
        return Err(ReadError::too_complex(format!(
            "it has more than {} columns",
            limits.max_columns
        )));
    }
    Ok(())
}

fn broken_table(detail: &str) -> ReadError {
    ReadError::NotText {
        detail: format!("the table does not parse ({detail})"),
    }
}

/// The shared container code speaks of docx.
fn name_the_workbook(error: ReadError) -> ReadError {
    match error {
        ReadError::Broken { detail, .. } => broken_table(&detail),
        other => other,
    }
}
