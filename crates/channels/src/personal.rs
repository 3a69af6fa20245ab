//! A lane to single people through the app: one message to many, in as few calls as its interface takes.
//!
//! Caller: the registry puts each way (work notice, card, …) into a [`Lane`].
//! Invariant: every recipient gets an outcome of their own, in the order given; after an answer that stops the lane no
//! further call is made; a person whom the platform refuses does not keep the others of the call from the message.
//! Weakness: finding that person costs calls (the call is halved until it stands alone).

use std::collections::VecDeque;
use std::sync::Arc;

use dingtalk::Error;
use sha2::{Digest as _, Sha256};
use yuezhi_domain::UnixMillis;

use crate::app::DingTalkApp;
use crate::channel::{Address, BoxFuture, Channel, ChannelKind, Cost, Limits};
use crate::message::{Bulk, Message, Post, Recipient, SentMessage, present};
use crate::outcome::{CheckReport, Outcome, ReadReport, Why};
use crate::{codes, dingtalk_verdict, limits};

/// What one call carries.
pub(crate) struct Load<'a> {
    /// The same for every attempt at exactly these people.
    pub key: String,
    pub message: &'a Message,
    /// Where the first link leads.
    pub url: &'a str,
    /// User or union ids, as [`Limits::address`] says. Never empty.
    pub people: Vec<&'a str>,
    pub now: UnixMillis,
}

impl Load<'_> {
    /// The same outcome for everybody.
    pub(crate) fn all(&self, outcome: &Outcome) -> Vec<Outcome> {
        vec![outcome.clone(); self.people.len()]
    }

    /// Everybody has it.
    pub(crate) fn sent(&self, platform_id: Option<String>) -> Vec<Outcome> {
        self.all(&Outcome::Sent { platform_id })
    }
}

/// One interface of the platform that carries messages to people.
pub(crate) trait Way: Send + Sync + 'static {
    const KIND: ChannelKind;

    fn app(&self) -> &DingTalkApp;

    fn limits(&self) -> &Limits;

    /// How many of the first of these one call takes.
    fn takes(&self, people: &[&str]) -> usize {
        people.len().min(self.limits().people_per_call)
    }

    /// One call; an outcome per person, in their order.
    fn carry(&self, load: &Load<'_>) -> impl Future<Output = Result<Vec<Outcome>, Error>> + Send;

    /// Metered calls for so many people.
    fn calls(&self, people: usize) -> u64 {
        people.div_ceil(self.limits().people_per_call) as u64
    }

    fn readers(
        &self,
        _sent: &SentMessage,
        _now: UnixMillis,
    ) -> impl Future<Output = Result<ReadReport, Error>> + Send {
        std::future::ready(Ok(ReadReport::Unsupported))
    }

    /// Only called where [`Limits::follows_up`]; never with nobody.
    fn settle(
        &self,
        _sent: &SentMessage,
        _now: UnixMillis,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        std::future::ready(Ok(()))
    }

    fn withdraw(
        &self,
        _sent: &SentMessage,
        _now: UnixMillis,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        std::future::ready(Ok(()))
    }

    fn check(&self, now: UnixMillis) -> impl Future<Output = CheckReport> + Send;
}

/// A way out as the dispatcher knows it.
pub(crate) struct Lane<W>(W);

/// The lane of `way`, ready for the registry.
pub(crate) fn lane<W: Way>(way: W) -> Arc<dyn Channel> {
    Arc::new(Lane(way))
}

impl<W: Way> Channel for Lane<W> {
    fn lane(&self) -> &str {
        W::KIND.as_str()
    }

    fn kind(&self) -> ChannelKind {
        W::KIND
    }

    fn limits(&self) -> &Limits {
        self.0.limits()
    }

    fn reaches(&self, recipient: &Recipient) -> Result<(), Why> {
        address(self.limits().address, recipient).map(|_| ())
    }

    fn send<'a>(&'a self, post: &'a Post) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let nobody = Recipient::default();
            let whole = Whole {
                key: &post.key,
                message: &post.message,
                url: first_url(&post.message, post.personal_url.as_deref()),
                recipients: std::slice::from_ref(post.recipient.as_ref().unwrap_or(&nobody)),
                now: post.now,
            };
            let outcome = deliver(&self.0, &whole).await.pop();
            outcome.expect("one outcome for one recipient")
        })
    }

    fn send_many<'a>(&'a self, bulk: &'a Bulk) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            let whole = Whole {
                key: &bulk.key,
                message: &bulk.message,
                url: first_url(&bulk.message, None),
                recipients: &bulk.recipients,
                now: bulk.now,
            };
            deliver(&self.0, &whole).await
        })
    }

    fn cost(&self, people: usize) -> Cost {
        Cost {
            api_calls: self.0.calls(people),
            push_messages: 0,
        }
    }

    fn readers<'a>(&'a self, sent: &'a SentMessage, now: UnixMillis) -> BoxFuture<'a, ReadReport> {
        Box::pin(async move {
            if self.0.app().is_out_of_calls() {
                return limits::no_budget();
            }
            match self.0.readers(sent, self.0.app().at(now)).await {
                Ok(report) => report,
                Err(error) => dingtalk_verdict::no_readers(&error, sent.sent_at, now),
            }
        })
    }

    fn settle<'a>(&'a self, sent: &'a SentMessage, now: UnixMillis) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let at = self.0.app().at(now);
            dingtalk_verdict::of_change(self.0.settle(sent, at).await, now)
        })
    }

    fn withdraw<'a>(&'a self, sent: &'a SentMessage, now: UnixMillis) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let at = self.0.app().at(now);
            dingtalk_verdict::of_change(self.0.withdraw(sent, at).await, now)
        })
    }

    fn check(&self, now: UnixMillis) -> BoxFuture<'_, CheckReport> {
        Box::pin(self.0.check(now))
    }
}

/// The name by which a channel knows this person.
pub(crate) fn address(by: Address, recipient: &Recipient) -> Result<&str, Why> {
    let (name, code) = match by {
        Address::DingTalkUnion => (
            &recipient.dingtalk_union_id,
            codes::DINGTALK_UNION_ID_MISSING,
        ),
        _ => (&recipient.dingtalk_user_id, codes::DINGTALK_USER_ID_MISSING),
    };
    present(name.as_ref()).ok_or_else(|| Why::new(code, ""))
}

/// The addresses of all who have one.
pub(crate) fn addresses(by: Address, recipients: &[Recipient]) -> Vec<&str> {
    recipients
        .iter()
        .filter_map(|recipient| address(by, recipient).ok())
        .collect()
}

/// 24 hex digits that stand for these words.
pub(crate) fn short_hash(words: &[&str]) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    hex::encode(&hash.finalize()[..12])
}

fn first_url<'a>(message: &'a Message, personal: Option<&'a str>) -> &'a str {
    let shared = message.links.first().map(|link| link.url.as_str());
    personal.or(shared).unwrap_or_default()
}

/// What the dispatcher hands over.
struct Whole<'a> {
    key: &'a str,
    message: &'a Message,
    url: &'a str,
    recipients: &'a [Recipient],
    now: UnixMillis,
}

/// A recipient's place in the answer, and their address.
type Place<'a> = (usize, &'a str);

async fn deliver<W: Way>(way: &W, whole: &Whole<'_>) -> Vec<Outcome> {
    if whole.message.raw.is_some() {
        let why = Why::new(codes::DINGTALK_RAW_UNSUPPORTED, "");
        return vec![Outcome::Reject { why }; whole.recipients.len()];
    }
    let mut outcomes: Vec<Option<Outcome>> = vec![None; whole.recipients.len()];
    let mut addressed: Vec<Place<'_>> = Vec::with_capacity(outcomes.len());
    for (index, recipient) in whole.recipients.iter().enumerate() {
        match address(way.limits().address, recipient) {
            Ok(name) => addressed.push((index, name)),
            Err(why) => outcomes[index] = Some(Outcome::Reject { why }),
        }
    }
    let mut waiting = calls(way, &addressed);
    while let Some(places) = waiting.pop_front() {
        let load = whole.load(places, addressed.len(), way.app().at(whole.now));
        let came = match way.carry(&load).await {
            Err(error) if places.len() > 1 && dingtalk_verdict::is_about_one_person(&error) => {
                let (first, second) = places.split_at(places.len() / 2);
                waiting.push_front(second);
                waiting.push_front(first);
                continue;
            }
            Err(error) => load.all(&dingtalk_verdict::outcome(&error, whole.now)),
            Ok(came) => came,
        };
        let stop = came.iter().find(|one| stops_the_lane(one)).cloned();
        for ((index, _), outcome) in places.iter().zip(came) {
            outcomes[*index] = Some(outcome);
        }
        if let Some(stop) = stop {
            for (index, _) in waiting.drain(..).flatten() {
                outcomes[*index] = Some(stop.clone());
            }
        }
    }
    outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(missing))
        .collect()
}

fn calls<'p, 'a, W: Way>(way: &W, addressed: &'p [Place<'a>]) -> VecDeque<&'p [Place<'a>]> {
    let names: Vec<&str> = addressed.iter().map(|(_, name)| *name).collect();
    let mut calls = VecDeque::new();
    let mut from = 0;
    while from < addressed.len() {
        let takes = way.takes(&names[from..]).clamp(1, addressed.len() - from);
        calls.push_back(&addressed[from..from + takes]);
        from += takes;
    }
    calls
}

fn stops_the_lane(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Hold { .. } | Outcome::Misconfigured { .. }
    )
}

/// A way that answers for fewer people than it was given is at fault; nobody knows whether they got anything.
fn missing() -> Outcome {
    Outcome::Retry {
        after: None,
        why: Why::new(codes::DINGTALK_ANSWER_ODD, "no outcome for this person"),
        maybe_delivered: true,
    }
}

impl<'a> Whole<'a> {
    fn load(&self, places: &[Place<'a>], all: usize, now: UnixMillis) -> Load<'a> {
        let people: Vec<&str> = places.iter().map(|(_, name)| *name).collect();
        // A part of the set must not be taken for the whole set by the platform.
        let key = if people.len() == all {
            self.key.to_owned()
        } else {
            format!("{}-{}", self.key, short_hash(&people))
        };
        Load {
            key,
            message: self.message,
            url: self.url,
            people,
            now,
        }
    }
}
