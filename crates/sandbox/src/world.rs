//! The sandbox's state: people, groups, robots, messages, reads, tokens and meters, under one lock.
//!
//! Every handler takes the lock once, decides, and records what it decided. What survives a restart changes only
//! through [`World::record`], which writes the journal and applies the entry; the paces of robots and one-time codes
//! live in memory alone.
//! Invariant: message ids grow; a conversation's index lists its messages in that order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;

use crate::announcements::Announcements;
use crate::call_log::CallLog;
use crate::dings::Dings;
use crate::journal::{Entry, Journal};
use crate::mail::Mail;
use crate::media::MediaFiles;
use crate::message::Message;
use crate::meters::Meter;
use crate::organisation::{App, Group, Organisation, Person, Robot};
use crate::rules::Rules;
use crate::todos::Todos;
use crate::work_notices::WorkNotices;

/// How many mails are kept, and how many bytes of them: more than any trial looks at, less than memory holds.
const MAILS_KEPT: usize = 2_000;
const MAIL_BYTES_KEPT: usize = 256 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) organisation: Organisation,
    pub(crate) groups: Vec<Group>,
    pub(crate) apps: Vec<App>,
    pub(crate) rules: Rules,
    pub(crate) next_id: u64,
    messages: Vec<Message>,
    /// Positions in `messages`.
    by_conversation: HashMap<String, Vec<usize>>,
    by_query_key: HashMap<String, Vec<usize>>,
    by_msg_uuid: HashMap<(String, String), u64>,
    /// (conversation, userid) → marks in the order they were made.
    reads: HashMap<(String, String), Vec<ReadMark>>,
    people: HashMap<String, usize>,
    /// Mail addresses in lower case.
    addresses: HashSet<String>,
    /// The newest, oldest first.
    pub(crate) mails: VecDeque<Mail>,
    mail_bytes: usize,
    pub(crate) next_mail_id: u64,
    pub(crate) mails_read: HashSet<u64>,
    pub(crate) app_tokens: HashMap<String, AppToken>,
    pub(crate) user_tokens: Vec<UserToken>,
    pub(crate) codes: HashMap<String, LoginCode>,
    pub(crate) meters: HashMap<String, Meter>,
    /// In memory only.
    pub(crate) calls: CallLog,
    pub(crate) webhook_paces: HashMap<String, Pace>,
    /// (client id, API) or (robot code, userid) → times of the last calls.
    pub(crate) recent: HashMap<(String, String), VecDeque<i64>>,
    /// Paces of the addresses that call.
    pub(crate) addresses_calling: HashMap<IpAddr, Pace>,
    pub(crate) bot_sessions: crate::push::BotSessions,
    pub(crate) cards: crate::push::Cards,
    pub(crate) directory: crate::directory::Directory,
    pub(crate) work_notices: WorkNotices,
    pub(crate) todos: Todos,
    pub(crate) announcements: Announcements,
    pub(crate) dings: Dings,
    pub(crate) media: MediaFiles,
    pub(crate) auth_codes: crate::auth_codes::AuthCodes,
    pub(crate) drive: crate::drive::Drive,
    journal: Journal,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadMark {
    pub(crate) up_to: u64,
    pub(crate) at_ms: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct AppToken {
    pub(crate) token: String,
    pub(crate) expires_ms: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct UserToken {
    pub(crate) userid: String,
    pub(crate) client_id: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    pub(crate) expires_ms: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct LoginCode {
    pub(crate) userid: String,
    pub(crate) client_id: String,
    pub(crate) expires_ms: i64,
}

/// The last moments of a webhook robot or of an address, and until when it is held.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    pub(crate) sent_ms: VecDeque<i64>,
    pub(crate) held_until_ms: i64,
}

impl World {
    pub(crate) fn new(apps: Vec<App>, rules: Rules) -> Self {
        Self {
            organisation: Organisation::default(),
            groups: Vec::new(),
            apps,
            rules,
            next_id: 1,
            messages: Vec::new(),
            by_conversation: HashMap::new(),
            by_query_key: HashMap::new(),
            by_msg_uuid: HashMap::new(),
            reads: HashMap::new(),
            people: HashMap::new(),
            addresses: HashSet::new(),
            mails: VecDeque::new(),
            mail_bytes: 0,
            next_mail_id: 1,
            mails_read: HashSet::new(),
            app_tokens: HashMap::new(),
            user_tokens: Vec::new(),
            codes: HashMap::new(),
            meters: HashMap::new(),
            calls: CallLog::default(),
            webhook_paces: HashMap::new(),
            recent: HashMap::new(),
            addresses_calling: HashMap::new(),
            bot_sessions: crate::push::BotSessions::default(),
            cards: crate::push::Cards::default(),
            directory: crate::directory::Directory::default(),
            work_notices: WorkNotices::default(),
            todos: Todos::default(),
            announcements: Announcements::default(),
            dings: Dings::default(),
            media: MediaFiles::default(),
            auth_codes: crate::auth_codes::AuthCodes::default(),
            drive: crate::drive::Drive::default(),
            journal: Journal::none(),
        }
    }

    pub(crate) fn keep_in(&mut self, journal: Journal) {
        self.journal = journal;
    }

    /// Writes the change down, then makes it.
    pub(crate) fn record(&mut self, entry: Entry) {
        self.journal.append(&entry);
        self.apply(entry);
    }

    /// Makes a change that is already written down.
    pub(crate) fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Organisation(organisation) => {
                self.organisation = organisation;
                self.index_people();
            }
            Entry::Directory(change) => change.apply(self),
            Entry::Drive(change) => change.apply(&mut self.drive),
            Entry::Group(group) => {
                match self.groups.iter_mut().find(|known| known.id == group.id) {
                    Some(known) => *known = group,
                    None => self.groups.push(group),
                }
            }
            Entry::Message(message) => self.add(message),
            Entry::WorkNotice(task) => self.work_notices.put(task),
            Entry::Todo(todo) => self.todos.put(todo),
            Entry::TodoDeleted { id } => self.todos.remove(id),
            Entry::Announcement(announcement) => self.announcements.put(announcement),
            Entry::AnnouncementDeleted { id } => self.announcements.remove(&id),
            Entry::AnnouncementRead { id, userid, at_ms } => {
                self.announcements.mark_read(id, userid, at_ms);
            }
            Entry::GroupAnnouncement(announcement) => self.announcements.put_of_group(announcement),
            Entry::GroupAnnouncementDeleted { id } => self.announcements.remove_of_group(&id),
            Entry::Ding(ding) => self.dings.put(ding),
            Entry::Media(file) => self.media.add(file),
            Entry::Read {
                conversation,
                userid,
                up_to,
                at_ms,
            } => {
                self.reads
                    .entry((conversation, userid))
                    .or_default()
                    .push(ReadMark { up_to, at_ms });
            }
            Entry::Recalled { process_query_key } => {
                for at in self
                    .by_query_key
                    .get(&process_query_key)
                    .into_iter()
                    .flatten()
                {
                    if let Some(message) = self.messages.get_mut(*at) {
                        message.recalled = true;
                    }
                }
            }
            Entry::Mail(mail) => {
                self.next_mail_id = mail.id + 1;
                self.mail_bytes += mail.raw.len();
                self.mails.push_back(mail);
                self.forget_old_mails();
            }
            Entry::MailRead { id } => {
                self.mails_read.insert(id);
            }
            Entry::MailsCleared { next_id } => {
                self.mails.clear();
                self.mail_bytes = 0;
                self.mails_read.clear();
                self.next_mail_id = next_id;
            }
            Entry::Cleared { next_id } => {
                self.messages.clear();
                self.by_conversation.clear();
                self.by_query_key.clear();
                self.by_msg_uuid.clear();
                self.reads.clear();
                self.cards.clear();
                self.next_id = next_id;
            }
            Entry::AppToken {
                client_id,
                token,
                expires_ms,
            } => {
                self.app_tokens
                    .insert(client_id, AppToken { token, expires_ms });
            }
            Entry::RobotSession(session) => self.bot_sessions.put(session),
            Entry::Card(card) => self.cards.put(*card),
            Entry::CardRoute {
                client_id,
                key,
                route,
            } => self.cards.put_route(client_id, key, route),
            Entry::UserToken {
                userid,
                client_id,
                token,
                refresh_token,
                expires_ms,
            } => {
                self.user_tokens.push(UserToken {
                    userid,
                    client_id,
                    token,
                    refresh_token,
                    expires_ms,
                });
            }
            Entry::Metered {
                month,
                calls,
                webhooks,
                exhausted_ms,
                webhooks_exhausted_ms,
            } => {
                self.meters.insert(
                    month,
                    Meter {
                        calls,
                        webhooks,
                        exhausted_ms,
                        webhooks_exhausted_ms,
                    },
                );
            }
        }
    }

    /// After people were added, removed or given another address.
    pub(crate) fn index_people(&mut self) {
        let people = &self.organisation.people;
        self.people = people
            .iter()
            .enumerate()
            .map(|(at, person)| (person.userid.clone(), at))
            .collect();
        self.addresses = people
            .iter()
            .map(|person| person.email.trim().to_lowercase())
            .filter(|address| !address.is_empty())
            .collect();
    }

    /// The entries that build this state again.
    pub(crate) fn entries(&self, now_ms: i64) -> Vec<Entry> {
        let mut entries = self.directory.entries();
        entries.push(Entry::Organisation(self.organisation.clone()));
        entries.extend(self.drive.entries());
        entries.extend(self.groups.iter().cloned().map(Entry::Group));
        let first_id = self
            .messages
            .first()
            .map_or(self.next_id, |message| message.id);
        entries.push(Entry::Cleared { next_id: first_id });
        entries.extend(self.messages.iter().cloned().map(Entry::Message));
        let first_mail_id = self.mails.front().map_or(self.next_mail_id, |mail| mail.id);
        entries.push(Entry::MailsCleared {
            next_id: first_mail_id,
        });
        entries.extend(self.mails.iter().cloned().map(Entry::Mail));
        entries.extend(self.mails_read.iter().map(|id| Entry::MailRead { id: *id }));
        entries.extend(
            self.reads
                .iter()
                .flat_map(|((conversation, userid), marks)| {
                    marks.iter().map(|mark| Entry::Read {
                        conversation: conversation.clone(),
                        userid: userid.clone(),
                        up_to: mark.up_to,
                        at_ms: mark.at_ms,
                    })
                }),
        );
        entries.extend(
            self.app_tokens
                .iter()
                .filter(|(_, held)| held.expires_ms > now_ms)
                .map(|(client_id, held)| Entry::AppToken {
                    client_id: client_id.clone(),
                    token: held.token.clone(),
                    expires_ms: held.expires_ms,
                }),
        );
        entries.extend(self.bot_sessions.entries(now_ms));
        entries.extend(self.cards.entries());
        entries.extend(self.user_tokens.iter().map(|held| Entry::UserToken {
            userid: held.userid.clone(),
            client_id: held.client_id.clone(),
            token: held.token.clone(),
            refresh_token: held.refresh_token.clone(),
            expires_ms: held.expires_ms,
        }));
        entries.extend(self.meters.iter().map(|(month, meter)| Entry::Metered {
            month: month.clone(),
            calls: meter.calls,
            webhooks: meter.webhooks,
            exhausted_ms: meter.exhausted_ms,
            webhooks_exhausted_ms: meter.webhooks_exhausted_ms,
        }));
        entries.extend(self.entries_of_notices());
        entries
    }

    /// What apps have put before people: notices, to-dos, announcements, DINGs, files.
    fn entries_of_notices(&self) -> impl Iterator<Item = Entry> {
        let notices = self.work_notices.tasks().cloned().map(Entry::WorkNotice);
        let todos = self.todos.iter().cloned().map(Entry::Todo);
        let mut announcements = self.announcements.newest_first();
        announcements.reverse();
        let announcements = announcements.into_iter().cloned().map(Entry::Announcement);
        let reads = self.announcements.reads();
        let reads = reads.map(|(id, userid, at_ms)| Entry::AnnouncementRead {
            id: id.clone(),
            userid: userid.clone(),
            at_ms,
        });
        let of_groups = self.announcements.all_of_groups().cloned();
        notices
            .chain(todos)
            .chain(announcements)
            .chain(reads)
            .chain(of_groups.map(Entry::GroupAnnouncement))
            .chain(self.dings.iter().cloned().map(Entry::Ding))
            .chain(self.media.iter().cloned().map(Entry::Media))
    }

    fn add(&mut self, message: Message) {
        let at = self.messages.len();
        self.by_conversation
            .entry(message.conversation.clone())
            .or_default()
            .push(at);
        if let Some(key) = &message.process_query_key {
            self.by_query_key.entry(key.clone()).or_default().push(at);
        }
        if let (Some(uuid), crate::message::Sender::Robot { access_token, .. }) =
            (&message.msg_uuid, &message.sender)
        {
            self.by_msg_uuid
                .insert((access_token.clone(), uuid.clone()), message.id);
        }
        self.next_id = message.id + 1;
        self.messages.push(message);
    }

    pub(crate) fn person(&self, userid: &str) -> Option<&Person> {
        self.people
            .get(userid)
            .and_then(|at| self.organisation.people.get(*at))
    }

    /// Whether mail to this address is somebody's.
    pub(crate) fn has_address(&self, address: &str) -> bool {
        self.addresses.contains(&address.to_lowercase())
    }

    fn forget_old_mails(&mut self) {
        while self.mails.len() > MAILS_KEPT || self.mail_bytes > MAIL_BYTES_KEPT {
            let Some(oldest) = self.mails.pop_front() else {
                return;
            };
            self.mail_bytes -= oldest.raw.len();
            self.mails_read.remove(&oldest.id);
        }
    }

    pub(crate) fn person_by_union(&self, unionid: &str) -> Option<&Person> {
        self.organisation
            .people
            .iter()
            .find(|person| person.unionid == unionid)
    }

    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    pub(crate) fn robot(&self, access_token: &str) -> Option<(&Group, &Robot)> {
        self.groups.iter().find_map(|group| {
            group
                .robots
                .iter()
                .find(|robot| robot.access_token == access_token)
                .map(|robot| (group, robot))
        })
    }

    pub(crate) fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub(crate) fn message(&self, id: u64) -> Option<&Message> {
        let at = self
            .messages
            .binary_search_by_key(&id, |message| message.id)
            .ok()?;
        self.messages.get(at)
    }

    /// Oldest first; double-ended, so the newest are cheap to reach.
    pub(crate) fn conversation(&self, id: &str) -> impl DoubleEndedIterator<Item = &Message> {
        let positions = self
            .by_conversation
            .get(id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        positions
            .iter()
            .filter_map(|at| self.messages.get(*at))
            .filter(|message| !message.recalled)
    }

    pub(crate) fn with_query_key(&self, key: &str) -> Vec<&Message> {
        self.by_query_key
            .get(key)
            .into_iter()
            .flatten()
            .filter_map(|at| self.messages.get(*at))
            .collect()
    }

    /// The message that already carries this idempotency key of this robot.
    pub(crate) fn with_msg_uuid(&self, access_token: &str, uuid: &str) -> Option<u64> {
        self.by_msg_uuid
            .get(&(access_token.to_owned(), uuid.to_owned()))
            .copied()
    }

    /// When the person first saw the conversation at or after this message.
    pub(crate) fn read_at(&self, message: &Message, userid: &str) -> Option<i64> {
        let marks = self
            .reads
            .get(&(message.conversation.clone(), userid.to_owned()))?;
        marks
            .iter()
            .find(|mark| mark.up_to >= message.id)
            .map(|mark| mark.at_ms)
    }

    /// The id of the last message the person has seen in the conversation; 0 for none.
    pub(crate) fn seen_up_to(&self, conversation: &str, userid: &str) -> u64 {
        let marks = self
            .reads
            .get(&(conversation.to_owned(), userid.to_owned()));
        marks
            .and_then(|marks| marks.iter().map(|mark| mark.up_to).max())
            .unwrap_or(0)
    }

    /// Whether the person may look at the conversation.
    pub(crate) fn may_see(&self, userid: &str, conversation: &str) -> bool {
        match conversation.strip_prefix("oto/") {
            Some(personal) => personal.rsplit('/').next() == Some(userid),
            None => self
                .group(conversation)
                .is_some_and(|group| group.members.iter().any(|member| member == userid)),
        }
    }

    /// Conversations with at least one message, or with a group that still exists, of this person.
    pub(crate) fn conversations_of(&self, userid: &str) -> Vec<String> {
        let groups = self
            .groups
            .iter()
            .filter(|group| !group.dissolved && group.members.iter().any(|member| member == userid))
            .map(|group| group.id.clone());
        let suffix = format!("/{userid}");
        let personal = self
            .by_conversation
            .keys()
            .filter(|id| id.starts_with("oto/") && id.ends_with(&suffix))
            .cloned();
        groups.chain(personal).collect()
    }

    /// The person opens the conversation: everything in it is seen. Returns whether anything was unread.
    pub(crate) fn open(&mut self, conversation: &str, userid: &str, now_ms: i64) -> bool {
        let Some(last) = self
            .conversation(conversation)
            .next_back()
            .map(|message| message.id)
        else {
            return false;
        };
        if !self.may_see(userid, conversation) || self.seen_up_to(conversation, userid) >= last {
            return false;
        }
        let (conversation, userid) = (conversation.to_owned(), userid.to_owned());
        self.record(Entry::Read {
            conversation,
            userid,
            up_to: last,
            at_ms: now_ms,
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_mails_go_first_and_the_directory_knows_its_addresses() {
        let mut world = World::new(Vec::new(), Rules::default());
        world.apply(Entry::Organisation(Organisation::small()));
        assert!(world.has_address("LiNa@yunshan.example") && !world.has_address(""));
        for id in 1..=MAILS_KEPT as u64 + 1 {
            let (from, to, raw) = (String::new(), Vec::new(), Vec::new());
            world.apply(Entry::Mail(Mail {
                id,
                at_ms: 0,
                from,
                to,
                raw,
            }));
            world.apply(Entry::MailRead { id });
        }
        assert_eq!(
            (world.mails.len(), world.mails_read.len()),
            (MAILS_KEPT, MAILS_KEPT)
        );
        assert_eq!(world.mails.front().map(|mail| mail.id), Some(2));
    }
}
