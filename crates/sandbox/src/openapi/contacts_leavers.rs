//! Who works here and who left: `hrm/employee/queryonjob` (智能人事) and `contact/empLeaveRecords`.
//!
//! Source: 开放平台文档, the pages of the two paths. The codes of the second's refusals are inferred.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::contacts::{MOBILE_SCOPE, asked, missing, page};
use crate::call::{Call, LegacyRefusal, ModernRefusal, legacy, modern_caller, modern_get};
use crate::directory::{LeaveReason, Leaver};
use crate::shared::Shared;

const YEAR_MS: i64 = 365 * 86_400_000;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/topapi/smartwork/hrm/employee/queryonjob",
            legacy(on_the_job),
        )
        .route("/v1.0/contact/empLeaveRecords", modern_get(leave_records))
}

/// `POST …/queryonjob {"status_list","offset","size"}`: at most 50 a page. The sandbox has nobody on trial (2) or
/// about to leave (5): everyone is regular (3).
fn on_the_job(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |world, _, body| {
        let statuses = body["status_list"]
            .as_str()
            .ok_or_else(|| missing("status_list"))?;
        let has_regulars = statuses.split(',').any(|status| status.trim() == "3");
        let people = world.organisation.people.iter().filter(|_| has_regulars);
        let ids: Vec<_> = people.map(|person| person.userid.clone()).collect();
        let (list, next) = page(ids, body, "offset", 50)?;
        let mut result = json!({ "data_list": list });
        if let Some(next) = next {
            result["next_cursor"] = next.into();
        }
        Ok(json!({ "result": result, "success": true }))
    })
}

/// `GET /v1.0/contact/empLeaveRecords?startTime&endTime&maxResults&nextToken`: at most 365 days, 50 a page.
fn leave_records(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let from_ms = moment(call, "startTime")?.ok_or_else(|| ModernRefusal::missing("startTime"))?;
    let until_ms = moment(call, "endTime")?.unwrap_or(now_ms);
    if until_ms < from_ms || until_ms - from_ms > YEAR_MS {
        return Err(bad("开始时间和结束时间的间隔不能超过365天"));
    }
    let size: usize = call
        .query("maxResults")
        .ok_or_else(|| ModernRefusal::missing("maxResults"))?
        .parse()
        .ok()
        .filter(|size| (1..=50).contains(size))
        .ok_or_else(|| bad("maxResults 取值范围 1-50"))?;
    let from: usize = match call.query("nextToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token.parse().map_err(|_| bad("nextToken 不正确"))?,
    };
    let leavers = world.directory.leavers.iter();
    let within: Vec<&Leaver> = leavers
        .filter(|leaver| (from_ms..=until_ms).contains(&leaver.left_ms))
        .collect();
    let shows_mobile = !world
        .rules
        .access_of(&caller.client_id)
        .withholds(MOBILE_SCOPE);
    let records = within
        .iter()
        .skip(from)
        .take(size)
        .map(|leaver| record(leaver, shows_mobile));
    let mut answer = json!({ "records": records.collect::<Vec<_>>() });
    if from + size < within.len() {
        answer["nextToken"] = (from + size).to_string().into();
    }
    Ok(answer)
}

fn record(leaver: &Leaver, shows_mobile: bool) -> Value {
    let person = &leaver.person;
    let reason = match leaver.reason {
        LeaveReason::Leave => "leave",
        LeaveReason::Delete => "delete",
        LeaveReason::Oapi => "oapi",
        LeaveReason::Cancel => "cancel",
        LeaveReason::Unknown => "unknown",
    };
    let at = jiff::Timestamp::from_millisecond(leaver.left_ms).unwrap_or_default();
    let mut record = json!({
        "userId": person.userid, "name": person.name, "leaveReason": reason,
        "leaveTime": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    if shows_mobile && !person.mobile.is_empty() {
        record["mobile"] = person.mobile.as_str().into();
        record["stateCode"] = "86".into();
    }
    record
}

fn moment(call: &Call, name: &str) -> Result<Option<i64>, ModernRefusal> {
    let Some(text) = call.query(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        bad(&format!(
            "{name} 不是 ISO 8601 时间，例如 2026-11-22T00:00:00Z"
        ))
    })?;
    Ok(Some(at.as_millisecond()))
}

fn bad(message: &str) -> ModernRefusal {
    ModernRefusal::bad("invalidParameter", message)
}
