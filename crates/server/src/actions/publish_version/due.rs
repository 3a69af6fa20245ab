//! The due date of a notice: what was asked for, or five workdays where an act is asked for.

use yuezhi_domain::{DayOff, DueDate, DueError, DueRule, Requirement, UnixMillis};

use crate::{actions::Refusal, app::App};

/// Where nobody says otherwise.
const DEFAULT_WORKDAYS: u16 = 5;

pub(super) fn settle(
    app: &App,
    text: Option<String>,
    requirement: Requirement,
    now: UnixMillis,
) -> Result<Option<DueDate>, Refusal> {
    let rule = match &text {
        Some(text) => text
            .parse()
            .map_err(|_| Refusal::invalid("due", "due_bad").with("text", text))?,
        None if requirement == Requirement::Inform => DueRule::None,
        None => DueRule::Workdays(DEFAULT_WORKDAYS),
    };
    let text = text.unwrap_or_default();
    rule.resolve(now, &app.time_zone, &app.calendar())
        .map_err(|error| match error {
            DueError::Past(at) => {
                Refusal::invalid("due", "due_past").with("at", at.strftime("%Y-%m-%d %H:%M"))
            }
            DueError::OutOfRange => Refusal::invalid("due", "due_bad").with("text", text),
        })
}

/// What a publisher should know about the day.
pub(super) fn warnings(due: Option<&DueDate>) -> Vec<Refusal> {
    let Some(due) = due else { return Vec::new() };
    let date = due.local.date();
    let mut warnings = Vec::new();
    match &due.day_off {
        Some(DayOff::Weekend) => {
            warnings.push(Refusal::invalid("due", "due_on_weekend").with("date", date));
        }
        Some(DayOff::Holiday { name }) => {
            warnings.push(
                Refusal::invalid("due", "due_on_holiday")
                    .with("date", date)
                    .with("holiday", name),
            );
        }
        None => {}
    }
    if let Some(year) = due.uncertain_year {
        warnings.push(Refusal::invalid("due", "calendar_year_missing").with("year", year));
    }
    warnings
}
