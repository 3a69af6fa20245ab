//! Company announcements (公告) to named people: up to a thousand a call, with a list of who has read and when.
//!
//! Caller: the registry. Invariant: the operator is an announcement administrator; an announcement whose answer was lost
//! is looked for before it is made again.
//! Weakness: making one tells no id. It is looked for among the newest by its title; where it is not found it counts as
//! sent, and nobody's reading can be told.
//! Sources: 创建公告, 获取公告ID列表, 获取公告详情, 查询公告已读未读人员列表.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dingtalk::Error;
use dingtalk::calls::blackboard::{
    AnnouncementFilter, AnnouncementTo, NewAnnouncement, PEOPLE_LIMIT,
};
use jiff::tz::{Offset, TimeZone};
use yuezhi_domain::UnixMillis;

use crate::app::DingTalkApp;
use crate::channel::{Channel, ChannelKind, Limits};
use crate::markdown::{in_bytes, plain_lines, title};
use crate::message::SentMessage;
use crate::outcome::{CheckReport, Level, Outcome, ReadReport, Reader, Why};
use crate::personal::{self, Load, Way};
use crate::{codes, dingtalk_verdict, limits};

/// No limit is documented; long texts belong behind the link.
const CONTENT_BYTES: usize = 8_000;
/// Looked at to find the one just made.
const CANDIDATES: usize = 3;
/// Remembered ids: more than are made within the time looked at.
const TAKEN: usize = 64;
/// The platform's clock and this one differ by less.
const CLOCKS: Duration = Duration::from_mins(10);
/// Pages of 500 readers: ten times the receivers there can be, against answers without an end.
const PAGES: usize = 20;

pub(crate) struct Announcement {
    app: Arc<DingTalkApp>,
    operator: String,
    limits: Limits,
    /// Ids already taken for messages of this process, the newest last: the next thousand people get the same title.
    taken: Mutex<Vec<String>>,
}

impl Announcement {
    pub(crate) fn open(app: &Arc<DingTalkApp>) -> Option<Arc<dyn Channel>> {
        Self::of(app).map(personal::lane)
    }

    /// `None` without an operator.
    pub(crate) fn of(app: &Arc<DingTalkApp>) -> Option<Self> {
        let operator = app.settings().operator_user_id.clone()?;
        Some(Self {
            app: Arc::clone(app),
            operator,
            limits: Limits {
                people_per_call: PEOPLE_LIMIT,
                max_bytes: CONTENT_BYTES,
                in_flight: 1,
                unrecorded: 1,
                read_checks: limits::WITHIN_A_WEEK,
                ..limits::of(ChannelKind::Announcement, app)
            },
            taken: Mutex::default(),
        })
    }

    /// The id of the newest announcement with this title from about now.
    async fn find(&self, title: &str, now: UnixMillis) -> Result<Option<String>, Error> {
        let announcements = self.app.client().announcements(&self.operator);
        let filter = AnnouncementFilter {
            start_time: Some(china_time(now.minus(CLOCKS))),
            end_time: Some(china_time(now.plus(CLOCKS))),
            category_id: None,
        };
        let ids = announcements.ids(&filter, 1, now.get()).await?;
        let fresh = ids.into_iter().filter(|id| !self.is_taken(id));
        for id in fresh.take(CANDIDATES).collect::<Vec<_>>() {
            if announcements.get(&id, now.get()).await?.title == title {
                self.take(&id);
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    fn is_taken(&self, id: &str) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.iter().any(|known| known == id)
    }

    fn take(&self, id: &str) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() == TAKEN {
            taken.remove(0);
        }
        taken.push(id.to_owned());
    }
}

impl Way for Announcement {
    const KIND: ChannelKind = ChannelKind::Announcement;

    fn app(&self) -> &DingTalkApp {
        &self.app
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    async fn carry(&self, load: &Load<'_>) -> Result<Vec<Outcome>, Error> {
        let new = new_announcement(load);
        let announcements = self.app.client().announcements(&self.operator);
        let made = announcements.create(&new, load.now.get()).await;
        if let Err(error) = &made
            && !error.maybe_delivered()
        {
            return Err(error.clone());
        }
        // Whatever keeps it from being found, it may have been made.
        let found = self.find(&new.title, load.now).await.ok().flatten();
        match made {
            Err(error) if found.is_none() => Err(error),
            _ => Ok(load.sent(found)),
        }
    }

    /// Making, listing, and looking at candidates.
    fn calls(&self, people: usize) -> u64 {
        people.div_ceil(self.limits.people_per_call) as u64 * (2 + CANDIDATES as u64)
    }

    async fn readers(&self, sent: &SentMessage, now: UnixMillis) -> Result<ReadReport, Error> {
        let announcements = self.app.client().announcements(&self.operator);
        let mut readers = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let page = announcements
                .readers(&sent.platform_id, token.as_deref(), now.get())
                .await?;
            let read = page.users.into_iter().filter(|person| person.read);
            readers.extend(read.map(|person| Reader {
                dingtalk_user_id: person.user_id,
                at: person.read_timestamp.filter(|at| *at > 0).map(UnixMillis),
            }));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        Ok(ReadReport::readers(readers))
    }

    async fn check(&self, now: UnixMillis) -> CheckReport {
        let announcements = self.app.client().announcements(&self.operator);
        match announcements.categories(now.get()).await {
            Ok(_) => CheckReport::one(Level::Fine, Why::new(codes::DINGTALK_APP_READY, "")),
            Err(error) => CheckReport::of_outcome(dingtalk_verdict::outcome(&error, now)),
        }
    }
}

fn new_announcement(load: &Load<'_>) -> NewAnnouncement {
    let title = title(load.message);
    let room = CONTENT_BYTES.saturating_sub(title.len() + load.url.len() + 2);
    let mut content = in_bytes(&plain_lines(load.message), room);
    if !load.url.is_empty() {
        content.push_str("\n\n");
        content.push_str(load.url);
    }
    NewAnnouncement {
        title,
        content,
        receivers: AnnouncementTo {
            departments: Vec::new(),
            people: load.people.iter().map(|&id| id.to_owned()).collect(),
        },
        ..NewAnnouncement::default()
    }
}

/// `yyyy-MM-dd HH:mm:ss` in the platform's time zone.
pub(crate) fn china_time(at: UnixMillis) -> String {
    let zone = TimeZone::fixed(Offset::constant(8));
    at.in_zone(&zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
