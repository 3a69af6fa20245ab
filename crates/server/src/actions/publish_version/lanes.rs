//! Which lanes a publication goes over: the words that publishers use, and what they mean today.
//!
//! `dingtalk` («personally in DingTalk») becomes a card where a confirmation is asked for and the month's budget bears
//! it, else a work notice, else a message of the app robot. Invariant: a notice holds lanes, so that its reminders go
//! the same way; only `mail_others` stays a word, because it is a lane and a condition. Weakness: a publisher who
//! named one of the three ways has to name it again for the next version, which otherwise decides anew.

use yuezhi_channels::{Channel, ChannelKind, Cost, Registry};
use yuezhi_domain::{Language, Requirement, Resolved, UnixMillis};
use yuezhi_store::audience::{self, Address, Reach};

use super::ActionError;
use crate::{
    actions::Refusal,
    app::App,
    budget::{self, Budget, Level},
    fan_out::MAIL_OTHERS,
    texts::parse_language,
};

/// «Personally in DingTalk».
pub const DINGTALK: &str = "dingtalk";
const SILENCE: &str = "none";
const PERSONALLY: [ChannelKind; 3] = [
    ChannelKind::Card,
    ChannelKind::WorkNotice,
    ChannelKind::AppRobot,
];

/// Every word that can be said here: the plain ones first, then the lanes.
pub fn words(channels: &Registry) -> Vec<String> {
    let in_dingtalk = reaches_in_dingtalk(channels);
    let mut words = Vec::new();
    if in_dingtalk {
        words.push(DINGTALK.to_owned());
    }
    words.extend(channels.lanes().map(|channel| channel.lane().to_owned()));
    if in_dingtalk && channels.mail().is_some() {
        words.push(MAIL_OTHERS.to_owned());
    }
    words
}

/// What a policy goes over that nobody was told of yet, where nobody says: everybody personally, and every group.
/// Keys of an app alone may be there for signing in only: DingTalk is meant where work notices or cards are set up.
pub fn first_words(channels: &Registry) -> Vec<String> {
    let in_dingtalk = [ChannelKind::WorkNotice, ChannelKind::Card]
        .into_iter()
        .any(|kind| channels.get(kind.as_str()).is_some());
    let mut words = Vec::new();
    if in_dingtalk {
        words.push(DINGTALK.to_owned());
    }
    for channel in channels.lanes() {
        match channel.kind() {
            ChannelKind::Mail if in_dingtalk => words.push(MAIL_OTHERS.to_owned()),
            ChannelKind::Robot | ChannelKind::Group | ChannelKind::Mail => {
                words.push(channel.lane().to_owned());
            }
            _ => {}
        }
    }
    words
}

/// What a lane of an earlier notice is called when it is taken over: the way into DingTalk is decided anew.
pub fn word_of(lane: &str) -> &str {
    match ChannelKind::of_lane(lane) {
        Some(kind) if PERSONALLY.contains(&kind) => DINGTALK,
        _ => lane,
    }
}

fn reaches_in_dingtalk(channels: &Registry) -> bool {
    PERSONALLY
        .into_iter()
        .any(|kind| channels.get(kind.as_str()).is_some())
}

/// Who is asked how, for the one word that depends on it.
pub(super) struct Asked<'a> {
    pub words: &'a [String],
    pub requirement: Requirement,
    pub language: Language,
    pub resolved: &'a Resolved,
    pub now: UnixMillis,
}

/// Turns words into the channels of a notice.
pub(super) async fn settle(app: &App, asked: &Asked<'_>) -> Result<Vec<String>, ActionError> {
    let channels = app.channels();
    let mut lanes: Vec<String> = Vec::new();
    for word in asked.words.iter().map(|word| word.trim()) {
        let lane = match word {
            "" | SILENCE => continue,
            DINGTALK => personally(app, &channels, asked).await?,
            MAIL_OTHERS if channels.mail().is_some() => MAIL_OTHERS.to_owned(),
            _ => known_lane(&channels, word).ok_or_else(|| {
                Refusal::invalid("channels", "channel_unknown")
                    .with("lane", word)
                    .with("known", words(&channels).join(", "))
            })?,
        };
        if !lanes.contains(&lane) {
            lanes.push(lane);
        }
    }
    Ok(lanes)
}

/// `hr` is short for `robot:hr` or `group:hr`.
fn known_lane(channels: &Registry, word: &str) -> Option<String> {
    let of = |kind: ChannelKind| format!("{kind}:{word}");
    [
        word.to_owned(),
        of(ChannelKind::Robot),
        of(ChannelKind::Group),
    ]
    .into_iter()
    .find(|lane| channels.get(lane).is_some())
}

async fn personally(
    app: &App,
    channels: &Registry,
    asked: &Asked<'_>,
) -> Result<String, ActionError> {
    let card = channels
        .get(ChannelKind::Card.as_str())
        .filter(|_| asked.requirement == Requirement::Confirm);
    let bears_cards = match card {
        Some(card) => bears(app, card.as_ref(), asked).await?,
        None => false,
    };
    let cheaper = [ChannelKind::WorkNotice, ChannelKind::AppRobot];
    // A card that is too dear is still better than nothing.
    let in_order = PERSONALLY
        .into_iter()
        .filter(|kind| *kind != ChannelKind::Card || bears_cards)
        .chain(cheaper)
        .chain([ChannelKind::Card]);
    let lane = in_order
        .map(ChannelKind::as_str)
        .find(|lane| channels.get(lane).is_some());
    match lane {
        Some(lane) => Ok(lane.to_owned()),
        None if app.config.dingtalk.has_app() => {
            Err(Refusal::invalid("channels", "dingtalk_has_no_way").into())
        }
        None => Err(Refusal::invalid("channels", "dingtalk_not_set_up").into()),
    }
}

/// Whether enough of the month is left after this channel has carried it to everybody.
async fn bears(app: &App, channel: &dyn Channel, asked: &Asked<'_>) -> Result<bool, ActionError> {
    let (config, resolved, now) = (
        app.config.dingtalk.clone(),
        asked.resolved.clone(),
        asked.now,
    );
    let (budget, reach) = app
        .db
        .read(move |tx| {
            Ok::<_, ActionError>((
                budget::read(tx, &config, now)?,
                audience::reach(tx, &resolved, Address::DingTalkUser, None)?,
            ))
        })
        .await?;
    let cost = cost_for(channel, &reach, asked.language);
    Ok(level_after(&budget, cost) <= Level::Low)
}

/// The worse of the two quotas' levels after so many more calls.
pub(super) fn level_after(budget: &Budget, cost: Cost) -> Level {
    budget
        .api
        .after(cost.api_calls)
        .max(budget.push.after(cost.push_messages))
}

/// What a personal channel takes for these people. Who reads another language gets other words, and so another call.
pub(super) fn cost_for(channel: &dyn Channel, reach: &Reach, language: Language) -> Cost {
    let mut people: Vec<(Language, usize)> = Vec::new();
    for (tag, count) in &reach.by_language {
        let own = tag.as_deref().and_then(parse_language).unwrap_or(language);
        let count = usize::try_from(*count).unwrap_or(0);
        match people.iter_mut().find(|(language, _)| *language == own) {
            Some((_, sum)) => *sum += count,
            None => people.push((own, count)),
        }
    }
    people
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(_, count)| channel.cost(count))
        .fold(Cost::default(), std::ops::Add::add)
}
