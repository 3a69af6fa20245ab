//! Every code with which DingTalk refuses, as the documents and field reports list them: what is done about it and the
//! sentence an administrator reads. The platform here answers what it is told to.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse as _};
use secrecy::SecretString;
use serde_json::{Value, json};
use yuezhi_channels::{
    AppSettings, Channel, Mentions, Message, Outcome, Post, Recipient, Registry, RegistryConfig,
    RobotSettings,
};
use yuezhi_domain::{DeliveryKind, Language, UnixMillis};
use yuezhi_server::texts::Texts;

/// oapi.dingtalk.com, through a work notice: 全局错误码, 异步发送工作通知, 限流.
const OF_NOTICES: &[(i64, &str)] = &[
    (-1, "系统繁忙"),
    (1, "Platform System error"),
    (15, "isp.top-remote-connection-timeout"),
    (22, "不合法ApiName"),
    (404, "请求的URI地址不存在"),
    (33_012, "无效的USERID"),
    (40_001, "获取access_token时Secret错误"),
    (40_014, "不合法的access_token"),
    (40_029, "不合法的oauth_code"),
    (40_031, "不合法的UserID列表"),
    (40_035, "不合法的参数"),
    (40_048, "url中包含不合法domain"),
    (40_056, "不合法的agentid"),
    (40_078, "不存在的临时授权码"),
    (40_089, "不合法的corpid或corpsecret"),
    (40_096, "不合法的appKey或appSecret"),
    (41_001, "缺少access_token参数"),
    (41_052, "本次发送人数过多,不再返回发送结果"),
    (41_101, "消息体超长"),
    (42_001, "access_token已过期"),
    (43_007, "需要授权"),
    (50_002, "企业员工不在授权范围"),
    (50_004, "企业部门不在授权范围"),
    (60_003, "部门不存在"),
    (
        60_011,
        "应用尚未开通所需的权限：[qyapi_get_department_list]",
    ),
    (60_020, "访问ip不在白名单之中,request ip=203.0.113.9"),
    (60_121, "找不到该用户"),
    (
        90_002,
        "您的服务器调用钉钉开放平台当前接口的所有请求都被暂时禁用了",
    ),
    (90_018, "您的应用调用当前接口超过了该应用每秒最大请求次数"),
    (90_020, "您的企业本月调用量已用完"),
    (143_103, "应用每分钟发送次数超限"),
    (143_104, "企业每分钟发送次数超限"),
    (143_105, "当日给用户发送的消息数超限"),
    (143_106, "当日发送了重复内容"),
    (400_002, "参数错误"),
    (1_430_000, "接收者为空"),
    (1_430_002, "含有违禁内容"),
    (1_430_003, "触发OAPI系统保护"),
    (1_430_004, "超级高管保护"),
];

/// oapi.dingtalk.com, through a group robot's webhook: 自定义机器人发送群消息, and texts seen in production.
const OF_ROBOTS: &[(i64, &str)] = &[
    (40_035, "缺少参数 json"),
    (43_004, "无效的HTTP HEADER Content-Type"),
    (130_101, "send too fast, exceed 20 times per minute"),
    (300_001, "token is not exist"),
    (300_005, "token is not exist"),
    (310_000, "keywords not in content"),
    (
        310_000,
        "错误描述:关键词不匹配;解决方案:请联系群管理员查看此机器人的关键词",
    ),
    (310_000, "sign not match"),
    (
        310_000,
        "description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中",
    ),
    (310_000, "invalid timestamp"),
    (
        310_000,
        "description:ip 不在白名单中;solution:请联系对应群的管理员",
    ),
    (310_000, "something new"),
    (400_013, "群已被解散"),
    (400_101, "access_token不存在"),
    (400_102, "机器人已停用"),
    (400_105, "不支持的消息类型"),
    (400_106, "机器人不存在"),
    (400_402, "参数 markdown --》 title 缺失"),
    (400_403, "参数 markdown --》 text 缺失"),
    (410_100, "发送速度太快而限流"),
    (430_101, "含有不安全的外链"),
    (430_102, "含有不合适的文本"),
    (430_103, "含有不合适的图片"),
    (430_104, "含有不合适的内容"),
    (460_101, "body 大小不合法"),
    (500_100, "系统异常，请稍后再试;"),
];

/// api.dingtalk.com, through the app robot: the pages of the interfaces, 调用频率限制.
const OF_APP: &[(u16, &str, &str)] = &[
    (400, "InvalidAuthentication", "不合法的access_token"),
    (
        400,
        "invalidClientIdOrSecret",
        "无效的clientId或者clientSecret",
    ),
    (400, "send.too.fast", "发送过快"),
    (400, "send.byToken.tooFast", "发送过快"),
    (400, "too.many.people", "人数过多"),
    (400, "send.forbidden", "禁止发送"),
    (400, "chatbotId.notAllow.sendOTO", "机器人未启用"),
    (400, "robot.oto.notExist", "单聊机器人不存在"),
    (400, "staffId.notExisted", "员工不存在"),
    (400, "template.stopped", "模板已停用"),
    (
        400,
        "invalidParameter.robotCode.notExsit",
        "robotCode不存在",
    ),
    (400, "invalidParameter.msgParam.tooLong", "消息过长"),
    (400, "invalidParameter.userIds.overMax", "超过最大人数"),
    (400, "contain.unsafe.url", "含有不安全的链接"),
    (400, "contain.notAllowed.text", "含有不合适的文本"),
    (400, "group.disbanded", "群已解散"),
    (400, "bot.stopped", "机器人已停用"),
    (400, "only.groupAdmin.canAtAll", "仅群管理员可以@所有人"),
    (400, "conversation.org.notMatch", "群不属于本组织"),
    (400, "resource.not.found", "资源不存在"),
    (400, "param.templateNotExist", "模板不存在"),
    (400, "param.templateUnpublished", "模板未发布"),
    (400, "param.openSpaceIdInvalid", "openSpaceId不合法"),
    (400, "param.contentUnsafe", "内容不安全"),
    (400, "param.userIdNotExist", "用户不存在"),
    (400, "param.cardNotExist", "卡片不存在"),
    (
        400,
        "ding.serverquota.insufficient",
        "ding server quota insufficient",
    ),
    (400, "ding.receivercount.limit", "接收人数超限"),
    (400, "permession.checkFailed", "群主不在应用可见性内"),
    (
        400,
        "todo.taskCreate.flowControlError",
        "flowControl because of executorId or orgId",
    ),
    (403, "accessDenied", "没有权限"),
    (
        403,
        "Forbidden.AccessDenied.AccessTokenPermissionDenied",
        "没有调用该接口的权限",
    ),
    (
        403,
        "Forbidden.AccessDenied.IpNotInWhiteList",
        "访问ip不在白名单之中, request ip=203.0.113.9",
    ),
    (
        403,
        "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",
        "超过每秒最大请求次数",
    ),
    (
        403,
        "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi",
        "超过每分钟最大请求次数",
    ),
    (403, "Forbidden.AccessDenied.QpsLimitForApi", "全局限流"),
    (
        403,
        "Forbidden.AccessDenied.ApiCountLimitForOrg",
        "本月调用量已用完",
    ),
    (429, "system.busy", "系统繁忙"),
    (500, "system.error", "系统错误"),
    (503, "ServiceUnavailable", "服务不可用"),
    (400, "something.nobody.has.seen", "…"),
];

type Said = Arc<Mutex<(u16, Value)>>;

/// A platform that gives everybody a token and answers everything else with what it was told.
async fn platform() -> (String, Said) {
    let said: Said = Arc::new(Mutex::new((200, json!({}))));
    let answer = |State(said): State<Said>| async move {
        let (status, body) = said.lock().unwrap().clone();
        (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
    };
    let token = || async { Json(json!({ "accessToken": "a-token", "expireIn": 7200 })) };
    let router = Router::new()
        .route("/v1.0/oauth2/accessToken", axum::routing::post(token))
        .fallback(answer)
        .with_state(Arc::clone(&said));
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), said)
}

fn registry(base: &str) -> Registry {
    drop(rustls::crypto::ring::default_provider().install_default());
    let secret = SecretString::from("a-secret");
    let robot = RobotSettings {
        name: "all".to_owned(),
        webhook: SecretString::from(format!("{base}/robot/send?access_token={:0>64}", "c1")),
        secret: None,
        keywords: Vec::new(),
        per_minute: None,
    };
    Registry::build(RegistryConfig {
        robots: vec![robot],
        mail: None,
        login: None,
        app: Some(AppSettings {
            agent_id: Some(1),
            calls_per_second: Some(0),
            api_base: base.to_owned(),
            oapi_base: base.to_owned(),
            login_base: base.to_owned(),
            ..AppSettings::new("dingsentences0001", secret, Language::ZhCn)
        }),
        groups: Vec::new(),
        oapi_base: base.to_owned(),
    })
    .unwrap()
}

fn post(is_personal: bool) -> Post {
    let message = Message::new(DeliveryKind::Custom, Language::ZhCn, "制度更新", "请看");
    Post {
        key: "key".to_owned(),
        message: Arc::new(message),
        personal_url: None,
        recipient: is_personal.then(|| Recipient {
            name: "林悦".to_owned(),
            dingtalk_user_id: Some("user1".to_owned()),
            ..Recipient::default()
        }),
        mentions: Mentions::default(),
        members: Arc::from([]),
        now: UnixMillis(1_789_351_200_000),
    }
}

const fn class(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent { .. } => "sent",
        Outcome::Retry { .. } => "retry",
        Outcome::Hold { .. } => "hold",
        Outcome::Reject { .. } => "reject",
        Outcome::Misconfigured { .. } => "stop",
    }
}

async fn line(channel: &dyn Channel, post: &Post, code: &str, said: &str) -> String {
    let outcome = channel.send(post).await;
    let t = Texts::of(Language::ZhCn);
    let why = outcome
        .why()
        .unwrap_or_else(|| panic!("{code} was taken for a success"));
    let text = t.of_value("messages.reason", why.code);
    let fix = t.of_value("messages.reason", &format!("{}_fix", why.code));
    assert_ne!(text, why.code, "{code} has no sentence");
    let said: String = said.chars().take(24).collect();
    format!(
        "{code} {said} → {} {} → {text} {fix}",
        class(&outcome),
        why.code
    )
}

#[tokio::test]
async fn every_refusal_of_the_platform_is_told_in_a_sentence() {
    let (base, said) = platform().await;
    let registry = registry(&base);
    let say = |status: u16, body: Value| *said.lock().unwrap() = (status, body);
    let mut table = String::new();
    let lanes = [
        ("work_notice", OF_NOTICES, true),
        ("robot:all", OF_ROBOTS, false),
    ];
    for (lane, codes, is_personal) in lanes {
        let channel = registry.get(lane).unwrap();
        writeln!(table, "## {lane}").unwrap();
        for (code, words) in codes {
            say(200, json!({ "errcode": code, "errmsg": words }));
            let post = post(is_personal);
            let line = line(channel.as_ref(), &post, &code.to_string(), words).await;
            writeln!(table, "{line}").unwrap();
        }
    }
    let channel = registry.get("app_robot").unwrap();
    writeln!(table, "## app_robot").unwrap();
    for (status, code, words) in OF_APP {
        say(
            *status,
            json!({ "code": code, "message": words, "requestid": "r",
                "accessdenieddetail": { "requiredScopes": ["qyapi_robot_sendmsg"] } }),
        );
        let line = line(channel.as_ref(), &post(true), code, words).await;
        writeln!(table, "{line}").unwrap();
    }
    insta::assert_snapshot!(table);
}
