//! `yuezhi calendar check|import`: the work calendar of the running server.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::multipart::Form;

use super::{
    Failure, Global,
    client::{Client, with_query},
    output::{self, Grid, Tone},
    publish::part,
};
use crate::{
    api::calendar::{Calendar, CalendarImport},
    texts::Texts,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the holidays and make-up workdays of a year, and which years are missing. Fails if one is.
    Check {
        /// This year if missing.
        #[arg(long, value_parser = clap::value_parser!(i16).range(1900..=9999))]
        year: Option<i16>,
    },
    /// Import an official year (JSON) or the company's own days (JSON, iCalendar).
    Import { file: PathBuf },
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let texts = global.texts();
    match arguments.command {
        Command::Check { year } => check(global, year, texts).await,
        Command::Import { file } => {
            let part = part(&file, texts)?;
            let client = Client::find(global)?;
            let imported: CalendarImport = client
                .post_form("/api/v1/calendar/import", Form::new().part("file", part))
                .await?;
            if global.json {
                output::json(&imported);
                return Ok(());
            }
            match (imported.year, imported.company_days) {
                (Some(year), _) => {
                    output::line(&texts.with("cli.calendar_imported_year", "year", year));
                }
                (None, days) => output::line(
                    &texts.count("cli.calendar_imported_days", days.unwrap_or(0) as i64),
                ),
            }
            Ok(())
        }
    }
}

async fn check(global: &Global, year: Option<i16>, texts: Texts) -> Result<(), Failure> {
    let client = Client::find(global)?;
    let year = year.map(|year| year.to_string()).unwrap_or_default();
    let query: Vec<(&str, &str)> = if year.is_empty() {
        Vec::new()
    } else {
        vec![("year", &year)]
    };
    let calendar: Calendar = client.get(&with_query("/api/v1/calendar", &query)).await?;
    if global.json {
        output::json(&calendar);
    } else {
        print(&calendar, texts);
    }
    match calendar.missing_years.first() {
        None => Ok(()),
        Some(year) => Err(Failure::failed(texts.with(
            "cli.calendar_year_missing",
            "year",
            year,
        ))),
    }
}

fn print(calendar: &Calendar, texts: Texts) {
    if calendar.days.is_empty() {
        let key = if calendar.is_known {
            "cli.calendar_no_days"
        } else {
            "cli.calendar_unknown"
        };
        output::line(&texts.with(key, "year", calendar.year));
        return;
    }
    let headers = ["date", "weekday", "day", "labelled"].map(|c| texts.of_value("cli.column", c));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let mut grid = Grid::new(&headers, &[]);
    for day in &calendar.days {
        let kind = if day.is_off_day {
            texts.get("cli.day_off").to_owned()
        } else {
            output::toned(Tone::Look, texts.get("cli.day_make_up"))
        };
        grid.row(vec![
            day.date.clone(),
            weekday(&day.date, texts),
            kind,
            day.name.clone(),
        ]);
    }
    grid.print();
}

fn weekday(date: &str, texts: Texts) -> String {
    let date = date.parse::<jiff::civil::Date>().ok();
    date.map(|date| {
        texts.of_value(
            "cli.weekday",
            &date.weekday().to_monday_one_offset().to_string(),
        )
    })
    .unwrap_or_default()
}
