//! The work calendar: official years that came with the product, and what was imported: newer years, company days.
//!
//! Called at start, by `yuezhi calendar import|check`, and by the console. Imported files stand in the database, so
//! that every node and every backup has them.

use yuezhi_domain::{CalendarFile, CalendarWarning, UnixMillis, WorkCalendar};
use yuezhi_store::{audit, notices, schedules, settings};

use super::{ActionError, Actor, Refusal};
use crate::app::{App, CALENDAR_SETTING};

/// What an import brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The official days of a year.
    Year(i16),
    /// So many days of the company's own.
    CompanyDays(usize),
}

/// The embedded calendar with everything imported laid over it, in the order of import.
pub fn load(stored: Option<&str>) -> Result<WorkCalendar, ActionError> {
    let mut calendar = WorkCalendar::official();
    for file in stored_files(stored)? {
        calendar.add(file);
    }
    Ok(calendar)
}

fn stored_files(stored: Option<&str>) -> Result<Vec<CalendarFile>, ActionError> {
    stored.map_or(Ok(Vec::new()), |text| {
        serde_json::from_str(text).map_err(ActionError::internal)
    })
}

/// Brings what another node imported into this one.
pub async fn reload(app: &App) -> Result<(), ActionError> {
    let stored = app
        .db
        .read(|tx| Ok::<_, ActionError>(settings::get(tx, CALENDAR_SETTING)?))
        .await?;
    app.replace_calendar(load(stored.as_deref())?);
    Ok(())
}

/// Takes in a calendar file: an official year (JSON), company days (JSON), or iCalendar.
pub async fn import(app: &App, actor: Actor, text: &str) -> Result<Imported, ActionError> {
    let file: CalendarFile = text
        .parse()
        .map_err(|error| Refusal::invalid("file", "calendar_bad").with("detail", error))?;
    let (imported, subject) = match &file {
        CalendarFile::Official(year) => {
            (Imported::Year(year.year), format!("calendar:{}", year.year))
        }
        CalendarFile::Company(days) => (
            Imported::CompanyDays(days.len()),
            "calendar:company".to_owned(),
        ),
    };
    let now = app.now();
    let stored = app
        .db
        .write(move |tx| {
            let mut files = stored_files(settings::get(tx, CALENDAR_SETTING)?.as_deref())?;
            // The same year again replaces the former; company days add up.
            files.retain(|kept| match (kept, &file) {
                (CalendarFile::Official(kept), CalendarFile::Official(new)) => {
                    kept.year != new.year
                }
                _ => true,
            });
            files.push(file.clone());
            let text = serde_json::to_string(&files).map_err(ActionError::internal)?;
            settings::put(tx, CALENDAR_SETTING, &text)?;
            notices::replan_all(tx, now)?;
            schedules::replan_all(tx, now)?;
            audit::append(
                tx,
                now,
                &actor.to_string(),
                "calendar.imported",
                &subject,
                "{}",
            )?;
            Ok::<_, ActionError>(text)
        })
        .await?;
    app.replace_calendar(load(Some(&stored))?);
    app.wake();
    Ok(imported)
}

/// Years whose holidays are not known though they are near.
pub fn warnings(app: &App, now: UnixMillis) -> Vec<CalendarWarning> {
    let today = now.in_zone(app.time_zone.zone()).date();
    app.calendar().warnings(today)
}
