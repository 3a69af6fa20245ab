//! Events that could not be delivered: what each host hands out of the failed list.
//!
//! The old call hands every event out once, 200 at a time; the new one answers a span of time and keeps them.
//! Sources: `call-back-failed-result` (推送失败的事件), `event_1_0` of the official SDK.

use serde_json::{Value, json};

use crate::call::{Call, LegacyRefusal, ModernRefusal};
use crate::gate::{legacy_caller, modern_caller};
use crate::push::FailedPush;
use crate::shared::Shared;

const PAGE: usize = 200;

/// `GET /call_back/get_call_back_failed_result`
pub(super) fn fetch(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = legacy_caller(&mut world, call, now_ms)?;
    let ready_ms = now_ms - world.rules.push.failed_after_ms;
    let corp_id = world.organisation.corp_id.clone();
    let mut lines = shared.push.lines();
    let mut due = lines.failed.iter_mut().filter(|failed| {
        failed.client_id == caller.client_id && !failed.fetched && failed.failed_ms <= ready_ms
    });
    let rows: Vec<Value> = due
        .by_ref()
        .take(PAGE)
        .map(|failed| {
            failed.fetched = true;
            legacy_row(failed, &corp_id)
        })
        .collect();
    let has_more = due.next().is_some();
    Ok(json!({ "failed_list": rows, "has_more": has_more }))
}

/// The event's object under its own name, with `corpid` and `userid` as the old callbacks wrote them.
fn legacy_row(failed: &FailedPush, corp_id: &str) -> Value {
    let mut object = failed.data.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.insert("corpid".into(), corp_id.into());
        if let Some(userids) = fields.remove("userId") {
            fields.insert("userid".into(), userids);
        }
    }
    let mut row = json!({ "call_back_tag": failed.event_type, "event_time": failed.event_ms });
    row[&failed.event_type] = object;
    row
}

/// `GET /v1.0/event/callbacks/failedResults?beginTime=…&endTime=…`
pub(super) fn list(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let time = |name: &str| {
        call.query(name)
            .and_then(|text| text.parse::<i64>().ok())
            .ok_or_else(|| ModernRefusal::missing(name))
    };
    let span = time("beginTime")?..=time("endTime")?;
    let ready_ms = now_ms - world.rules.push.failed_after_ms;
    let lines = shared.push.lines();
    let mut due = lines.failed.iter().filter(|failed| {
        failed.client_id == caller.client_id
            && failed.failed_ms <= ready_ms
            && span.contains(&failed.event_ms)
    });
    let rows: Vec<Value> = due
        .by_ref()
        .take(PAGE)
        .map(|failed| {
            json!({
                "callBackTag": failed.event_type,
                "callBackData": failed.data.to_string(),
                "corpId": world.organisation.corp_id,
                "eventTime": failed.event_ms,
            })
        })
        .collect();
    Ok(json!({ "failedList": rows, "hasMore": due.next().is_some() }))
}
