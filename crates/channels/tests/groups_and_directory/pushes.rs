//! Pushes by HTTP, and answers into the conversation.

use base64::Engine as _;
use dingtalk::callback::CallbackCrypto;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use yuezhi_channels::stream::{
    Answer, CallbackKeys, CallbackRefused, CardAnswer, Change, Inbound, Saying, callback,
};
use yuezhi_domain::UnixMillis;

use crate::platform::{CLIENT_ID, CLIENT_SECRET, Platform};
use crate::posts::NOW;

const TOKEN: &str = "123456";
const AES_KEY: &str = "1234567890123456789012345678901234567890123";
const CARD_SECRET: &str = "cardSecret";

fn keys() -> CallbackKeys {
    CallbackKeys {
        token: Some(TOKEN.into()),
        aes_key: Some(AES_KEY.into()),
        card_secret: Some(CARD_SECRET.into()),
    }
}

fn signed(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

/// Query and body of an encrypted event.
fn event(plain: &Value) -> (String, Vec<u8>) {
    let crypto = CallbackCrypto::new(TOKEN, AES_KEY, CLIENT_ID).unwrap();
    let sealed = crypto.seal(&plain.to_string(), NOW.0, "nonce1", [7; 16]);
    let query = format!(
        "msg_signature={}&timestamp={}&nonce=nonce1",
        sealed.msg_signature, sealed.timestamp
    );
    (
        query,
        json!({ "encrypt": sealed.encrypt })
            .to_string()
            .into_bytes(),
    )
}

#[tokio::test]
async fn an_encrypted_event_is_opened_and_answered_sealed() {
    let app = Platform::start().await.app();
    let (query, body) = event(&json!({
        "EventType": "user_add_org", "CorpId": "ding1", "eventId": "e1", "UserId": ["u1"],
    }));
    let push = callback(&app, &keys(), |_| None, &query, &body, NOW).unwrap();
    let change = Change::People(vec!["u1".into()]);
    assert_eq!(
        push.inbound,
        Inbound::Directory {
            event_id: "e1".into(),
            change
        }
    );
    let answer = push.answered(&Answer::Taken, NOW, [3; 24]);
    let sealed: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, sealed["encrypt"].is_string()), (200, true));
    assert_eq!(push.answered(&Answer::Later, NOW, [3; 24]).status, 503);
    assert_eq!(app.take_metered(), [], "contact events are free");

    let mut keys = keys();
    keys.token = Some("other".into());
    let refused = callback(&app, &keys, |_| None, &query, &body, NOW).unwrap_err();
    assert!(
        matches!(refused, CallbackRefused::Unsigned(_)),
        "{refused:?}"
    );
    keys.token = None;
    let refused = callback(&app, &keys, |_| None, &query, &body, NOW).unwrap_err();
    assert!(matches!(refused, CallbackRefused::Keys(_)), "{refused:?}");
    let (query, body) =
        event(&json!({ "EventType": "user_add_org", "CorpId": "dingX", "UserId": ["u1"] }));
    let refused = callback(&app, &self::keys(), |_| None, &query, &body, NOW).unwrap_err();
    assert_eq!(refused, CallbackRefused::Foreign);
}

#[tokio::test]
async fn a_press_on_a_card_is_answered_with_what_it_shows() {
    let app = Platform::start().await.app();
    let body = json!({ "type": "actionCallback", "outTrackId": "yz.n.h", "corpId": "ding1", "userId": "u1",
        "content": "{\"cardPrivateData\":{\"actionIds\":[\"confirm\"],\"params\":{\"action\":\"confirm\"}}}" })
    .to_string();
    let timestamp = NOW.0.to_string();
    let signature = signed(CARD_SECRET, &timestamp);
    let header = |name: &str| match name {
        "x-ddpaas-signature-timestamp" => Some(timestamp.as_str()),
        "x-ddpaas-signature" => Some(signature.as_str()),
        _ => None,
    };
    let push = callback(&app, &keys(), header, "", body.as_bytes(), NOW).unwrap();
    let Inbound::CardConfirm(press) = &push.inbound else {
        panic!("{:?}", push.inbound);
    };
    assert_eq!(
        (press.out_track_id.as_str(), press.user_id.as_str()),
        ("yz.n.h", "u1")
    );
    let shown = Answer::Card(CardAnswer {
        for_presser: [("confirmed".to_owned(), "true".to_owned())].into(),
        ..CardAnswer::default()
    });
    let answer: Value = serde_json::from_str(&push.answered(&shown, NOW, [0; 24]).body).unwrap();
    assert_eq!(
        answer["userPrivateData"]["cardParamMap"]["confirmed"],
        "true"
    );
    assert_eq!(app.take_metered()[0].interface, "callback_card");
    let late = UnixMillis(NOW.0 + 3_700_000);
    assert!(callback(&app, &keys(), header, "", body.as_bytes(), late).is_err());
}

fn message(session: Option<&str>, expires_at: i64) -> Vec<u8> {
    json!({ "conversationId": "cid1==", "conversationType": "1", "chatbotCorpId": "ding1", "robotCode": CLIENT_ID,
        "msgId": "msg1", "msgtype": "text", "text": { "content": " 确认 " }, "senderStaffId": "u1", "senderNick": "小钉",
        "sessionWebhook": session, "sessionWebhookExpiredTime": expires_at })
    .to_string()
    .into_bytes()
}

#[tokio::test]
async fn a_reply_is_answered_by_its_session_and_by_the_robot_when_that_has_run_out() {
    let platform = Platform::start().await;
    platform.answers("/robot/sendBySession", 200, &json!({ "errcode": 0 }));
    platform.answers(
        "/v1.0/robot/oToMessages/batchSend",
        200,
        &json!({ "processQueryKey": "k" }),
    );
    let app = platform.app();
    let timestamp = NOW.0.to_string();
    let sign = signed(CLIENT_SECRET, &format!("{timestamp}\n{CLIENT_SECRET}"));
    let header = |name: &str| match name {
        "timestamp" => Some(timestamp.as_str()),
        "sign" => Some(sign.as_str()),
        _ => None,
    };
    let session = format!("{}/robot/sendBySession?session=s1", platform.base);
    let answer = Answer::Say(Saying::Text("已确认".into()));
    for expires_at in [NOW.0 + 1000, NOW.0 - 1] {
        let body = message(Some(&session), expires_at);
        let push = callback(&app, &keys(), header, "", &body, NOW).unwrap();
        let Inbound::Reply(reply) = &push.inbound else {
            panic!("{:?}", push.inbound);
        };
        assert_eq!(
            (reply.text.as_str(), reply.msg_id.as_str(), reply.is_group),
            ("确认", "msg1", false)
        );
        assert!(!format!("{reply:?}").contains("session=s1"));
        assert_eq!(
            push.answered(&answer, NOW, [0; 24]).body,
            r#"{"msgtype":"empty"}"#
        );
        push.finish(&app, &answer, NOW).await;
    }
    assert_eq!(
        platform.paths(),
        ["/robot/sendBySession", "/v1.0/robot/oToMessages/batchSend"]
    );
    assert_eq!(
        platform.asked("/robot/sendBySession")[0].body["text"]["content"],
        "已确认"
    );

    let push = callback(&app, &keys(), header, "", &message(None, 0), NOW).unwrap();
    let body = push.answered(&answer, NOW, [0; 24]).body;
    assert!(
        body.contains("已确认"),
        "without a session the answer itself speaks: {body}"
    );

    let over =
        br#"{"conversationId":"c","msgtype":"text","errorCode":20001,"errorMessage":"paused"}"#;
    let push = callback(&app, &keys(), header, "", over, NOW).unwrap();
    assert!(
        matches!(push.inbound, Inbound::OverQuota { .. }),
        "{:?}",
        push.inbound
    );
}
