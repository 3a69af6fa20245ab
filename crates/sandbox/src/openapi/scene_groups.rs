//! Scene groups (场景群): made from a template, with members in lots of a hundred; administrators and tabs of a group.
//!
//! Sources: 开放平台文档, 场景群, the page of each path below; the SDK's `im_1_0` for `innerGroups/*`, `convNavTabs/*`.
//! Their bodies are `snake_case` where the platform's are. The new pages name few codes: a template that is unknown
//! or unpublished (665036), a group that is full (665033) or too young for new members (400020) answer the numbers of
//! the older pages as `code`.
//! Invariant: one uuid of one app makes one group.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::groups::{
    check_count, check_owner, check_people, check_size, group_name, hand_over, invalid, live_group,
    management, new_ids, owner_of, page, rename, with_owner,
};
use super::{json_body, required, strings};
use crate::call::{
    Call, Caller, LegacyRefusal, ModernRefusal, legacy, legacy_caller, modern, modern_caller,
};
use crate::journal::Entry;
use crate::membership;
use crate::organisation::{Group, GroupKind, GroupTab};
use crate::shared::{Event, Shared};
use crate::world::World;

const TITLE_AT_MOST: usize = 30;
const MADE_WITH_AT_MOST: usize = 999;
const ADDED_AT_MOST: usize = 100;
const PAGE_AT_MOST: u64 = 1_000;
const TABS_AT_MOST: usize = 20;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1.0/im/sceneGroup/create", modern(create))
        .route("/v1.0/im/sceneGroup/update", modern(update))
        .route("/v1.0/im/sceneGroup/member/add", modern(add_members))
        .route("/v1.0/im/sceneGroup/member/delete", modern(remove_members))
        .route("/v1.0/im/sceneGroups/members/batchQuery", modern(members))
        .route("/v1.0/im/innerGroups/members/query", modern(inner_members))
        .route("/v1.0/im/sceneGroups/query", modern(query))
        .route("/v1.0/im/sceneGroups/queryDetail", modern(query_detail))
        .route("/v1.0/im/chat/scenegroup/disband", modern(disband))
        .route("/v1.0/im/subAdministrators", modern(sub_administrators))
        .route("/v1.0/im/convNavTabs/add", modern(add_tab))
        .route("/v1.0/im/convNavTabs/list", modern(tabs))
        .route("/v1.0/im/convNavTabs/delete", modern(remove_tabs))
        .route(
            "/topapi/im/chat/scenegroup/template/apply",
            legacy(apply_template),
        )
}

/// `POST /v1.0/im/sceneGroup/create`
fn create(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, now_ms)?;
    let body = json_body(call)?;
    let title = group_name(required(&body, "title")?, TITLE_AT_MOST)?;
    let template_id = required(&body, "template_id")?.to_owned();
    let owner = required(&body, "owner_user_id")?.to_owned();
    let uuid = body["uuid"]
        .as_str()
        .filter(|uuid| !uuid.is_empty())
        .map(str::to_owned);
    let same = world.groups.iter().find(|group| {
        uuid.is_some() && group.uuid == uuid && group.made_by.as_ref() == Some(&caller.client_id)
    });
    if let Some(same) = same {
        return Ok(json!({ "open_conversation_id": same.id, "chat_id": same.chat_id }));
    }
    let brings_robot =
        template(&world, &template_id).ok_or_else(|| ModernRefusal::bad("665036", NO_TEMPLATE))?;
    check_owner(&world, &caller, &owner)?;
    let listed = strings(&body["user_ids"]);
    if listed.len() > MADE_WITH_AT_MOST {
        return Err(ModernRefusal::bad(
            "665033",
            "群成员数量超出限制，user_ids 最多 999 人",
        ));
    }
    let sub_admins = strings(&body["subadmin_ids"]);
    check_people(&world, &caller, &listed)?;
    check_people(&world, &caller, &sub_admins)?;
    check_count(&world)?;
    let members = with_owner(&owner, [listed, sub_admins.clone()].concat());
    let (id, chat_id) = new_ids(shared);
    let group = Group {
        chat_id: chat_id.clone(),
        kind: GroupKind::Scene,
        members,
        owner: Some(owner),
        sub_admins,
        app_robots: brings_robot
            .then(|| caller.robot_code.clone())
            .into_iter()
            .collect(),
        made_by: Some(caller.client_id),
        made_ms: now_ms,
        template_id,
        uuid,
        icon: body["icon"].as_str().unwrap_or_default().to_owned(),
        management: management(&body["management_options"])?,
        ..Group::new(id.clone(), title)
    };
    check_size(&group, &[], &[])?;
    membership::found(shared, &mut world, group);
    Ok(json!({ "open_conversation_id": id, "chat_id": chat_id }))
}

/// `POST /v1.0/im/sceneGroup/update`
fn update(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (mut world, caller, body) = asked(shared, call)?;
    let mut group = scene_group(&world, required(&body, "open_conversation_id")?)?.clone();
    let title = body["title"].as_str();
    let title = title
        .map(|title| group_name(title, TITLE_AT_MOST))
        .transpose()?;
    let management = management(&body["management_options"])?;
    let by_union = body["owner_union_id"]
        .as_str()
        .and_then(|unionid| world.person_by_union(unionid));
    let owner = body["owner_user_id"]
        .as_str()
        .map(str::to_owned)
        .or(by_union.map(|person| person.userid.clone()));
    if let Some(owner) = owner {
        check_owner(&world, &caller, &owner)?;
        hand_over(&mut group, &owner);
        check_size(&group, &[], &[])?;
    }
    // Nothing is refused from here on.
    if let Some(title) = title {
        rename(shared, &mut world, &mut group, title);
    }
    if let Some(icon) = body["icon"].as_str() {
        icon.clone_into(&mut group.icon);
    }
    group.management.extend(management);
    put(shared, &mut world, group);
    Ok(json!({ "success": true }))
}

/// `POST /v1.0/im/sceneGroup/member/add {"open_conversation_id","user_ids","union_ids"}`
fn add_members(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (mut world, caller, body) = asked(shared, call)?;
    let group = scene_group(&world, required(&body, "open_conversation_id")?)?.clone();
    let userids = named(&world, &body)?;
    if userids.len() > ADDED_AT_MOST {
        return Err(invalid("单次最多添加 100 人"));
    }
    let settling_ms = world.rules.groups.settling_ms;
    if settling_ms > 0 && shared.clock.now_ms() - group.made_ms < settling_ms {
        return Err(ModernRefusal::bad(
            "400020",
            "群正在创建中，请稍后再添加成员",
        ));
    }
    check_people(&world, &caller, &userids)?;
    check_size(&group, &userids, &[])?;
    membership::join(shared, &mut world, &group.id, &userids);
    Ok(json!({ "success": true }))
}

/// `POST /v1.0/im/sceneGroup/member/delete`; the owner stays.
fn remove_members(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (mut world, _, body) = asked(shared, call)?;
    let group = scene_group(&world, required(&body, "open_conversation_id")?)?.clone();
    let userids = named(&world, &body)?;
    if userids.len() > ADDED_AT_MOST {
        return Err(invalid("单次最多删除 100 人"));
    }
    if owner_of(&group).is_some_and(|owner| userids.contains(owner)) {
        return Err(invalid("不能移除群主"));
    }
    membership::part(shared, &mut world, &group.id, &userids);
    Ok(json!({ "success": true }))
}

/// `POST /v1.0/im/sceneGroups/members/batchQuery {"openConversationId","maxResults","nextToken"}`
fn members(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (world, _, body) = asked(shared, call)?;
    let group = scene_group(&world, required(&body, "openConversationId")?)?;
    let (userids, next) = page(&group.members, &body, "maxResults", PAGE_AT_MOST)?;
    let unions = userids
        .iter()
        .filter_map(|userid| world.person(userid))
        .map(|person| person.unionid.as_str());
    let mut answer = json!({
        "success": true, "memberUserIds": userids, "unionIdList": unions.collect::<Vec<_>>(),
        "hasMore": next.is_some(),
    });
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

/// `POST /v1.0/im/innerGroups/members/query`: any internal group the person is in. SDK only.
fn inner_members(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (world, _, body) = asked(shared, call)?;
    let group = live_group(&world, required(&body, "openConversationId")?)?;
    let asking = required(&body, "userId")?;
    if !group.members.iter().any(|member| member == asking) {
        return Err(invalid("userId 不在群内"));
    }
    let (userids, next) = page(&group.members, &body, "maxResults", PAGE_AT_MOST)?;
    let mut answer = json!({ "userIds": userids, "hasMore": next.is_some() });
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

/// `POST /v1.0/im/sceneGroups/query {"openConversationId"}`; status 1 is alive, 2 dissolved.
fn query(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (world, _, body) = asked(shared, call)?;
    let group = any_scene_group(&world, required(&body, "openConversationId")?)?;
    Ok(json!({
        "success": true,
        "openConversationId": group.id,
        "templateId": group.template_id,
        "title": group.title,
        "ownerUserId": owner_of(group),
        "icon": group.icon,
        "groupUrl": group_url(shared, group),
        "status": status(group),
    }))
}

/// `POST /v1.0/im/sceneGroups/queryDetail {"open_conversation_id"}`
fn query_detail(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (world, _, body) = asked(shared, call)?;
    let group = any_scene_group(&world, required(&body, "open_conversation_id")?)?;
    let union = |userid: &String| world.person(userid).map(|person| person.unionid.clone());
    Ok(json!({
        "success": true,
        "open_conversation_id": group.id,
        "template_id": group.template_id,
        "title": group.title,
        "owner_user_id": owner_of(group),
        "owner_union_id": owner_of(group).and_then(union),
        "sub_admin_staff_ids": group.sub_admins,
        "sub_admin_union_ids": group.sub_admins.iter().filter_map(union).collect::<Vec<_>>(),
        "member_amount": group.members.len(),
        "icon": group.icon,
        "group_url": group_url(shared, group),
        "status": status(group),
        "management_options": group.management,
    }))
}

/// `POST /v1.0/im/chat/scenegroup/disband {"openConversationId"}`
fn disband(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (mut world, _, body) = asked(shared, call)?;
    let mut group = scene_group(&world, required(&body, "openConversationId")?)?.clone();
    membership::line(shared, &mut world, &group.id, "群聊已解散".to_owned());
    group.dissolved = true;
    put(shared, &mut world, group);
    Ok(json!({ "success": true }))
}

/// `POST /v1.0/im/subAdministrators {"openConversationId","userIds","role"}`: role 2 makes administrators, 3 unmakes.
fn sub_administrators(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (mut world, _, body) = asked(shared, call)?;
    let mut group = live_group(&world, required(&body, "openConversationId")?)?.clone();
    let userids = strings(&body["userIds"]);
    if userids.is_empty() {
        return Err(ModernRefusal::missing("userIds"));
    }
    if userids.iter().any(|userid| !group.members.contains(userid)) {
        return Err(invalid("userIds 中有人不在群内"));
    }
    match body["role"].as_i64() {
        Some(2) => {
            for userid in userids {
                if owner_of(&group) != Some(&userid) && !group.sub_admins.contains(&userid) {
                    group.sub_admins.push(userid);
                }
            }
        }
        Some(3) => group.sub_admins.retain(|admin| !userids.contains(admin)),
        _ => return Err(invalid("role 取值 2（添加管理员）或 3（取消管理员）")),
    }
    put(shared, &mut world, group);
    Ok(json!({ "success": true }))
}

/// `POST /v1.0/im/convNavTabs/add {"openConversationId","title","pcUrl","mobileUrl","userEditable"}`. SDK only.
fn add_tab(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (mut world, _, body) = asked(shared, call)?;
    let mut group = live_group(&world, required(&body, "openConversationId")?)?.clone();
    if group.tabs.len() >= TABS_AT_MOST {
        return Err(invalid("群快捷栏数量超出限制"));
    }
    let tab = GroupTab {
        id: shared.ids().token(),
        title: required(&body, "title")?.to_owned(),
        pc_url: required(&body, "pcUrl")?.to_owned(),
        mobile_url: required(&body, "mobileUrl")?.to_owned(),
        user_editable: body["userEditable"].as_bool().unwrap_or(false),
    };
    let tab_id = tab.id.clone();
    group.tabs.push(tab);
    put(shared, &mut world, group);
    Ok(json!({ "success": true, "result": { "tabId": tab_id } }))
}

/// `POST /v1.0/im/convNavTabs/list`
fn tabs(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (world, _, body) = asked(shared, call)?;
    let group = live_group(&world, required(&body, "openConversationId")?)?;
    let rows = group.tabs.iter().map(|tab| {
        json!({
            "tabId": tab.id, "title": tab.title, "pcUrl": tab.pc_url, "mobileUrl": tab.mobile_url,
            "userEditable": tab.user_editable, "type": "custom",
        })
    });
    Ok(json!({ "success": true, "result": { "convNavTabInfos": rows.collect::<Vec<_>>() } }))
}

/// `POST /v1.0/im/convNavTabs/delete {"openConversationId","tabIds"}`
fn remove_tabs(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let (mut world, _, body) = asked(shared, call)?;
    let mut group = live_group(&world, required(&body, "openConversationId")?)?.clone();
    let ids = strings(&body["tabIds"]);
    group.tabs.retain(|tab| !ids.contains(&tab.id));
    put(shared, &mut world, group);
    Ok(json!({ "success": true }))
}

/// `POST /topapi/im/chat/scenegroup/template/apply`: an internal group becomes a scene group.
fn apply_template(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    let mut world = shared.world();
    let caller = legacy_caller(&mut world, call, shared.clock.now_ms())?;
    let body = call.legacy_body();
    let text = |name: &str| {
        let given = body[name].as_str().filter(|text| !text.is_empty());
        given.ok_or_else(|| LegacyRefusal::new(40_035, format!("缺少参数 {name}")))
    };
    let (owner, template_id) = (text("owner_user_id")?, text("template_id")?);
    let known = world
        .group(text("open_conversation_id")?)
        .filter(|group| !group.dissolved);
    let mut group = known
        .ok_or_else(|| LegacyRefusal::new(400_002, "无效的参数 open_conversation_id"))?
        .clone();
    if owner_of(&group).map(String::as_str) != Some(owner) {
        return Err(LegacyRefusal::new(400_002, "owner_user_id 不是群主"));
    }
    let brings_robot =
        template(&world, template_id).ok_or_else(|| LegacyRefusal::new(665_036, NO_TEMPLATE))?;
    template_id.clone_into(&mut group.template_id);
    group.kind = GroupKind::Scene;
    if brings_robot && !group.app_robots.contains(&caller.robot_code) {
        group.app_robots.push(caller.robot_code);
    }
    put(shared, &mut world, group);
    Ok(json!({ "success": true, "request_id": shared.ids().short_request_id() }))
}

const NO_TEMPLATE: &str = "群模板不存在或未发布";

/// Whether the template brings a robot along; `None` if it is unknown or unpublished.
fn template(world: &World, id: &str) -> Option<bool> {
    let templates = world.rules.groups.templates.iter();
    templates
        .filter(|template| template.published)
        .find(|template| template.id == id)
        .map(|template| template.brings_robot)
}

fn asked<'a>(
    shared: &'a Shared,
    call: &Call,
) -> Result<(std::sync::MutexGuard<'a, World>, Caller, Value), ModernRefusal> {
    let mut world = shared.world();
    let caller = modern_caller(&mut world, call, shared.clock.now_ms())?;
    let body = json_body(call)?;
    Ok((world, caller, body))
}

fn scene_group<'a>(world: &'a World, id: &str) -> Result<&'a Group, ModernRefusal> {
    let group = any_scene_group(world, id)?;
    if group.dissolved {
        Err(invalid("群已解散"))
    } else {
        Ok(group)
    }
}

fn any_scene_group<'a>(world: &'a World, id: &str) -> Result<&'a Group, ModernRefusal> {
    let group = world
        .group(id)
        .filter(|group| group.kind == GroupKind::Scene);
    group.ok_or_else(|| invalid("open_conversation_id 不存在或不是场景群"))
}

/// `user_ids` and the people behind `union_ids`, each once.
fn named(world: &World, body: &Value) -> Result<Vec<String>, ModernRefusal> {
    let mut userids = strings(&body["user_ids"]);
    for unionid in strings(&body["union_ids"]) {
        let person = world.person_by_union(&unionid);
        userids.push(
            person
                .ok_or_else(|| invalid(&format!("成员 {unionid} 不存在")))?
                .userid
                .clone(),
        );
    }
    userids.dedup();
    if userids.is_empty() {
        return Err(invalid("user_ids 和 union_ids 不能同时为空"));
    }
    Ok(userids)
}

fn put(shared: &Shared, world: &mut World, group: Group) {
    world.record(Entry::Group(group));
    shared.tell(Event::Changed);
}

fn status(group: &Group) -> i64 {
    if group.dissolved { 2 } else { 1 }
}

fn group_url(shared: &Shared, group: &Group) -> String {
    format!(
        "{}/?conversation={}",
        shared.public_url,
        url::form_urlencoded::byte_serialize(group.id.as_bytes()).collect::<String>()
    )
}
