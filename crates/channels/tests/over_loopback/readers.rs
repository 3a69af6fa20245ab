//! Who has read, as far as the platform tells.

use std::time::Duration;

use yuezhi_channels::{BudgetLeft, ReadReport};
use yuezhi_domain::UnixMillis;

use crate::app_server::{
    self, ANNOUNCEMENT_READERS, AppServer, CARD_CREATE, DING_READS, NOTICE_RESULT, ROBOT_READS,
};
use crate::many::{bulk, sent};
use crate::posts::NOW;

fn after(hours: u64) -> UnixMillis {
    NOW.plus(Duration::from_hours(hours))
}

type Readers = Vec<(String, Option<i64>)>;
type Undelivered = Vec<(String, &'static str)>;

/// Who has read and when; who got nothing and why.
fn told(report: ReadReport) -> (Readers, Undelivered) {
    let ReadReport::Readers {
        readers,
        undelivered,
    } = report
    else {
        panic!("{report:?}");
    };
    let readers = readers.into_iter();
    let undelivered = undelivered.into_iter();
    (
        readers
            .map(|one| (one.dingtalk_user_id, one.at.map(UnixMillis::get)))
            .collect(),
        undelivered
            .map(|one| (one.dingtalk_user_id, one.why.code))
            .collect(),
    )
}

#[tokio::test]
async fn a_work_notice_tells_also_whom_it_left_out_and_why() {
    let server = AppServer::start().await;
    server.says(
        NOTICE_RESULT,
        200,
        r#"{"errcode":0,"errmsg":"ok","request_id":"r","send_result":{
            "invalid_user_id_list":["user0001"],"forbidden_user_id_list":["user0002","user0003","user0006"],
            "failed_user_id_list":["user0004"],"read_user_id_list":["user0000"],"unread_user_id_list":["user0005"],
            "invalid_dept_id_list":[],
            "forbidden_list":[{"code":143106,"count":1,"userid":"user0002"},{"code":"143105","count":"501","userid":"user0003"}]}}"#,
    );
    let channel = server.channel("work_notice");
    let report = channel.readers(&sent("256271667526", 7), after(1)).await;
    let (readers, undelivered) = told(report);
    assert_eq!(readers, [("user0000".to_owned(), None)]);
    let undelivered: Vec<_> = undelivered
        .iter()
        .map(|(who, why)| (who.as_str(), *why))
        .collect();
    assert_eq!(
        undelivered,
        [
            ("user0002", "work_notice_repeated"),
            ("user0003", "work_notice_daily_limit"),
            ("user0006", "work_notice_forbidden"),
            ("user0001", "dingtalk_person_unknown"),
            ("user0004", "work_notice_not_delivered"),
        ]
    );
    let asked = &server.to(NOTICE_RESULT)[0].body;
    assert_eq!(asked["task_id"], 256_271_667_526_i64);
}

#[tokio::test]
async fn the_robot_tells_for_a_day() {
    let server = AppServer::start().await;
    let channel = server.channel("app_robot");
    let early = r#"{"code":"processQueryKey.expireTime","message":"还未生成消息查询数据或已过期","requestid":"r"}"#;
    server.says(ROBOT_READS, 400, early);
    let report = channel.readers(&sent("key1=", 2), after(0)).await;
    let ReadReport::Later { after: wait, why } = report else {
        panic!("{report:?}");
    };
    assert!(wait >= Duration::from_mins(1) && why.code == "dingtalk_reads_not_yet");
    server.says(
        ROBOT_READS,
        200,
        r#"{"sendStatus":"SUCESS","messageReadInfoList":[
            {"name":"甲","userId":"user0000","readStatus":"READ","readTimestamp":0},
            {"name":"乙","userId":"user0001","readStatus":"UNREAD"}]}"#,
    );
    let (readers, _) = told(channel.readers(&sent("key1=", 2), after(1)).await);
    assert_eq!(readers, [("user0000".to_owned(), None)]);
    let calls = server.to(ROBOT_READS).len();
    for lane in ["app_robot", "work_notice", "card"] {
        let report = server.channel(lane).readers(&sent("1", 2), after(24)).await;
        assert!(matches!(report, ReadReport::Over { .. }), "{lane}");
    }
    assert_eq!(server.to(ROBOT_READS).len(), calls);
}

#[tokio::test]
async fn a_card_whose_copies_share_a_key_tells_who_has_read() {
    let server = AppServer::start().await;
    let channel = server.channel("card");
    assert_eq!(
        channel.readers(&sent("yz.x.y", 1), after(1)).await,
        ReadReport::Unsupported
    );
    server.says(
        CARD_CREATE,
        200,
        r#"{"success":true,"result":{"outTrackId":"x","deliverResults":[
            {"spaceId":"user0000","success":true,"carrierId":"c1="},{"spaceId":"user0001","success":true,"carrierId":"c1="}]}}"#,
    );
    let outcomes = channel.send_many(&bulk(2)).await;
    let yuezhi_channels::Outcome::Sent { platform_id } = &outcomes[0] else {
        panic!("{outcomes:?}");
    };
    server.says(
        ROBOT_READS,
        200,
        r#"{"sendStatus":"SUCCESS","messageReadInfoList":[{"userId":"user0001","readStatus":"READ"}]}"#,
    );
    let sent = sent(platform_id.as_deref().unwrap(), 2);
    let (readers, _) = told(channel.readers(&sent, after(1)).await);
    assert_eq!(readers, [("user0001".to_owned(), None)]);
    assert!(
        server.to(ROBOT_READS)[0]
            .query
            .contains("processQueryKey=c1")
    );
}

#[tokio::test]
async fn an_announcement_tells_when_page_by_page_and_for_a_week() {
    let server = AppServer::start().await;
    let channel = server.channel("announcement");
    server.says(
        ANNOUNCEMENT_READERS,
        200,
        r#"{"nextToken":"p2","users":[{"userId":"user0000","read":"true","readTimestamp":1795345200000},{"userId":"user0001","read":"false"}]}"#,
    );
    server.says(
        ANNOUNCEMENT_READERS,
        200,
        r#"{"nextToken":"","users":[{"userId":"user0002","read":"true","readTimestamp":"1795345300000"}]}"#,
    );
    let (readers, _) = told(channel.readers(&sent("notice1", 3), after(30)).await);
    assert_eq!(
        readers,
        [
            ("user0000".to_owned(), Some(1_795_345_200_000)),
            ("user0002".to_owned(), Some(1_795_345_300_000))
        ]
    );
    assert_eq!(channel.limits().read_checks.len(), 5);
    let denied = r#"{"code":"accessDenied","message":"m","requestid":"r"}"#;
    server.says(ANNOUNCEMENT_READERS, 403, denied);
    let report = channel.readers(&sent("notice1", 3), after(31)).await;
    assert!(
        matches!(&report, ReadReport::Later { why, .. } if why.code == "dingtalk_operator_not_allowed"),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_ding_tells_who_has_read() {
    let server = AppServer::start().await;
    server.says(
        DING_READS,
        200,
        r#"{"success":true,"result":{"robotDingReadInfoList":[{"userId":"user0000","readStatus":"READ"},{"userId":"user0001","readStatus":"UNREAD"}]}}"#,
    );
    let channel = server.channel("ding");
    let (readers, _) = told(channel.readers(&sent("ding1", 2), after(1)).await);
    assert_eq!(readers, [("user0000".to_owned(), None)]);
}

#[tokio::test]
async fn nobody_is_asked_about_when_nothing_is_left_of_the_month() {
    let server = AppServer::start().await;
    let app = server.app();
    app.set_budget(BudgetLeft { api: 0, push: 100 });
    let channel = app_server::channel(&app, "app_robot");
    let report = channel.readers(&sent("key1=", 2), after(1)).await;
    assert!(matches!(report, ReadReport::Later { .. }), "{report:?}");
    assert!(server.to(ROBOT_READS).is_empty());
}
