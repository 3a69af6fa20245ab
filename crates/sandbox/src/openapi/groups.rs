//! Internal groups (企业内部群): made, changed and read by an app; and which groups a robot is in.
//!
//! Sources: 开放平台文档, 群会话 (`im/group/create`, `im/group/update`, `chat/get`),
//! and the SDK's `im_1_0` and `robot_1_0` for calls without a page. The older twins are closed to new apps and refuse.
//! The new pages name `parameter.invalid` and `permession.checkFailed` (sic) and no numbers per call: the sandbox keeps
//! the 40 people a call of the older pages, the stricter side, and answers their codes (1002, 665033) as `code`.
//! Invariant: an app changes only groups that an app has made.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::{json_body, required, strings};
use crate::call::{
    Call, Caller, LegacyRefusal, ModernRefusal, legacy, legacy_caller, modern, modern_caller,
};
use crate::journal::Entry;
use crate::membership::{self, MEMBERS_AT_MOST};
use crate::organisation::{Group, GroupKind};
use crate::shared::{Event, Shared};
use crate::world::World;

/// People in one call of create or update.
const PEOPLE_PER_CALL: usize = 40;
const NAME_AT_MOST: usize = 20;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1.0/im/group/create", modern(create))
        .route("/v1.0/im/group/update", modern(update))
        .route("/chat/get", legacy(get))
        .route(
            "/v1.0/im/chat/{chatId}/convertToOpenConversationId",
            modern(convert),
        )
        .route(
            "/v1.0/robot/installed/groups/query",
            modern(groups_of_robot),
        )
        .route("/v1.0/robot/groups/orgRobots/add", modern(add_robot))
        .route("/chat/create", legacy(closed))
        .route("/chat/update", legacy(closed))
        .route("/chat/send", legacy(closed))
        .route("/chat/getReadList", legacy(closed))
        .route("/topapi/im/chat/scenegroup/create", legacy(closed))
        .route("/topapi/im/chat/scenegroup/update", legacy(closed))
        .route("/topapi/im/chat/scenegroup/member/add", legacy(closed))
        .route("/topapi/im/chat/scenegroup/member/delete", legacy(closed))
}

/// `POST /v1.0/im/group/create`
fn create(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let name = group_name(required(&body, "name")?, NAME_AT_MOST)?;
    let owner = required(&body, "owner")?.to_owned();
    if body["ownerType"].as_str().is_some_and(|kind| kind != "emp") {
        return Err(invalid("外部联系人不能作为内部群的群主"));
    }
    // Ordinary groups (1) are open to organisations on a list only.
    if body["conversationTag"].as_i64().is_some_and(|tag| tag != 2) {
        return Err(invalid("conversationTag 仅支持 2（企业群）"));
    }
    check_owner(&world, &caller, &owner)?;
    let listed = strings(&body["useridlist"]);
    if listed.len() > PEOPLE_PER_CALL {
        return Err(invalid("useridlist 单次最多 40 人"));
    }
    check_people(&world, &caller, &listed)?;
    check_count(&world)?;
    let (id, chat_id) = new_ids(shared);
    let group = Group {
        chat_id: chat_id.clone(),
        kind: GroupKind::Internal,
        members: with_owner(&owner, listed),
        owner: Some(owner),
        made_by: Some(caller.client_id),
        made_ms: now_ms,
        icon: body["icon"].as_str().unwrap_or_default().to_owned(),
        management: management(&body["managementOptions"])?,
        ..Group::new(id.clone(), name)
    };
    membership::found(shared, &mut world, group);
    Ok(json!({ "conversationTag": 2, "openConversationId": id, "chatid": chat_id }))
}

/// `POST /v1.0/im/group/update`: for groups that `im/group/create` has made.
fn update(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let chat_id = required(&body, "chatid")?;
    let known = world.groups.iter().find(|group| {
        group.chat_id == chat_id && group.kind == GroupKind::Internal && !group.dissolved
    });
    let mut group = known
        .cloned()
        .ok_or_else(|| invalid("chatid 不存在或不是通过接口创建的群"))?;
    let (add, remove) = (
        strings(&body["add_useridlist"]),
        strings(&body["del_useridlist"]),
    );
    if add.len() > PEOPLE_PER_CALL || remove.len() > PEOPLE_PER_CALL {
        return Err(invalid("add_useridlist、del_useridlist 单次最多 40 人"));
    }
    check_people(&world, &caller, &add)?;
    let management = management(&body["managementOptions"])?;
    let name = body["name"].as_str();
    let name = name
        .map(|name| group_name(name, NAME_AT_MOST))
        .transpose()?;
    if let Some(owner) = body["owner"].as_str() {
        check_owner(&world, &caller, owner)?;
        hand_over(&mut group, owner);
    }
    check_size(&group, &add, &remove)?;
    // Nothing is refused from here on.
    if let Some(name) = name {
        rename(shared, &mut world, &mut group, name);
    }
    if let Some(icon) = body["icon"].as_str() {
        icon.clone_into(&mut group.icon);
    }
    group.management.extend(management);
    let id = group.id.clone();
    world.record(Entry::Group(group));
    membership::part(shared, &mut world, &id, &remove);
    membership::join(shared, &mut world, &id, &add);
    shared.tell(Event::Changed);
    Ok(json!({ "success": true }))
}

/// `GET /chat/get?chatid=`
fn get(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    let mut world = shared.world();
    legacy_caller(&mut world, call, shared.clock.now_ms())?;
    let body = call.legacy_body();
    let chat_id = call
        .query("chatid")
        .or(body["chatid"].as_str())
        .unwrap_or_default();
    let known = world
        .groups
        .iter()
        .find(|group| !group.chat_id.is_empty() && group.chat_id == chat_id);
    // Inferred code.
    let group = known.ok_or_else(|| LegacyRefusal::new(400_002, "无效的参数 chatid"))?;
    let option = |name: &str| group.management.get(name).copied().unwrap_or(0);
    Ok(json!({ "chat_info": {
        "chatid": group.chat_id,
        "name": group.title,
        "owner": owner_of(group),
        "useridlist": group.members,
        "extidlist": [],
        "conversationTag": 2,
        "icon": group.icon,
        "status": if group.dissolved { 2 } else { 1 },
        "searchable": option("searchable"),
        "showHistoryType": option("show_history_type"),
        "validationType": option("validation_type"),
        "mentionAllAuthority": option("mention_all_authority"),
        "managementType": option("management_type"),
        "chatBannedType": option("chat_banned_type"),
    }}))
}

/// `POST /v1.0/im/chat/{chatId}/convertToOpenConversationId`
fn convert(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    modern_caller(&mut world, call, now_ms)?;
    let chat_id = segment(call, 3);
    let known = world
        .groups
        .iter()
        .find(|group| !group.chat_id.is_empty() && group.chat_id == chat_id);
    let group = known.ok_or_else(|| invalid("chatId 不存在"))?;
    Ok(json!({ "openConversationId": group.id }))
}

/// `POST /v1.0/robot/installed/groups/query {"robotCode","maxResult","nextToken"}`
fn groups_of_robot(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let robot_code = required(&body, "robotCode")?;
    super::personal_messages::check_robot_code(&caller, robot_code)?;
    let ids: Vec<&String> = world
        .groups
        .iter()
        .filter(|group| !group.dissolved && group.app_robots.iter().any(|code| code == robot_code))
        .map(|group| &group.id)
        .collect();
    let (ids, next) = page(&ids, &body, "maxResult", 100)?;
    let mut answer = json!({ "openConversationIds": ids, "hasMore": next.is_some() });
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

/// `POST /v1.0/robot/groups/orgRobots/add {"robotCode","openConversationId"}`: the caller's own robot joins.
fn add_robot(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    super::personal_messages::check_robot_code(&caller, required(&body, "robotCode")?)?;
    let mut group = live_group(&world, required(&body, "openConversationId")?)?.clone();
    if !group.app_robots.contains(&caller.robot_code) {
        let id = group.id.clone();
        let name = world
            .app(&caller.client_id)
            .map_or_else(String::new, |app| app.name.clone());
        group.app_robots.push(caller.robot_code);
        world.record(Entry::Group(group));
        membership::line(shared, &mut world, &id, format!("机器人 {name} 加入了群聊"));
        shared.tell(Event::Changed);
    }
    Ok(json!({ "result": true }))
}

/// The calls of former years: 不再支持新应用申请.
fn closed(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    let mut world = shared.world();
    legacy_caller(&mut world, call, shared.clock.now_ms())?;
    Err(LegacyRefusal::gateway(
        "60011",
        "应用尚未开通所需的权限：该接口已归入历史文档，不再支持新应用申请，请使用新版服务端API",
    ))
}

pub(super) fn invalid(message: &str) -> ModernRefusal {
    ModernRefusal::bad("parameter.invalid", message)
}

/// `permession` is the platform's spelling.
fn out_of_range(message: &str) -> ModernRefusal {
    ModernRefusal::bad("permession.checkFailed", message)
}

/// A group that exists and is not dissolved.
pub(super) fn live_group<'a>(world: &'a World, id: &str) -> Result<&'a Group, ModernRefusal> {
    let group = world
        .group(id)
        .ok_or_else(|| invalid("openConversationId 不存在"))?;
    if group.dissolved {
        Err(invalid("群已解散"))
    } else {
        Ok(group)
    }
}

pub(super) fn group_name(name: &str, at_most: usize) -> Result<String, ModernRefusal> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > at_most {
        return Err(invalid(&format!("群名称长度为 1-{at_most} 个字符")));
    }
    Ok(name.to_owned())
}

pub(super) fn check_owner(
    world: &World,
    caller: &Caller,
    owner: &str,
) -> Result<(), ModernRefusal> {
    let person = world.person(owner).ok_or_else(|| invalid("群主不存在"))?;
    if world.is_visible(&caller.client_id, person) {
        Ok(())
    } else {
        Err(out_of_range("群主不在应用可见性内"))
    }
}

pub(super) fn check_people(
    world: &World,
    caller: &Caller,
    userids: &[String],
) -> Result<(), ModernRefusal> {
    for userid in userids {
        let person = world
            .person(userid)
            .ok_or_else(|| invalid(&format!("成员 {userid} 不存在")))?;
        if !world.is_visible(&caller.client_id, person) {
            return Err(out_of_range("群成员不在应用可见性内"));
        }
    }
    Ok(())
}

pub(super) fn check_count(world: &World) -> Result<(), ModernRefusal> {
    let live = world.groups.iter().filter(|group| !group.dissolved).count();
    if world
        .rules
        .groups
        .groups_at_most
        .is_some_and(|at_most| live >= at_most)
    {
        return Err(ModernRefusal::bad("1002", "组织建群超出上限"));
    }
    Ok(())
}

pub(super) fn check_size(
    group: &Group,
    add: &[String],
    remove: &[String],
) -> Result<(), ModernRefusal> {
    let staying = group
        .members
        .iter()
        .filter(|member| !remove.contains(member));
    let coming = add.iter().filter(|userid| !group.members.contains(userid));
    if staying.count() + coming.count() > MEMBERS_AT_MOST {
        return Err(ModernRefusal::bad("665033", "群成员数量超出限制"));
    }
    Ok(())
}

/// Everyone once, the owner first.
pub(super) fn with_owner(owner: &str, listed: Vec<String>) -> Vec<String> {
    let mut members = vec![owner.to_owned()];
    for userid in listed {
        if !members.contains(&userid) {
            members.push(userid);
        }
    }
    members
}

/// The new owner becomes a member and is no mere administrator.
pub(super) fn hand_over(group: &mut Group, owner: &str) {
    if !group.members.iter().any(|member| member == owner) {
        group.members.push(owner.to_owned());
    }
    group.sub_admins.retain(|admin| admin != owner);
    group.owner = Some(owner.to_owned());
}

pub(super) fn rename(shared: &Shared, world: &mut World, group: &mut Group, name: String) {
    if group.title != name {
        membership::line(
            shared,
            world,
            &group.id,
            format!("群名称已修改为「{name}」"),
        );
        group.title = name;
    }
}

pub(super) fn owner_of(group: &Group) -> Option<&String> {
    group.owner.as_ref().or_else(|| group.members.first())
}

/// The options by their `snake_case` names, whichever case they came in; each is a small number.
pub(super) fn management(options: &Value) -> Result<BTreeMap<String, i64>, ModernRefusal> {
    let mut kept = BTreeMap::new();
    for (name, value) in options.as_object().into_iter().flatten() {
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        let number = number.filter(|number| (0..=2).contains(number));
        let number = number.ok_or_else(|| invalid(&format!("群管理选项 {name} 的值不正确")))?;
        let mut snake = String::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        kept.insert(snake, number);
    }
    Ok(kept)
}

/// A new group's `openConversationId` and `chatid`.
pub(super) fn new_ids(shared: &Shared) -> (String, String) {
    let mut ids = shared.ids();
    (
        format!("cid{}==", ids.code()),
        format!("chat{}", ids.token()),
    )
}

/// A segment of the path, decoded; 0 is the first.
pub(super) fn segment(call: &Call, at: usize) -> String {
    let raw = call.path.split('/').skip(1).nth(at).unwrap_or_default();
    // In a path `+` is a plus, where a form's decoder would make it a space.
    let form = format!("v={}", raw.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(form.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// A page of a list whose token is the position of the next row.
pub(super) fn page<T: Clone>(
    all: &[T],
    body: &Value,
    size: &str,
    at_most: u64,
) -> Result<(Vec<T>, Option<String>), ModernRefusal> {
    let size = match &body[size] {
        Value::Null => at_most,
        given => given
            .as_u64()
            .filter(|given| (1..=at_most).contains(given))
            .ok_or_else(|| invalid(&format!("{size} 取值范围 1-{at_most}")))?,
    };
    let from: usize = match body["nextToken"].as_str().filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid("nextToken 不正确"))?,
    };
    let until = from.saturating_add(size as usize);
    let next = (until < all.len()).then(|| until.to_string());
    Ok((
        all.iter().skip(from).take(size as usize).cloned().collect(),
        next,
    ))
}
