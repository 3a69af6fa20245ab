//! HTTP mode: encrypted events, a robot's messages, clicks on cards, all posted to an address of the app.

use std::sync::{Arc, Mutex};

use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use yuezhi_sandbox::{CardAnswer, EventCallback, PushRules, PushSettings};

use crate::line::until;
use crate::support::{Trial, config};

const AES_KEY: &str = "1234567890123456789012345678901234567890120";
const TOKEN: &str = "token123";

/// An app's server: what came in, and what it is to answer.
#[derive(Default)]
struct App {
    /// Decrypted events, or bodies as they were, with their headers.
    heard: Mutex<Vec<(Value, HeaderMap)>>,
    /// Answers to anything but events.
    answer: Mutex<Value>,
    /// Events are answered with this encrypted word.
    word: Mutex<&'static str>,
}

fn key() -> [u8; 32] {
    // The last letter of this key has no bits to spare.
    STANDARD
        .decode(format!("{AES_KEY}="))
        .expect("as the platform sends it")
        .try_into()
        .expect("as the platform sends it")
}

fn decrypt(text: &str) -> String {
    let mut plain = STANDARD.decode(text).expect("as the platform sends it");
    assert_eq!(plain.len() % 32, 0, "padded to 32");
    let key = key();
    let iv: [u8; 16] = key[..16].try_into().expect("as the platform sends it");
    let mut cipher = cbc::Decryptor::<aes::Aes256>::new(&key.into(), &iv.into());
    for block in plain.as_chunks_mut::<16>().0 {
        cipher.decrypt_block(block.into());
    }
    let length =
        u32::from_be_bytes(plain[16..20].try_into().expect("as the platform sends it")) as usize;
    let end = plain.len() - usize::from(*plain.last().expect("as the platform sends it"));
    assert_eq!(
        &plain[20 + length..end],
        b"dingapp",
        "the owner is the client id"
    );
    String::from_utf8(plain[20..20 + length].to_vec()).expect("as the platform sends it")
}

fn encrypt(word: &str) -> String {
    let mut plain = vec![9; 16];
    plain.extend(
        u32::try_from(word.len())
            .expect("as the platform sends it")
            .to_be_bytes(),
    );
    plain.extend(word.as_bytes());
    plain.extend(b"dingapp");
    let missing = 32 - plain.len() % 32;
    plain.extend(std::iter::repeat_n(
        u8::try_from(missing).expect("as the platform sends it"),
        missing,
    ));
    let key = key();
    let iv: [u8; 16] = key[..16].try_into().expect("as the platform sends it");
    let mut cipher = cbc::Encryptor::<aes::Aes256>::new(&key.into(), &iv.into());
    for block in plain.as_chunks_mut::<16>().0 {
        cipher.encrypt_block(block.into());
    }
    STANDARD.encode(plain)
}

fn signature(timestamp: &str, nonce: &str, encrypted: &str) -> String {
    let mut parts = [TOKEN, timestamp, nonce, encrypted];
    parts.sort_unstable();
    hex(&Sha1::digest(parts.concat()))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

fn hmac(secret: &str, text: &str) -> String {
    let mut mac =
        Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("as the platform sends it");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[derive(serde::Deserialize)]
struct Signed {
    msg_signature: String,
    timestamp: String,
    nonce: String,
}

async fn events(
    State(app): State<Arc<App>>,
    Query(signed): Query<Signed>,
    Json(body): Json<Value>,
) -> Json<Value> {
    let encrypted = body["encrypt"].as_str().expect("as the platform sends it");
    let expected = signature(&signed.timestamp, &signed.nonce, encrypted);
    assert_eq!(signed.msg_signature, expected);
    let event = serde_json::from_str(&decrypt(encrypted)).expect("as the platform sends it");
    app.heard
        .lock()
        .expect("no panic before")
        .push((event, HeaderMap::new()));
    let word = *app.word.lock().expect("no panic before");
    let encrypted = encrypt(word);
    let answer = json!({
        "msg_signature": signature("1", "n", &encrypted),
        "timeStamp": "1", "nonce": "n", "encrypt": encrypted,
    });
    Json(answer)
}

async fn plain(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let body = serde_json::from_slice(&body).expect("as the platform sends it");
    app.heard
        .lock()
        .expect("no panic before")
        .push((body, headers));
    Json(app.answer.lock().expect("no panic before").clone())
}

/// The app's server and its address.
async fn serve() -> (Arc<App>, String) {
    let app = Arc::new(App::default());
    *app.word.lock().expect("no panic before") = "success";
    let routes = axum::Router::new()
        .route("/events", post(events))
        .route("/plain", post(plain))
        .with_state(Arc::clone(&app));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("as the platform sends it");
    let url = format!(
        "http://{}",
        listener.local_addr().expect("as the platform sends it")
    );
    tokio::spawn(async move {
        axum::serve(listener, routes)
            .await
            .expect("as the platform sends it");
    });
    (app, url)
}

async fn trial() -> Trial {
    let mut config = config();
    config.rules.push = PushRules {
        retries_ms: vec![10, 20],
        http_ms: 1_000,
        ..PushRules::default()
    };
    Trial::with(config).await
}

fn callback(url: &str) -> PushSettings {
    PushSettings {
        event_callback: Some(EventCallback {
            url: format!("{url}/events"),
            token: TOKEN.into(),
            aes_key: AES_KEY.into(),
        }),
        ..PushSettings::default()
    }
}

impl App {
    fn heard(&self) -> Vec<Value> {
        let heard = self.heard.lock().expect("no panic before");
        heard.iter().map(|(body, _)| body.clone()).collect()
    }

    fn header(&self, name: &str) -> String {
        let heard = self.heard.lock().expect("no panic before");
        let (_, headers) = heard.last().expect("as the platform sends it");
        headers[name]
            .to_str()
            .expect("as the platform sends it")
            .to_owned()
    }
}

#[tokio::test]
async fn an_address_is_checked_before_it_is_saved_and_then_gets_events() {
    let (trial, (app, url)) = (trial().await, serve().await);
    *app.word.lock().unwrap() = "nonsense";
    assert!(
        trial
            .sandbox
            .set_push("dingapp", callback(&url))
            .await
            .is_err()
    );
    trial.sandbox.emit("user_add_org", json!({"userId": ["x"]}));
    assert_eq!(app.heard().len(), 1, "nothing but the check");
    *app.word.lock().unwrap() = "success";
    trial
        .sandbox
        .set_push("dingapp", callback(&url))
        .await
        .unwrap();
    assert_eq!(app.heard()[1], json!({"EventType": "check_url"}));

    trial.sandbox.emit(
        "user_add_org",
        json!({"timeStamp": "1", "userId": ["李娜"]}),
    );
    until("the ack", || {
        trial.sandbox.push_counts("dingapp").acked == 1
    })
    .await;
    let event = app.heard().pop().unwrap();
    assert_eq!(event["EventType"], "user_add_org");
    assert_eq!(event["CorpId"], "ding5a8c31e0b7f24d96");
    assert_eq!(event["userId"], json!(["李娜"]));
    assert!(event["eventId"].is_string() && event["EventTime"].is_i64());
}

#[tokio::test]
async fn an_event_not_answered_with_success_is_posted_three_times() {
    let (trial, (app, url)) = (trial().await, serve().await);
    trial
        .sandbox
        .set_push("dingapp", callback(&url))
        .await
        .unwrap();
    *app.word.lock().unwrap() = "failure";
    trial
        .sandbox
        .emit("org_dept_remove", json!({"deptId": [3]}));
    until("the end of it", || trial.sandbox.failed_pushes().len() == 1).await;
    let heard = app.heard();
    assert_eq!(heard.len(), 4, "the check and three tries");
    assert_eq!(heard[1]["eventId"], heard[3]["eventId"]);
    assert_eq!(
        trial.sandbox.failed_pushes()[0].event_type,
        "org_dept_remove"
    );
}

#[tokio::test]
async fn wrong_keys_and_addresses_are_not_saved() {
    let (trial, (_, url)) = (trial().await, serve().await);
    let wrong = |change: &dyn Fn(&mut EventCallback)| {
        let mut settings = callback(&url);
        change(settings.event_callback.as_mut().unwrap());
        settings
    };
    for settings in [
        wrong(&|callback| callback.token = "ab".into()),
        wrong(&|callback| callback.aes_key.push('x')),
        wrong(&|callback| callback.url = "https://127.0.0.1/".into()),
        wrong(&|callback| callback.url = "http://127.0.0.1:1/".into()),
    ] {
        assert!(trial.sandbox.set_push("dingapp", settings).await.is_err());
    }
    let body = serde_json::to_value(callback(&url)).unwrap();
    let put = trial.http.put(trial.url("/sandbox/apps/dingapp/push"));
    assert_eq!(put.json(&body).send().await.unwrap().status(), 204);
    let put = trial.http.put(trial.url("/sandbox/apps/nobody/push"));
    assert_eq!(put.json(&body).send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn a_robot_in_http_mode_is_signed_and_may_answer_in_the_response() {
    let (trial, (app, url)) = (trial().await, serve().await);
    let settings = PushSettings {
        robot_url: Some(format!("{url}/plain")),
        ..PushSettings::default()
    };
    trial.sandbox.set_push("dingapp", settings).await.unwrap();
    *app.answer.lock().unwrap() =
        json!({"msgtype": "markdown", "markdown": {"title": "答", "text": "**周五**"}});
    trial.sandbox.say_as("lina", "oto/dingapp/lina", "何时截止");
    until("the answer", || trial.sandbox.messages().len() == 2).await;
    assert_eq!(app.heard()[0]["text"]["content"], "何时截止");
    let timestamp = app.header("timestamp");
    let expected = hmac("app-secret", &format!("{timestamp}\napp-secret"));
    assert_eq!(app.header("sign"), expected);
    assert_eq!(trial.sandbox.messages()[1].content.preview(), "答");
    *app.answer.lock().unwrap() = json!({"msgtype": "empty"});
    trial.sandbox.say_as("lina", "oto/dingapp/lina", "谢谢");
    until("the post", || {
        trial.sandbox.push_counts("dingapp").acked == 2
    })
    .await;
    assert_eq!(
        trial.sandbox.messages().len(),
        3,
        "an empty answer says nothing"
    );
}

#[tokio::test]
async fn a_click_is_posted_to_the_address_of_the_cards_route() {
    let (trial, (app, url)) = (trial().await, serve().await);
    let token = trial.token().await;
    let call = async |path: &str, body: &Value| {
        let (status, answer) = trial.api("POST", path, Some(&token), body).await;
        assert_eq!(status, 200, "{answer}");
    };
    let route = json!({
        "callbackRouteKey": "confirm", "callbackUrl": format!("{url}/plain"), "apiSecret": "card-secret",
    });
    call("/v1.0/card/callbacks/register", &route).await;
    let card = json!({
        "cardTemplateId": "sandbox-confirm.schema", "outTrackId": "http-card",
        "callbackType": "HTTP", "callbackRouteKey": "confirm",
        "cardData": {"cardParamMap": {"title": "制度"}},
        "imRobotOpenSpaceModel": {"supportForward": false},
        "openSpaceId": "dtv1.card//IM_ROBOT.lina",
        "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT"},
    });
    call("/v1.0/card/instances/createAndDeliver", &card).await;
    *app.answer.lock().unwrap() =
        json!({"userPrivateData": {"cardParamMap": {"confirmed": "true"}}});
    let clicked = trial
        .sandbox
        .click_card("http-card", "lina", "confirm")
        .await;
    assert_eq!(clicked, Ok(CardAnswer::Updated));
    let body = &app.heard()[0];
    assert_eq!(
        (body["type"].as_str(), body["userId"].as_str()),
        (Some("actionCallback"), Some("lina"))
    );
    let timestamp = app.header("x-ddpaas-signature-timestamp");
    assert_eq!(
        app.header("x-ddpaas-signature"),
        hmac("card-secret", &timestamp)
    );
}
