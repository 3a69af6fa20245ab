//! Every documented code, and those seen in the field, to its verdict.

use std::time::Duration;

use dingtalk::{
    ApiRefusal, ContentFault as Fault, Error, Misconfiguration as Setup, OapiRefusal, Reason,
    Verdict,
};

fn oapi(errcode: i64, sub_code: Option<&str>, message: &str) -> Error {
    Error::Oapi(OapiRefusal {
        errcode,
        sub_code: sub_code.map(Into::into),
        message: message.into(),
        request_id: None,
        apply_url: None,
    })
}

fn api(status: u16, code: &str, message: &str) -> Error {
    Error::Api(Box::new(ApiRefusal {
        status,
        code: code.into(),
        message: message.into(),
        request_id: None,
        required_scopes: vec![],
        apply_url: None,
        retry_after: None,
    }))
}

fn retry(seconds: Option<u64>, maybe_delivered: bool) -> Verdict {
    Verdict::Retry {
        after: seconds.map(Duration::from_secs),
        maybe_delivered,
    }
}

fn hold(minutes: u64) -> Verdict {
    Verdict::Hold {
        for_: Duration::from_mins(minutes),
    }
}

fn missing() -> Verdict {
    Verdict::PermissionMissing {
        scopes: vec![],
        apply_url: None,
    }
}

const UNKNOWN_IP: Verdict = Verdict::IpNotAllowed { address: None };

#[test]
fn every_code_of_the_old_host_has_its_verdict() {
    let malformed = [
        1, 40004, 40005, 40007, 40035, 41052, 43004, 400_002, 400_105, 400_402, 400_403, 665_036,
        1_430_000,
    ];
    let mut table: Vec<(i64, Verdict)> = malformed
        .map(|code| (code, Verdict::ContentRefused(Fault::Malformed)))
        .into();
    for (codes, fault) in [
        (
            &[1002, 40006, 41101, 101_002, 460_101, 665_033][..],
            Fault::TooLong,
        ),
        (
            &[40048, 430_101, 430_102, 430_103, 430_104, 1_430_002],
            Fault::Unsafe,
        ),
        (&[143_106], Fault::Duplicate),
    ] {
        table.extend(
            codes
                .iter()
                .map(|code| (*code, Verdict::ContentRefused(fault))),
        );
    }
    for (codes, setup) in [
        (&[300_001, 400_101][..], Setup::RobotTokenUnknown),
        (&[400_102], Setup::RobotDisabled),
        (&[40089, 40096], Setup::AppSecretWrong),
        (&[40001, 40014, 41001, 42001], Setup::AccessTokenRefused),
        (&[50002, 50004, 60019], Setup::OutsideScope),
        (&[40056, 52019], Setup::AgentIdWrong),
        (&[52010, 52013, 52018], Setup::SignatureWrong),
        (&[22, 404], Setup::EndpointWrong),
    ] {
        table.extend(
            codes
                .iter()
                .map(|code| (*code, Verdict::Misconfigured(setup))),
        );
    }
    for (codes, verdict) in [
        (&[-1, 15, 88, 500_100][..], retry(None, true)),
        (&[90002, 90018], retry(Some(1), false)),
        (&[400_020], retry(Some(5), false)),
        (&[300_005], retry(Some(60), false)),
        (&[987_654], retry(None, false)),
        (&[143_103, 143_104, 1_430_003], hold(1)),
        (
            &[
                90003, 90004, 90005, 90006, 90007, 90008, 90009, 90010, 90017,
            ],
            hold(5),
        ),
        (&[130_101, 410_100], hold(10)),
        (&[90020], Verdict::QuotaUsedUp),
        (&[400_013, 400_106, 60003], Verdict::TargetGone),
        (&[33012, 40031, 40104, 60121], Verdict::RecipientUnknown),
        (&[143_105, 1_430_004], Verdict::RecipientLimited),
        (&[40029, 40078], Verdict::LoginCodeInvalid),
        (&[43007, 60011], missing()),
        (&[60020], UNKNOWN_IP),
    ] {
        table.extend(codes.iter().map(|code| (*code, verdict.clone())));
    }
    for (code, verdict) in table {
        assert_eq!(oapi(code, None, "").verdict(), verdict, "errcode {code}");
        if code != 88 && !matches!(code, -1 | 15 | 500_100) {
            let behind_gateway = oapi(88, Some(&code.to_string()), "");
            assert_eq!(behind_gateway.verdict(), verdict, "sub_code {code}");
        }
    }
}

#[test]
fn every_code_of_the_new_host_has_its_verdict() {
    let mut table: Vec<(u16, &str, Verdict)> = vec![
        (
            400,
            "InvalidAuthentication",
            Verdict::Misconfigured(Setup::AccessTokenRefused),
        ),
        (
            400,
            "AuthenticationFailed.MissingParameter",
            Verdict::Misconfigured(Setup::AccessTokenRefused),
        ),
        (
            403,
            "Forbidden.AccessDenied.AccessTokenPermissionDenied",
            missing(),
        ),
        (403, "Forbidden.AccessDenied.IpNotInWhiteList", UNKNOWN_IP),
        (
            403,
            "Forbidden.AccessDenied.ApiCountLimitForOrg",
            Verdict::QuotaUsedUp,
        ),
        (400, "ding.serverquota.insufficient", Verdict::QuotaUsedUp),
        (
            403,
            "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",
            retry(Some(1), false),
        ),
        (
            403,
            "Forbidden.AccessDenied.QpsLimitForApi",
            retry(Some(1), false),
        ),
        (429, "system.busy", retry(Some(1), false)),
        (429, "systemBusy", retry(Some(1), false)),
        (500, "system.busy", retry(Some(1), true)),
        (500, "system.error", retry(Some(1), true)),
        (400, "send.ding.exception", retry(Some(1), false)),
        (400, "todo.taskCreate.lockError", retry(Some(1), false)),
        (
            400,
            "todo.taskCreate.flowControlError",
            retry(Some(60), false),
        ),
        (400, "processQueryKey.expireTime", retry(Some(60), false)),
        (500, "unknownError", retry(None, true)),
        (500, "server.error", retry(None, true)),
        (503, "whatever", retry(None, true)),
        (504, "whatever", retry(None, true)),
        (403, "accessDenied", missing()),
        (400, "addSpace.forbiden", missing()),
        (
            400,
            "invalidParameter.authCode.notFound",
            Verdict::LoginCodeInvalid,
        ),
        (
            404,
            "whatever",
            Verdict::Misconfigured(Setup::EndpointWrong),
        ),
    ];
    for (codes, verdict) in [
        (
            &[
                "send.too.fast",
                "send.byToken.tooFast",
                "toomuch.msg",
                "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi",
            ][..],
            hold(1),
        ),
        (
            &[
                "invalidClientIdOrSecret",
                "authFailed",
                "invalid.client",
                "unauthorized.client",
            ],
            Verdict::Misconfigured(Setup::AppSecretWrong),
        ),
        (
            &[
                "send.forbidden",
                "chatbotId.notAllow.sendOTO",
                "robot.oto.notExist",
                "bot.stopped",
            ],
            Verdict::Misconfigured(Setup::RobotDisabled),
        ),
        (
            &[
                "invalidParameter.robotCode.notExsit",
                "invalidParameter.robotCode.auth",
                "invalid.chatbotId",
            ],
            Verdict::Misconfigured(Setup::RobotTokenUnknown),
        ),
        (
            &["permession.checkFailed"],
            Verdict::Misconfigured(Setup::OutsideScope),
        ),
        (
            &["staffId.notExisted", "miss.staffId", "param.userIdNotExist"],
            Verdict::RecipientUnknown,
        ),
        (
            &[
                "group.disbanded",
                "conversation.org.notMatch",
                "resource.not.found",
                "param.cardNotExist",
            ],
            Verdict::TargetGone,
        ),
        (
            &["only.groupAdmin.canAtAll"],
            Verdict::ContentRefused(Fault::CannotMention),
        ),
        (
            &[
                "too.many.people",
                "too.many.group",
                "ding.receivercount.limit",
                "invalidParameter.userIds.overMax",
                "invalidParameter.msgParam.tooLong",
            ],
            Verdict::ContentRefused(Fault::TooLong),
        ),
        (
            &[
                "contain.unsafe.url",
                "contain.notAllowed.text",
                "contain.notAllowed.picture",
                "contain.notAllowed.content",
                "param.contentUnsafe",
            ],
            Verdict::ContentRefused(Fault::Unsafe),
        ),
        (
            &["param.cardAlreadyExist", "param.callbackRouteKeyExist"],
            Verdict::ContentRefused(Fault::Duplicate),
        ),
        (
            &[
                "param.templateNotExist",
                "param.templateUnpublished",
                "template.stopped",
                "param.openSpaceIdInvalid",
                "param.openDeliverModelError",
                "param.invalid",
                "parameter.invalid",
                "todo.taskCreate.paramError",
                "unsupported.grant.type",
            ],
            Verdict::ContentRefused(Fault::Malformed),
        ),
    ] {
        table.extend(codes.iter().map(|code| (400, *code, verdict.clone())));
    }
    for (status, code, verdict) in table {
        assert_eq!(api(status, code, "").verdict(), verdict, "{status} {code}");
    }
}

#[test]
fn reasons_tell_what_one_verdict_leaves_open() {
    let task = "task exist, taskId: 0123456789abcdef01234567";
    for (error, reason) in [
        (
            api(400, "param.cardAlreadyExist", ""),
            Reason::AlreadyExists { id: None },
        ),
        (
            api(400, "todo.taskCreate.paramError", task),
            Reason::AlreadyExists {
                id: Some("0123456789abcdef01234567".into()),
            },
        ),
        (
            api(400, "x", "task not belong to bizTag"),
            Reason::OtherApps,
        ),
        (
            api(400, "processQueryKey.expireTime", ""),
            Reason::NotYetOrExpired,
        ),
        (
            api(400, "param.templateUnpublished", ""),
            Reason::TemplateUnavailable,
        ),
        (api(403, "accessDenied", ""), Reason::OperatorNotAllowed),
        (
            api(400, "chatbotId.notAllow.sendOTO", ""),
            Reason::RobotSwitchedOff,
        ),
        (
            api(400, "invalidParameter.robotCode.notExsit", ""),
            Reason::RobotCodeUnknown,
        ),
        (
            api(400, "ding.serverquota.insufficient", ""),
            Reason::DingQuota,
        ),
        (oapi(41052, None, ""), Reason::TooManyPeople),
        (oapi(1_430_004, None, ""), Reason::ExecutiveProtection),
        (oapi(88, Some("90020"), ""), Reason::MonthlyQuota),
    ] {
        assert_eq!(error.reason(), Some(reason), "{error}");
    }
    assert_eq!(
        api(400, "todo.taskCreate.paramError", task).verdict(),
        Verdict::ContentRefused(Fault::Duplicate)
    );
    assert_eq!(
        api(400, "todo.taskCreate.paramError", "subject is oversize").verdict(),
        Verdict::ContentRefused(Fault::TooLong)
    );
    assert_eq!(oapi(0, None, "").reason(), None);
}

#[test]
fn a_throttle_lasts_until_the_end_the_platform_announces() {
    // 2026-09-03 00:01:03 in China.
    let end_ms = 1_788_364_863_000;
    let words = "请求总次数超过 1200 次, 限制将在 2026-09-03 00:01:03 结束.";
    let throttled = oapi(90002, None, words);
    assert_eq!(throttled.throttled_until_ms(), Some(end_ms));
    assert_eq!(
        throttled.verdict_at(end_ms - 30_000),
        retry(Some(30), false)
    );
    assert_eq!(throttled.verdict_at(end_ms + 1), retry(Some(1), false));
    let banned = oapi(
        90006,
        None,
        "所有请求都被暂时禁用了, 处罚将在 2026-09-03 00:01:03 结束.",
    );
    assert_eq!(banned.verdict_at(end_ms - 120_000), hold(2));
    assert_eq!(
        banned.verdict_at(end_ms - 9 * 86_400_000),
        hold(5),
        "an end in nine days is a misreading"
    );
}

#[test]
fn the_old_host_names_missing_scopes_and_the_page_to_apply() {
    let words = "应用尚未开通所需的权限：[qyapi_get_department_list]，点击链接申请并开通即可：https://open-dev.dingtalk.com/appscope/apply?content=dingx%23qyapi_get_department_list, {requiredScopes=[qyapi_get_department_list]}";
    assert_eq!(
        oapi(88, Some("60011"), words).verdict(),
        Verdict::PermissionMissing {
            scopes: vec!["qyapi_get_department_list".into()],
            apply_url: Some(
                "https://open-dev.dingtalk.com/appscope/apply?content=dingx%23qyapi_get_department_list"
                    .into()
            ),
        }
    );
    assert_eq!(
        oapi(
            88,
            Some("60020"),
            "访问ip不在白名单之中,request ip=203.0.113.9 appKey(dingx)"
        )
        .verdict(),
        Verdict::IpNotAllowed {
            address: Some("203.0.113.9".into())
        }
    );
}
