//! The directory: walked, asked for one, compared.

use std::sync::Mutex;

use serde_json::{Value, json};
use yuezhi_channels::Level;
use yuezhi_channels::directory::{self, WalkOptions, WalkProgress, walk};
use yuezhi_domain::UnixMillis;

use crate::platform::{Asked, Platform};
use crate::posts::NOW;

const SUB: &str = "/topapi/v2/department/listsub";
const DEPARTMENT: &str = "/topapi/v2/department/get";
const USERS: &str = "/topapi/v2/user/list";
const COUNT: &str = "/topapi/user/count";

fn ok(result: &Value) -> (u16, Value) {
    (
        200,
        json!({ "errcode": 0, "errmsg": "ok", "result": result }),
    )
}

fn dept(asked: &Asked) -> i64 {
    asked.body["dept_id"].as_i64().unwrap()
}

/// Root 1 with 10 (people) and 20 (technology), 21 below 20; a home-school department that nobody wants.
async fn company(sight: Value) -> Platform {
    let platform = Platform::start().await;
    platform.answers("/auth/scopes", 200, &sight);
    platform.rule(SUB, |asked| {
        ok(&match dept(asked) {
            1 => json!([
                { "dept_id": 20, "name": "技术部", "parent_id": 1 },
                { "dept_id": 10, "name": "人事部", "parent_id": 1 },
                { "dept_id": -7, "name": "家校通讯录", "parent_id": 1 },
            ]),
            20 => json!([{ "dept_id": "21", "name": "平台组", "parent_id": "20" }]),
            _ => json!([]),
        })
    });
    platform.rule(DEPARTMENT, |asked| {
        let id = dept(asked);
        let (name, parent) = if id == 1 {
            ("公司", 0)
        } else {
            ("某部门", 1)
        };
        ok(&json!({ "dept_id": id, "name": name, "parent_id": parent }))
    });
    platform.rule(USERS, |asked| {
        let person = |id: &str, more: Value| {
            let mut person = json!({ "userid": id, "unionid": format!("un-{id}"), "name": id, "active": true });
            person.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            person
        };
        let page = |list: Vec<Value>, next: Option<i64>| {
            ok(&json!({ "has_more": next.is_some(), "next_cursor": next, "list": list }))
        };
        match (dept(asked), asked.body["cursor"].as_i64().unwrap()) {
            (1, _) => page(vec![person("boss", json!({ "leader": true, "boss": true, "dept_id_list": [1], "mobile": "1" }))], None),
            (10, 0) => page(vec![person("hr1", json!({ "leader": true, "dept_id_list": [10] }))], Some(50)),
            (10, 50) => page(vec![person("hr2", json!({ "dept_id_list": [10, 21], "org_email": "hr2@c.example", "hired_date": 1_582_992_000_000_i64 }))], None),
            (21, _) => page(vec![person("hr2", json!({ "dept_id_list": [10, 21] })), person("dev", json!({ "dept_id_list": [21], "active": false }))], None),
            _ => page(vec![], None),
        }
    });
    platform.rule(COUNT, |_| ok(&json!({ "count": 4 })));
    platform
}

fn whole() -> Value {
    json!({ "errcode": 0, "auth_org_scopes": { "authed_user": [], "authed_dept": [1] }, "auth_user_field": ["name"] })
}

#[tokio::test]
async fn a_walk_meets_everybody_once_and_parents_before_children() {
    let platform = company(whole()).await;
    let seen = Mutex::new(Vec::new());
    let progress = |at: WalkProgress| seen.lock().unwrap().push(at);
    let options = WalkOptions {
        progress: Some(&progress),
        ..WalkOptions::default()
    };
    let snapshot = walk(&platform.app(), options, NOW).await.unwrap();
    assert!(snapshot.complete);
    assert_eq!(snapshot.counted, Some(4));
    let departments: Vec<_> = snapshot
        .departments
        .iter()
        .map(|one| (one.id, one.name.as_str(), one.parent_id))
        .collect();
    assert_eq!(
        departments,
        [
            (1, "公司", None),
            (20, "技术部", Some(1)),
            (10, "人事部", Some(1)),
            (21, "平台组", Some(20))
        ]
    );
    let person = |id: &str| {
        let mut of_id = snapshot.people.iter().filter(|person| person.user_id == id);
        let person = of_id.next().unwrap().clone();
        assert_eq!(of_id.next(), None);
        person
    };
    assert_eq!(snapshot.people.len(), 4);
    let boss = person("boss");
    assert!(boss.admin && boss.leads == [1] && boss.manager_user_id.is_none());
    let hr2 = person("hr2");
    assert_eq!(hr2.department_ids, [10, 21]);
    assert_eq!(hr2.manager_user_id.as_deref(), Some("hr1"));
    assert_eq!(hr2.email.as_deref(), Some("hr2@c.example"));
    assert_eq!(hr2.hired_on.as_deref(), Some("2020-03-01"));
    assert_eq!(person("hr1").manager_user_id.as_deref(), Some("boss"));
    let dev = person("dev");
    assert!(!dev.active);
    assert_eq!(
        dev.manager_user_id.as_deref(),
        Some("boss"),
        "no leader in 21 and 20"
    );
    assert_eq!(snapshot.findings, []);
    let last = *seen.lock().unwrap().last().unwrap();
    assert_eq!(
        (last.departments, last.departments_read, last.people),
        (4, 4, 4)
    );
    assert!(platform.app().take_metered().is_empty());
}

#[tokio::test]
async fn partial_sight_begins_where_it_is_given_and_adds_single_people() {
    let sight = json!({ "errcode": 0, "auth_org_scopes": { "authed_user": ["guest", "dev"], "authed_dept": [21, 20] } });
    let platform = company(sight).await;
    platform.rule("/topapi/v2/user/get", |asked| {
        let id = asked.body["userid"].as_str().unwrap();
        ok(&json!({ "userid": id, "unionid": "x", "name": "外援", "dept_id_list": [99], "manager_userid": "boss" }))
    });
    let snapshot = walk(&platform.app(), WalkOptions::default(), NOW)
        .await
        .unwrap();
    let ids: Vec<_> = snapshot
        .people
        .iter()
        .map(|person| person.user_id.as_str())
        .collect();
    assert_eq!(ids, ["hr2", "dev", "guest"]);
    assert_eq!(
        platform.asked("/topapi/v2/user/get").len(),
        1,
        "dev was met already"
    );
    let parents: Vec<_> = snapshot
        .departments
        .iter()
        .map(|one| (one.id, one.parent_id))
        .collect();
    assert_eq!(parents, [(21, None), (20, None)]);
    assert!(snapshot.complete);
    let codes: Vec<_> = snapshot
        .findings
        .iter()
        .map(|finding| finding.why.code)
        .collect();
    assert_eq!(
        codes,
        [
            "directory_partial_sight",
            "directory_field_missing",
            "directory_field_missing"
        ]
    );
}

#[tokio::test]
async fn a_walk_of_some_departments_leaves_the_others_alone() {
    let platform = company(whole()).await;
    let options = WalkOptions {
        only: &[20],
        ..WalkOptions::default()
    };
    let snapshot = walk(&platform.app(), options, NOW).await.unwrap();
    let ids: Vec<_> = snapshot.departments.iter().map(|one| one.id).collect();
    assert_eq!(ids, [20, 21]);
    assert_eq!(snapshot.people.len(), 2);
    assert!(!snapshot.complete, "nobody else was looked for");
}

#[tokio::test]
async fn more_people_without_a_further_page_make_the_walk_incomplete() {
    for next in [json!(null), json!(0)] {
        let platform = company(whole()).await;
        platform.rule(USERS, move |_| {
            ok(&json!({ "has_more": true, "next_cursor": next,
                "list": [{ "userid": "u1", "unionid": "x", "name": "甲" }] }))
        });
        let snapshot = walk(&platform.app(), WalkOptions::default(), NOW)
            .await
            .unwrap();
        assert_eq!(snapshot.people.len(), 1);
        assert!(!snapshot.complete);
        assert_eq!(snapshot.findings[0].why.code, "directory_people_unread");
    }
}

#[tokio::test]
async fn an_app_that_sees_nobody_says_nothing_about_leaving() {
    let sight =
        json!({ "errcode": 0, "auth_org_scopes": { "authed_user": [], "authed_dept": [] } });
    let platform = company(sight).await;
    let snapshot = walk(&platform.app(), WalkOptions::default(), NOW)
        .await
        .unwrap();
    assert!(snapshot.people.is_empty() && !snapshot.complete);
}

#[tokio::test]
async fn departments_that_name_each_other_as_parents_keep_their_people() {
    let platform = company(whole()).await;
    platform.rule(SUB, |asked| {
        ok(&match dept(asked) {
            1 => json!([
                { "dept_id": 10, "name": "甲", "parent_id": 21 },
                { "dept_id": 21, "name": "乙", "parent_id": 10 },
            ]),
            _ => json!([]),
        })
    });
    let snapshot = walk(&platform.app(), WalkOptions::default(), NOW)
        .await
        .unwrap();
    let parents: Vec<_> = snapshot
        .departments
        .iter()
        .map(|one| (one.id, one.parent_id))
        .collect();
    assert_eq!(parents, [(1, None), (10, None), (21, None)]);
    assert_eq!(snapshot.people.len(), 4);
    assert!(snapshot.complete);
}

#[tokio::test]
async fn a_department_that_cannot_be_read_makes_the_walk_incomplete() {
    let platform = company(whole()).await;
    platform.rule(USERS, |asked| match dept(asked) {
        20 => (
            200,
            json!({ "errcode": 88, "sub_code": "50004", "sub_msg": "部门不在授权范围" }),
        ),
        _ => ok(&json!({ "has_more": false, "list": [] })),
    });
    platform.rule(COUNT, |_| ok(&json!({ "count": 9 })));
    let snapshot = walk(&platform.app(), WalkOptions::default(), NOW)
        .await
        .unwrap();
    assert!(!snapshot.complete);
    assert_eq!(
        platform.asked(USERS).len(),
        4,
        "the others are read all the same"
    );
    let codes: Vec<_> = snapshot
        .findings
        .iter()
        .map(|finding| (finding.level, finding.why.code))
        .collect();
    assert_eq!(
        codes,
        [
            (Level::Failed, "directory_people_unread"),
            (Level::Warning, "directory_count_differs")
        ]
    );
}

#[tokio::test]
async fn a_walk_without_permission_ends_at_once_with_the_link_to_apply() {
    let platform = Platform::start().await;
    platform.answers(
        "/auth/scopes",
        200,
        &json!({ "errcode": 88, "sub_code": "60020",
        "sub_msg": "访问ip不在白名单之中,request ip=203.0.113.9" }),
    );
    let why = walk(&platform.app(), WalkOptions::default(), NOW)
        .await
        .unwrap_err();
    assert_eq!(why.code, "dingtalk_ip_not_allowed");
    assert!(why.detail.contains("203.0.113.9"), "{why}");
    assert!(!why.detail.contains("tokenVerySecret"));
}

#[tokio::test]
async fn a_throttled_walk_waits_and_goes_on() {
    let platform = company(whole()).await;
    let tries = Mutex::new(0);
    platform.rule(COUNT, move |_| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        if *tries < 2 {
            (200, json!({ "errcode": 88, "sub_code": "90018", "sub_msg": "每秒调用次数不能超过20次" }))
        } else {
            ok(&json!({ "count": 4 }))
        }
    });
    let snapshot = walk(&platform.app(), WalkOptions::default(), NOW)
        .await
        .unwrap();
    assert_eq!(snapshot.counted, Some(4));
    assert!(snapshot.complete);
}

#[tokio::test]
async fn one_person_is_asked_for_and_one_who_left_is_nobody() {
    let platform = Platform::start().await;
    platform.rule("/topapi/v2/user/get", |asked| match asked.body["userid"].as_str() {
        Some("u1") => ok(&json!({ "userid": "u1", "unionid": "x", "name": "张伟", "manager_userid": "boss",
            "dept_id_list": [10], "leader_in_dept": [{ "dept_id": 10, "leader": "true" }, { "dept_id": 11, "leader": false }] })),
        _ => (200, json!({ "errcode": 60_121, "errmsg": "找不到该用户" })),
    });
    let app = platform.app();
    let one = directory::one(&app, "u1", NOW).await.unwrap().unwrap();
    assert_eq!(one.manager_user_id.as_deref(), Some("boss"));
    assert_eq!(one.leads, [10]);
    assert_eq!(directory::one(&app, "gone", NOW).await, Ok(None));
}

#[tokio::test]
async fn leavers_and_administrators_are_listed() {
    let platform = Platform::start().await;
    platform.rule("/v1.0/contact/empLeaveRecords", |asked| {
        let page = if asked.query.contains("nextToken=0") {
            json!({ "records": [{ "userId": "u1", "name": "甲", "leaveTime": "2026-11-01T00:00:00Z", "leaveReason": "leave" }], "nextToken": "2" })
        } else {
            json!({ "records": [{ "userId": "u2", "name": "乙" }] })
        };
        (200, page)
    });
    platform.rule("/topapi/user/listadmin", |_| {
        ok(&json!([{ "userid": "a", "sys_level": 1 }, { "userid": "b", "sys_level": "2" }]))
    });
    let app = platform.app();
    let since = UnixMillis(NOW.0 - 86_400_000);
    let left = directory::leavers(&app, since, NOW).await.unwrap();
    let ids: Vec<_> = left.iter().map(|leaver| leaver.user_id.as_str()).collect();
    assert_eq!(ids, ["u1", "u2"]);
    assert!(
        platform.asked("/v1.0/contact/empLeaveRecords")[0]
            .query
            .contains("startTime=2026-11-21T10%3A00%3A00Z")
    );
    let admins = directory::admins(&app, NOW).await.unwrap();
    let levels: Vec<_> = admins
        .iter()
        .map(|admin| (admin.user_id.as_str(), admin.is_main))
        .collect();
    assert_eq!(levels, [("a", true), ("b", false)]);
}
