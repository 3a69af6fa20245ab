//! Groups through the API: made, changed, limited; and what their chats say about it.

use serde_json::{Value, json};
use yuezhi_sandbox::{Content, GroupRules, GroupTemplate, Organisation, Rules, VisibleRange};

use crate::support::{CID, Trial, config};

const TEMPLATE: &str = "sandbox-notice-group";

impl Trial {
    async fn groups_post(&self, path: &str, body: Value) -> (u16, Value) {
        let token = self.token().await;
        self.api("POST", path, Some(&token), &body).await
    }

    async fn groups_old(&self, path: &str, body: Value) -> Value {
        let token = self.token().await;
        let glue = if path.contains('?') { '&' } else { '?' };
        self.api(
            "POST",
            &format!("{path}{glue}access_token={token}"),
            None,
            &body,
        )
        .await
        .1
    }

    async fn internal_group(&self) -> (String, String) {
        let body = json!({"name": "制度通知群", "owner": "zhangwei", "ownerType": "emp", "useridlist": ["lina", "zhangwei"], "conversationTag": 2});
        let (status, made) = self.groups_post("/v1.0/im/group/create", body).await;
        assert_eq!(
            (status, &made["conversationTag"]),
            (200, &json!(2)),
            "{made}"
        );
        let text = |name: &str| made[name].as_str().expect("an id").to_owned();
        (text("openConversationId"), text("chatid"))
    }

    async fn scene_group(&self) -> String {
        let body = json!({"title": "场景群", "template_id": TEMPLATE, "owner_user_id": "zhangwei", "user_ids": ["lina"], "uuid": "u-1"});
        let (status, made) = self.groups_post("/v1.0/im/sceneGroup/create", body).await;
        assert_eq!(status, 200, "{made}");
        made["open_conversation_id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    fn lines(&self, conversation: &str) -> Vec<String> {
        let lines = self
            .sandbox
            .messages()
            .into_iter()
            .filter(|message| message.conversation == conversation);
        lines
            .filter_map(|message| match message.content {
                Content::System { text } => Some(text),
                _ => None,
            })
            .collect()
    }
}

fn crowd() -> yuezhi_sandbox::SandboxConfig {
    yuezhi_sandbox::SandboxConfig {
        organisation: Organisation::of(1_200),
        groups: Vec::new(),
        ..config()
    }
}

#[tokio::test]
async fn an_app_makes_a_group_reads_it_and_keeps_its_members_in_step() {
    let trial = Trial::start().await;
    let (id, chat_id) = trial.internal_group().await;
    let got = trial
        .groups_old(&format!("/chat/get?chatid={chat_id}"), json!({}))
        .await;
    let info = &got["chat_info"];
    assert_eq!(
        (&info["name"], &info["owner"], &info["status"]),
        (&json!("制度通知群"), &json!("zhangwei"), &json!(1))
    );
    assert_eq!(
        info["useridlist"],
        json!(["zhangwei", "lina"]),
        "the owner is a member, nobody twice"
    );
    let (_, converted) = trial
        .groups_post(
            &format!("/v1.0/im/chat/{chat_id}/convertToOpenConversationId"),
            json!({}),
        )
        .await;
    assert_eq!(converted["openConversationId"], id.as_str());

    let body = json!({"chatid": chat_id, "name": "新名字", "add_useridlist": ["wangfang"], "del_useridlist": ["lina"], "managementOptions": {"mentionAllAuthority": 1}});
    assert_eq!(
        trial.groups_post("/v1.0/im/group/update", body).await,
        (200, json!({"success": true}))
    );
    let got = trial
        .groups_old(&format!("/chat/get?chatid={chat_id}"), json!({}))
        .await;
    assert_eq!(
        got["chat_info"]["useridlist"],
        json!(["zhangwei", "wangfang"])
    );
    assert_eq!(got["chat_info"]["mentionAllAuthority"], 1);
    assert_eq!(
        trial.lines(&id),
        [
            "张伟 创建了群聊，邀请 李娜 加入",
            "群名称已修改为「新名字」",
            "李娜 离开了群聊",
            "王芳 加入了群聊"
        ]
    );
}

#[tokio::test]
async fn each_bad_group_is_refused_with_its_code() {
    let trial = Trial::start().await;
    let (_, chat_id) = trial.internal_group().await;
    let good = json!({"name": "群", "owner": "zhangwei", "useridlist": ["lina"]});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let many: Vec<String> = (0..41).map(|at| format!("p{at}")).collect();
    let cases = [
        (
            "/v1.0/im/group/create",
            with(
                "name",
                json!("二十一个字的群名称实在是太长了没有人会这样起名"),
            ),
            "parameter.invalid",
        ),
        (
            "/v1.0/im/group/create",
            with("name", json!(null)),
            "Missingname",
        ),
        (
            "/v1.0/im/group/create",
            with("owner", json!("nobody")),
            "parameter.invalid",
        ),
        (
            "/v1.0/im/group/create",
            with("ownerType", json!("ext")),
            "parameter.invalid",
        ),
        (
            "/v1.0/im/group/create",
            with("conversationTag", json!(1)),
            "parameter.invalid",
        ),
        (
            "/v1.0/im/group/create",
            with("useridlist", json!(many)),
            "parameter.invalid",
        ),
        (
            "/v1.0/im/group/create",
            with("useridlist", json!(["nobody"])),
            "parameter.invalid",
        ),
        (
            "/v1.0/im/group/create",
            with("managementOptions", json!({"searchable": 9})),
            "parameter.invalid",
        ),
        (
            "/v1.0/im/group/update",
            json!({"chatid": "chatnone"}),
            "parameter.invalid",
        ),
        (
            "/v1.0/im/group/update",
            json!({"chatid": chat_id, "add_useridlist": many}),
            "parameter.invalid",
        ),
        (
            "/v1.0/im/chat/none/convertToOpenConversationId",
            json!({}),
            "parameter.invalid",
        ),
        (
            "/v1.0/im/sceneGroup/create",
            json!({"title": "群", "template_id": "none", "owner_user_id": "lina"}),
            "665036",
        ),
        (
            "/v1.0/im/sceneGroup/member/add",
            json!({"open_conversation_id": CID, "user_ids": ["lina"]}),
            "parameter.invalid",
        ),
    ];
    for (path, body, code) in cases {
        let (status, answer) = trial.groups_post(path, body.clone()).await;
        assert_eq!(
            (status, answer["code"].as_str()),
            (400, Some(code)),
            "{path} {body} {answer}"
        );
    }
    for path in [
        "/chat/create",
        "/chat/update",
        "/topapi/im/chat/scenegroup/create",
        "/topapi/im/chat/scenegroup/member/add",
    ] {
        let answer = trial.groups_old(path, json!({})).await;
        assert_eq!(
            (&answer["errcode"], &answer["sub_code"]),
            (&json!(88), &json!("60011")),
            "{path}: closed to new apps"
        );
    }
}

#[tokio::test]
async fn an_owner_outside_the_visible_range_is_refused() {
    let mut config = config();
    config.apps[0].visible = VisibleRange {
        departments: vec![3],
        userids: vec![],
    };
    let trial = Trial::with(config).await;
    let (status, answer) = trial
        .groups_post(
            "/v1.0/im/group/create",
            json!({"name": "群", "owner": "zhangwei"}),
        )
        .await;
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("permession.checkFailed"))
    );
    let (status, _) = trial
        .groups_post(
            "/v1.0/im/group/create",
            json!({"name": "群", "owner": "zhaolei"}),
        )
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_group_holds_a_thousand_and_takes_them_in_lots() {
    let trial = Trial::with(crowd()).await;
    let everyone: Vec<String> = trial
        .sandbox
        .organisation()
        .people
        .into_iter()
        .map(|person| person.userid)
        .collect();
    let make = |users: &[String], uuid: &str| json!({"title": "全员", "template_id": TEMPLATE, "owner_user_id": everyone[0], "user_ids": users, "uuid": uuid});
    let (status, answer) = trial
        .groups_post("/v1.0/im/sceneGroup/create", make(&everyone[..1_000], "a"))
        .await;
    assert_eq!((status, &answer["code"]), (400, &json!("665033")));
    let (status, made) = trial
        .groups_post("/v1.0/im/sceneGroup/create", make(&everyone[1..950], "b"))
        .await;
    assert_eq!(status, 200, "{made}");
    let id = &made["open_conversation_id"];
    let add = |users: &[String]| json!({"open_conversation_id": id, "user_ids": users});
    assert_eq!(
        trial
            .groups_post("/v1.0/im/sceneGroup/member/add", add(&everyone[950..1_051]))
            .await
            .0,
        400,
        "100 a call"
    );
    let (_, full) = trial
        .groups_post("/v1.0/im/sceneGroup/member/add", add(&everyone[950..1_050]))
        .await;
    assert_eq!(full["code"], "665033");
    assert_eq!(
        trial
            .groups_post("/v1.0/im/sceneGroup/member/add", add(&everyone[950..1_000]))
            .await
            .0,
        200
    );

    let mut seen = Vec::new();
    let mut token = json!("");
    loop {
        let body = json!({"openConversationId": id, "maxResults": 300, "nextToken": token});
        let (_, page) = trial
            .groups_post("/v1.0/im/sceneGroups/members/batchQuery", body)
            .await;
        seen.extend(
            page["memberUserIds"]
                .as_array()
                .unwrap()
                .iter()
                .map(|userid| userid.as_str().unwrap().to_owned()),
        );
        if page["hasMore"] == false {
            break;
        }
        token = page["nextToken"].clone();
    }
    assert_eq!(seen, everyone[..1_000]);
}

#[tokio::test]
async fn a_scene_group_is_made_once_per_uuid_with_the_templates_robot_and_disbanded() {
    let trial = Trial::start().await;
    let id = trial.scene_group().await;
    assert_eq!(trial.scene_group().await, id, "the same uuid");
    let (_, installed) = trial
        .groups_post(
            "/v1.0/robot/installed/groups/query",
            json!({"robotCode": "dingapp", "maxResult": 1}),
        )
        .await;
    assert_eq!(
        (&installed["hasMore"], &installed["openConversationIds"]),
        (&json!(true), &json!([CID]))
    );
    let (_, rest) = trial
        .groups_post(
            "/v1.0/robot/installed/groups/query",
            json!({"robotCode": "dingapp", "nextToken": installed["nextToken"]}),
        )
        .await;
    assert_eq!(rest["openConversationIds"], json!([id]));

    let subs = json!({"openConversationId": id, "userIds": ["lina"], "role": 2});
    assert_eq!(
        trial
            .groups_post("/v1.0/im/subAdministrators", subs)
            .await
            .0,
        200
    );
    let update =
        json!({"open_conversation_id": id, "title": "新标题", "owner_user_id": "wangfang"});
    assert_eq!(
        trial
            .groups_post("/v1.0/im/sceneGroup/update", update)
            .await
            .0,
        200
    );
    let (_, detail) = trial
        .groups_post(
            "/v1.0/im/sceneGroups/queryDetail",
            json!({"open_conversation_id": id}),
        )
        .await;
    assert_eq!(
        (
            &detail["title"],
            &detail["owner_user_id"],
            &detail["member_amount"]
        ),
        (&json!("新标题"), &json!("wangfang"), &json!(3))
    );
    assert_eq!(detail["sub_admin_union_ids"], json!(["union-lina"]));
    let remove = |userid: &str| json!({"open_conversation_id": id, "user_ids": [userid]});
    assert_eq!(
        trial
            .groups_post("/v1.0/im/sceneGroup/member/delete", remove("wangfang"))
            .await
            .0,
        400,
        "the owner stays"
    );
    assert_eq!(
        trial
            .groups_post("/v1.0/im/sceneGroup/member/delete", remove("lina"))
            .await
            .0,
        200
    );
    let (_, inner) = trial
        .groups_post(
            "/v1.0/im/innerGroups/members/query",
            json!({"openConversationId": id, "userId": "wangfang"}),
        )
        .await;
    assert_eq!(inner["userIds"], json!(["zhangwei", "wangfang"]));

    let tab = json!({"openConversationId": id, "title": "制度", "pcUrl": "https://a.example", "mobileUrl": "https://a.example"});
    let (_, added) = trial.groups_post("/v1.0/im/convNavTabs/add", tab).await;
    let (_, tabs) = trial
        .groups_post(
            "/v1.0/im/convNavTabs/list",
            json!({"openConversationId": id}),
        )
        .await;
    assert_eq!(
        tabs["result"]["convNavTabInfos"][0]["tabId"],
        added["result"]["tabId"]
    );

    assert_eq!(
        trial
            .groups_post(
                "/v1.0/im/chat/scenegroup/disband",
                json!({"openConversationId": id})
            )
            .await
            .0,
        200
    );
    let (_, query) = trial
        .groups_post(
            "/v1.0/im/sceneGroups/query",
            json!({"openConversationId": id}),
        )
        .await;
    assert_eq!(query["status"], 2);
    assert_eq!(
        trial
            .groups_post("/v1.0/im/sceneGroup/member/add", remove("lina"))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn an_internal_group_becomes_a_scene_group_and_takes_a_robot() {
    let trial = Trial::start().await;
    let (id, _) = trial.internal_group().await;
    let robot = json!({"openConversationId": id, "robotCode": "dingapp"});
    assert_eq!(
        trial
            .groups_post("/v1.0/robot/groups/orgRobots/add", robot)
            .await,
        (200, json!({"result": true}))
    );
    let say = json!({"robotCode": "dingapp", "openConversationId": id, "msgKey": "sampleText", "msgParam": "{\"content\":\"早\"}"});
    assert_eq!(
        trial
            .groups_post("/v1.0/robot/groupMessages/send", say)
            .await
            .0,
        200
    );
    let apply = |template: &str| json!({"open_conversation_id": id, "template_id": template, "owner_user_id": "zhangwei"});
    let path = "/topapi/im/chat/scenegroup/template/apply";
    assert_eq!(
        trial.groups_old(path, apply("none")).await["errcode"],
        665_036
    );
    assert_eq!(trial.groups_old(path, apply(TEMPLATE)).await["errcode"], 0);
    let (status, _) = trial
        .groups_post(
            "/v1.0/im/sceneGroups/members/batchQuery",
            json!({"openConversationId": id}),
        )
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn switches_make_a_young_group_a_full_organisation_and_an_unpublished_template_refuse() {
    let trial = Trial::start().await;
    let rules = |groups| Rules {
        groups,
        ..Rules::default()
    };
    trial.sandbox.set_rules(rules(GroupRules {
        settling_ms: 5_000,
        ..GroupRules::default()
    }));
    let id = trial.scene_group().await;
    let add = json!({"open_conversation_id": id, "user_ids": ["wangfang"]});
    assert_eq!(
        trial
            .groups_post("/v1.0/im/sceneGroup/member/add", add.clone())
            .await
            .1["code"],
        "400020"
    );
    trial.sandbox.clock().advance_ms(5_000);
    assert_eq!(
        trial
            .groups_post("/v1.0/im/sceneGroup/member/add", add)
            .await
            .0,
        200
    );

    trial.sandbox.set_rules(rules(GroupRules {
        groups_at_most: Some(2),
        ..GroupRules::default()
    }));
    let body = json!({"name": "群", "owner": "zhangwei"});
    assert_eq!(
        trial.groups_post("/v1.0/im/group/create", body).await.1["code"],
        "1002"
    );

    let template = GroupTemplate {
        id: "draft".into(),
        published: false,
        brings_robot: false,
    };
    trial.sandbox.set_rules(rules(GroupRules {
        templates: vec![template],
        ..GroupRules::default()
    }));
    let body = json!({"title": "群", "template_id": "draft", "owner_user_id": "lina"});
    assert_eq!(
        trial
            .groups_post("/v1.0/im/sceneGroup/create", body)
            .await
            .1["code"],
        "665036"
    );
}

#[tokio::test]
async fn a_restart_keeps_groups_and_a_line_of_the_platform_is_unread_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || yuezhi_sandbox::SandboxConfig {
        data_dir: Some(folder.path().to_path_buf()),
        ..config()
    };
    let trial = Trial::with(kept()).await;
    let id = trial.scene_group().await;
    let (groups, messages) = (trial.sandbox.groups(), trial.sandbox.messages());
    let home = trial
        .http
        .get(trial.url("/chat/home"))
        .header("cookie", "dingtalk_sandbox_persona=lina");
    let home: Value = home.send().await.unwrap().json().await.unwrap();
    let row = home["conversations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == id.as_str())
        .unwrap();
    assert_eq!(
        (&row["unread"], &row["preview"]),
        (&json!(0), &json!("张伟 创建了群聊，邀请 李娜 加入"))
    );
    trial.sandbox.shutdown().await;
    let trial = Trial::with(kept()).await;
    assert_eq!(
        (trial.sandbox.groups(), trial.sandbox.messages()),
        (groups, messages)
    );
    assert_eq!(trial.scene_group().await, id, "the uuid is remembered");
}

#[tokio::test]
async fn the_official_sdk_calls_groups_directory_and_drive() {
    let Some(python) = std::env::var_os("YUEZHI_TEST_PYTHON") else {
        panic!(
            "this test needs a Python with DingTalk's official SDK: run ./test, or set YUEZHI_TEST_PYTHON"
        );
    };
    let mut config = config();
    config.clock.run();
    config.seed = None;
    let mut rules = Rules::default();
    rules.limits.calls_per_second = None;
    config.rules = rules;
    let trial = Trial::with(config).await;
    trial
        .sandbox
        .leave("chenjing", yuezhi_sandbox::LeaveReason::Leave)
        .unwrap();
    let script =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/official_sdk_groups.py");
    let mut command = tokio::process::Command::new(python);
    command
        .arg(script)
        .arg(trial.sandbox.addr().to_string())
        .args(["dingapp", "app-secret", CID, TEMPLATE]);
    let output = command
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .await
        .expect("Python starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
