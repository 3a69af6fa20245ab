//! What is changed on the platform after somebody has settled elsewhere.

use serde_json::json;
use yuezhi_channels::Outcome;

use crate::app_server::{AppServer, CARD_UPDATE, TODO_STATUS};
use crate::many::sent;
use crate::posts::NOW;

#[tokio::test]
async fn a_hundred_confirmations_of_one_card_are_one_call() {
    let server = AppServer::start().await;
    let channel = server.channel("card");
    let outcome = channel.settle(&sent("yz.n.h", 100), NOW).await;
    assert_eq!(outcome, Outcome::Sent { platform_id: None });
    let calls = server.to(CARD_UPDATE);
    assert_eq!((calls.len(), calls[0].method.as_str()), (1, "PUT"));
    let body = &calls[0].body;
    assert_eq!(body["outTrackId"], "yz.n.h");
    assert_eq!(
        body["privateData"]["user0099"]["cardParamMap"],
        json!({"confirmed":"true","asks":"false","state":"已确认"})
    );
    assert_eq!(body["cardUpdateOptions"]["updatePrivateDataByKey"], true);
    channel.withdraw(&sent("yz.n.h", 1), NOW).await;
    let body = &server.to(CARD_UPDATE)[1].body;
    let own = &body["privateData"]["user0000"]["cardParamMap"];
    assert_eq!(
        own,
        &json!({"confirmed":"false","asks":"false","state":"无需再处理"})
    );
}

#[tokio::test]
async fn a_to_do_closes_for_those_who_have_settled() {
    let server = AppServer::start().await;
    let channel = server.channel("todo");
    let outcome = channel.settle(&sent("task1", 2), NOW).await;
    assert_eq!(outcome, Outcome::Sent { platform_id: None });
    let body = &server.to(TODO_STATUS)[0].body;
    assert_eq!(
        body["executorStatusList"],
        json!([{"id":"union0000","isDone":true},{"id":"union0001","isDone":true}])
    );
    assert!(channel.limits().follows_up);
}

#[tokio::test]
async fn a_follow_up_the_platform_cannot_take_now_waits() {
    let server = AppServer::start().await;
    server.says(
        TODO_STATUS,
        500,
        r#"{"code":"system.busy","message":"m","requestid":"r"}"#,
    );
    let channel = server.channel("todo");
    let outcome = channel.settle(&sent("task1", 2), NOW).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    let others = r#"{"code":"todo.error","message":"task not belong to bizTag","requestid":"r"}"#;
    server.says(TODO_STATUS, 400, others);
    let outcome = channel.withdraw(&sent("task1", 2), NOW).await;
    assert_eq!(outcome.why().unwrap().code, "dingtalk_other_apps");
}

#[tokio::test]
async fn ways_that_cannot_change_a_message_say_so() {
    let server = AppServer::start().await;
    for lane in ["work_notice", "app_robot", "ding", "announcement"] {
        assert!(!server.channel(lane).limits().follows_up);
    }
}
