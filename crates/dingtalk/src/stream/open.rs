//! Opens a connection: the call that gives an address and a ticket, then the WebSocket.
//!
//! Caller: each slot of the client, anew for every connection.
//! Invariant: a ticket (valid 90 s, one connection) is moved into the one attempt that uses it and
//! never appears in an error; where the API is reached by TLS, so is the gateway.
//! Weakness: unlike the HTTP client, the WebSocket does not go through a proxy of the environment.
//! Source: Stream 模式协议接入说明, `POST /v1.0/gateway/connections/open`.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

use super::options::{StreamOptions, Subscriptions};
use super::payload::{BOT_TOPIC, CARD_TOPIC};
use super::status::ProblemKind;
use crate::app::AppConfig;
use crate::error::Error;
use crate::http::{Endpoints, Http, parsed};
use crate::redact;

/// No push of the platform comes near this.
const MESSAGE_LIMIT_BYTES: usize = 4 * 1024 * 1024;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why no connection came about.
#[derive(Debug)]
pub(super) struct OpenError {
    pub(super) kind: ProblemKind,
    pub(super) detail: String,
}

/// Where to connect, once.
pub(super) struct Ticket {
    url: Url,
    ticket: SecretString,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ask<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    subscriptions: Vec<serde_json::Value>,
    ua: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_ip: Option<&'a str>,
}

#[derive(Deserialize)]
struct Granted {
    endpoint: String,
    ticket: SecretString,
}

pub(super) async fn open(
    http: &Http,
    endpoints: &Endpoints,
    app: &AppConfig,
    options: &StreamOptions,
) -> Result<Ticket, OpenError> {
    let secret = app.client_secret.expose_secret();
    let ask = Ask {
        client_id: &app.client_id,
        client_secret: secret,
        subscriptions: subscriptions(&options.subscriptions),
        ua: &options.user_agent,
        local_ip: options.local_ip.as_deref(),
    };
    let body = serde_json::to_vec(&ask).expect("strings always serialise");
    let url = Endpoints::at(&endpoints.api, "/v1.0/gateway/connections/open");
    let granted = async {
        let answer = http.post_json(url, body, None).await?.api(&[secret])?;
        parsed::<Granted>(&answer, "the gateway's address")
    };
    match granted.await {
        Ok(granted) => ticket(granted, &endpoints.api),
        Err(error) => Err(refused(&error)),
    }
}

fn subscriptions(wished: &Subscriptions) -> Vec<serde_json::Value> {
    let callback = |topic: &str| json!({"type": "CALLBACK", "topic": topic});
    let mut list = Vec::new();
    if wished.events {
        list.push(json!({"type": "EVENT", "topic": "*"}));
    }
    if wished.bot {
        list.push(callback(BOT_TOPIC));
    }
    if wished.cards {
        list.push(callback(CARD_TOPIC));
    }
    list.extend(wished.topics.iter().map(|topic| callback(topic)));
    list
}

fn refused(error: &Error) -> OpenError {
    let is_auth = match error {
        Error::Api(refusal) => refusal.status == 401 || refusal.code == "authFailed",
        Error::Answer(odd) => odd.status == 401,
        _ => false,
    };
    OpenError {
        kind: if is_auth {
            ProblemKind::AuthFailed
        } else {
            ProblemKind::Open
        },
        detail: error.to_string(),
    }
}

fn ticket(granted: Granted, api: &Url) -> Result<Ticket, OpenError> {
    let problem = |detail: &str| OpenError {
        kind: ProblemKind::Open,
        detail: detail.to_owned(),
    };
    let mut url = Url::parse(granted.endpoint.trim())
        .map_err(|_| problem("the gateway's address is no URL"))?;
    match url.scheme() {
        "wss" => {}
        "ws" if api.scheme() == "http" => {}
        "ws" => return Err(problem("the gateway's address is not encrypted (ws:)")),
        _ => return Err(problem("the gateway's address is no WebSocket address")),
    }
    url.query_pairs_mut()
        .append_pair("ticket", granted.ticket.expose_secret());
    let ticket = granted.ticket;
    Ok(Ticket { url, ticket })
}

impl Ticket {
    pub(super) async fn connect(self, within: Duration) -> Result<Socket, OpenError> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_LIMIT_BYTES))
            .max_frame_size(Some(MESSAGE_LIMIT_BYTES));
        let connecting = connect_async_with_config(self.url.as_str(), Some(config), true);
        let problem = |detail: String| OpenError {
            kind: ProblemKind::Connect,
            detail,
        };
        match tokio::time::timeout(within, Box::pin(connecting)).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(error)) => {
                let known = [self.ticket.expose_secret()];
                Err(problem(redact(&error.to_string(), &known)))
            }
            Err(_) => Err(problem("the gateway did not answer in time".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(endpoint: &str, api: &str) -> Result<String, String> {
        let granted = Granted {
            endpoint: endpoint.to_owned(),
            ticket: "a+b/=".into(),
        };
        match ticket(granted, &Url::parse(api).unwrap()) {
            Ok(ticket) => Ok(ticket.url.to_string()),
            Err(error) => Err(error.detail),
        }
    }

    #[test]
    fn a_ticket_is_encoded_once_and_added_to_what_is_there() {
        assert_eq!(
            url(
                "wss://gateway.example:443/connect?x=1",
                "https://api.example/"
            )
            .unwrap(),
            "wss://gateway.example/connect?x=1&ticket=a%2Bb%2F%3D"
        );
    }

    #[test]
    fn a_gateway_without_encryption_is_refused_where_the_api_has_it() {
        let refused = url("ws://gateway.example/connect", "https://api.example/");
        assert!(refused.unwrap_err().contains("not encrypted"));
        assert!(url("ws://127.0.0.1:1/connect", "http://127.0.0.1:2/").is_ok());
        assert!(url("https://gateway.example/", "https://api.example/").is_err());
        assert!(url("nonsense", "https://api.example/").is_err());
    }
}
