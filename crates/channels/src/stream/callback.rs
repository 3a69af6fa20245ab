//! The same pushes by HTTP, for installations with a public address and without Stream.
//!
//! Caller: the server's route `POST /dingtalk/callback`. Three kinds come to one address: encrypted events (signed in
//! the query), messages to the robot (headers `timestamp`, `sign`) and presses on cards (`x-ddpaas-signature…`).
//! Invariant: nothing is read before its signature is right; a refusal tells the caller of the address nothing.
//! Weakness: messages and presses are signed without their body: HTTPS only, and a repeated one is told by its id.
//! Source: 配置HTTP推送, 机器人接收消息, 事件回调 (互动卡片).

use dingtalk::At;
use dingtalk::callback::{
    CallbackCrypto, CallbackQuery, verify_card_headers, verify_robot_headers,
};
use dingtalk::stream::{BotMessage, CardCallback, Event, EventBody, is_metered};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use yuezhi_domain::UnixMillis;

use super::inbound::{Answer, Inbound, Reply};
use super::say::say_or_log;
use crate::app::DingTalkApp;

/// What pushes are signed with, from 开发者后台 > 事件订阅 and the registration of card callbacks.
#[derive(Clone, Default)]
pub struct CallbackKeys {
    /// 签名 token
    pub token: Option<SecretString>,
    /// 加密 aes_key, 43 characters.
    pub aes_key: Option<SecretString>,
    /// `apiSecret` of the card callback.
    pub card_secret: Option<SecretString>,
}

/// Why a push is refused. Answer with HTTP 403 and nothing else; the words are for the log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallbackRefused {
    #[error("the push is not signed by the platform: {0}")]
    Unsigned(String),
    #[error("dingtalk.callback_token or dingtalk.callback_aes_key cannot be used: {0}")]
    Keys(String),
    #[error("the push is of another organisation or app")]
    Foreign,
    #[error("the push cannot be read")]
    Unreadable,
}

/// A push whose signature is right.
#[derive(Debug)]
pub struct Callback {
    pub inbound: Inbound,
    how: How,
}

#[derive(Debug)]
enum How {
    Event(Box<CallbackCrypto>),
    Robot,
    Card,
}

/// What the platform is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: u16,
    /// JSON.
    pub body: String,
}

/// Opens a push. `header` gives a request header by its lower-case name; `query` is the URL's part after `?`.
pub fn callback<'h>(
    app: &DingTalkApp,
    keys: &CallbackKeys,
    header: impl Fn(&str) -> Option<&'h str>,
    query: &str,
    body: &[u8],
    now: UnixMillis,
) -> Result<Callback, CallbackRefused> {
    let unsigned = |error: &dyn std::fmt::Display| CallbackRefused::Unsigned(error.to_string());
    if let (Some(timestamp), Some(signature)) = (
        header("x-ddpaas-signature-timestamp"),
        header("x-ddpaas-signature"),
    ) {
        let secret = keys.card_secret.as_ref().ok_or_else(|| {
            CallbackRefused::Keys("no secret of a card callback is registered".to_owned())
        })?;
        verify_card_headers(secret, timestamp, signature, now.get()).map_err(|e| unsigned(&e))?;
        return of_card(app, body, timestamp);
    }
    if let (Some(timestamp), Some(sign)) = (header("timestamp"), header("sign")) {
        verify_robot_headers(
            &app.client().config().client_secret,
            timestamp,
            sign,
            now.get(),
        )
        .map_err(|error| unsigned(&error))?;
        return of_robot(app, body);
    }
    of_event(app, keys, query, body, now)
}

fn of_card(app: &DingTalkApp, body: &[u8], timestamp: &str) -> Result<Callback, CallbackRefused> {
    let press = CardCallback::from_http(body).ok_or(CallbackRefused::Unreadable)?;
    of_this_organisation(app, press.corp_id.as_deref())?;
    app.count_push("callback_card");
    // The platform numbers no press: card, person and the second it was signed in.
    let id = format!("{}:{}:{timestamp}", press.out_track_id, press.user_id);
    Ok(Callback {
        inbound: Inbound::of_card(press, &id),
        how: How::Card,
    })
}

fn of_robot(app: &DingTalkApp, body: &[u8]) -> Result<Callback, CallbackRefused> {
    let inbound = match BotMessage::from_http(body) {
        Ok(Some(message)) => {
            of_this_organisation(app, message.chatbot_corp_id.as_deref())?;
            if !message.robot_code.is_empty() && message.robot_code != app.robot_code() {
                return Err(CallbackRefused::Foreign);
            }
            app.count_push("callback_message");
            Inbound::Reply(Reply::of(message, ""))
        }
        Ok(None) => return Err(CallbackRefused::Unreadable),
        Err(withheld) => Inbound::of_withheld(withheld),
    };
    Ok(Callback {
        inbound,
        how: How::Robot,
    })
}

fn of_event(
    app: &DingTalkApp,
    keys: &CallbackKeys,
    query: &str,
    body: &[u8],
    now: UnixMillis,
) -> Result<Callback, CallbackRefused> {
    let (Some(token), Some(aes_key)) = (&keys.token, &keys.aes_key) else {
        return Err(CallbackRefused::Keys("they are not set".to_owned()));
    };
    let crypto = CallbackCrypto::new(
        token.expose_secret(),
        aes_key.expose_secret(),
        app.client().client_id(),
    )
    .map_err(|error| CallbackRefused::Keys(error.to_string()))?;
    let plain = crypto
        .open(&CallbackQuery::parse(query), body, now.get())
        .map_err(|error| CallbackRefused::Unsigned(error.to_string()))?;
    let inbound = match Event::from_http(&plain) {
        Ok(Some(event)) => {
            of_this_organisation(app, event.corp_id.as_deref())?;
            if is_metered(&event.event_type) && event.body != EventBody::CheckUrl {
                app.count_push("callback_event");
            }
            Inbound::of_event(event, "")
        }
        Ok(None) => return Err(CallbackRefused::Unreadable),
        Err(withheld) => Inbound::of_withheld(withheld),
    };
    Ok(Callback {
        inbound,
        how: How::Event(Box::new(crypto)),
    })
}

fn of_this_organisation(app: &DingTalkApp, corp_id: Option<&str>) -> Result<(), CallbackRefused> {
    match (app.settings().corp_id.as_deref(), corp_id) {
        (Some(ours), Some(theirs)) if ours != theirs => Err(CallbackRefused::Foreign),
        _ => Ok(()),
    }
}

impl Callback {
    /// The answer to send back, after the handler has kept what came. `random`: fresh bytes.
    pub fn answered(&self, answer: &Answer, now: UnixMillis, random: [u8; 24]) -> HttpAnswer {
        if *answer == Answer::Later {
            // Anything but the sealed `success` counts as failed and comes again.
            return HttpAnswer {
                status: 503,
                body: "{}".to_owned(),
            };
        }
        let body = match (&self.how, answer) {
            (How::Event(crypto), _) => {
                serde_json::to_string(&crypto.success(now.get(), random)).unwrap_or_default()
            }
            (How::Card, Answer::Card(answer)) => answer.to_response().to_json().to_string(),
            (How::Robot, Answer::Say(saying)) if !self.has_session() => {
                dingtalk::encode(&saying.to_robot_message(), &At::default(), &[], None)
                    .ok()
                    .and_then(|encoded| String::from_utf8(encoded.body).ok())
                    .unwrap_or_else(nothing)
            }
            (How::Robot, _) => nothing(),
            (How::Card, _) => "{}".to_owned(),
        };
        HttpAnswer { status: 200, body }
    }

    /// What is to be done after the answer was sent: says what the answer itself could not carry.
    pub async fn finish(&self, app: &DingTalkApp, answer: &Answer, now: UnixMillis) {
        if let (Inbound::Reply(reply), Answer::Say(saying)) = (&self.inbound, answer)
            && self.has_session()
        {
            say_or_log(app, reply, saying, now).await;
        }
    }

    fn has_session(&self) -> bool {
        matches!(&self.inbound, Inbound::Reply(reply) if reply.session.is_some())
    }
}

/// "Say nothing" (机器人接收消息).
fn nothing() -> String {
    r#"{"msgtype":"empty"}"#.to_owned()
}
