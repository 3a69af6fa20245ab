//! From claimed deliveries to posts: what they say, to whom, under which key.
//!
//! Invariant: the words of a notice are composed once for each language (and reminder) and shared by everybody who
//! gets them; a delivery adds its key, its link and its person.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use yuezhi_channels::{Mentions, Message, Post};
use yuezhi_domain::{DeliveryKind, UnixMillis};
use yuezhi_store::{
    StoreError, Tx, chat_groups,
    deliveries::Delivery,
    notices::Notice,
    obligations, occurrences,
    occurrences::Occurrence,
    people::{self, Person},
    policies, progress, schedules,
    schedules::Schedule,
    versions,
};

mod set;

pub(super) use set::SetLetter;

use super::{
    claim::{Claim, Claimed},
    key,
    record::{Done, End, Member},
};
use crate::{
    actions::ActionError,
    app::App,
    messages::{self, About, House, Round},
    texts::{Language, parse_language},
};

/// DingTalk highlights more, but nobody reads them; the rest is a number.
const NAMED: usize = 20;
/// Of those who owe, so many are looked at to find [`NAMED`] who can be pointed at.
const LOOKED_AT: usize = 60;
/// Texts kept at most; a lane that is worked for hours sees many notices.
const KEPT: usize = 2_000;

/// A message ready to go.
#[derive(Debug)]
pub(super) struct Letter {
    pub members: Vec<Member>,
    /// Its time is set when it goes.
    pub post: Post,
}

/// Letters, and what turned out not to be sendable.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    pub letters: Vec<Letter>,
    pub settled: Vec<Done>,
}

/// Where the messages of one lane are written; keeps what they share.
pub(super) struct Desk {
    app: App,
    house: House,
    lane: String,
    personal: bool,
    /// Of the group behind the lane, where they are needed; read once.
    members: Option<Arc<[String]>>,
    needs_members: bool,
    abouts: HashMap<i64, Arc<About>>,
    reminders: HashMap<(i64, i64), Arc<GroupReminder>>,
    schedules: HashMap<i64, Option<(Schedule, UnixMillis)>>,
    shared: HashMap<(i64, i64, Language), Arc<Message>>,
}

/// What a reminder says beside the notice: the state of things when it was prepared.
#[derive(Debug)]
struct GroupReminder {
    round: Round,
    outstanding: i64,
    named: Vec<Person>,
}

/// What the database is asked for before writing.
#[derive(Debug, Default)]
struct Missing {
    notices: Vec<Notice>,
    people: Vec<i64>,
    /// (notice, occurrence)
    reminders: Vec<(i64, i64)>,
    occurrences: Vec<i64>,
}

/// And its answer.
#[derive(Debug, Default)]
struct Found {
    abouts: Vec<About>,
    people: HashMap<i64, Person>,
    reminders: Vec<((i64, i64), GroupReminder)>,
    schedules: Vec<(i64, Option<(Schedule, UnixMillis)>)>,
}

impl Desk {
    pub(super) fn new(app: &App, lane: &str, personal: bool) -> Self {
        Self {
            app: app.clone(),
            house: House::of(app),
            lane: lane.to_owned(),
            personal,
            members: None,
            needs_members: app
                .channels()
                .get(lane)
                .is_some_and(|channel| channel.limits().needs_members),
            abouts: HashMap::new(),
            reminders: HashMap::new(),
            schedules: HashMap::new(),
            shared: HashMap::new(),
        }
    }

    /// Reads what is missing and writes the letters of a claim.
    pub(super) async fn prepare(&mut self, claim: Claim) -> Result<Prepared, ActionError> {
        self.forget_if_much();
        if self.needs_members && self.members.is_none() {
            self.members = Some(self.group_members().await?);
        }
        let missing = self.missing(&claim);
        let people = if missing.is_empty() {
            HashMap::new()
        } else {
            self.learn(missing).await?
        };
        let now = self.app.now();
        let mut prepared = Prepared::default();
        for claimed in claim.parcels {
            let members: Vec<Member> = claimed.parcel.members.iter().map(Member::of).collect();
            match self.post(&claimed, &people, now) {
                Ok(post) => prepared.letters.push(Letter { members, post }),
                Err(end) => prepared.settled.push(Done { members, end }),
            }
        }
        Ok(prepared)
    }

    fn forget_if_much(&mut self) {
        if self.abouts.len() > KEPT || self.shared.len() > KEPT || self.reminders.len() > KEPT {
            self.abouts.clear();
            self.shared.clear();
            self.reminders.clear();
            self.schedules.clear();
        }
    }

    /// DingTalk user ids; none of a group that is not kept here.
    async fn group_members(&self) -> Result<Arc<[String]>, ActionError> {
        let name = self.lane.split_once(':').map_or("", |(_, name)| name);
        let name = name.to_owned();
        let members = self
            .app
            .db
            .read(move |tx| {
                let Some(group) = chat_groups::get(tx, &name)? else {
                    return Ok::<_, ActionError>(Vec::new());
                };
                Ok(chat_groups::members(tx, group.no)?)
            })
            .await?;
        Ok(members.into_iter().map(|member| member.user_id).collect())
    }

    fn missing(&self, claim: &Claim) -> Missing {
        let mut missing = Missing::default();
        let (mut notices, mut reminders, mut standing) =
            (HashSet::new(), HashSet::new(), HashSet::new());
        for claimed in &claim.parcels {
            notices.extend(
                claimed
                    .listed
                    .iter()
                    .filter(|no| !self.abouts.contains_key(no)),
            );
            for delivery in &claimed.parcel.members {
                let (notice_no, occurrence_no) = (delivery.notice_no, delivery.occurrence_no);
                if delivery.person_no != 0 {
                    missing.people.push(delivery.person_no);
                }
                if delivery.kind == DeliveryKind::Reminder
                    && !self.reminders.contains_key(&(notice_no, occurrence_no))
                {
                    reminders.insert((notice_no, occurrence_no));
                }
                if delivery.kind == DeliveryKind::Standing
                    && !self.schedules.contains_key(&occurrence_no)
                {
                    standing.insert(occurrence_no);
                }
            }
        }
        missing.notices = notices
            .into_iter()
            .filter_map(|no| claim.notices.get(&no).cloned())
            .collect();
        missing.reminders = reminders.into_iter().collect();
        missing.occurrences = standing.into_iter().collect();
        missing
    }

    /// The people of this claim; everything else is kept.
    async fn learn(&mut self, missing: Missing) -> Result<HashMap<i64, Person>, ActionError> {
        let (house, personal) = (self.house.clone(), self.personal);
        let now = self.app.now();
        let found = self
            .app
            .db
            .read(move |tx| Ok::<_, ActionError>(find(tx, &missing, &house, personal, now)?))
            .await?;
        self.abouts.extend(
            found
                .abouts
                .into_iter()
                .map(|about| (about.notice_no, Arc::new(about))),
        );
        self.reminders.extend(
            found
                .reminders
                .into_iter()
                .map(|(at, reminder)| (at, Arc::new(reminder))),
        );
        self.schedules.extend(found.schedules);
        Ok(found.people)
    }

    fn post(
        &mut self,
        claimed: &Claimed,
        people: &HashMap<i64, Person>,
        now: UnixMillis,
    ) -> Result<Post, End> {
        let Some(delivery) = claimed.parcel.members.first() else {
            return Err(End::Cancelled("settled"));
        };
        if let Some(leader) = claimed.parcel.leader_no {
            let message = self.digest(claimed, now)?;
            return Ok(Post {
                members: self.members.clone().unwrap_or_default(),
                ..post(
                    key::of_digest(&self.app.instance, &self.lane, leader),
                    message,
                    now,
                )
            });
        }
        let own_key = self.key_of(delivery, delivery.occurrence_no);
        if delivery.person_no == 0 {
            let (message, mentions) = self.for_group(delivery, now)?;
            return Ok(Post {
                mentions,
                members: self.members.clone().unwrap_or_default(),
                ..post(own_key, message, now)
            });
        }
        let person = people
            .get(&delivery.person_no)
            .filter(|person| person.is_active())
            .ok_or(End::Cancelled("person_gone"))?;
        let message = self.for_person(delivery, person, now)?;
        let about = self.about(delivery.notice_no)?;
        let link = self
            .app
            .link_key
            .notice_link(delivery.notice_no, delivery.person_no);
        Ok(Post {
            personal_url: Some(format!(
                "{}?k={link}",
                self.house.notice_url(&about.notice_id)
            )),
            recipient: Some(messages::recipient(person)),
            ..post(own_key, message, now)
        })
    }

    fn key_of(&self, delivery: &Delivery, occurrence_no: i64) -> String {
        key::of_delivery(
            &self.app.instance,
            &self.lane,
            delivery.notice_no,
            occurrence_no,
            delivery.person_no,
        )
    }

    fn about(&self, notice_no: i64) -> Result<Arc<About>, End> {
        self.abouts
            .get(&notice_no)
            .cloned()
            .ok_or(End::Cancelled("notice_over"))
    }

    fn digest(&self, claimed: &Claimed, now: UnixMillis) -> Result<Arc<Message>, End> {
        let abouts: Vec<Arc<About>> = claimed
            .listed
            .iter()
            .filter_map(|no| self.abouts.get(no).cloned())
            .collect();
        match abouts.as_slice() {
            [] => Err(End::Cancelled("notice_over")),
            [one] => Ok(Arc::new(messages::publish(
                &self.house,
                one,
                one.language,
                self.personal,
                now,
            ))),
            [first, ..] => {
                let language = first.language;
                let listed: Vec<&About> = abouts.iter().map(AsRef::as_ref).collect();
                Ok(Arc::new(messages::digest(
                    &self.house,
                    &listed,
                    language,
                    now,
                )))
            }
        }
    }

    fn for_group(
        &mut self,
        delivery: &Delivery,
        now: UnixMillis,
    ) -> Result<(Arc<Message>, Mentions), End> {
        match delivery.kind {
            DeliveryKind::Standing => {
                let known = self
                    .schedules
                    .get(&delivery.occurrence_no)
                    .and_then(Option::as_ref);
                let Some((schedule, at)) = known else {
                    return Err(End::failed("schedule_gone"));
                };
                let message = messages::standing(&self.house, schedule, self.app.language, *at);
                Ok((Arc::new(message), Mentions::default()))
            }
            DeliveryKind::Reminder => {
                let about = self.about(delivery.notice_no)?;
                let reminder = self.reminder(delivery)?;
                let (message, mentions) = messages::reminder_to_group(
                    &self.house,
                    &about,
                    reminder.round,
                    reminder.outstanding,
                    &reminder.named,
                );
                Ok((Arc::new(message), mentions))
            }
            DeliveryKind::Publish | DeliveryKind::Digest | DeliveryKind::Custom => {
                let about = self.about(delivery.notice_no)?;
                let language = about.language;
                let message = self.shared(delivery, language, |house| {
                    messages::publish(house, &about, language, false, now)
                });
                Ok((message, Mentions::default()))
            }
        }
    }

    fn for_person(
        &mut self,
        delivery: &Delivery,
        person: &Person,
        now: UnixMillis,
    ) -> Result<Arc<Message>, End> {
        let about = self.about(delivery.notice_no)?;
        let language = person
            .language
            .as_deref()
            .and_then(parse_language)
            .unwrap_or(about.language);
        if delivery.kind != DeliveryKind::Reminder {
            return Ok(self.shared(delivery, language, |house| {
                messages::publish(house, &about, language, true, now)
            }));
        }
        let reminder = self.reminder(delivery)?;
        let shared = self.shared(delivery, language, |house| {
            messages::reminder_to_person(house, &about, language, reminder.round, true)
        });
        // Below the first mail of the notice; its key needs no look-up. The one thing that is this person's own.
        let mut own = Message::clone(&shared);
        own.thread_key = Some(self.key_of(delivery, 0));
        Ok(Arc::new(own))
    }

    fn reminder(&self, delivery: &Delivery) -> Result<Arc<GroupReminder>, End> {
        let at = (delivery.notice_no, delivery.occurrence_no);
        self.reminders
            .get(&at)
            .cloned()
            .ok_or(End::Cancelled("settled"))
    }

    fn shared(
        &mut self,
        delivery: &Delivery,
        language: Language,
        write: impl FnOnce(&House) -> Message,
    ) -> Arc<Message> {
        let occurrence_no = match delivery.kind {
            DeliveryKind::Reminder => delivery.occurrence_no,
            // A publication says the same whatever brought it about.
            _ => 0,
        };
        let at = (delivery.notice_no, occurrence_no, language);
        let house = &self.house;
        self.shared
            .entry(at)
            .or_insert_with(|| Arc::new(write(house)))
            .clone()
    }
}

impl Missing {
    fn is_empty(&self) -> bool {
        self.notices.is_empty()
            && self.people.is_empty()
            && self.reminders.is_empty()
            && self.occurrences.is_empty()
    }
}

fn post(key: String, message: Arc<Message>, now: UnixMillis) -> Post {
    Post {
        key,
        message,
        personal_url: None,
        recipient: None,
        mentions: Mentions::default(),
        members: Arc::from([]),
        now,
    }
}

fn find(
    tx: &mut Tx<'_>,
    missing: &Missing,
    house: &House,
    personal: bool,
    now: UnixMillis,
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    for notice in &missing.notices {
        let version = versions::get(tx, notice.version_no)?;
        let policy = policies::get(tx, notice.policy_no)?;
        // A notice without them is damaged: what it was to say is cancelled, the lane goes on.
        if let (Some(version), Some(policy)) = (version, policy) {
            found
                .abouts
                .push(About::of(house, notice, &version, &policy));
        }
    }
    if !missing.people.is_empty() {
        found.people = people::by_nos(tx, &missing.people)?
            .into_iter()
            .map(|person| (person.no, person))
            .collect();
    }
    for (notice_no, occurrence_no) in &missing.reminders {
        let reminder = group_reminder(tx, *notice_no, *occurrence_no, personal, now)?;
        found
            .reminders
            .push(((*notice_no, *occurrence_no), reminder));
    }
    for occurrence_no in &missing.occurrences {
        let occurrence = occurrences::get(tx, *occurrence_no)?;
        let schedule = match &occurrence {
            Some(Occurrence {
                schedule_no,
                decided_at,
                ..
            }) => schedules::get(tx, *schedule_no)?.map(|schedule| (schedule, *decided_at)),
            None => None,
        };
        found.schedules.push((*occurrence_no, schedule));
    }
    Ok(found)
}

fn group_reminder(
    tx: &mut Tx<'_>,
    notice_no: i64,
    occurrence_no: i64,
    personal: bool,
    now: UnixMillis,
) -> Result<GroupReminder, StoreError> {
    let at = occurrences::get(tx, occurrence_no)?.map_or(now, |occurrence| occurrence.decided_at);
    let number = occurrences::ordinal(tx, notice_no, occurrence_no)?.max(1);
    let mut reminder = GroupReminder {
        round: Round { number, at },
        outstanding: 0,
        named: Vec::new(),
    };
    if personal {
        return Ok(reminder);
    }
    reminder.outstanding = progress::totals(tx, notice_no)?.pending;
    let owing = obligations::outstanding_batches(tx, notice_no, 0, LOOKED_AT)?;
    let nos: Vec<i64> = owing.iter().map(|row| row.person_no).collect();
    let can_be_named =
        |person: &Person| person.dingtalk_user_id.is_some() || person.mobile.is_some();
    reminder.named = people::by_nos(tx, &nos)?
        .into_iter()
        .filter(can_be_named)
        .take(NAMED)
        .collect();
    Ok(reminder)
}
