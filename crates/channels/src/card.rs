//! Interactive cards (互动卡片) in the chat with the app's robot: a link that always works and a button that confirms.
//!
//! Callers: the registry; the server's answer to a pressed button ([`notice_of`], [`confirmed`]); the set-up page
//! ([`template`]).
//! Invariant: a card's `outTrackId` is derived from the notice and from whom the call carries, so a repeat is the same
//! card and a pressed button names its notice. What only one person's copy shows is in private data.
//! Weakness: the template is imported and published by hand; cards cannot be probed without sending one. Who has read is
//! known only to the process that sent, and only where the platform gives all copies one key.
//! Sources: 创建并投放卡片, 互动卡片更新接口, 卡片回调.

mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use dingtalk::calls::cards::{
    CardCallback, CardChange, CardData, CardDelivered, CardSpace, NewCard, SPACES_LIMIT_CHARS,
    VALUE_LIMIT_BYTES, open_space_id,
};
use dingtalk::{Error, Reason};
use yuezhi_domain::{Language, UnixMillis};

use crate::announcement::china_time;
use crate::app::DingTalkApp;
use crate::app_robot::read;
use crate::channel::{Address, Channel, ChannelKind, Limits};
use crate::dingtalk_verdict::{self, READ_WINDOW};
use crate::markdown::{button_label, facts, in_bytes, inert, title};
use crate::message::{Matter, Message, SentMessage, one_line};
use crate::outcome::{CheckReport, Outcome, ReadReport, Why};
use crate::personal::{self, Load, Way, addresses, short_hash};
use crate::{codes, limits};

pub use template::template;

/// So many people fit into one call with user ids of usual length; with longer ones the call is split.
const PEOPLE_PER_CARD: usize = 25;
/// Of people in one update, against bodies without an end.
const PEOPLE_PER_UPDATE: usize = 100;
/// Cards whose read key is remembered.
const REMEMBERED: usize = 1_024;
/// Of a notice's id (UUID) inside an `outTrackId` of at most 64 characters.
const NOTICE_CHARS: usize = 36;

/// What the server shows on one person's copy, as variables of the template.
pub type CardValues = BTreeMap<String, String>;

/// The notice that a card is about, from its `outTrackId`; `None` for cards that are not ours or about no notice.
pub fn notice_of(out_track_id: &str) -> Option<&str> {
    let (notice, hash) = out_track_id.strip_prefix("yz.")?.split_once('.')?;
    (!notice.is_empty() && !hash.is_empty()).then_some(notice)
}

/// The private data of a copy whose reader has confirmed.
pub fn confirmed(language: Language) -> CardValues {
    private("true", "false", state(language, State::Confirmed))
}

/// The private data of a copy whose matter is over without its reader's doing.
pub fn withdrawn(language: Language) -> CardValues {
    private("false", "false", state(language, State::Withdrawn))
}

pub(crate) struct Card {
    app: Arc<DingTalkApp>,
    template_id: String,
    limits: Limits,
    /// outTrackId and the keys to ask for read states, the oldest first.
    read_keys: Mutex<Vec<(String, String)>>,
}

impl Card {
    /// `None` without a template.
    pub(crate) fn open(app: &Arc<DingTalkApp>) -> Option<Arc<dyn Channel>> {
        let template_id = app.settings().card_template_id.clone()?;
        Some(personal::lane(Self {
            app: Arc::clone(app),
            template_id,
            limits: Limits {
                people_per_call: PEOPLE_PER_CARD,
                // Title, summary, labels and address: each value has its own limit.
                max_bytes: 4 * VALUE_LIMIT_BYTES,
                idempotent: true,
                follows_up: true,
                read_checks: limits::WITHIN_A_DAY,
                ..limits::of(ChannelKind::Card, app)
            },
            read_keys: Mutex::default(),
        }))
    }

    fn new_card(&self, load: &Load<'_>) -> NewCard {
        let message = load.message;
        let own = private_at_first(message);
        NewCard {
            template_id: self.template_id.clone(),
            out_track_id: out_track_id(load),
            callback: callback(&self.app),
            robot_code: self.app.robot_code().to_owned(),
            spaces: load
                .people
                .iter()
                .map(|&person| CardSpace::Person(person.to_owned()))
                .collect(),
            data: public(message, load.url),
            private_data: load
                .people
                .iter()
                .map(|&person| (person.to_owned(), own.clone()))
                .collect(),
            last_message: title(message),
            alert: Some(title(message)),
            may_be_forwarded: false,
            mentions: BTreeMap::new(),
            group_recipients: Vec::new(),
            top_expires_ms: None,
        }
    }

    /// Keeps the key by which the platform tells who has read, if one key tells of all.
    fn remember(&self, out_track_id: &str, delivered: &CardDelivered) {
        let keys: BTreeSet<&str> = delivered
            .deliver_results
            .iter()
            .filter_map(|one| one.carrier_id.as_deref())
            .filter(|key| !key.is_empty())
            .collect();
        let (Some(key), 1) = (keys.first(), keys.len()) else {
            return;
        };
        let mut known = self
            .read_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() == REMEMBERED {
            known.remove(0);
        }
        known.push((out_track_id.to_owned(), (*key).to_owned()));
    }

    fn read_key(&self, out_track_id: &str) -> Option<String> {
        let known = self
            .read_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().rev().find(|(track, _)| track == out_track_id);
        found.map(|(_, key)| key.clone())
    }

    async fn show(
        &self,
        sent: &SentMessage,
        values: &CardValues,
        now: UnixMillis,
    ) -> Result<(), Error> {
        let people = addresses(Address::DingTalkUser, &sent.recipients);
        for some in people.chunks(PEOPLE_PER_UPDATE) {
            let change = CardChange {
                private_data: some
                    .iter()
                    .map(|&person| (person.to_owned(), values.clone()))
                    .collect(),
                ..CardChange::default()
            };
            self.app
                .client()
                .cards()
                .update(&sent.platform_id, &change, now.get())
                .await?;
        }
        Ok(())
    }
}

impl Way for Card {
    const KIND: ChannelKind = ChannelKind::Card;

    fn app(&self) -> &DingTalkApp {
        &self.app
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    /// As many as the list of places holds.
    fn takes(&self, people: &[&str]) -> usize {
        let most = people.len().min(self.limits.people_per_call);
        let mut spaces = Vec::with_capacity(most);
        for person in people.iter().take(most) {
            spaces.push(CardSpace::Person((*person).to_owned()));
            if open_space_id(&spaces).chars().count() > SPACES_LIMIT_CHARS {
                return spaces.len() - 1;
            }
        }
        most
    }

    async fn carry(&self, load: &Load<'_>) -> Result<Vec<Outcome>, Error> {
        let card = self.new_card(load);
        let cards = self.app.client().cards();
        let delivered = match cards.create(&card, load.now.get()).await {
            Ok(delivered) => delivered,
            Err(error) if matches!(error.reason(), Some(Reason::AlreadyExists { .. })) => {
                return Ok(load.sent(Some(card.out_track_id)));
            }
            Err(error) => return Err(error),
        };
        self.remember(&card.out_track_id, &delivered);
        Ok(load
            .people
            .iter()
            .map(|person| of_person(person, &delivered, &card.out_track_id))
            .collect())
    }

    async fn readers(&self, sent: &SentMessage, now: UnixMillis) -> Result<ReadReport, Error> {
        if now.since(sent.sent_at) >= READ_WINDOW {
            return Ok(limits::reads_over());
        }
        let Some(key) = self.read_key(&sent.platform_id) else {
            return Ok(ReadReport::Unsupported);
        };
        let robot = self.app.client().robot(self.app.robot_code());
        let reads = robot.people_reads(&key, now.get()).await?;
        Ok(ReadReport::readers(read(reads.people)))
    }

    async fn settle(&self, sent: &SentMessage, now: UnixMillis) -> Result<(), Error> {
        self.show(sent, &confirmed(sent.language), now).await
    }

    async fn withdraw(&self, sent: &SentMessage, now: UnixMillis) -> Result<(), Error> {
        self.show(sent, &withdrawn(sent.language), now).await
    }

    async fn check(&self, now: UnixMillis) -> CheckReport {
        let found = self.app.client().probe().token(now.get()).await;
        dingtalk_verdict::of_probe(found, now)
    }
}

/// How the card's buttons reach the server.
pub(crate) fn callback(app: &DingTalkApp) -> CardCallback {
    let route = app.settings().card_callback_route.clone();
    route.map_or(CardCallback::Stream, |route_key| CardCallback::Http {
        route_key,
    })
}

/// `yz.{notice}.{hash}`, at most 64 characters; the same for every attempt at these people.
pub(crate) fn out_track_id(load: &Load<'_>) -> String {
    let matter = load.message.matter.as_ref();
    let notice: String = matter
        .map_or("", |matter| &matter.notice)
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(NOTICE_CHARS)
        .collect();
    format!("yz.{notice}.{}", short_hash(&[&load.key]))
}

/// What all copies show.
pub(crate) fn public(message: &Message, url: &str) -> CardData {
    let matter = message.matter.as_ref();
    let lead = inert(&one_line(&message.lead, 300));
    let summary = [lead, facts(message)].join("\n\n");
    let label = |of: fn(&Matter) -> &String| matter.map(of).cloned().unwrap_or_default();
    let deadline = matter.and_then(|matter| matter.due_at).map(china_time);
    [
        ("title", title(message)),
        ("tag", tag(message)),
        ("summary", summary.trim().to_owned()),
        ("deadline", deadline.unwrap_or_default()),
        ("url", url.to_owned()),
        ("open_label", button_label(message)),
        ("confirm_label", label(|matter| &matter.confirm_label)),
        ("confirmed_label", label(|matter| &matter.confirmed_label)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), in_bytes(&value, VALUE_LIMIT_BYTES)))
    .collect()
}

fn tag(message: &Message) -> String {
    let words = match (asks(message), message.language) {
        (true, Language::ZhCn) => "需要确认",
        (true, Language::En) => "Asks to confirm",
        (false, Language::ZhCn) => "请阅读",
        (false, Language::En) => "Please read",
    };
    words.to_owned()
}

fn asks(message: &Message) -> bool {
    let matter = message.matter.as_ref();
    matter.is_some_and(|matter| matter.wants_confirmation)
}

pub(crate) fn private_at_first(message: &Message) -> CardValues {
    if asks(message) {
        return private("false", "true", state(message.language, State::Waiting));
    }
    private("false", "false", "")
}

fn private(confirmed: &str, asks: &str, state: &str) -> CardValues {
    [("confirmed", confirmed), ("asks", asks), ("state", state)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[derive(Clone, Copy)]
enum State {
    Waiting,
    Confirmed,
    Withdrawn,
}

fn state(language: Language, state: State) -> &'static str {
    match (language, state) {
        (Language::ZhCn, State::Waiting) => "待确认",
        (Language::ZhCn, State::Confirmed) => "已确认",
        (Language::ZhCn, State::Withdrawn) => "无需再处理",
        (Language::En, State::Waiting) => "Not confirmed yet",
        (Language::En, State::Confirmed) => "Confirmed",
        (Language::En, State::Withdrawn) => "Nothing to do any more",
    }
}

fn of_person(person: &str, delivered: &CardDelivered, out_track_id: &str) -> Outcome {
    let results = &delivered.deliver_results;
    // An answer that names nobody speaks for everybody.
    match results.iter().find(|one| one.space_id == person) {
        Some(one) if !one.success => Outcome::Reject {
            why: Why::redacted(
                codes::DINGTALK_CARD_NOT_DELIVERED,
                one.error_msg.as_deref().unwrap_or_default(),
                &[],
            ),
        },
        None if !results.is_empty() => Outcome::Reject {
            why: Why::new(codes::DINGTALK_CARD_NOT_DELIVERED, ""),
        },
        _ => Outcome::Sent {
            platform_id: Some(out_track_id.to_owned()),
        },
    }
}
