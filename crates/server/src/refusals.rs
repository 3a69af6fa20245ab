//! The domain's errors as refusals that both languages can tell.
//!
//! Called by actions where a rule of `yuezhi-domain` said no. Invariant: every variant has a text of its own.

use yuezhi_domain::{
    audience::{AudienceError, AudienceSyntaxError},
    reminder::PlanError,
    schedule::ScheduleError,
};

use crate::{refusal::Refusal, texts::Texts};

pub fn audience_syntax(error: &AudienceSyntaxError, _texts: Texts) -> Refusal {
    Refusal::invalid("audience", "audience_bad").with("detail", error)
}

pub fn audience(error: &AudienceError) -> Refusal {
    match error {
        AudienceError::Unknown {
            reference, nearest, ..
        } => {
            let (code, nearest) = match nearest {
                Some(nearest) => ("audience_unknown_nearest", nearest.as_str()),
                None => ("audience_unknown", ""),
            };
            Refusal::invalid("audience", code)
                .with("reference", reference)
                .with("nearest", nearest)
        }
        AudienceError::Ambiguous {
            reference,
            candidates,
        } => {
            let labels: Vec<&str> = candidates
                .iter()
                .take(5)
                .map(|c| c.label.as_str())
                .collect();
            Refusal::invalid("audience", "audience_ambiguous")
                .with("reference", reference)
                .with("candidates", labels.join(" · "))
        }
        AudienceError::Empty => Refusal::invalid("audience", "audience_empty"),
    }
}

pub fn plan(text: &str, _error: &PlanError) -> Refusal {
    Refusal::invalid("plan", "plan_bad").with("text", text)
}

pub fn schedule(text: &str, error: &ScheduleError) -> Refusal {
    let code = match error {
        ScheduleError::Empty => "rule_empty",
        ScheduleError::NoTime(_) => "rule_no_time",
        ScheduleError::NeverFires(_) => "rule_never",
        ScheduleError::Cron { .. } => "rule_cron",
        ScheduleError::OptionOnWorkdays(_)
        | ScheduleError::OptionOnCron(_)
        | ScheduleError::UnknownOption(_) => "rule_option",
        ScheduleError::UnknownDays(_) | ScheduleError::DayOfMonth(_) => "rule_bad",
    };
    Refusal::invalid("rule", code).with("text", text)
}
