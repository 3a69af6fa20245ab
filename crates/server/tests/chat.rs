//! Acting in the chat: the button of a card, replies to the robot, over Stream and by HTTP callback.

use std::time::Duration;

use yuezhi_domain::{ReceiptKind, ReceiptSource};
use yuezhi_sandbox::{CardAnswer, EventCallback, NotClickable, PushSettings, Rules};
use yuezhi_server::{actions::publish_version::PublishRequest, workers::stream::Stream};
use yuezhi_store::{followups, people, receipts};

use crate::support::{Engine, TestApp, both_engines, minutes, publish_travel};

both_engines!(
    the_button_of_a_card_confirms_at_once_and_costs_no_call_more,
    whoever_confirms_elsewhere_has_the_card_brought_up_to_date,
    a_reply_confirms_the_one_thing_that_waits,
    where_several_wait_a_reply_is_asked_which,
    in_a_group_nobody_is_told_what_somebody_owes,
    a_stranger_is_told_so,
    every_click_that_was_acknowledged_is_recorded_once,
    a_callback_by_http_is_heard_like_stream,
    a_message_that_was_read_is_told_at_once,
);

const LIANG: &str = "LC00018";
const XU: &str = "LC00041";

async fn start(engine: Engine) -> (TestApp, Stream) {
    let app = TestApp::with(engine)
        .with_app()
        .configured(|config| config.dingtalk.stream = true)
        .start()
        .await;
    let mut rules = Rules::default();
    rules.limits.calls_per_second = None;
    app.dingtalk().set_rules(rules);
    let stream = Stream::start_patient(&app.app, Duration::from_millis(10)).unwrap();
    connected(&app).await;
    (app, stream)
}

async fn connected(app: &TestApp) {
    until(|| {
        app.app
            .stream_status()
            .is_some_and(|status| status.is_connected())
    })
    .await;
}

/// Waits for something that happens beside the story, for at most ten seconds.
async fn until(mut happened: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen");
}

fn by_card(policy: &str) -> PublishRequest {
    let mut request = publish_travel(500);
    request.channels = Some(vec!["card".to_owned()]);
    request.plan = Some("none".to_owned());
    request.policy = Some(policy.to_owned());
    request
}

/// The card of a person about a notice, as the platform calls it.
async fn card_of(app: &TestApp, staff_no: &'static str, notice_no: i64) -> String {
    let person_no = app.person_no(staff_no).await;
    let mut all = app.deliveries().await;
    all.retain(|d| d.lane == "card" && d.person_no == person_no && d.notice_no == notice_no);
    all[0].platform_id.clone().unwrap()
}

async fn acts(app: &TestApp, staff_no: &'static str, notice_no: i64) -> Vec<receipts::Receipt> {
    let person_no = app.person_no(staff_no).await;
    let mut all = app
        .read(move |tx| receipts::of_obligation(tx, notice_no, person_no))
        .await;
    all.retain(|receipt| receipt.kind == ReceiptKind::Acknowledged);
    all
}

async fn the_button_of_a_card_confirms_at_once_and_costs_no_call_more(engine: Engine) {
    let (app, stream) = start(engine).await;
    let published = app.publish(by_card("travel")).await;
    let card = card_of(&app, XU, published.notice_no).await;
    let answer = app.dingtalk().click_card(&card, XU, "confirm").await;
    assert_eq!(answer.unwrap(), CardAnswer::Updated);
    let view = app.dingtalk().card(&card, XU).unwrap().to_string();
    assert!(view.contains("确认"), "{view}");
    let acted = acts(&app, XU, published.notice_no).await;
    assert_eq!(acted.len(), 1);
    assert_eq!(acted[0].source, ReceiptSource::ChatCard);
    assert!(acted[0].detail.contains(&card), "{}", acted[0].detail);

    let again = app.dingtalk().click_card(&card, XU, "confirm").await;
    assert!(
        matches!(again, Ok(_) | Err(NotClickable::NoButton)),
        "{again:?}"
    );
    assert_eq!(acts(&app, XU, published.notice_no).await.len(), 1);

    app.dingtalk().clear_calls();
    app.advance(minutes(1)).await;
    let calls = app.dingtalk().calls();
    assert!(
        !calls
            .iter()
            .any(|call| call.path.contains("/card/instances")),
        "the answer has changed the card: {calls:?}"
    );
    assert_eq!(app.read(followups::waiting).await, 0);
    stream.stop().await;
}

async fn whoever_confirms_elsewhere_has_the_card_brought_up_to_date(engine: Engine) {
    let (app, stream) = start(engine).await;
    let published = app.publish(by_card("travel")).await;
    let card = card_of(&app, XU, published.notice_no).await;
    app.confirm(XU, &published).await.expect(200);
    app.dingtalk().clear_calls();
    app.advance(minutes(1)).await;
    let calls = app.dingtalk().calls();
    assert!(
        calls
            .iter()
            .any(|call| call.path.contains("/card/instances")),
        "{calls:?}"
    );
    let view = app.dingtalk().card(&card, XU).unwrap().to_string();
    assert!(view.contains("已确认"), "{view}");
    stream.stop().await;
}

/// What the robot said last in this person's chat with it.
async fn said_to(app: &TestApp, staff_no: &str, before: usize) -> String {
    until(|| app.dingtalk().messages_of(staff_no).len() > before).await;
    let all = app.dingtalk().messages_of(staff_no);
    serde_json::to_string(all.last().unwrap()).unwrap()
}

/// Says something to the robot; what it answers.
async fn say(app: &TestApp, staff_no: &str, words: &str) -> String {
    let before = app.dingtalk().messages_of(staff_no).len();
    let conversation = format!("oto/{}/{staff_no}", crate::support::CLIENT_ID);
    app.dingtalk().say_as(staff_no, &conversation, words);
    said_to(app, staff_no, before + 1).await
}

async fn a_reply_confirms_the_one_thing_that_waits(engine: Engine) {
    let (app, stream) = start(engine).await;
    let published = app.publish(by_card("travel")).await;
    let answer = say(&app, XU, "确认一下时间").await;
    assert!(answer.contains("待办"), "help: {answer}");
    assert!(acts(&app, XU, published.notice_no).await.is_empty());
    let answer = say(&app, XU, "确认").await;
    assert!(answer.contains("已确认"), "{answer}");
    let acted = acts(&app, XU, published.notice_no).await;
    assert_eq!(acted.len(), 1);
    assert_eq!(acted[0].source, ReceiptSource::ChatReply);
    let answer = say(&app, XU, "确认").await;
    assert!(answer.contains("没有等待"), "{answer}");
    app.advance(minutes(1)).await;
    stream.stop().await;
}

async fn where_several_wait_a_reply_is_asked_which(engine: Engine) {
    let (app, stream) = start(engine).await;
    let first = app.publish(by_card("travel")).await;
    let second = app.publish(by_card("leave")).await;
    let answer = say(&app, XU, "确认").await;
    assert!(answer.contains("哪一项"), "{answer}");
    assert!(acts(&app, XU, first.notice_no).await.is_empty());
    let answer = say(&app, XU, &format!("确认 {}", second.notice_no)).await;
    assert!(answer.contains("已确认"), "{answer}");
    assert_eq!(acts(&app, XU, second.notice_no).await.len(), 1);
    assert!(acts(&app, XU, first.notice_no).await.is_empty());
    app.advance(minutes(1)).await;
    stream.stop().await;
}

async fn in_a_group_nobody_is_told_what_somebody_owes(engine: Engine) {
    let (app, stream) = start(engine).await;
    app.publish(by_card("travel")).await;
    app.publish(by_card("leave")).await;
    let mut group = app.dingtalk().groups().remove(0);
    group.app_robots = vec![crate::support::CLIENT_ID.to_owned()];
    app.dingtalk().put_group(group.clone());
    let before = app.dingtalk().messages().len();
    app.dingtalk().say_as(XU, &group.id, "@阅知 待办");
    until(|| app.dingtalk().messages().len() > before + 1).await;
    let all = app.dingtalk().messages();
    let answer = serde_json::to_string(all.last().unwrap()).unwrap();
    assert!(answer.contains("单聊"), "{answer}");
    stream.stop().await;
}

async fn a_stranger_is_told_so(engine: Engine) {
    let (app, stream) = start(engine).await;
    app.change_schema("UPDATE people SET dingtalk_user_id = NULL WHERE staff_no = 'LC00041'")
        .await;
    let answer = say(&app, XU, "确认").await;
    assert!(answer.contains("联系管理员"), "{answer}");
    stream.stop().await;
}

async fn every_click_that_was_acknowledged_is_recorded_once(engine: Engine) {
    const CARDS: usize = 34;
    const CUTS: usize = 100;
    let (app, stream) = start(engine).await;
    let mut cards = Vec::new();
    for number in 0..CARDS {
        let notice_no = app.publish(by_card(&format!("p{number}"))).await.notice_no;
        for delivery in app.deliveries().await {
            if delivery.lane == "card" && delivery.notice_no == notice_no {
                let no = delivery.person_no;
                let person = app.read(move |tx| people::get(tx, no)).await.unwrap();
                let user = person.dingtalk_user_id.unwrap();
                cards.push((
                    delivery.platform_id.unwrap(),
                    user,
                    delivery.person_no,
                    notice_no,
                ));
            }
        }
    }
    let every = cards.len() / CUTS;
    let mut acknowledged = Vec::new();
    for (index, (card, user, person_no, notice_no)) in cards.into_iter().enumerate() {
        if index % every == 0 {
            app.dingtalk().cut_streams(None);
        }
        let answer = app.dingtalk().click_card(&card, &user, "confirm").await;
        if matches!(answer, Ok(CardAnswer::Updated | CardAnswer::Answered)) {
            acknowledged.push((person_no, notice_no));
        } else {
            connected(&app).await;
        }
    }
    assert!(acknowledged.len() > 500, "{}", acknowledged.len());
    for (person_no, notice_no) in acknowledged {
        let acted = app
            .read(move |tx| receipts::of_obligation(tx, notice_no, person_no))
            .await
            .into_iter()
            .filter(|receipt| receipt.kind == ReceiptKind::Acknowledged)
            .count();
        assert_eq!(acted, 1, "person {person_no}, notice {notice_no}");
    }
    app.may_leave_work();
    stream.stop().await;
}

async fn a_callback_by_http_is_heard_like_stream(engine: Engine) {
    const TOKEN: &str = "token123";
    const AES_KEY: &str = "1234567890123456789012345678901234567890120";
    let app = TestApp::with(engine)
        .with_app()
        .configured(|config| {
            config.dingtalk.callback_token = Some(TOKEN.to_owned().into());
            config.dingtalk.callback_aes_key = Some(AES_KEY.to_owned().into());
        })
        .start()
        .await;
    let published = app.publish(by_card("travel")).await;
    let base = app.listen().await;
    let settings = PushSettings {
        event_callback: Some(EventCallback {
            url: format!("{base}/dingtalk/callback"),
            token: TOKEN.to_owned(),
            aes_key: AES_KEY.to_owned(),
        }),
        robot_url: Some(format!("{base}/dingtalk/callback")),
        ..PushSettings::default()
    };
    // It must answer `check_url` before it is saved.
    app.dingtalk()
        .set_push(crate::support::CLIENT_ID, settings)
        .await
        .unwrap();
    let answer = say(&app, XU, "确认").await;
    assert!(answer.contains("已确认"), "{answer}");
    assert_eq!(acts(&app, XU, published.notice_no).await.len(), 1);
    app.advance(minutes(1)).await;

    let forged = reqwest::Client::new()
        .post(format!("{base}/dingtalk/callback"))
        .header("timestamp", app.now().0.to_string())
        .header("sign", "AAAA")
        .body(format!(
            r#"{{"senderStaffId":"{LIANG}","text":{{"content":"确认"}}}}"#
        ))
        .send()
        .await
        .unwrap();
    assert_eq!(forged.status().as_u16(), 403);
    assert!(acts(&app, LIANG, published.notice_no).await.is_empty());
}

async fn a_message_that_was_read_is_told_at_once(engine: Engine) {
    let (app, stream) = start(engine).await;
    let mut request = by_card("travel");
    request.channels = Some(vec!["app_robot".to_owned()]);
    let published = app.publish(request).await;
    assert!(app.dingtalk().read_all_as(XU) > 0);
    let (notice_no, person_no) = (published.notice_no, app.person_no(XU).await);
    for _ in 0..500 {
        let all = app
            .read(move |tx| receipts::of_obligation(tx, notice_no, person_no))
            .await;
        if all
            .iter()
            .any(|receipt| receipt.kind == ReceiptKind::ReadReported)
        {
            stream.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody was told that the message was read");
}
