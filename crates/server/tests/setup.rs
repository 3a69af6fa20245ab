//! An administrator connects DingTalk: what is wrong is said, one thing at a time, with what to do about it; what is
//! left of the month can be seen.

use std::net::SocketAddr;

use axum::http::{Method, header};
use serde_json::Value;
use yuezhi_domain::Language;
use yuezhi_sandbox::{App, Organisation, Rules, Sandbox, SandboxConfig, SandboxHandle};
use yuezhi_server::{
    actions::check_setup::{self, Check, Finding, Health},
    texts::Texts,
};
use yuezhi_store::meters::{self, MeterKind, Metered};

use crate::support::{Engine, TestApp, Visitor, both_engines, program::run_in};

both_engines!(
    where_everything_is_set_up_nothing_is_broken,
    what_the_platform_refuses_is_found_one_thing_at_a_time,
    the_pages_check_without_and_with_a_script,
    the_guided_set_up_shows_this_installations_values_and_no_secret,
    somebody_can_be_sent_a_test_message,
    what_is_left_of_the_month_is_shown_everywhere,
);

async fn found(app: &TestApp, check: Check) -> Vec<Finding> {
    check_setup::check(&app.app, check, Texts::of(Language::ZhCn)).await
}

async fn start(engine: Engine) -> TestApp {
    TestApp::with(engine).with_app().start().await
}

async fn administrator(app: &TestApp) -> Visitor<'_> {
    let visitor = app.visitor().with_header("accept-language", "zh-CN");
    let form = visitor.get("/console").await.expect(200);
    let form = form
        .form("/setup")
        .unwrap()
        .with("name", "林悦")
        .with("code", &app.app.link_key.set_up_code())
        .with("login", "hr")
        .with("password", "三月里的小雨淅沥淅沥");
    visitor.submit(&form).await.expect(200);
    visitor
}

const OF_APP: [Check; 8] = [
    Check::Keys,
    Check::Address,
    Check::Sight,
    Check::Scopes,
    Check::Agent,
    Check::Robot,
    Check::Card,
    Check::Operator,
];

async fn where_everything_is_set_up_nothing_is_broken(engine: Engine) {
    let app = start(engine).await;
    let before = app.dingtalk().messages().len();
    for check in OF_APP {
        let findings = found(&app, check).await;
        assert!(!findings.is_empty(), "{check:?} says nothing");
        for finding in findings {
            assert_eq!(finding.health, Health::Fine, "{check:?}: {finding:?}");
        }
    }
    assert_eq!(app.dingtalk().messages().len(), before, "nobody is told");
    assert!(app.dingtalk().work_notices().is_empty());
}

async fn what_the_platform_refuses_is_found_one_thing_at_a_time(engine: Engine) {
    let app = start(engine).await;
    let with = |change: fn(&mut Rules)| {
        let mut rules = Rules::default();
        change(&mut rules);
        app.dingtalk().set_rules(rules);
    };
    with(|rules| rules.access.withheld_scopes = vec!["qyapi_chat_manage".to_owned()]);
    let scopes = found(&app, Check::Scopes).await;
    let missing = scopes
        .iter()
        .find(|finding| finding.health == Health::Broken)
        .unwrap();
    assert!(
        missing.message.contains("qyapi_chat_manage") && missing.message.contains("通知群"),
        "{missing:?}"
    );
    let link = missing.link.as_deref().unwrap();
    assert!(
        link.contains("appscope/apply") && link.contains("qyapi_chat_manage"),
        "{link}"
    );

    with(|rules| rules.access.egress_ips = vec!["10.9.8.7".to_owned()]);
    let address = &found(&app, Check::Address).await[0];
    assert_eq!(address.health, Health::Broken, "{address:?}");
    assert!(address.fix.contains("服务器出口IP"), "{address:?}");
    assert!(address.detail.contains("127.0.0.1"), "{address:?}");

    with(|rules| rules.access.withheld_scopes = vec!["qyapi_robot_sendmsg".to_owned()]);
    let robot = &found(&app, Check::Robot).await[0];
    assert_eq!(robot.health, Health::Broken, "{robot:?}");
    assert!(robot.fix.contains("权限管理"), "{robot:?}");

    app.dingtalk().set_rules(Rules::default());
}

async fn the_pages_check_without_and_with_a_script(engine: Engine) {
    let app = start(engine).await;
    let visitor = administrator(&app).await;
    let page = visitor.get("/console/connections").await.expect(200);
    assert!(page.words().contains("dingstories0001"), "{}", page.words());
    let form = page.form("/checks").unwrap();
    let all = visitor.submit(&form).await.expect(200);
    assert!(all.words().contains("钉钉接受应用密钥"), "{}", all.words());
    assert!(
        all.words().contains("应用看得到整个组织"),
        "{}",
        all.words()
    );

    let script = visitor.with_header("hx-request", "true");
    let request = |path: &str| {
        let mut form = form.clone();
        path.clone_into(&mut form.action);
        form
    };
    let piece = script
        .submit(&request("/console/connections/checks/keys?on=true"))
        .await
        .expect(200);
    assert!(!piece.text().contains("<html"), "{}", piece.text());
    assert!(
        piece
            .text()
            .contains("/console/connections/checks/address?on=true"),
        "{}",
        piece.text()
    );
    let single = script
        .submit(&request("/console/connections/checks/keys"))
        .await
        .expect(200);
    assert!(!single.text().contains("hx-trigger"), "{}", single.text());
    script
        .submit(&request("/console/connections/checks/nothing"))
        .await
        .expect(404);
}

async fn the_guided_set_up_shows_this_installations_values_and_no_secret(engine: Engine) {
    let app = start(engine).await;
    let visitor = administrator(&app).await;
    let page = visitor
        .get("/console/connections/dingtalk")
        .await
        .expect(200);
    let words = page.words();
    for part in [
        "https://policy.lanchuan.example/my/sign-in/dingtalk/return",
        "https://policy.lanchuan.example/dingtalk/callback",
        "client_id = \"dingstories0001\"",
        "权限管理",
        "服务器出口IP",
        "卡片平台",
    ] {
        assert!(words.contains(part), "{part} is missing in {words}");
    }
    assert!(!page.text().contains("client-secret-of-the-stories"));
    let template = visitor
        .get("/console/connections/card-template.json")
        .await
        .expect(200);
    assert!(template.json().is_object());
}

async fn somebody_can_be_sent_a_test_message(engine: Engine) {
    let app = start(engine).await;
    let visitor = administrator(&app).await;
    let page = visitor.get("/console/connections").await.expect(200);
    let form = page.form("/test-person").unwrap();
    let sent = visitor
        .submit(
            &form
                .clone()
                .with("staff_no", "LC00018")
                .with("lane", "app_robot"),
        )
        .await
        .expect(200);
    assert!(sent.words().contains("测试消息已用"), "{}", sent.words());
    assert_eq!(app.dingtalk().messages_of("LC00018").len(), 1);
    let nobody = visitor
        .submit(&form.with("staff_no", "LC99999").with("lane", "app_robot"))
        .await
        .expect(200);
    assert!(nobody.words().contains("LC99999"), "{}", nobody.words());
}

async fn what_is_left_of_the_month_is_shown_everywhere(engine: Engine) {
    let app = start(engine).await;
    let visitor = administrator(&app).await;
    let overview = visitor.get("/console").await.expect(200);
    assert!(!overview.words().contains("钉钉额度偏低"));
    app.app
        .db
        .write(|tx| {
            for (kind, interface, calls) in [
                (MeterKind::Api, "notice_send", 4_100),
                (MeterKind::Push, "robot_webhook", 12),
            ] {
                let metered = Metered {
                    kind,
                    interface: interface.to_owned(),
                    calls,
                };
                meters::add(tx, "2026-09", &metered)?;
            }
            Ok::<_, yuezhi_store::StoreError>(())
        })
        .await
        .unwrap();
    let overview = visitor.get("/console").await.expect(200).words();
    assert!(
        overview.contains("本月钉钉额度偏低：接口调用还剩 900"),
        "{overview}"
    );
    let page = visitor.get("/console/quota").await.expect(200).words();
    for part in [
        "4,100",
        "900",
        "5,000",
        "工作通知：发送",
        "标准版",
        "不再向钉钉查询",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    let quota = app
        .api(Method::GET, "/api/v1/quota", None)
        .await
        .expect(200)
        .json();
    assert_eq!(quota["month"], "2026-09");
    assert_eq!(quota["api"]["level"], "low");
    assert_eq!(quota["push"]["left"], 2_988);
    // 13 days and ten hours of 30 have passed.
    assert_eq!(quota["api"]["forecast"], 9_167, "{quota:#}");
    let metrics = visitor.get("/metrics").await.expect(200).text();
    assert!(
        metrics.contains("yuezhi_dingtalk_calls{kind=\"api\",interface=\"notice_send\"} 4100"),
        "{metrics}"
    );
}

const CLIENT_ID: &str = "dingdoctor0000000001";
const CLIENT_SECRET: &str = "the-secret-of-the-doctors-app";
const AGENT_ID: i64 = 1_234_567_890;

/// A platform with two apps of the organisation: ours, and another one.
async fn platform() -> SandboxHandle {
    let mut config = SandboxConfig::new(Organisation::small());
    let app = |client_id: &str, client_secret: &str, agent_id: i64| App {
        name: "阅知".to_owned(),
        client_id: client_id.to_owned(),
        client_secret: client_secret.to_owned(),
        robot_code: client_id.to_owned(),
        agent_id,
        ..App::default()
    };
    config.apps = vec![
        app(CLIENT_ID, CLIENT_SECRET, AGENT_ID),
        app("dingother00000000002", "the-other-secret", 2_222_222_222),
    ];
    Sandbox::start(config).await.unwrap()
}

/// What the doctor says with these lines under `[dingtalk]`: subject, health and words of each finding.
async fn doctor(base: &str, lines: &str) -> Vec<(String, String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[dingtalk]\napi_base = \"{base}\"\noapi_base = \"{base}\"\nlogin_base = \"{base}\"\n{lines}\n"
    );
    std::fs::write(folder.path().join("yuezhi.toml"), config).unwrap();
    let run = run_in(folder.path(), &["--json", "doctor"], &[]).await;
    assert!(
        !format!("{run:?}").contains(CLIENT_SECRET),
        "no secret is shown: {run:?}"
    );
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    run.json()
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            (
                text(finding, "subject"),
                text(finding, "health"),
                text(finding, "message"),
            )
        })
        .collect()
}

#[track_caller]
fn assert_says(found: &[(String, String, String)], subject: &str, health: &str, words: &str) {
    let says = found
        .iter()
        .any(|(s, h, message)| s == subject && h == health && message.contains(words));
    assert!(
        says,
        "nothing {health} about {subject} says «{words}»: {found:#?}"
    );
}

fn keys(client_id: &str, secret: &str, agent_id: i64) -> String {
    format!("client_id = \"{client_id}\"\nclient_secret = \"{secret}\"\nagent_id = {agent_id}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_recognises_what_was_put_into_the_wrong_place() {
    let platform = platform().await;
    let base = platform.url();
    let right = doctor(&base, &keys(CLIENT_ID, CLIENT_SECRET, AGENT_ID)).await;
    assert_says(&right, "keys", "fine", "accepts the app");
    assert_says(&right, "agent", "fine", "AgentId is right");
    assert_says(&right, "sight", "fine", "whole organisation");
    assert_says(&right, "clock", "fine", "");

    let padded = keys(CLIENT_ID, &format!(" {CLIENT_SECRET}"), AGENT_ID);
    let padded = doctor(&base, &padded).await;
    assert_says(&padded, "keys", "broken", "blanks");
    let webhook = "https://oapi.dingtalk.com/robot/send?access_token=0123456789";
    let pasted = doctor(&base, &keys(CLIENT_ID, webhook, AGENT_ID)).await;
    assert_says(&pasted, "keys", "broken", "whole webhook address");
    let expired = doctor(&base, &keys(CLIENT_ID, "last-years-secret", AGENT_ID)).await;
    assert_says(&expired, "keys", "broken", "the secret was reset");
    let other = keys("dingother00000000002", CLIENT_SECRET, AGENT_ID);
    let other = doctor(&base, &other).await;
    assert_says(&other, "keys", "broken", "Client ID or Client Secret");
    let mixed = doctor(&base, &keys(CLIENT_ID, CLIENT_SECRET, 2_222_222_222)).await;
    assert_says(&mixed, "agent", "broken", "not of the same app");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_sees_a_clock_that_is_hours_off() {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new()
        .fallback(|| async { [(header::DATE, "Sun, 22 Nov 2020 10:00:00 GMT")] });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let found = doctor(&base, "").await;
    assert_says(&found, "clock", "broken", "NTP");
}
