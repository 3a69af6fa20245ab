//! What every handler, action and worker is given: the database, the clock, ids, channels, the calendar.
//!
//! Built once by [`App::start`] for `serve`, `demo` and the tests. Invariant: nothing global; two `App`s in one
//! process (two nodes in a test) share nothing but the database. Weakness: the registry of channels is rebuilt by
//! the node that saves a robot; other nodes notice within one worker tick.

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use tokio::sync::{broadcast, watch};
use yuezhi_channels::Registry;
use yuezhi_domain::{IdSource, TimeZoneName, UnixMillis, WorkCalendar};
use yuezhi_store::Db;

use crate::{
    clock::Clock,
    config::Config,
    links::LinkKey,
    refusal::ActionError,
    texts::{Language, Texts},
};

/// Something changed that open pages show; carries the notice it belongs to (0: any).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    pub notice_no: i64,
}

/// Cheap to clone; one per node.
#[derive(Clone)]
pub struct App(Arc<Inner>);

pub struct Inner {
    pub db: Db,
    pub clock: Clock,
    pub config: Config,
    /// Under which lease this node works; new at every start.
    pub node: String,
    /// One per database: makes keys that leave the system unique.
    pub instance: String,
    pub link_key: LinkKey,
    pub time_zone: TimeZoneName,
    pub language: Language,
    pub ids: IdSource,
    /// Comparisons of versions that people opened lately.
    pub comparisons: crate::my::Comparisons,
    /// Failed sign-ins of this node.
    pub tries: crate::actions::sign_in::Tries,
    /// Wrong set-up codes of this node.
    pub set_up_tries: crate::actions::sign_in::Tries,
    /// What the last look at the watched folders saw.
    pub sightings: crate::workers::watch_sources::Sightings,
    /// Lanes that this node sends on right now.
    pub lanes_at_work: crate::workers::dispatch::LanesAtWork,
    /// How far this node is in reading the DingTalk directory.
    pub directory_progress: crate::actions::walk_directory::Progress,
    /// The DingTalk Stream connection, while this node holds one.
    stream: RwLock<Option<crate::workers::stream::Watcher>>,
    channels: RwLock<Arc<Registry>>,
    calendar: RwLock<Arc<WorkCalendar>>,
    /// Wakes the workers at once instead of at their next tick.
    wake: watch::Sender<u64>,
    /// Ends the live streams of open pages at shutdown.
    streams: tokio_util::sync::CancellationToken,
    /// What the command line of this machine shows instead of an API token; new at every start.
    pub local_token: String,
    pulse: broadcast::Sender<Pulse>,
    /// Set by `demo`: the console shows the time bar, pages link to the chat client.
    pub demo: Option<crate::demo::DemoLinks>,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What [`App::start`] needs beside the configuration.
pub struct Start {
    pub config: Config,
    pub db: Db,
    pub clock: Clock,
    pub ids: IdSource,
    pub demo: Option<crate::demo::DemoLinks>,
}

impl App {
    /// Reads what the database holds for every node (instance id, link key, calendar, robots).
    pub async fn start(start: Start) -> Result<Self, ActionError> {
        let Start {
            config,
            db,
            clock,
            ids,
            demo,
        } = start;
        let now = clock.now();
        let fresh_instance = ids.next::<uuid::Uuid>(now).to_string();
        let fresh_key = LinkKey::fresh(&ids).to_text();
        let (instance, key, stored, company_days) = db
            .write(move |tx| {
                Ok::<_, ActionError>((
                    yuezhi_store::settings::insert_if_absent(tx, "instance", &fresh_instance)?,
                    yuezhi_store::settings::insert_if_absent(tx, "link_key", &fresh_key)?,
                    crate::wiring::Stored::read(tx)?,
                    yuezhi_store::settings::get(tx, CALENDAR_SETTING)?,
                ))
            })
            .await?;
        let link_key = LinkKey::parse(&key)?;
        let calendar = crate::actions::import_calendar::load(company_days.as_deref())?;
        let time_zone: TimeZoneName = config
            .server
            .time_zone
            .parse()
            .map_err(ActionError::internal)?;
        let language = crate::texts::parse_language(&config.server.language).unwrap_or_default();
        let registry = crate::wiring::registry(&config, &stored, &clock)?;
        let mut local = [0u8; 32];
        ids.fill(&mut local);
        let local_token = format!("local_{}", hex::encode(local));
        let node = ids.next::<uuid::Uuid>(now).to_string();
        Ok(Self(Arc::new(Inner {
            db,
            clock,
            config,
            node,
            instance,
            link_key,
            time_zone,
            language,
            ids,
            comparisons: crate::my::Comparisons::default(),
            tries: crate::actions::sign_in::Tries::default(),
            set_up_tries: crate::actions::sign_in::Tries::default(),
            sightings: crate::workers::watch_sources::Sightings::default(),
            lanes_at_work: crate::workers::dispatch::LanesAtWork::default(),
            directory_progress: crate::actions::walk_directory::Progress::default(),
            stream: RwLock::new(None),
            channels: RwLock::new(Arc::new(registry)),
            calendar: RwLock::new(Arc::new(calendar)),
            wake: watch::channel(0).0,
            streams: tokio_util::sync::CancellationToken::new(),
            local_token,
            pulse: broadcast::channel(256).0,
            demo,
        })))
    }

    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// A number in `0.0..1.0` for jitter.
    pub fn jitter(&self) -> f64 {
        self.ids.fraction()
    }

    /// Lets the workers look at once instead of at their next tick.
    pub fn wake(&self) {
        self.wake
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    pub fn woken(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }

    /// Ends when the node stops; live streams select on it.
    pub fn streams_closed(&self) -> tokio_util::sync::CancellationToken {
        self.streams.clone()
    }

    pub fn close_streams(&self) {
        self.streams.cancel();
    }

    pub fn channels(&self) -> Arc<Registry> {
        self.channels.read().expect("no panic while locked").clone()
    }

    pub fn replace_channels(&self, registry: Registry) {
        *self.channels.write().expect("no panic while locked") = Arc::new(registry);
    }

    /// How this node's DingTalk Stream connection is; `None` where it holds none.
    pub fn stream_status(&self) -> Option<yuezhi_channels::stream::LinkStatus> {
        let watcher = self.stream.read().expect("no panic while locked").clone();
        watcher.map(|status| status())
    }

    pub fn watch_stream(&self, watcher: Option<crate::workers::stream::Watcher>) {
        *self.stream.write().expect("no panic while locked") = watcher;
    }

    pub fn calendar(&self) -> Arc<WorkCalendar> {
        self.calendar.read().expect("no panic while locked").clone()
    }

    pub fn replace_calendar(&self, calendar: WorkCalendar) {
        *self.calendar.write().expect("no panic while locked") = Arc::new(calendar);
    }

    /// Tells open pages of this node that numbers moved.
    pub fn announce(&self, notice_no: i64) {
        // Nobody listening is fine: then no page is open.
        drop(self.pulse.send(Pulse { notice_no }));
    }

    pub fn listen(&self) -> broadcast::Receiver<Pulse> {
        self.pulse.subscribe()
    }

    pub fn texts(&self) -> Texts {
        Texts::of(self.language)
    }

    /// The address people reach this server at, without a trailing slash.
    pub fn public_url(&self) -> &str {
        self.config
            .server
            .public_url
            .as_deref()
            .map_or("", |url| url.trim_end_matches('/'))
    }

    /// Where the first account is made, code included; for the terminal of whoever started the server.
    pub fn set_up_url(&self) -> String {
        let code = self.link_key.set_up_code();
        format!("{}/console/setup?code={code}", self.public_url())
    }

    /// The organisation's name on pages and in messages; the product's where none is set.
    pub fn organisation(&self) -> &str {
        self.config.server.organisation.as_deref().unwrap_or("阅知")
    }

    /// Largest upload in bytes.
    pub fn max_upload_bytes(&self) -> u64 {
        self.config.server.max_upload_mb * 1024 * 1024
    }
}

/// Where imported company days stand in `settings`.
pub const CALENDAR_SETTING: &str = "calendar";

/// How long a personal link in a mail opens the text.
pub const LINK_LIFETIME: Duration = Duration::from_secs(400 * 24 * 3600);
