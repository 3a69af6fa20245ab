//! All channels of an installation from its configuration.

use secrecy::SecretString;
use yuezhi_channels::robot::{parse_secret, parse_webhook};
use yuezhi_channels::{
    ConfigError, LoginSettings, MailSettings, Outcome, Registry, RegistryConfig, RobotSettings,
};

use crate::posts::post;
use crate::robot_server::RobotServer;

fn robot(name: &str, webhook: &str) -> RobotSettings {
    RobotSettings {
        name: name.into(),
        webhook: webhook.into(),
        secret: None,
        keywords: vec![],
        per_minute: None,
    }
}

fn mail(tls: &str) -> MailSettings {
    MailSettings {
        host: "localhost".into(),
        port: None,
        tls: tls.into(),
        ca_file: None,
        username: None,
        password: None,
        from: "阅知 <notice@example.com>".into(),
        reply_to: None,
        connections: 4,
        per_minute: Some(600),
    }
}

fn config(robots: Vec<RobotSettings>) -> RegistryConfig {
    RegistryConfig {
        robots,
        mail: Some(mail("none")),
        oapi_base: "https://oapi.dingtalk.com".into(),
        ..RegistryConfig::default()
    }
}

#[test]
fn channels_are_found_by_lane() {
    let registry = Registry::build(config(vec![
        robot("hr", "tokentoken"),
        robot("finance", "tokentoken"),
    ]))
    .unwrap();
    let lanes: Vec<&str> = registry.lanes().map(|channel| channel.lane()).collect();
    assert_eq!(lanes, ["mail", "robot:finance", "robot:hr"]);
    assert!(registry.get("robot:hr").is_some() && registry.get("robot:it").is_none());
    assert_eq!(registry.mail().unwrap().limits().pace.unwrap().limit, 600);
    assert!(registry.dingtalk_login().is_none() && registry.broken().is_empty());
}

#[test]
fn one_broken_channel_leaves_the_others_alone() {
    let mut config = config(vec![
        robot("hr", "tokentoken"),
        robot("bad", "https://example.com/"),
        robot("hr", "othertoken"),
    ]);
    config.mail = Some(mail("ssl"));
    let registry = Registry::build(config).unwrap();
    assert_eq!(registry.lanes().count(), 1);
    let broken: Vec<(&str, bool)> = registry
        .broken()
        .iter()
        .map(|b| (b.lane.as_str(), b.error == ConfigError::Duplicate))
        .collect();
    assert_eq!(
        broken,
        [("robot:bad", false), ("robot:hr", true), ("mail", false)]
    );
    assert!(!format!("{registry:?}").contains("othertoken"));
}

#[tokio::test]
async fn a_bare_token_belongs_to_the_configured_host() {
    let server = RobotServer::start().await;
    let mut config = config(vec![robot("hr", "tokentoken")]);
    config.oapi_base.clone_from(&server.base);
    let registry = Registry::build(config).unwrap();
    let outcome = registry.get("robot:hr").unwrap().send(&post()).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
}

#[test]
fn login_needs_proper_hosts() {
    let mut config = config(vec![]);
    let login = LoginSettings {
        client_id: "ding".into(),
        client_secret: "s".into(),
        api_base: "https://api.dingtalk.com".into(),
        oapi_base: "https://oapi.dingtalk.com".into(),
        login_base: "https://login.dingtalk.com".into(),
    };
    config.login = Some(login.clone());
    let registry = Registry::build(config.clone()).unwrap();
    let url = registry
        .dingtalk_login()
        .unwrap()
        .authorize_url("https://p.example/return", "st");
    assert_eq!(url.host_str(), Some("login.dingtalk.com"));
    config.login = Some(LoginSettings {
        login_base: "login.dingtalk.com".into(),
        ..login
    });
    assert!(matches!(
        Registry::build(config).unwrap_err(),
        ConfigError::Base {
            key: "dingtalk.login_base",
            ..
        }
    ));
}

#[test]
fn what_an_administrator_pastes_is_tidied() {
    let paste = |text: &str| SecretString::from(text.to_owned());
    let whole =
        " 'https://oapi.dingtalk.com/robot/send?access_token=tokentoken&timestamp=1&sign=x'\n";
    assert_eq!(
        parse_webhook(&paste(whole)).unwrap(),
        "https://oapi.dingtalk.com/robot/send?access_token=tokentoken"
    );
    assert_eq!(parse_webhook(&paste(" tokentoken ")).unwrap(), "tokentoken");
    assert!(parse_webhook(&paste("SEC0123456789abcdef0123")).is_err());
    assert_eq!(
        parse_secret(&paste(" SECabc ")).unwrap().as_deref(),
        Some("SECabc")
    );
    assert_eq!(parse_secret(&paste("  ")).unwrap(), None);
    assert!(parse_secret(&paste("https://oapi.dingtalk.com")).is_err());
}

#[test]
fn a_robot_can_be_unlimited() {
    let unlimited = RobotSettings {
        per_minute: Some(0),
        ..robot("hr", "tokentoken")
    };
    let registry = Registry::build(config(vec![unlimited, robot("it", "tokentoken")])).unwrap();
    assert_eq!(registry.get("robot:hr").unwrap().limits().pace, None);
    assert_eq!(
        registry
            .get("robot:it")
            .unwrap()
            .limits()
            .pace
            .unwrap()
            .limit,
        20
    );
}
