//! Group announcements (群公告), by the best way that this organisation allows.
//!
//! Caller: the registry, for each group that the server keeps. The ladder, best first: the group's own announcement (in
//! the platform's SDK, in no public document); a company announcement (公告) to the group's members; a card on top of the
//! group (吊顶); a message of the robot. A rung that is refused is left out for a day and then tried again.
//! Invariant: the platform id says the rung: `blackboard:ID`, `announcement:ID`, `top_card:OUTTRACKID`, `message:KEY`; a
//! refusal that lies in the words or in the platform being busy goes down no rung.
//! Weakness: the robot's message names everybody in words: the app's robot cannot mention (批量发送 and 群聊消息 pages).
//! What is known of the rungs is lost at a restart; then a refused one costs a call once more.
//! Source: module group_blackboard_1_0 of the official SDK; 创建公告; 创建并投放卡片 (ONE_BOX); 机器人发送群聊消息.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dingtalk::calls::cards::{CardSpace, NewCard};
use dingtalk::calls::group_blackboard::NewGroupNotice;
use dingtalk::{ContentFault, Error, Misconfiguration, Reason, Verdict};
use yuezhi_domain::UnixMillis;

use crate::announcement::Announcement;
use crate::app::DingTalkApp;
use crate::channel::{Address, BoxFuture, Channel, ChannelKind, Cost, Limits};
use crate::group::{self, GroupSettings};
use crate::markdown::{markdown, shorten};
use crate::message::{Mentions, Post, Recipient, SentMessage, one_line};
use crate::outcome::{CheckReport, Finding, Level, Outcome, ReadReport, Why};
use crate::personal::{Load, Way as _};
use crate::{card, codes, dingtalk_verdict, limits};

/// A way to announce something to a group, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rung {
    /// 群公告
    Blackboard,
    /// 公告 to the group's members.
    Announcement,
    /// 吊顶卡片
    TopCard,
    /// The robot's message.
    Message,
}

impl Rung {
    pub const ALL: [Self; 4] = [
        Self::Blackboard,
        Self::Announcement,
        Self::TopCard,
        Self::Message,
    ];

    /// What stands before the colon of a platform id.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blackboard => "blackboard",
            Self::Announcement => "announcement",
            Self::TopCard => "top_card",
            Self::Message => "message",
        }
    }

    /// The rung of a platform id, and the platform's own id.
    pub fn of_platform_id(platform_id: &str) -> Option<(Self, &str)> {
        let (rung, id) = platform_id.split_once(':')?;
        let rung = Self::ALL.into_iter().find(|known| known.as_str() == rung)?;
        Some((rung, id))
    }
}

/// A refused rung is tried again after this.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);
/// Of a group's announcement; the twin for service groups takes 2,000.
const CONTENT_CHARS: usize = 2000;
/// A top card stays at most this long where nothing is due.
const TOP_FOR: Duration = Duration::from_hours(7 * 24);
/// And at least this long, so that a late publication is seen.
const TOP_AT_LEAST: Duration = Duration::from_hours(24);

#[derive(Debug, Clone)]
struct Refused {
    at: UnixMillis,
    why: Why,
}

/// What is known of the rungs.
#[derive(Debug, Default)]
struct Known {
    refused: Vec<(Rung, Refused)>,
    works: Option<Rung>,
}

/// Announcements to one group.
pub(crate) struct GroupAnnouncement {
    lane: String,
    limits: Limits,
    app: Arc<DingTalkApp>,
    settings: GroupSettings,
    announcement: Option<Announcement>,
    known: Mutex<Known>,
}

impl GroupAnnouncement {
    pub(crate) fn open(app: &Arc<DingTalkApp>, settings: &GroupSettings) -> Arc<dyn Channel> {
        let announcement = Announcement::of(app);
        Arc::new(Self {
            lane: format!("{}:{}", ChannelKind::GroupAnnouncement, settings.name),
            limits: Limits {
                personal: false,
                address: Address::Group,
                coalesce_above: Some(5),
                in_flight: 1,
                unrecorded: 1,
                read_checks: limits::WITHIN_A_WEEK,
                needs_members: announcement.is_some(),
                ..limits::of(ChannelKind::GroupAnnouncement, app)
            },
            app: Arc::clone(app),
            settings: settings.clone(),
            announcement,
            known: Mutex::default(),
        })
    }

    async fn announce(&self, post: &Post) -> Outcome {
        if post.message.raw.is_some() {
            return Outcome::Reject {
                why: Why::new(codes::DINGTALK_RAW_UNSUPPORTED, ""),
            };
        }
        for rung in Rung::ALL {
            if !self.suits(rung, post.members.len()) || self.is_refused(rung, post.now) {
                continue;
            }
            match self.attempt(rung, post).await {
                Ok(id) => {
                    self.note_works(rung);
                    // It is out, but nobody knows under which id; ids are unique on a lane.
                    let id = Some(id).filter(|id| !id.is_empty());
                    let id = id.unwrap_or_else(|| format!("{UNKNOWN}{}", post.key));
                    return Outcome::Sent {
                        platform_id: Some(format!("{}:{id}", rung.as_str())),
                    };
                }
                Err(error) if rung != Rung::Message && is_about_the_rung(&error) => {
                    self.note_refused(rung, &error, post.now);
                }
                Err(error) => return group::outcome(&error, post.now),
            }
        }
        // The last rung suits always and is never refused, so it has ended the loop.
        Outcome::Misconfigured {
            why: Why::new(codes::GROUP_GONE, ""),
        }
    }

    /// The rung can be tried at all with what is configured.
    fn suits(&self, rung: Rung, members: usize) -> bool {
        match rung {
            Rung::Blackboard => !self.settings.owner_user_id.is_empty(),
            Rung::Announcement => self.announcement.as_ref().is_some_and(|announcement| {
                (1..=announcement.limits().people_per_call).contains(&members)
            }),
            // Ordinary groups have no top (吊顶: scene groups and groups with a cool app only).
            Rung::TopCard => {
                self.settings.is_scene && self.app.settings().card_template_id.is_some()
            }
            Rung::Message => true,
        }
    }

    async fn attempt(&self, rung: Rung, post: &Post) -> Result<String, Error> {
        let conversation = &self.settings.open_conversation_id;
        match rung {
            Rung::Blackboard => {
                let notice = NewGroupNotice {
                    content: content(post),
                    unique_id: post.key.clone(),
                    sticky: true,
                    send_ding: false,
                };
                self.app
                    .client()
                    .group_notices(conversation, &self.settings.owner_user_id)
                    .create(&notice, post.now.get())
                    .await
            }
            Rung::Announcement => self.by_announcement(post).await,
            Rung::TopCard => self.by_top_card(post).await,
            Rung::Message => {
                let to_all = Post {
                    mentions: Mentions {
                        all: true,
                        people: Vec::new(),
                    },
                    ..post.clone()
                };
                group::write(&self.app, conversation, &to_all).await
            }
        }
    }

    async fn by_announcement(&self, post: &Post) -> Result<String, Error> {
        let announcement = self
            .announcement
            .as_ref()
            .expect("the rung suits only where there is one");
        let outcomes = announcement.carry(&load(post)).await?;
        let found = outcomes.into_iter().find_map(|outcome| match outcome {
            Outcome::Sent { platform_id } => platform_id,
            _ => None,
        });
        Ok(found.unwrap_or_default())
    }

    async fn by_top_card(&self, post: &Post) -> Result<String, Error> {
        let template_id = self.app.settings().card_template_id.clone();
        let due = post
            .message
            .matter
            .as_ref()
            .and_then(|matter| matter.due_at);
        let expires = due
            .unwrap_or(post.now.plus(TOP_FOR))
            .max(post.now.plus(TOP_AT_LEAST));
        let load = load(post);
        // Everybody sees the same copy, so what is private elsewhere has a public value here.
        let mut data = card::public(&post.message, load.url);
        data.extend(card::private_at_first(&post.message));
        let new = NewCard {
            template_id: template_id.expect("the rung suits only where there is one"),
            out_track_id: card::out_track_id(&load),
            callback: card::callback(&self.app),
            robot_code: self.app.robot_code().to_owned(),
            spaces: vec![CardSpace::Top(self.settings.open_conversation_id.clone())],
            data,
            private_data: BTreeMap::new(),
            last_message: one_line(&post.message.title, 100),
            alert: None,
            may_be_forwarded: false,
            mentions: BTreeMap::new(),
            group_recipients: Vec::new(),
            top_expires_ms: Some(expires.get()),
        };
        let delivered = match self.app.client().cards().create(&new, post.now.get()).await {
            Ok(delivered) => delivered,
            Err(error) if matches!(error.reason(), Some(Reason::AlreadyExists { .. })) => {
                return Ok(new.out_track_id);
            }
            Err(error) => return Err(error),
        };
        match delivered.deliver_results.iter().find(|one| !one.success) {
            None => Ok(new.out_track_id),
            Some(refused) => Err(not_delivered(refused.error_msg.as_deref())),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_refused(&self, rung: Rung, now: UnixMillis) -> bool {
        self.known()
            .refused
            .iter()
            .any(|(known, refused)| *known == rung && now.since(refused.at) < FORGOTTEN_AFTER)
    }

    fn note_works(&self, rung: Rung) {
        let mut known = self.known();
        known.refused.retain(|(refused, _)| *refused != rung);
        known.works = Some(rung);
    }

    fn note_refused(&self, rung: Rung, error: &Error, now: UnixMillis) {
        let mut known = self.known();
        known.refused.retain(|(refused, _)| *refused != rung);
        let why = dingtalk_verdict::why_of(error, now);
        known.refused.push((rung, Refused { at: now, why }));
        if known.works == Some(rung) {
            known.works = None;
        }
    }

    /// Calls of one rung.
    fn calls(&self, rung: Rung) -> u64 {
        match rung {
            Rung::Announcement => self.announcement.as_ref().map_or(0, |way| way.calls(1)),
            Rung::Blackboard | Rung::TopCard | Rung::Message => 1,
        }
    }
}

impl Channel for GroupAnnouncement {
    fn lane(&self) -> &str {
        &self.lane
    }

    fn kind(&self) -> ChannelKind {
        ChannelKind::GroupAnnouncement
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn reaches(&self, _: &Recipient) -> Result<(), Why> {
        Ok(())
    }

    fn send<'a>(&'a self, post: &'a Post) -> BoxFuture<'a, Outcome> {
        Box::pin(self.announce(post))
    }

    /// At most: every rung down to the one that last worked.
    fn cost(&self, people: usize) -> Cost {
        let known = self.known();
        let mut api_calls = 0;
        for rung in Rung::ALL {
            let refused = known.refused.iter().any(|(refused, _)| *refused == rung);
            if refused || !self.suits(rung, people.max(1)) {
                continue;
            }
            api_calls += self.calls(rung);
            if known.works == Some(rung) {
                break;
            }
        }
        Cost {
            api_calls,
            push_messages: 0,
        }
    }

    fn readers<'a>(&'a self, sent: &'a SentMessage, now: UnixMillis) -> BoxFuture<'a, ReadReport> {
        Box::pin(async move {
            if self.app.is_out_of_calls() {
                return limits::no_budget();
            }
            match Rung::of_platform_id(&sent.platform_id) {
                Some((Rung::Message, key)) if !key.starts_with(UNKNOWN) => {
                    let conversation = &self.settings.open_conversation_id;
                    group::readers(&self.app, conversation, key, sent.sent_at, now).await
                }
                Some((Rung::Announcement, id)) if !id.starts_with(UNKNOWN) => {
                    let Some(announcement) = &self.announcement else {
                        return ReadReport::Unsupported;
                    };
                    let named = SentMessage {
                        platform_id: id.to_owned(),
                        ..sent.clone()
                    };
                    match announcement.readers(&named, now).await {
                        Ok(report) => report,
                        Err(error) => dingtalk_verdict::no_readers(&error, sent.sent_at, now),
                    }
                }
                // A group's announcement counts its readers without naming them; a top card does not even count.
                _ => ReadReport::Unsupported,
            }
        })
    }

    /// Says which rung was used last and which are refused; the robot's place in the group.
    fn check(&self, now: UnixMillis) -> BoxFuture<'_, CheckReport> {
        Box::pin(async move {
            let mut report =
                group::check(&self.app, &self.settings.open_conversation_id, now).await;
            let known = self.known();
            if let Some(rung) = known.works {
                report.findings.push(Finding {
                    level: Level::Fine,
                    why: Why::new(codes::GROUP_ANNOUNCEMENT_RUNG, rung.as_str()),
                });
            }
            for (rung, refused) in &known.refused {
                report.findings.push(Finding {
                    level: Level::Warning,
                    why: Why::new(
                        codes::GROUP_ANNOUNCEMENT_REFUSED,
                        format!("{}: {}", rung.as_str(), refused.why),
                    ),
                });
            }
            report
        })
    }
}

/// Before an id that nobody could find.
const UNKNOWN: char = '?';

/// Another way may be open, and this one will not be for a while: everything but a busy platform, refused or repeated
/// words, and what is wrong for the whole app.
fn is_about_the_rung(error: &Error) -> bool {
    match error.verdict() {
        Verdict::Retry { .. }
        | Verdict::Hold { .. }
        | Verdict::QuotaUsedUp
        | Verdict::IpNotAllowed { .. }
        // What is out already must not be said again one rung below.
        | Verdict::ContentRefused(ContentFault::Unsafe | ContentFault::Duplicate)
        | Verdict::Misconfigured(
            Misconfiguration::AppSecretWrong
            | Misconfiguration::AccessTokenRefused
            | Misconfiguration::ClientBroken,
        ) => false,
        Verdict::TargetGone
        | Verdict::RecipientUnknown
        | Verdict::RecipientLimited
        | Verdict::ContentRefused(_)
        | Verdict::PermissionMissing { .. }
        | Verdict::LoginCodeInvalid
        | Verdict::Misconfigured(_) => true,
    }
}

/// The post as the ways to single people take it.
fn load(post: &Post) -> Load<'_> {
    Load {
        key: post.key.clone(),
        message: &post.message,
        url: post.links().next().map_or("", |link| link.url),
        people: post.members.iter().map(String::as_str).collect(),
        now: post.now,
    }
}

/// Markdown with the link at its end, which survives the cut.
fn content(post: &Post) -> String {
    let text = markdown(&post.message, std::iter::empty(), None);
    let link = post
        .links()
        .next()
        .map(|link| format!("\n\n[{}]({})", one_line(link.label, 40), link.url))
        .unwrap_or_default();
    let room = CONTENT_CHARS.saturating_sub(link.chars().count());
    let text = shorten(&text, |cut| cut.chars().count() <= room).unwrap_or_default();
    text + &link
}

/// HTTP 200, but the place on top was refused.
fn not_delivered(words: Option<&str>) -> Error {
    Error::Api(Box::new(dingtalk::ApiRefusal {
        status: 200,
        code: "deliver.refused".to_owned(),
        message: dingtalk::redact(words.unwrap_or_default(), &[]),
        request_id: None,
        required_scopes: Vec::new(),
        apply_url: None,
        retry_after: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_id_says_its_rung() {
        for rung in Rung::ALL {
            let id = format!("{}:a:b", rung.as_str());
            assert_eq!(Rung::of_platform_id(&id), Some((rung, "a:b")));
        }
        assert_eq!(Rung::of_platform_id("abc"), None);
        assert_eq!(Rung::of_platform_id("stone:1"), None);
    }
}
