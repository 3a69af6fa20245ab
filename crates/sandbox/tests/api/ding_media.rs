//! DING and uploaded files.

use serde_json::{Value, json};
use yuezhi_sandbox::{Access, Limits, Rules};

use crate::support::Trial;

fn ding(kind: u8, receivers: &[String]) -> Value {
    json!({"robotCode": "dingapp", "remindType": kind, "receiverUserIdList": receivers, "content": "请立即阅读"})
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const SEND: &str = "/v1.0/robot/ding/send";

#[tokio::test]
async fn a_ding_names_whom_it_did_not_reach_and_who_has_read_it() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let to = names(&["lina", "wangfang", "nobody"]);
    let sent = trial.expect(200, "POST", SEND, &token, &ding(1, &to)).await;
    let failed: Vec<_> = sent["failedList"].as_object().unwrap().values().collect();
    assert_eq!(failed, [&json!(["nobody"])]);
    trial.sandbox.read_all_as("lina");
    let named = json!({"robotCode": "dingapp", "openDingId": sent["openDingId"]});
    let read = trial
        .expect(
            200,
            "POST",
            "/v1.0/robot/ding/readStatuses/query",
            &token,
            &named,
        )
        .await;
    let rows = json!([{"userId": "lina", "readStatus": "READ"}, {"userId": "wangfang", "readStatus": "UNREAD"}]);
    assert_eq!(read["result"]["robotDingReadInfoList"], rows);
    let recalled = trial
        .expect(200, "POST", "/v1.0/robot/ding/recall", &token, &named)
        .await;
    assert_eq!(recalled["openDingId"], sent["openDingId"]);
    assert!(trial.sandbox.dings()[0].recalled && trial.sandbox.messages()[0].recalled);
}

#[tokio::test]
async fn limits_of_ding() {
    let trial = Trial::start().await;
    let token = trial.token().await;
    let many: Vec<_> = (0..201).map(|n| format!("u{n}")).collect();
    let lina = names(&["lina"]);
    for (body, code) in [
        (ding(1, &many), "ding.receivercount.limit"),
        (ding(2, &many[..21]), "ding.receivercount.limit"),
        (ding(1, &[]), "miss.staffId"),
        (
            json!({"robotCode": "other", "remindType": 1, "receiverUserIdList": ["lina"], "content": "x"}),
            "invalid.chatbotId",
        ),
    ] {
        let answer = trial.expect(400, "POST", SEND, &token, &body).await;
        assert_eq!(answer["code"], code);
    }
    trial.sandbox.set_rules(Rules {
        limits: Limits {
            dings_per_minute: Some(1),
            ..Limits::default()
        },
        ..Rules::default()
    });
    trial
        .expect(200, "POST", SEND, &token, &ding(2, &lina))
        .await;
    let fast = trial
        .expect(400, "POST", SEND, &token, &ding(2, &lina))
        .await;
    assert_eq!(fast["code"], "toomuch.msg");
    trial.sandbox.set_rules(Rules {
        access: Access {
            ding_quota: false,
            ..Access::default()
        },
        ..Rules::default()
    });
    let poor = trial
        .expect(400, "POST", SEND, &token, &ding(3, &lina))
        .await;
    assert_eq!(poor["code"], "ding.serverquota.insufficient");
}

async fn upload(trial: &Trial, query: &str, name: &str, bytes: Vec<u8>) -> Value {
    let token = trial.token().await;
    let boundary = "----sandbox";
    let mut body = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"media\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n").into_bytes();
    body.extend(bytes);
    body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    let answer = trial
        .http
        .post(trial.url(&format!("/media/upload?access_token={token}{query}")))
        .header(
            "content-type",
            format!("multipart/form-data; boundary={boundary}"),
        )
        .body(body)
        .send()
        .await
        .expect("an answer");
    answer.json().await.expect("an answer")
}

#[tokio::test]
async fn a_file_is_uploaded_named_in_a_notice_and_shown() {
    let trial = Trial::start().await;
    let made = upload(&trial, "&type=file", "年假办法.pdf", b"%PDF-1.7".to_vec()).await;
    assert_eq!(
        (&made["errcode"], &made["type"]),
        (&json!(0), &json!("file")),
        "{made}"
    );
    let id = made["media_id"].as_str().unwrap();
    assert!(id.starts_with("@lA") && made["created_at"].is_i64());
    let token = trial.token().await;
    let notice = json!({"agent_id": 7, "userid_list": "lina", "msg": {"msgtype": "file", "file": {"media_id": id}}});
    let answer = trial
        .oapi(
            "/topapi/message/corpconversation/asyncsend_v2",
            &token,
            &notice,
        )
        .await;
    assert_eq!(answer["errcode"], 0, "{answer}");
    assert_eq!(
        trial.sandbox.messages()[0].content.preview(),
        "[文件] 年假办法.pdf"
    );
    let shown = trial
        .http
        .get(trial.url(&format!("/sandbox/media/{}", id.replace('@', "%40"))))
        .send()
        .await
        .unwrap();
    assert_eq!(shown.headers()["content-type"], "application/pdf");
    assert_eq!(shown.bytes().await.unwrap().as_ref(), b"%PDF-1.7");
}

#[tokio::test]
async fn uploads_that_are_refused() {
    let trial = Trial::start().await;
    for (query, name, size, errcode) in [
        ("", "a.pdf", 4, 40_004),
        ("&type=paper", "a.pdf", 4, 40_004),
        ("&type=file", "a.exe", 4, 40_005),
        ("&type=image", "a.pdf", 4, 40_005),
        ("&type=voice", "a.mp3", 2 * 1024 * 1024 + 1, 40_006),
        ("&type=file", "a.pdf", 0, 40_006),
        ("&type=file", "a.pdf", 3 * 1024 * 1024, 0),
    ] {
        let answer = upload(&trial, query, name, vec![7; size]).await;
        assert_eq!(answer["errcode"], errcode, "{query} {name}");
    }
}
