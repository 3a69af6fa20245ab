//! The directory: what an app sees of it, and people who come, change, move and go.

use serde_json::{Value, json};
use yuezhi_sandbox::{
    AdminLevel, Department, DirectoryError, DirectoryRules, EventFate, LeaveReason, Organisation,
    Person, Role, Rules, SandboxConfig, VisibleRange,
};

use crate::line::{Line, data_of};
use crate::support::{CID, NOON_MS, Trial, config};

impl Trial {
    async fn directory_ask(&self, path: &str, body: Value) -> Value {
        let token = self.token().await;
        self.api("POST", &format!("{path}?access_token={token}"), None, &body)
            .await
            .1
    }
}

fn newcomer() -> Person {
    Person {
        userid: "sunli".into(),
        unionid: "union-sunli".into(),
        name: "孙丽".into(),
        mobile: "13800000007".into(),
        department_ids: vec![2],
        ..Person::default()
    }
}

#[tokio::test]
async fn a_person_carries_all_that_the_directory_knows() {
    let mut config = config();
    let person = &mut config.organisation.people[1];
    person.job_number = "A007".into();
    person.hired_ms = Some(1_600_000_000_000);
    person.manager_userid = Some("zhangwei".into());
    person.leads = vec![2];
    person.role_ids = vec![9];
    person.org_email = "lina@corp.example".into();
    person.admin = AdminLevel::Sub;
    config.organisation.roles = vec![Role {
        id: 9,
        name: "财务".into(),
        group_id: 1,
        group_name: "岗位".into(),
    }];
    let trial = Trial::with(config).await;
    let got = trial
        .directory_ask("/topapi/v2/user/get", json!({"userid": "lina"}))
        .await["result"]
        .clone();
    assert_eq!(got["job_number"], "A007");
    assert_eq!(got["hired_date"], 1_600_000_000_000_i64);
    assert_eq!(got["manager_userid"], "zhangwei");
    assert_eq!(
        got["leader_in_dept"],
        json!([{"dept_id": 2, "leader": true}])
    );
    assert_eq!(
        got["role_list"],
        json!([{"id": 9, "name": "财务", "group_name": "岗位"}])
    );
    assert_eq!(
        (&got["admin"], &got["boss"], &got["active"]),
        (&json!(true), &json!(false), &json!(true))
    );
    let admins = trial
        .directory_ask("/topapi/user/listadmin", json!({}))
        .await;
    assert_eq!(
        admins["result"],
        json!([{"userid": "zhangwei", "sys_level": 1}, {"userid": "lina", "sys_level": 2}])
    );
    let roles = trial
        .directory_ask("/topapi/role/list", json!({"size": 200, "offset": 0}))
        .await;
    assert_eq!(
        roles["result"]["list"],
        json!([{"groupId": 1, "name": "岗位", "roles": [{"id": 9, "name": "财务"}]}])
    );
    let of_role = trial
        .directory_ask(
            "/topapi/role/simplelist",
            json!({"role_id": 9, "size": 100, "offset": 0}),
        )
        .await;
    assert_eq!(of_role["result"]["list"][0]["userid"], "lina");
}

#[tokio::test]
async fn departments_are_walked_up_and_down_and_counted() {
    let trial = Trial::with(SandboxConfig {
        organisation: Organisation::of(300),
        ..config()
    })
    .await;
    let company = trial.sandbox.organisation();
    let (mut queue, mut found) = (vec![1_i64], std::collections::BTreeSet::new());
    while let Some(id) = queue.pop() {
        let below = trial
            .directory_ask("/topapi/v2/department/listsubid", json!({"dept_id": id}))
            .await;
        queue.extend(
            below["result"]["dept_id_list"]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| id.as_i64().unwrap()),
        );
        let mut cursor = json!(0);
        loop {
            let page = trial
                .directory_ask(
                    "/topapi/v2/user/list",
                    json!({"dept_id": id, "cursor": cursor, "size": 7}),
                )
                .await["result"]
                .clone();
            found.extend(
                page["list"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| row["userid"].as_str().unwrap().to_owned()),
            );
            if page["has_more"] == false {
                break;
            }
            cursor = page["next_cursor"].clone();
        }
        trial.sandbox.clock().advance_ms(1_000);
    }
    assert_eq!(found.len(), 300);
    let count = trial
        .directory_ask("/topapi/user/count", json!({"only_active": false}))
        .await;
    assert_eq!(count["result"]["count"], 300);
    let root = trial
        .directory_ask("/topapi/v2/department/get", json!({"dept_id": 1}))
        .await["result"]
        .clone();
    assert_eq!(
        (&root["member_count"], &root["dept_manager_userid_list"]),
        (&json!(300), &json!([company.people[0].userid]))
    );
    let last = company.people.last().unwrap();
    let paths = trial
        .directory_ask(
            "/topapi/v2/department/listparentbyuser",
            json!({"userid": last.userid}),
        )
        .await;
    assert_eq!(
        paths["result"]["parent_list"][0]["parent_dept_id_list"],
        json!(company.with_ancestors(last.department_ids[0]))
    );
    let on_job = trial
        .directory_ask(
            "/topapi/smartwork/hrm/employee/queryonjob",
            json!({"status_list": "2,3,5,-1", "offset": 0, "size": 50}),
        )
        .await;
    assert_eq!(
        (
            on_job["result"]["data_list"].as_array().unwrap().len(),
            &on_job["result"]["next_cursor"]
        ),
        (50, &json!(50))
    );
    let inactive = json!({"is_active": false, "offset": 0, "size": 100, "query_date": "20261121"});
    let sleeping = company
        .people
        .iter()
        .filter(|person| !person.active)
        .count();
    assert_eq!(
        trial
            .directory_ask("/topapi/inactive/user/v2/get", inactive)
            .await["result"]["list"]
            .as_array()
            .unwrap()
            .len(),
        sleeping
    );
}

#[tokio::test]
async fn an_app_sees_its_visible_range_only_but_lists_ids_beyond_it() {
    let mut config = config();
    config.apps[0].visible = VisibleRange {
        departments: vec![3],
        userids: vec!["lina".into()],
    };
    let trial = Trial::with(config).await;
    let scopes = trial.directory_ask("/auth/scopes", json!({})).await["auth_org_scopes"].clone();
    assert_eq!(scopes, json!({"authed_user": ["lina"], "authed_dept": [3]}));
    for (path, body, code) in [
        (
            "/topapi/v2/department/listsub",
            json!({"dept_id": 1}),
            50_004,
        ),
        ("/topapi/v2/department/get", json!({"dept_id": 2}), 50_004),
        (
            "/topapi/v2/user/list",
            json!({"dept_id": 2, "cursor": 0, "size": 10}),
            50_004,
        ),
        ("/topapi/v2/user/get", json!({"userid": "zhangwei"}), 50_002),
        ("/topapi/v2/user/get", json!({"userid": "lina"}), 0),
        (
            "/topapi/v2/user/list",
            json!({"dept_id": 3, "cursor": 0, "size": 10}),
            0,
        ),
    ] {
        assert_eq!(
            trial.directory_ask(path, body).await["errcode"],
            code,
            "{path}"
        );
    }
    let ids = trial
        .directory_ask("/topapi/user/listid", json!({"dept_id": 2}))
        .await;
    assert_eq!(ids["result"]["userid_list"], json!(["zhangwei", "lina"]));
    assert_eq!(
        trial
            .directory_ask("/topapi/v2/department/listsubid", json!({"dept_id": 1}))
            .await["result"]["dept_id_list"],
        json!([2, 3])
    );
}

#[tokio::test]
async fn fields_without_their_scope_are_absent() {
    let trial = Trial::start().await;
    let mut rules = Rules::default();
    rules.access.withheld_scopes = vec!["fieldMobile".into(), "fieldEmail".into()];
    trial.sandbox.set_rules(rules);
    let got = trial
        .directory_ask("/topapi/v2/user/get", json!({"userid": "lina"}))
        .await["result"]
        .clone();
    assert!(
        got.get("mobile").is_none() && got.get("email").is_none(),
        "{got}"
    );
    assert_eq!(got["name"], "李娜");
}

#[tokio::test]
async fn each_bad_question_is_refused_with_its_code() {
    let trial = Trial::start().await;
    for (path, body, code) in [
        (
            "/topapi/v2/user/list",
            json!({"dept_id": 2, "cursor": 0, "size": 0}),
            400_002,
        ),
        (
            "/topapi/v2/user/list",
            json!({"dept_id": 2, "size": 10}),
            40_035,
        ),
        (
            "/topapi/v2/user/list",
            json!({"dept_id": 99, "cursor": 0, "size": 10}),
            60_003,
        ),
        (
            "/topapi/user/listsimple",
            json!({"dept_id": 2, "cursor": 0, "size": 101}),
            400_002,
        ),
        (
            "/topapi/user/getbyunionid",
            json!({"unionid": "none"}),
            60_121,
        ),
        (
            "/topapi/v2/user/getbymobile",
            json!({"mobile": "13900000000"}),
            60_121,
        ),
        (
            "/topapi/v2/user/getbymobile",
            json!({"mobile": "abc"}),
            40_104,
        ),
        ("/topapi/user/count", json!({}), 40_035),
        ("/topapi/role/list", json!({"size": 201}), 400_002),
        ("/topapi/role/simplelist", json!({"role_id": 1}), 60_007),
        (
            "/topapi/inactive/user/v2/get",
            json!({"is_active": false, "offset": 0, "size": 10, "query_date": "2026-11"}),
            400_002,
        ),
        (
            "/topapi/smartwork/hrm/employee/queryonjob",
            json!({"status_list": "3", "offset": 0, "size": 51}),
            400_002,
        ),
    ] {
        assert_eq!(
            trial.directory_ask(path, body).await["errcode"],
            code,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_home_school_directory_has_negative_departments_and_pupils_who_are_nobody() {
    let trial = Trial::start().await;
    trial.sandbox.set_rules(Rules {
        directory: DirectoryRules {
            home_school: true,
            ..DirectoryRules::default()
        },
        ..Rules::default()
    });
    assert_eq!(
        trial
            .directory_ask("/topapi/v2/department/listsubid", json!({"dept_id": 1}))
            .await["result"]["dept_id_list"],
        json!([2, 3, -7])
    );
    assert_eq!(
        trial
            .directory_ask("/topapi/v2/department/listsubid", json!({"dept_id": -7}))
            .await["result"]["dept_id_list"],
        json!([-1])
    );
    let pupils = trial
        .directory_ask(
            "/topapi/v2/user/list",
            json!({"dept_id": -1, "cursor": 0, "size": 10}),
        )
        .await;
    let pupil = &pupils["result"]["list"][0]["userid"];
    assert_eq!(
        trial
            .directory_ask("/topapi/v2/user/get", json!({"userid": pupil}))
            .await["errcode"],
        60_121
    );
}

#[tokio::test]
async fn people_are_hired_changed_moved_leave_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || SandboxConfig {
        data_dir: Some(folder.path().to_path_buf()),
        ..config()
    };
    let trial = Trial::with(kept()).await;
    let sandbox = &trial.sandbox;
    sandbox.hire(newcomer()).unwrap();
    assert_eq!(
        sandbox.hire(newcomer()),
        Err(DirectoryError::AlreadyHere("sunli".into()))
    );
    sandbox.move_person("sunli", vec![3]).unwrap();
    assert_eq!(
        sandbox.move_person("sunli", vec![77]),
        Err(DirectoryError::NoDepartment(77))
    );
    sandbox
        .change_person("sunli", |person| person.title = "实习生".into())
        .unwrap();
    assert_eq!(
        trial
            .directory_ask("/topapi/v2/user/get", json!({"userid": "sunli"}))
            .await["result"]["title"],
        "实习生"
    );

    sandbox.leave("lina", LeaveReason::Delete).unwrap();
    assert_eq!(
        trial
            .directory_ask("/topapi/v2/user/get", json!({"userid": "lina"}))
            .await["errcode"],
        60_121
    );
    let group = sandbox
        .groups()
        .into_iter()
        .find(|group| group.id == CID)
        .unwrap();
    assert!(
        !group.members.contains(&"lina".to_owned()),
        "who leaves the organisation leaves its groups"
    );
    let token = trial.token().await;
    let path =
        "/v1.0/contact/empLeaveRecords?startTime=2026-01-01T00:00:00Z&maxResults=50&nextToken=0";
    let (_, records) = trial.api("GET", path, Some(&token), &json!({})).await;
    assert_eq!(
        (
            &records["records"][0]["userId"],
            &records["records"][0]["leaveReason"]
        ),
        (&json!("lina"), &json!("delete"))
    );
    let path = "/v1.0/contact/empLeaveRecords?startTime=2025-01-01T00:00:00Z&maxResults=50";
    assert_eq!(
        trial.api("GET", path, Some(&token), &json!({})).await.0,
        400,
        "365 days at most"
    );

    sandbox.rehire("lina").unwrap();
    let before = (sandbox.organisation(), sandbox.leavers());
    trial.sandbox.shutdown().await;
    let trial = Trial::with(kept()).await;
    assert_eq!(
        (trial.sandbox.organisation(), trial.sandbox.leavers()),
        before
    );
    assert_eq!(
        trial
            .directory_ask("/topapi/v2/user/get", json!({"userid": "lina"}))
            .await["result"]["unionid"],
        "union-lina"
    );
}

#[tokio::test]
async fn departments_are_added_renamed_and_removed_when_empty() {
    let trial = Trial::start().await;
    let sandbox = &trial.sandbox;
    let id = sandbox
        .put_department(Department {
            name: "法务部".into(),
            parent_id: Some(1),
            ..Department::default()
        })
        .unwrap();
    assert_eq!(id, 4);
    sandbox.rename_department(id, "法务合规部").unwrap();
    assert_eq!(
        trial
            .directory_ask("/topapi/v2/department/get", json!({"dept_id": id}))
            .await["result"]["name"],
        "法务合规部"
    );
    assert_eq!(
        sandbox.remove_department(3),
        Err(DirectoryError::NotEmpty(3))
    );
    let circle = Department {
        id: 1,
        name: "根".into(),
        parent_id: Some(id),
        ..Department::default()
    };
    assert_eq!(
        sandbox.put_department(circle),
        Err(DirectoryError::Circle(1))
    );
    sandbox.remove_department(id).unwrap();
    assert_eq!(
        trial
            .directory_ask("/topapi/v2/department/get", json!({"dept_id": id}))
            .await["errcode"],
        60_003
    );
}

#[tokio::test]
async fn the_administrators_endpoints_do_the_same() {
    let trial = Trial::start().await;
    let send = async |method: &str, path: &str, body: Value| {
        let request = trial
            .http
            .request(method.parse().unwrap(), trial.url(path))
            .json(&body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(
        send(
            "POST",
            "/sandbox/people",
            serde_json::to_value(newcomer()).unwrap()
        )
        .await,
        201
    );
    assert_eq!(
        send(
            "POST",
            "/sandbox/people",
            serde_json::to_value(newcomer()).unwrap()
        )
        .await,
        409
    );
    assert_eq!(
        send(
            "PUT",
            "/sandbox/people/sunli",
            json!({"title": "经理", "department_ids": [3]})
        )
        .await,
        204
    );
    assert_eq!(
        send("PUT", "/sandbox/people/sunli", json!({"title": 5})).await,
        422
    );
    assert_eq!(
        send("DELETE", "/sandbox/people/sunli?reason=leave", json!({})).await,
        204
    );
    assert_eq!(
        send("DELETE", "/sandbox/people/sunli", json!({})).await,
        404
    );
    assert_eq!(
        send("POST", "/sandbox/people/sunli/return", json!({})).await,
        204
    );
    assert_eq!(
        trial
            .directory_ask("/topapi/v2/user/get", json!({"userid": "sunli"}))
            .await["result"]["title"],
        "经理"
    );
    assert_eq!(
        send(
            "POST",
            "/sandbox/departments",
            json!({"name": "新部门", "parent_id": 1})
        )
        .await,
        201
    );
    assert_eq!(
        send("PUT", "/sandbox/departments/4", json!({"name": "更名"})).await,
        204
    );
    assert_eq!(
        send("DELETE", "/sandbox/departments/4", json!({})).await,
        204
    );
}

async fn next_event(line: &mut Line) -> (String, Value) {
    let frame = line.frame().await;
    line.ack(&frame, 200, &json!({"status": "SUCCESS", "message": "ok"}))
        .await;
    let event = frame["headers"]["eventType"].as_str();
    (event.expect("an event's type").to_owned(), data_of(&frame))
}

#[tokio::test]
async fn every_change_of_the_directory_is_told_to_apps() {
    let trial = Trial::start().await;
    let mut line = Line::connect(&trial).await;
    let sandbox = &trial.sandbox;
    let stamp = NOON_MS.to_string();
    let idle = Person {
        active: false,
        ..newcomer()
    };
    sandbox.hire(idle).unwrap();
    let told = next_event(&mut line).await;
    assert_eq!(
        told,
        (
            "user_add_org".into(),
            json!({"timeStamp": stamp, "userId": ["sunli"]})
        )
    );
    sandbox
        .change_person("sunli", |person| {
            person.name = "孙莉".into();
            person.active = true;
        })
        .unwrap();
    let (event, data) = next_event(&mut line).await;
    assert_eq!(event, "user_modify_org");
    assert_eq!(
        data["diffInfo"],
        json!({"userid": "sunli", "prev": {"name": "孙丽"}, "curr": {"name": "孙莉"}})
    );
    let told = next_event(&mut line).await;
    assert_eq!(
        told,
        ("user_active_org".into(), json!({"userId": ["sunli"]}))
    );
    sandbox.leave("sunli", LeaveReason::Leave).unwrap();
    assert_eq!(next_event(&mut line).await.0, "user_leave_org");
    let department = Department {
        name: "法务部".into(),
        parent_id: Some(1),
        ..Department::default()
    };
    let id = sandbox.put_department(department).unwrap();
    sandbox.rename_department(id, "合规部").unwrap();
    sandbox.remove_department(id).unwrap();
    for event in ["org_dept_create", "org_dept_modify", "org_dept_remove"] {
        assert_eq!(
            next_event(&mut line).await,
            (event.into(), json!({"deptId": [id]}))
        );
    }
}

#[tokio::test]
async fn contact_events_can_be_lost_or_doubled() {
    let trial = Trial::start().await;
    let mut line = Line::connect(&trial).await;
    let fate = |contact_events| Rules {
        directory: DirectoryRules {
            contact_events,
            ..DirectoryRules::default()
        },
        ..Rules::default()
    };
    trial.sandbox.set_rules(fate(EventFate::Lost));
    trial.sandbox.hire(newcomer()).unwrap();
    assert!(line.is_silent().await);
    trial.sandbox.set_rules(fate(EventFate::Doubled));
    trial.sandbox.leave("sunli", LeaveReason::Leave).unwrap();
    let first = next_event(&mut line).await;
    assert_eq!(first.0, "user_leave_org");
    assert_eq!(next_event(&mut line).await, first);
}
