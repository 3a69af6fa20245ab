//! What an administrator sets for an app's pushes, and the switches that make pushing go wrong.
//!
//! [`PushSettings`] belong to an app (开发者后台 > 事件订阅, 机器人), [`PushRules`] to the whole sandbox.
//! Weakness: callbacks are posted over `http://` only; a sandbox and its receiver live on one machine or trial network.

use serde::{Deserialize, Serialize};

/// How the platform reaches one app. By default by Stream with all events ticked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushSettings {
    /// HTTP mode of the event subscription; `None` is Stream mode.
    pub event_callback: Option<EventCallback>,
    /// HTTP mode of the robot: where messages to it are posted; `None` is Stream mode.
    pub robot_url: Option<String>,
    /// The events ticked in the developer console; `None` means all.
    pub events: Option<Vec<String>>,
    /// The app's version is not published yet (未发布): `senderStaffId` and `isAdmin` of messages to its robot are left out.
    pub unpublished: bool,
    /// Card templates bound to the app, besides those the sandbox always knows.
    pub templates: Vec<super::template::CardTemplate>,
}

/// Where events are posted, and with what they are signed and encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventCallback {
    /// `http://…`
    pub url: String,
    /// 3 to 32 letters and digits.
    pub token: String,
    /// Exactly 43 letters and digits.
    pub aes_key: String,
}

impl PushSettings {
    pub(crate) fn wants(&self, event_type: &str) -> bool {
        self.events
            .as_ref()
            .is_none_or(|ticked| ticked.iter().any(|one| one == event_type))
    }
}

impl EventCallback {
    /// Why the developer console would not take these values.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let plain = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric());
        if !self.url.starts_with("http://") {
            Err("the sandbox posts to http:// addresses only")
        } else if !(3..=32).contains(&self.token.len()) || !plain(&self.token) {
            Err("the token must be 3 to 32 letters and digits")
        } else if self.aes_key.len() != 43 || !plain(&self.aes_key) {
            Err("the AES key must be exactly 43 letters and digits")
        } else {
            Ok(())
        }
    }
}

/// Times and switches of pushing. Times are real milliseconds (a frozen clock does not stop them), except a ticket's
/// and the failed list's, which go by the sandbox's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushRules {
    /// How long a ticket of `connections/open` can be used.
    pub ticket_ms: i64,
    /// Between two SYSTEM pings of a connection; `None` sends none. The platform publishes no number.
    pub ping_every_ms: Option<u64>,
    /// Each connection gets a SYSTEM disconnect after so long; `None` never.
    pub disconnect_every_ms: Option<u64>,
    /// From the SYSTEM disconnect to the end of the TCP connection; nothing is delivered meanwhile.
    pub disconnect_linger_ms: u64,
    /// How long an event waits for its ack on a Stream connection.
    pub event_ack_ms: u64,
    /// How long a click on a card waits for the response object.
    pub card_ack_ms: u64,
    /// How long an HTTP callback may take.
    pub http_ms: u64,
    /// Waits before an event without an ack is pushed again; after the last it goes to the failed list.
    pub retries_ms: Vec<u64>,
    /// When the failed list shows a push, after its last try (3 to 5 minutes).
    pub failed_after_ms: i64,
    /// Messages to a robot that are not acked are pushed once more after so long. `None` follows the documentation
    /// (fire and forget); 60,000 is what users report.
    pub robot_again_ms: Option<u64>,
    /// So many of a hundred frames get lost on their way.
    pub lose_percent: u8,
    /// The next frames, as many, get lost on their way.
    pub lose_next: u32,
    /// So many of a hundred frames arrive twice.
    pub duplicate_percent: u8,
    /// The next frames, as many, arrive twice.
    pub duplicate_next: u32,
    /// Takes hold of a connection at its next frame or ping.
    pub half_dead: HalfDead,
    /// A new connection of an app ends its older ones. Sources disagree; by default all stay.
    pub newest_connection_only: bool,
    /// Pushes come without their content as if the month were used up.
    pub over_quota: bool,
    /// Bytes of one value of a card, and of one person's private data; `None` lifts the limit.
    pub card_value_bytes: Option<usize>,
    /// `connections/open` answers XML unless JSON is asked for in `Accept`.
    pub xml_without_accept: bool,
}

/// A connection that is up and of no use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HalfDead {
    #[default]
    No,
    /// Delivers no frame and no SYSTEM ping, still answers WebSocket pings.
    Mute,
    /// Neither reads nor writes anything.
    Frozen,
}

impl Default for PushRules {
    fn default() -> Self {
        Self {
            ticket_ms: 90_000,
            ping_every_ms: Some(30_000),
            disconnect_every_ms: None,
            disconnect_linger_ms: 10_000,
            event_ack_ms: 3_000,
            card_ack_ms: 2_000,
            http_ms: 2_500,
            retries_ms: vec![10_000, 30_000],
            failed_after_ms: 180_000,
            robot_again_ms: None,
            lose_percent: 0,
            lose_next: 0,
            duplicate_percent: 0,
            duplicate_next: 0,
            half_dead: HalfDead::No,
            newest_connection_only: false,
            over_quota: false,
            card_value_bytes: Some(1_024),
            xml_without_accept: true,
        }
    }
}
