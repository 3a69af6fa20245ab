//! Signing in inside DingTalk's client, and administrators through DingTalk.

use yuezhi_sandbox::AdminLevel;
use yuezhi_store::accounts;

use crate::support::{Engine, TestApp, both_engines};

both_engines!(
    a_page_inside_dingtalk_knows_who_reads,
    a_code_signs_in_once,
    only_a_sandbox_may_show_pages_in_a_frame,
    who_is_not_here_is_told_so,
    a_named_administrator_needs_no_password,
    nobody_else_gets_into_the_console,
    who_left_is_no_administrator_any_more,
);

const XU: &str = "LC00041";
const CLIENT: &str = crate::support::CLIENT_ID;
const IN_DINGTALK: &str = "Mozilla/5.0 (iPhone) AliApp(DingTalk/7.6.0) com.laiwang.DingTalk";

async fn start(engine: Engine) -> TestApp {
    TestApp::with(engine)
        .configured(|config| {
            config.dingtalk.corp_id = Some("dingstories".to_owned());
            config.console.dingtalk_admins = vec!["LC00041".to_owned(), "sub".to_owned()];
        })
        .start()
        .await
}

async fn a_page_inside_dingtalk_knows_who_reads(engine: Engine) {
    let app = start(engine).await;
    let phone = app.visitor().with_header("user-agent", IN_DINGTALK);
    let page = phone.get("/my/policies").await.expect(200);
    assert!(page.path.starts_with("/my/sign-in?next="), "{}", page.path);
    let text = page.text();
    assert!(text.contains("vendor/dingtalk-auth.js"));
    assert!(text.contains("data-corp-id=\"dingstories\""));
    assert!(
        text.contains("/my/sign-in/dingtalk?next="),
        "without script too"
    );
    let code = app.dingtalk().auth_code(CLIENT, XU).unwrap();
    let form = page.form("/my/sign-in/inside").unwrap().with("code", &code);
    let after = phone.submit(&form).await.expect(200);
    assert_eq!(after.path, "/my/policies", "back to where one wanted to go");

    let desk = app.visitor().get("/my/policies").await.expect(200);
    assert!(
        !desk.text().contains("dingtalk-auth.js"),
        "other browsers load nothing of it"
    );
}

async fn a_code_signs_in_once(engine: Engine) {
    let app = start(engine).await;
    let code = app.dingtalk().auth_code(CLIENT, XU).unwrap();
    let fields = [("code", code.as_str()), ("next", "/my")];
    let visitor = app.visitor();
    visitor
        .post("/my/sign-in/inside", &fields)
        .await
        .expect(200);
    assert!(visitor.cookie("yuezhi_me").is_some());
    let thief = app.visitor();
    let page = thief.post("/my/sign-in/inside", &fields).await.expect(401);
    assert!(thief.cookie("yuezhi_me").is_none());
    assert!(
        !page.text().contains("dingtalk-auth.js"),
        "the page does not try for ever"
    );
    let foreign = [("code", "x"), ("next", "https://evil.example/")];
    app.visitor()
        .post("/my/sign-in/inside", &foreign)
        .await
        .expect(401);
}

async fn only_a_sandbox_may_show_pages_in_a_frame(engine: Engine) {
    let app = start(engine).await;
    let page = app.visitor().get("/my/sign-in").await.expect(200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("x-frame-options"), "DENY");
    drop(app);

    let app = TestApp::with(engine)
        .configured(|config| {
            config.dingtalk.corp_id = Some("dingstories".to_owned());
            config.dingtalk.jsapi_url = Some("http://127.0.0.1:8791/jsapi.js".to_owned());
        })
        .start()
        .await;
    let page = app.visitor().get("/my/sign-in").await.expect(200);
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("frame-ancestors http://127.0.0.1:8791;"),
        "{policy}"
    );
    assert!(
        policy.contains("script-src 'self' http://127.0.0.1:8791;"),
        "{policy}"
    );
    assert_eq!(page.header("x-frame-options"), "");
    assert!(page.text().contains("http://127.0.0.1:8791/jsapi.js"));
}

async fn who_is_not_here_is_told_so(engine: Engine) {
    let app = start(engine).await;
    app.change_schema("UPDATE people SET state = 'left' WHERE staff_no = 'LC00041'")
        .await;
    let code = app.dingtalk().auth_code(CLIENT, XU).unwrap();
    let visitor = app.visitor();
    let page = visitor
        .post("/my/sign-in/inside", &[("code", &code), ("next", "/my")])
        .await
        .expect(403);
    assert!(page.words().contains("名册") || page.words().contains("list of people"));
    assert!(visitor.cookie("yuezhi_me").is_none());
}

async fn into_console(app: &TestApp, staff_no: &str, status: u16) -> Option<String> {
    let visitor = app.visitor();
    let away = visitor
        .get("/console/sign-in/dingtalk?next=/console/people")
        .await;
    let back = app
        .agree_at_dingtalk(away.header("location"), staff_no)
        .await;
    let page = visitor.get(&back).await.expect(status);
    if status == 200 {
        assert_eq!(page.path, "/console/people");
    }
    visitor.cookie("yuezhi_console")
}

async fn a_named_administrator_needs_no_password(engine: Engine) {
    let app = start(engine).await;
    assert!(into_console(&app, XU, 200).await.is_some());
    assert!(into_console(&app, XU, 200).await.is_some());
    let all = app.read(accounts::list).await;
    assert_eq!(all.len(), 1, "one account, used again");
    assert_eq!(all[0].login, "dingtalk:LC00041");
    let audit = app.api_get("/api/v1/audit").await.to_string();
    assert!(audit.contains("account.created"), "{audit}");

    // 子管理员 of the organisation.
    app.dingtalk()
        .change_person("LC00018", |person| person.admin = AdminLevel::Sub)
        .unwrap();
    assert!(into_console(&app, "LC00018", 200).await.is_some());
}

async fn nobody_else_gets_into_the_console(engine: Engine) {
    let app = start(engine).await;
    assert!(into_console(&app, "LC00018", 403).await.is_none());
    assert!(app.read(accounts::list).await.is_empty());
}

async fn who_left_is_no_administrator_any_more(engine: Engine) {
    let app = start(engine).await;
    let cookie = into_console(&app, XU, 200).await.unwrap();
    app.change_schema("UPDATE people SET state = 'left' WHERE staff_no = 'LC00041'")
        .await;
    let page = app
        .visitor()
        .with_header("cookie", &format!("yuezhi_console={cookie}"))
        .get("/console/people")
        .await;
    assert!(page.path.starts_with("/console/sign-in"), "{}", page.path);
}
