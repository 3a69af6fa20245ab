//! Announcements of the organisation (公告, blackboard): written on oapi, read and counted on api.
//!
//! Source: 创建公告 (`create-an-announcement`) and the pages beside it. Creating answers no id: it is found by
//! `listids` or in the event `blackboard_sent`. The operator must be an administrator of announcements, which here is
//! every main and sub administrator; changing is for the main one and the sender, as is reading who has read.
//! `private_level` is 0 or 20, as the pages of the calls say (the overview says 1).
//! Weakness: the codes for missing rights on oapi are inferred.

use serde_json::{Value, json};

use super::legacy::{Asked, asked, invalid, is_true, missing, nested, number, text};
use super::strings;
use crate::announcements::{self, Announcement, CATEGORIES, category_name};
use crate::call::{Call, LegacyRefusal, ModernRefusal, modern_caller};
use crate::journal::Entry;
use crate::message::{Button, Content, Layout, Message, Sender};
use crate::meters::beijing;
use crate::organisation::AdminLevel;
use crate::shared::{Event, Shared};
use crate::world::World;

const DEPARTMENTS_AT_MOST: usize = 20;
const USERS_AT_MOST: usize = 1_000;
const READERS_AT_MOST: usize = 500;
const SPAN_DAYS: i64 = 180;
const DAY_MS: i64 = 24 * 3_600_000;

/// `POST /topapi/blackboard/create {"create_request":{…}}`
pub(super) fn create(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |mut asked| {
        let request = nested(&asked.body["create_request"]);
        let request = request.ok_or_else(|| missing("create_request"))?;
        let sender = text(&request, "operation_userid")?.to_owned();
        check_admin(asked.world, &sender)?;
        let receiver = nested(&request["blackboard_receiver"]);
        let receiver = receiver.ok_or_else(|| missing("blackboard_receiver"))?;
        let (departments, userids) = read_receivers(asked.world, &receiver)?;
        let private_level = number(&request["private_level"]).unwrap_or(0);
        if ![0, 20].contains(&private_level) {
            return Err(invalid("private_level"));
        }
        let optional = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let cover = optional("coverpic_mediaid");
        if !cover.is_empty() {
            super::notice_body::media(asked.world, &cover)?;
        }
        let announcement = Announcement {
            id: asked.shared.ids().token(),
            number: asked.world.announcements.next_number(),
            sender,
            title: text(&request, "title")?.to_owned(),
            content: text(&request, "content")?.to_owned(),
            author: optional("author"),
            private_level,
            ding: is_true(&request["ding"]),
            push_top: is_true(&request["push_top"]),
            category_id: read_category(&request)?,
            cover,
            departments,
            userids,
            created_ms: asked.now_ms,
            modified_ms: asked.now_ms,
        };
        asked
            .world
            .record(Entry::Announcement(announcement.clone()));
        tell(&mut asked, &announcement);
        Ok(done())
    })
}

/// `POST /topapi/blackboard/update {"update_request":{…}}`; `notify` tells the receivers again.
pub(super) fn update(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |mut asked| {
        let request = nested(&asked.body["update_request"]);
        let request = request.ok_or_else(|| missing("update_request"))?;
        let mut announcement = own(&asked, &request)?;
        text(&request, "title")?.clone_into(&mut announcement.title);
        text(&request, "content")?.clone_into(&mut announcement.content);
        if let Some(author) = request["author"].as_str() {
            author.clone_into(&mut announcement.author);
        }
        if !request["category_id"].is_null() {
            announcement.category_id = read_category(&request)?;
        }
        if !request["ding"].is_null() {
            announcement.ding = is_true(&request["ding"]);
        }
        announcement.modified_ms = asked.now_ms;
        asked
            .world
            .record(Entry::Announcement(announcement.clone()));
        if is_true(&request["notify"]) {
            show(&mut asked, &announcement);
        }
        asked.shared.tell(Event::Changed);
        Ok(done())
    })
}

/// `POST /topapi/blackboard/delete {"blackboard_id","operation_userid"}`
pub(super) fn delete(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |asked| {
        let id = own(&asked, asked.body)?.id;
        asked.world.record(Entry::Recalled {
            process_query_key: query_key(&id),
        });
        asked.world.record(Entry::AnnouncementDeleted { id });
        asked.shared.tell(Event::Changed);
        Ok(done())
    })
}

/// `POST /topapi/blackboard/listids {"query_request":{…}}`: newest first; the last month unless told.
pub(super) fn list_ids(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |asked| {
        let request = nested(&asked.body["query_request"]);
        let request = request.ok_or_else(|| missing("query_request"))?;
        check_admin(asked.world, text(&request, "operation_userid")?)?;
        let page = number(&request["page"]).ok_or_else(|| missing("page"))?;
        let size = number(&request["page_size"]).ok_or_else(|| missing("page_size"))?;
        if page < 1 || !(1..=30).contains(&size) {
            return Err(invalid("page、page_size，页码从1开始，每页1到30条"));
        }
        let end = moment(&request, "end_time")?.unwrap_or(asked.now_ms);
        let start = moment(&request, "start_time")?.unwrap_or(end - 30 * DAY_MS);
        if end < start || end - start > SPAN_DAYS * DAY_MS {
            return Err(invalid("start_time、end_time，时间跨度不超过180天"));
        }
        let category = request["category_id"].as_str().filter(|id| !id.is_empty());
        let rows = asked.world.announcements.newest_first();
        let ids = rows
            .into_iter()
            .filter(|row| (start..=end + 999).contains(&row.created_ms))
            .filter(|row| category.is_none_or(|category| row.category_id == category))
            .map(|row| row.id.as_str());
        let from = usize::try_from((page - 1) * size).unwrap_or(usize::MAX);
        let size = usize::try_from(size).unwrap_or(30);
        let ids: Vec<_> = ids.skip(from).take(size).collect();
        Ok(json!({ "result": ids, "success": true }))
    })
}

/// `POST /topapi/blackboard/category/list {"operation_userid"}`
pub(super) fn categories(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |asked| {
        check_admin(asked.world, text(asked.body, "operation_userid")?)?;
        let rows = CATEGORIES.iter();
        let rows = rows.map(|(id, name)| json!({ "id": id, "name": name }));
        Ok(json!({ "result": rows.collect::<Vec<_>>(), "success": true }))
    })
}

/// `POST /topapi/blackboard/listtopten {"userid"}`: the ten newest this person may see.
pub(super) fn top_ten(shared: &Shared, call: &Call) -> Result<Value, LegacyRefusal> {
    asked(shared, call, |asked| {
        let userid = text(asked.body, "userid")?;
        if asked.world.person(userid).is_none() {
            return Err(LegacyRefusal::new(60_121, "找不到该用户"));
        }
        let rows = asked.world.announcements.newest_first();
        let rows = rows.into_iter().filter(|row| {
            let receivers = asked.world.readership_of(row);
            receivers.iter().any(|person| person.userid == userid)
        });
        let rows = rows.take(10).map(|row| {
            json!({
                "id": row.id,
                "title": row.title,
                "gmt_create": beijing(row.created_ms, "%Y-%m-%d %H:%M:%S"),
                "categoryId": row.category_id,
                "url": address(asked.shared, &row.id),
            })
        });
        Ok(json!({ "blackboard_list": rows.collect::<Vec<_>>() }))
    })
}

/// `GET /v1.0/blackboard/get_blackboard?operationUserId=…&blackboardId=…`
pub(super) fn get(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut world = shared.world();
    modern_caller(&mut world, call, shared.clock.now_ms())?;
    let row = readable(&world, call)?;
    let receivers = world.readership_of(row);
    let is_read = |userid: &str| world.announcements.read_at(&row.id, userid).is_some();
    let read = receivers.iter().filter(|one| is_read(&one.userid)).count();
    let corp_id = &world.organisation.corp_id;
    let named = row.userids.iter().filter_map(|userid| world.person(userid));
    let named: Vec<_> = named.collect();
    let departments: Vec<_> = row
        .departments
        .iter()
        .map(|id| (*id, department_name(&world, *id)))
        .collect();
    let users = named
        .iter()
        .map(|one| json!({ "corpId": corp_id, "staffId": one.userid, "name": one.name }));
    Ok(json!({
        "id": row.id,
        "senderStaffId": row.sender,
        "title": row.title,
        "content": row.content,
        "author": row.author,
        "categoryId": row.category_id,
        "categoryName": category_name(&row.category_id),
        "coverPicUrl": crate::text::picture(&row.cover).map(|at| format!("{}{at}", shared.public_url)),
        "privateLevel": row.private_level,
        "isPushTop": i32::from(row.push_top),
        "depNameList": departments.iter().map(|(_, name)| name).collect::<Vec<_>>(),
        "userNameList": named.iter().map(|one| &one.name).collect::<Vec<_>>(),
        "gmtCreate": beijing(row.created_ms, "%Y-%m-%dT%H:%MZ"),
        "gmtModified": beijing(row.modified_ms, "%Y-%m-%dT%H:%MZ"),
        "readCount": read,
        "unReadCount": receivers.len() - read,
        "userList": users.collect::<Vec<_>>(),
        "deptList": departments.iter().map(|(id, name)| json!({ "deptId": id, "name": name })).collect::<Vec<_>>(),
        "attachments": [],
    }))
}

/// `GET /v1.0/blackboard/readers?operationUserId=…&blackboardId=…&maxResults=…&nextToken=…`
pub(super) fn readers(shared: &Shared, call: &Call) -> Result<Value, ModernRefusal> {
    let mut world = shared.world();
    modern_caller(&mut world, call, shared.clock.now_ms())?;
    let row = readable(&world, call)?;
    let count = call
        .query("maxResults")
        .map_or(Some(READERS_AT_MOST), |text| {
            text.parse()
                .ok()
                .filter(|count| (1..=READERS_AT_MOST).contains(count))
        });
    // Inferred code.
    let count = count.ok_or_else(|| {
        ModernRefusal::bad("invalidParameter.maxResults", "maxResults 取值范围 1-500")
    })?;
    let from: usize = call
        .query("nextToken")
        .and_then(|token| token.parse().ok())
        .unwrap_or(0);
    let receivers = world.readership_of(row);
    let users = receivers.iter().skip(from).take(count).map(|person| {
        let read_ms = world.announcements.read_at(&row.id, &person.userid);
        let mut user = json!({ "userId": person.userid, "read": read_ms.is_some().to_string() });
        if let Some(read_ms) = read_ms {
            user["readTimestamp"] = read_ms.into();
        }
        user
    });
    let mut answer = json!({ "users": users.collect::<Vec<_>>() });
    if from + count < receivers.len() {
        answer["nextToken"] = (from + count).to_string().into();
    }
    Ok(answer)
}

/// What the messages of an announcement carry as their query key.
fn query_key(id: &str) -> String {
    format!("{}/{id}", announcements::SENDER)
}

fn address(shared: &Shared, id: &str) -> String {
    format!("{}/sandbox/announcements/{id}", shared.public_url)
}

fn done() -> Value {
    json!({ "result": true, "success": true })
}

fn level(world: &World, userid: &str) -> AdminLevel {
    world.person(userid).map_or(AdminLevel::None, |person| {
        world.organisation.admin_level(person)
    })
}

fn check_admin(world: &World, userid: &str) -> Result<(), LegacyRefusal> {
    if level(world, userid) == AdminLevel::None {
        Err(invalid("operation_userid，操作人不是公告管理员"))
    } else {
        Ok(())
    }
}

/// The announcement if the operator may change it: a main administrator, or the one who sent it.
fn own(asked: &Asked<'_>, request: &Value) -> Result<Announcement, LegacyRefusal> {
    let operator = text(request, "operation_userid")?;
    check_admin(asked.world, operator)?;
    let row = asked
        .world
        .announcements
        .get(text(request, "blackboard_id")?);
    let row = row.ok_or_else(|| invalid("blackboard_id，公告不存在"))?;
    if level(asked.world, operator) == AdminLevel::Main || row.sender == operator {
        Ok(row.clone())
    } else {
        Err(invalid("operation_userid，没有操作该公告的权限"))
    }
}

fn readable<'a>(world: &'a World, call: &Call) -> Result<&'a Announcement, ModernRefusal> {
    let asked_for = |name: &str| {
        call.query(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| ModernRefusal::missing(name))
    };
    let (operator, id) = (asked_for("operationUserId")?, asked_for("blackboardId")?);
    let row = world.announcements.get(id);
    // Inferred code.
    let row = row.ok_or_else(|| ModernRefusal::bad("blackboard.notExist", "公告不存在"))?;
    if level(world, operator) == AdminLevel::Main || row.sender == operator {
        Ok(row)
    } else {
        Err(ModernRefusal::of(403, "accessDenied", "没有权限查看该公告"))
    }
}

fn read_receivers(
    world: &World,
    receiver: &Value,
) -> Result<(Vec<i64>, Vec<String>), LegacyRefusal> {
    let departments = receiver["deptid_list"].as_array().into_iter().flatten();
    let departments = departments
        .map(|id| number(id).ok_or_else(|| invalid("deptid_list")))
        .collect::<Result<Vec<_>, _>>()?;
    let userids = strings(&receiver["userid_list"]);
    if departments.is_empty() && userids.is_empty() {
        return Err(missing("blackboard_receiver"));
    }
    if departments.len() > DEPARTMENTS_AT_MOST {
        return Err(invalid("deptid_list，最大长度20"));
    }
    if userids.len() > USERS_AT_MOST {
        return Err(invalid("userid_list，最大长度1000"));
    }
    let known = &world.organisation.departments;
    if let Some(id) = departments
        .iter()
        .find(|id| **id != -1 && known.iter().all(|one| one.id != **id))
    {
        return Err(LegacyRefusal::new(60_003, format!("部门不存在 {id}")));
    }
    if let Some(userid) = userids.iter().find(|userid| world.person(userid).is_none()) {
        return Err(LegacyRefusal::new(33_012, format!("无效的USERID {userid}")));
    }
    Ok((departments, userids))
}

fn read_category(request: &Value) -> Result<String, LegacyRefusal> {
    match request["category_id"].as_str().filter(|id| !id.is_empty()) {
        None => Ok(CATEGORIES
            .first()
            .map_or_else(String::new, |(id, _)| (*id).into())),
        Some(id) if !category_name(id).is_empty() => Ok(id.to_owned()),
        Some(_) => Err(invalid("category_id，公告分类不存在")),
    }
}

/// `yyyy-MM-dd HH:mm:ss` in Beijing.
fn moment(request: &Value, name: &str) -> Result<Option<i64>, LegacyRefusal> {
    let Some(text) = request[name].as_str().filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text)
        .and_then(|at| at.to_zoned(zone))
        .map(|at| Some(at.timestamp().as_millisecond()))
        .map_err(|_| invalid(format!("{name}，格式为yyyy-MM-dd HH:mm:ss")))
}

fn department_name(world: &World, id: i64) -> String {
    let wanted = if id == -1 { 1 } else { id };
    let known = world.organisation.departments.iter();
    known
        .filter(|one| one.id == wanted)
        .map(|one| one.name.clone())
        .collect()
}

/// Shows it to everyone and tells the apps that subscribe, which is how the id becomes known.
fn tell(asked: &mut Asked<'_>, row: &Announcement) {
    show(asked, row);
    let union = asked.world.person(&row.sender);
    let text_of = |value: Value| value.to_string();
    let data = json!({
        "blackboardId": row.id,
        "categoryId": row.category_id,
        "categoryName": category_name(&row.category_id),
        "blackboardType": 0,
        "unionId": union.map_or("", |person| person.unionid.as_str()),
        "receivers": {
            "openConversationIds": "[]",
            "labelIds": "[]",
            "dgCodes": "[]",
            "staffIds": text_of(json!(row.userids)),
            "deptIds": text_of(json!(row.departments)),
        },
    });
    crate::push::emit(asked.shared, asked.world, "blackboard_sent", data);
}

fn show(asked: &mut Asked<'_>, row: &Announcement) {
    let receivers = asked.world.readership_of(row);
    let userids: Vec<_> = receivers
        .iter()
        .filter(|person| person.active)
        .map(|person| person.userid.clone())
        .collect();
    let author = if row.author.is_empty() {
        &asked.world.organisation.name
    } else {
        &row.author
    };
    let content = Content::ActionCard {
        title: row.title.clone(),
        text: format!("### {}\n\n{}\n\n> {author}", row.title, row.content),
        layout: Layout::Whole,
        buttons: vec![Button {
            title: "查看公告".into(),
            url: address(asked.shared, &row.id),
        }],
    };
    for userid in userids {
        let message = Message {
            id: 0,
            conversation: announcements::conversation(&userid),
            at_ms: asked.now_ms,
            sender: Sender::App {
                name: "公告".into(),
                robot_code: announcements::SENDER.into(),
            },
            content: content.clone(),
            mentions: Vec::new(),
            at_all: false,
            msg_uuid: None,
            process_query_key: Some(query_key(&row.id)),
            recalled: false,
        };
        asked.shared.post(asked.world, message);
    }
}
