//! The work calendar: official years that came with the product, newer ones that were imported.
//!
//! Called at start, by `yuezhi calendar import|check`, and by the console. Imported years stand in the database, so
//! that every node and every backup has them.

use yuezhi_domain::{
    UnixMillis, WorkCalendar,
    work_calendar::{CalendarWarning, CalendarYear},
};
use yuezhi_store::{audit, settings};

use super::{ActionError, Actor, Refusal};
use crate::app::{App, CALENDAR_SETTING};

/// The embedded calendar with the imported years laid over it. `stored` is the setting's JSON array of years.
pub fn load(stored: Option<&str>) -> Result<WorkCalendar, ActionError> {
    let mut calendar = WorkCalendar::official();
    for year in stored_years(stored)? {
        calendar.add_official_year(year);
    }
    Ok(calendar)
}

fn stored_years(stored: Option<&str>) -> Result<Vec<CalendarYear>, ActionError> {
    let texts: Vec<serde_json::Value> = match stored {
        Some(text) => serde_json::from_str(text).map_err(ActionError::internal)?,
        None => Vec::new(),
    };
    texts.into_iter().map(|year| year.to_string().parse().map_err(ActionError::internal)).collect()
}

/// Takes in a year's file; the year it holds.
pub async fn import(app: &App, actor: Actor, text: &str) -> Result<i16, ActionError> {
    let refuse = |detail: String| Refusal::invalid("file", "calendar_bad").with("detail", detail);
    let year: CalendarYear = text.parse().map_err(|error: yuezhi_domain::work_calendar::CalendarFileError| refuse(error.to_string()))?;
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
    let (number, now) = (year.year, app.now());
    let stored = app
        .db
        .write(move |tx| {
            let before = settings::get(tx, CALENDAR_SETTING)?;
            let mut years: Vec<serde_json::Value> = match &before {
                Some(text) => serde_json::from_str(text).map_err(ActionError::internal)?,
                None => Vec::new(),
            };
            years.retain(|kept| kept.get("year") != value.get("year"));
            years.push(value.clone());
            let text = serde_json::Value::Array(years).to_string();
            settings::put(tx, CALENDAR_SETTING, &text)?;
            audit::append(tx, now, &actor.to_string(), "calendar.imported", &format!("calendar:{number}"), "{}")?;
            Ok::<_, ActionError>(text)
        })
        .await?;
    app.replace_calendar(load(Some(&stored))?);
    app.wake();
    Ok(number)
}

/// Years whose holidays are not known though they are near.
pub fn warnings(app: &App, now: UnixMillis) -> Vec<CalendarWarning> {
    let today = now.in_zone(app.time_zone.zone()).date();
    app.calendar().warnings(today)
}
