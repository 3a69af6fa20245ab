//! A DingTalk sandbox: both API hosts and a clickable chat client in one listener, for trying out and for tests.
//!
//! [`Sandbox::start`] takes an invented organisation and serves it: custom robots' webhooks, app robots' messages,
//! tokens, login and directory (see `openapi`), Stream connections, callbacks and cards (see `push`), faults and
//! inspection under `/sandbox/*`, the chat client at `/`, and if wanted a mailbox for everyone.
//! It answers as the documentation and observed answers say, refusals and limits included.
//! Invariant: it knows no client and no product; whatever reaches it came over HTTP.
//! Weakness: the platform is imitated from public material, not exercised.

mod announcements;
mod apis;
mod auth_codes;
mod bubble;
mod call;
mod call_log;
mod chat;
mod clock;
mod company;
mod control;
mod control_directory;
mod control_notices;
mod dings;
mod directory;
mod drive;
mod drive_rights;
mod faults;
mod gate;
mod ids;
mod journal;
mod listener;
mod mail;
mod markdown;
mod media;
mod membership;
mod message;
mod meters;
mod openapi;
mod organisation;
mod push;
mod rules;
mod shared;
mod text;
mod todos;
mod webhook;
mod work_notices;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use crate::announcements::{Announcement, GroupAnnouncement};
pub use crate::apis::Metering;
pub use crate::auth_codes::LoginRules;
pub use crate::call_log::{CallRecord, Host};
pub use crate::clock::Clock;
pub use crate::dings::Ding;
pub use crate::directory::{DirectoryError, DirectoryRules, EventFate, LeaveReason, Leaver};
pub use crate::drive::{DriveRules, GroupFile};
pub use crate::faults::{Fault, FaultKind};
use crate::ids::Ids;
pub use crate::journal::JournalError;
use crate::journal::{Entry, Journal};
pub use crate::mail::Mail;
pub use crate::media::MediaFile;
pub use crate::membership::{GroupRules, GroupTemplate};
pub use crate::message::{
    Button, Content, FeedLink, Layout, Message, OaCard, Sender, personal_conversation,
};
pub use crate::meters::Meter;
use crate::meters::month_of;
pub use crate::organisation::{
    AdminLevel, App, Department, Group, GroupKind, GroupTab, Organisation, Person, Robot,
    RobotState, Role, Security, VisibleRange,
};
pub use crate::push::{
    CardAnswer, CardButton, CardField, CardTemplate, Comparison, Condition, EventCallback,
    FailedPush, HalfDead, NotClickable, PushCounts, PushRules, PushSettings, StreamConnection,
    Subscription, Tap,
};
pub use crate::rules::{
    Access, BanAnswer, Codes, Edition, ErrorLanguage, Limits, Moderation, PastQuota, Rules,
};
use crate::shared::{Event, Shared};
pub use crate::todos::{Executor, Todo, TodoKind};
pub use crate::work_notices::{NoticeTask, StatusBar};
use crate::world::World;

/// What to serve and where.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Keeps chats, robots and people over restarts. A directory that already holds an organisation wins over
    /// `organisation` and `groups`; `apps` always come from here.
    pub data_dir: Option<PathBuf>,
    /// Takes in mail for the organisation's people by SMTP here and shows it in the chat client; port 0 takes a free one, `None` means no mail.
    pub mail_listen: Option<SocketAddr>,
    pub organisation: Organisation,
    pub groups: Vec<Group>,
    pub apps: Vec<App>,
    /// What webhook addresses shown to people start with; by default `http://` and the address listened on.
    pub public_url: Option<String>,
    pub rules: Rules,
    pub clock: Clock,
    /// Makes tokens and keys the same in every run.
    pub seed: Option<u64>,
}

/// The largest upload any API of the platform takes in one piece is a file of 20 MB.
const BODY_AT_MOST: usize = 32 * 1024 * 1024;

/// Starts sandboxes.
#[derive(Debug)]
pub struct Sandbox;

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}; choose another address or stop what uses it")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A running sandbox. Dropping it stops the server without waiting.
#[derive(Debug)]
pub struct SandboxHandle {
    address: SocketAddr,
    mail_address: Option<SocketAddr>,
    shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
}

impl SandboxConfig {
    /// An empty organisation on a free loopback port, nothing kept.
    pub fn new(organisation: Organisation) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: None,
            mail_listen: None,
            organisation,
            groups: Vec::new(),
            apps: Vec::new(),
            public_url: None,
            rules: Rules::default(),
            clock: Clock::default(),
            seed: None,
        }
    }
}

impl Sandbox {
    /// Binds, restores what the data directory holds, and serves until the handle is shut down or dropped.
    pub async fn start(config: SandboxConfig) -> Result<SandboxHandle, StartError> {
        let listener = bind(config.listen).await?;
        let address = listener.local_addr().unwrap_or(config.listen);
        let mail_listener = match config.mail_listen {
            Some(mail_listen) => Some(bind(mail_listen).await?),
            None => None,
        };
        let mail_address = mail_listener
            .as_ref()
            .and_then(|listener| listener.local_addr().ok());
        let public_url = config
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{address}"));
        let (world, run) = restore(&config)?;
        let ids = Ids::new(config.seed, run);
        let shared = Shared::new(
            world,
            ids,
            config.clock,
            public_url.trim_end_matches('/').to_owned(),
        );
        if let Some(listener) = mail_listener {
            tokio::spawn(mail::serve(Arc::clone(&shared), listener));
        }
        tokio::spawn(push::run(Arc::clone(&shared)));
        let app = router(&shared).into_make_service_with_connect_info::<listener::Peer>();
        let stop = shared.stop.clone();
        let server = tokio::spawn(async move {
            let serving = axum::serve(listener::CuttableListener(listener), app)
                .with_graceful_shutdown(async move { stop.cancelled().await });
            if let Err(error) = serving.await {
                tracing::error!(%error, "the sandbox's server ended");
            }
        });
        Ok(SandboxHandle {
            address,
            mail_address,
            shared,
            server: Some(server),
        })
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

/// The world as the data directory has it, or as configured; and how many entries it was built from.
fn restore(config: &SandboxConfig) -> Result<(World, u64), JournalError> {
    let mut world = World::new(config.apps.clone(), config.rules.clone());
    let earlier = config
        .data_dir
        .as_deref()
        .map(Journal::read)
        .transpose()?
        .unwrap_or_default();
    let count = earlier.len() as u64;
    if earlier.is_empty() {
        world.apply(Entry::Organisation(config.organisation.clone()));
        for group in config.groups.iter().cloned() {
            world.apply(Entry::Group(group));
        }
    }
    for entry in earlier {
        world.apply(entry);
    }
    if let Some(data_dir) = &config.data_dir {
        let journal = Journal::rewrite(data_dir, &world.entries(config.clock.now_ms()))?;
        world.keep_in(journal);
    }
    Ok((world, count))
}

fn router(shared: &Arc<Shared>) -> Router {
    let platform = openapi::routes()
        .fallback(call::unknown)
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(shared),
            call_log::record,
        ))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(shared),
            faults::inject,
        ))
        .layer(DefaultBodyLimit::max(BODY_AT_MOST));
    Router::new()
        .merge(control::routes())
        .merge(control_notices::routes())
        .merge(control_directory::routes())
        .merge(chat::routes())
        .merge(push::control_routes())
        .merge(mail::routes())
        .merge(openapi::login_routes())
        .merge(openapi::object_routes())
        .merge(platform)
        .with_state(Arc::clone(shared))
}

impl SandboxHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// `http://address`, the base of both API hosts and of the login page.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it takes in mail by SMTP, without TLS and login.
    pub fn mail_addr(&self) -> Option<SocketAddr> {
        self.mail_address
    }

    /// The newest 2,000 mails that came in, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.world().mails.iter().cloned().collect()
    }

    /// Its clock, shared: moving it moves the sandbox.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// All messages, oldest first, recalled ones included.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.world().messages().to_vec()
    }

    /// The messages this person can see, oldest first.
    pub fn messages_of(&self, userid: &str) -> Vec<Message> {
        let world = self.shared.world();
        world
            .messages()
            .iter()
            .filter(|message| world.may_see(userid, &message.conversation))
            .cloned()
            .collect()
    }

    /// This person opens all conversations, so everything is read. Returns how many had something unread.
    pub fn read_all_as(&self, userid: &str) -> usize {
        let mut world = self.shared.world();
        let conversations = world.conversations_of(userid);
        let opened = conversations.into_iter().filter(|conversation| {
            let was_unread = push::open(&self.shared, &mut world, conversation, userid);
            if was_unread {
                self.shared.tell(Event::Read {
                    conversation: conversation.clone(),
                    userid: userid.to_owned(),
                });
            }
            was_unread
        });
        opened.count()
    }

    /// Removes all messages and mails and forgets the robots' paces.
    pub fn clear(&self) {
        self.shared.clear();
    }

    /// Replaces the faults.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        *self.shared.faults.list() = faults;
    }

    /// The faults with their counters.
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.faults.list().clone()
    }

    /// Replaces the rules.
    pub fn set_rules(&self, rules: Rules) {
        self.shared.world().rules = rules;
    }

    /// The groups with their robots, as administrators have made them.
    pub fn groups(&self) -> Vec<Group> {
        self.shared.world().groups.clone()
    }

    /// Puts a new or changed group in place.
    pub fn put_group(&self, group: Group) {
        self.shared.world().record(Entry::Group(group));
        self.shared.tell(Event::Changed);
    }

    /// The newest 5,000 calls of the platform's APIs, oldest first, secrets masked.
    pub fn calls(&self) -> Vec<CallRecord> {
        let world = self.shared.world();
        world.calls.iter().map(|call| (**call).clone()).collect()
    }

    /// All work notice tasks, oldest first.
    pub fn work_notices(&self) -> Vec<NoticeTask> {
        self.shared.world().work_notices.tasks().cloned().collect()
    }

    /// All to-dos that are not deleted, oldest first.
    pub fn todos(&self) -> Vec<Todo> {
        self.shared.world().todos.iter().cloned().collect()
    }

    /// All announcements of the organisation, newest first.
    pub fn announcements(&self) -> Vec<Announcement> {
        let world = self.shared.world();
        let rows = world.announcements.newest_first();
        rows.into_iter().cloned().collect()
    }

    /// All announcements of groups.
    pub fn group_announcements(&self) -> Vec<GroupAnnouncement> {
        let world = self.shared.world();
        world.announcements.all_of_groups().cloned().collect()
    }

    /// This person opens an announcement. False if it is not for them.
    pub fn read_announcement_as(&self, id: &str, userid: &str) -> bool {
        control_notices::mark_read(&self.shared, &mut self.shared.world(), id, userid)
    }

    /// All DINGs, recalled ones included.
    pub fn dings(&self) -> Vec<Ding> {
        self.shared.world().dings.iter().cloned().collect()
    }

    /// All uploaded files, oldest first.
    pub fn media(&self) -> Vec<MediaFile> {
        self.shared.world().media.iter().cloned().collect()
    }

    /// Forgets the calls; their ids go on.
    pub fn clear_calls(&self) {
        self.shared.world().calls.clear();
    }

    /// The current month's metered use.
    pub fn quota(&self) -> Meter {
        let month = month_of(self.shared.clock.now_ms());
        self.shared.world().meter(&month)
    }

    /// Stops, giving running answers two seconds.
    pub async fn shutdown(mut self) {
        self.shared.stop.cancel();
        if let Some(mut server) = self.server.take()
            && tokio::time::timeout(Duration::from_secs(2), &mut server)
                .await
                .is_err()
        {
            server.abort();
        }
    }
}

impl Drop for SandboxHandle {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }
}
