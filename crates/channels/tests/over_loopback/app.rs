//! One app behind several lanes: which lanes there are, what is metered, how fast.

use std::sync::Arc;
use std::time::Duration;

use yuezhi_channels::{
    AppSettings, BudgetLeft, DingTalkApp, GroupSettings, LoginSettings, MeteredKind, Outcome,
    Recipient, Registry, RegistryConfig, RobotSettings,
};
use yuezhi_domain::{Language, UnixMillis};

use crate::app_server::{self, AppServer};
use crate::many::bulk;
use crate::posts::{NOW, post};
use crate::robot_server::RobotServer;

fn config(app: AppSettings) -> RegistryConfig {
    RegistryConfig {
        app: Some(app),
        oapi_base: "https://oapi.dingtalk.com".into(),
        ..RegistryConfig::default()
    }
}

fn bare() -> AppSettings {
    AppSettings::new("dingclient1", "secret".into(), Language::ZhCn)
}

fn lanes(registry: &Registry) -> Vec<&str> {
    registry.lanes().map(|channel| channel.lane()).collect()
}

#[test]
fn a_lane_that_lacks_a_setting_is_left_out() {
    let registry = Registry::build(config(bare())).unwrap();
    assert_eq!(lanes(&registry), ["app_robot", "ding"]);
    assert!(registry.broken().is_empty());
    let full = app_server::settings("https://api.example.com");
    let registry = Registry::build(config(full)).unwrap();
    let all = [
        "announcement",
        "app_robot",
        "card",
        "ding",
        "todo",
        "work_notice",
    ];
    assert_eq!(lanes(&registry), all);
    assert_eq!(registry.app().unwrap().robot_code(), "dingclient1");
}

#[test]
fn a_group_has_two_lanes() {
    let mut config = config(bare());
    config.groups.push(GroupSettings {
        name: "all".into(),
        open_conversation_id: "cid1==".into(),
        owner_user_id: "operator1".into(),
        ..GroupSettings::default()
    });
    let registry = Registry::build(config).unwrap();
    assert_eq!(
        lanes(&registry),
        ["app_robot", "ding", "group:all", "group_announcement:all"]
    );
}

#[test]
fn an_app_goes_on_until_its_settings_change() {
    let registry = Registry::build(config(bare())).unwrap();
    registry
        .app()
        .unwrap()
        .set_budget(BudgetLeft { api: 7, push: 8 });
    let again = registry.rebuild(config(bare())).unwrap();
    assert!(Arc::ptr_eq(registry.app().unwrap(), again.app().unwrap()));
    let other = AppSettings {
        client_secret: "another".into(),
        ..bare()
    };
    let changed = registry.rebuild(config(other)).unwrap();
    assert!(!Arc::ptr_eq(
        registry.app().unwrap(),
        changed.app().unwrap()
    ));
    // The organisation's quotas are the same.
    assert_eq!(
        changed.app().unwrap().budget(),
        Some(BudgetLeft { api: 7, push: 8 })
    );
    assert!(!format!("{changed:?} {:?}", changed.app()).contains("another"));
}

#[test]
fn a_wrong_base_address_is_named() {
    let app = AppSettings {
        api_base: "api.dingtalk.com".into(),
        ..bare()
    };
    let error = Registry::build(config(app)).unwrap_err().to_string();
    assert!(error.contains("dingtalk.api_base"), "{error}");
}

#[tokio::test]
async fn every_metered_call_is_counted_once_and_tokens_are_free() {
    let server = AppServer::start().await;
    let app = server.app();
    let notices = app_server::channel(&app, "work_notice");
    let robot = app_server::channel(&app, "app_robot");
    notices.send_many(&bulk(100)).await;
    robot.send_many(&bulk(45)).await;
    let counted = |app: &DingTalkApp| -> Vec<(&str, u64)> {
        let taken = app.take_metered();
        assert!(taken.iter().all(|one| one.kind == MeteredKind::Api));
        taken.iter().map(|one| (one.interface, one.calls)).collect()
    };
    assert_eq!(
        counted(&app),
        [("notice_send", 1), ("robot_people_send", 3)]
    );
    assert_eq!(counted(&app), []);
    assert_eq!(server.to(app_server::TOKEN).len(), 1);
}

#[tokio::test]
async fn what_is_foretold_is_what_is_called() {
    for (lane, people, calls) in [
        ("work_notice", 1000, 10),
        ("app_robot", 1000, 50),
        ("card", 1000, 40),
        ("todo", 1000, 10),
        ("ding", 1000, 5),
    ] {
        let server = AppServer::start().await;
        let app = server.app();
        let channel = app_server::channel(&app, lane);
        assert_eq!(channel.cost(people).api_calls, calls, "{lane}");
        let all = bulk(people);
        for some in all.recipients.chunks(channel.limits().people_per_call) {
            let part = yuezhi_channels::Bulk {
                recipients: some.to_vec(),
                ..all.clone()
            };
            channel.send_many(&part).await;
        }
        let taken = app.take_metered();
        assert_eq!(taken.iter().map(|one| one.calls).sum::<u64>(), calls);
    }
}

#[tokio::test]
async fn throttled_calls_are_not_counted() {
    let server = AppServer::start().await;
    let code = "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi";
    let body = format!(r#"{{"code":"{code}","message":"m","requestid":"r"}}"#);
    server.says(app_server::ROBOT_SEND, 403, &body);
    let app = server.app();
    let outcome = app_server::channel(&app, "app_robot").send(&post()).await;
    let Outcome::Hold { lane_for, why } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(lane_for <= Duration::from_secs(2) && why.code == "dingtalk_throttled");
    assert_eq!(app.take_metered(), []);
}

#[tokio::test]
async fn webhook_robots_count_against_the_other_quota() {
    let server = RobotServer::start().await;
    let mut config = config(bare());
    config.robots.push(RobotSettings {
        name: "hr".into(),
        webhook: format!("{}/robot/send?access_token=tokentoken", server.base).into(),
        secret: None,
        keywords: vec![],
        per_minute: None,
    });
    let registry = Registry::build(config).unwrap();
    let robot = registry.get("robot:hr").unwrap();
    robot.send(&post()).await;
    server.answers(
        200,
        r#"{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}"#,
    );
    robot.send(&post()).await;
    registry.app().unwrap().count_push("stream_card");
    let taken = registry.meter().take();
    let counted: Vec<_> = taken.iter().map(|one| (one.interface, one.calls)).collect();
    assert_eq!(counted, [("robot_webhook", 1), ("stream_card", 1)]);
    assert!(taken.iter().all(|one| one.kind == MeteredKind::Push));
}

#[tokio::test]
async fn work_notices_reach_at_most_five_thousand_people_a_minute() {
    let server = AppServer::start().await;
    let channel = server.channel("work_notice");
    for _ in 0..50 {
        let outcomes = channel.send_many(&bulk(100)).await;
        assert!(matches!(outcomes[99], Outcome::Sent { .. }));
    }
    let outcomes = channel.send_many(&bulk(100)).await;
    let Outcome::Hold { lane_for, why } = &outcomes[0] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(
        (why.code, *lane_for),
        ("work_notice_minute_full", Duration::from_mins(1))
    );
    assert_eq!(server.to(app_server::NOTICE_SEND).len(), 50);
    let mut later = bulk(100);
    later.now = UnixMillis(NOW.get() + 60_000);
    assert!(matches!(
        channel.send_many(&later).await[0],
        Outcome::Sent { .. }
    ));
}

#[tokio::test]
async fn an_app_paces_all_its_lanes_and_says_so_of_each() {
    let server = AppServer::start().await;
    let app = app_server::app(AppSettings {
        calls_per_second: None,
        ..server.settings()
    });
    for lane in ["work_notice", "card", "todo"] {
        let channel = app_server::channel(&app, lane);
        assert_eq!(channel.limits().pace.unwrap().limit, 10);
        assert!(channel.reaches(&Recipient::default()).is_err());
    }
    let quiet = yuezhi_channels::app::off_the_full_hour(UnixMillis(3_600_000), 0);
    assert_eq!(quiet, UnixMillis(3_600_000 + 600_000));
}

#[test]
fn signing_in_shares_the_apps_token() {
    let base = "https://api.example.com";
    let mut config = config(app_server::settings(base));
    config.login = Some(LoginSettings {
        client_id: "dingclient1".into(),
        client_secret: app_server::CLIENT_SECRET.into(),
        api_base: base.into(),
        oapi_base: base.into(),
        login_base: base.into(),
    });
    assert!(Registry::build(config).unwrap().dingtalk_login().is_some());
}
