//! The older way to the top of a group: `/v2.0/im/topBoxes`, one call per card.
//!
//! Only scene groups (with their `groupTemplateId`) and groups with a 酷应用 have a top box; at most ten open cards per
//! conversation, `outTrackId` of at most 64 characters. Source: `im_2_0` of the official SDK and the 吊顶 pages; the
//! codes are inferred, except that the group must exist and have a top box.

use serde_json::{Value, json};

use super::cards::{invalid, new_card, own_card};
use super::cards_delivery::{TOPS_AT_MOST, close};
use super::{json_body, required, strings};
use crate::call::{Call, ModernRefusal};
use crate::gate::modern_caller;
use crate::organisation::GroupKind;
use crate::push::{Delivery, Space, change_card};
use crate::shared::Shared;

const TRACK_ID_CHARS: usize = 64;
const RECEIVERS_AT_MOST: usize = 100;

/// `POST /v2.0/im/topBoxes`
pub(super) fn open(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let mut body = json_body(call)?;
    let conversation = required(&body, "openConversationId")?.to_owned();
    if required(&body, "outTrackId")?.chars().count() > TRACK_ID_CHARS {
        return Err(invalid("outTrackId 超过 64 个字符"));
    }
    if body["conversationType"] != 1 {
        return Err(invalid("沙箱的吊顶只支持群聊（conversationType 为 1）"));
    }
    let group = world
        .group(&conversation)
        .filter(|group| !group.dissolved)
        .ok_or_else(|| invalid("群不存在或已解散"))?;
    if group.kind != GroupKind::Scene {
        return Err(invalid("仅场景群或安装了群聊酷应用的群支持吊顶卡片"));
    }
    if body["groupTemplateId"].as_str() != Some(group.template_id.as_str()) {
        return Err(invalid("groupTemplateId 与群不匹配"));
    }
    let recipients = strings(&body["receiverUserIdList"]);
    if recipients.len() > RECEIVERS_AT_MOST {
        return Err(invalid("receiverUserIdList 超过 100 人"));
    }
    if world.cards.tops(&conversation, now_ms).len() >= TOPS_AT_MOST {
        return Err(invalid("吊顶卡片数量超过上限"));
    }
    let open_until_ms = body["expiredTime"].as_i64().unwrap_or(i64::MAX);
    // Here the route key alone says that clicks are posted, and private data has a name of its own.
    if !body["userIdPrivateDataMap"].is_null() {
        body["privateData"] = body["userIdPrivateDataMap"].take();
    }
    body["topOpenSpaceModel"] = json!({ "spaceType": "ONE_BOX" });
    let mut card = new_card(&world, &caller, &body)?;
    card.deliveries.push(Delivery {
        space: Space::OneBox,
        space_id: conversation,
        message_id: None,
        recipients,
        open_until_ms,
    });
    change_card(shared, &mut world, card);
    Ok(json!({ "success": true }))
}

/// `POST /v2.0/im/topBoxes/close`
pub(super) fn shut(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let card = own_card(&world, &caller, required(&body, "outTrackId")?)?;
    close(
        shared,
        &mut world,
        card,
        required(&body, "openConversationId")?,
    );
    Ok(json!({ "success": true }))
}
