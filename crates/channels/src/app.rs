//! The organisation's own DingTalk app (企业内部应用): its settings, its pace and its meter, shared by all lanes
//! that go through it.
//!
//! Callers: the app's channels and the directory walk call the platform through it; the server drains the meter into
//! the ledger and hands back what is left of the month.
//! Invariant: every metered attempt is counted once, whoever made it; calls of one interface start at most
//! [`CALLS_PER_SECOND`] times a second, whatever lane they come from.
//! Weakness: what was counted and not yet drained is lost in a crash, so the meter may show a few calls too few.
//! Sources: 钉钉应用开发平台计费模式 (quotas), 调用频率限制, 异步发送工作通知.

mod meter;
mod settings;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dingtalk::pace::RecipientWindow;
use dingtalk::{App, AppConfig, CallReport, Endpoints, Error, Http, Pacer};
use secrecy::ExposeSecret as _;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use yuezhi_domain::{Language, Pace, UnixMillis};

pub use meter::{BudgetLeft, Meter, MeteredCalls, MeteredKind};
pub use settings::AppSettings;

use crate::registry::{ConfigError, base};

/// Calls of one interface in a second. The platform allows 20; other apps and nodes want some too.
pub const CALLS_PER_SECOND: u32 = 10;

/// One app of one organisation.
pub struct DingTalkApp {
    client: App,
    settings: AppSettings,
    meter: Arc<Meter>,
    notice_recipients: Mutex<RecipientWindow>,
    operator_union_id: OnceCell<String>,
    /// The time last given, and when that was.
    given: Mutex<Option<(UnixMillis, Instant)>>,
}

impl DingTalkApp {
    /// `meter` is shared with the webhook robots of the same organisation.
    ///
    /// Errors: a base address is none.
    pub fn new(http: Http, settings: AppSettings, meter: Arc<Meter>) -> Result<Self, ConfigError> {
        let endpoints = Endpoints {
            api: base("dingtalk.api_base", &settings.api_base)?,
            oapi: base("dingtalk.oapi_base", &settings.oapi_base)?,
            login: base("dingtalk.login_base", &settings.login_base)?,
        };
        let keys = AppConfig::new(&settings.client_id, settings.client_secret.expose_secret());
        let counter = Arc::clone(&meter);
        let mut client =
            App::new(http, endpoints, keys).observed(Arc::new(move |report: &CallReport<'_>| {
                if report.counts() {
                    counter.count(MeteredKind::Api, report.api.name);
                }
            }));
        if let Some(per_second) = settings.per_second() {
            client = client.paced(Arc::new(Pacer::new(per_second, (per_second / 2).max(1))));
        }
        Ok(Self {
            client,
            settings,
            meter,
            notice_recipients: Mutex::default(),
            operator_union_id: OnceCell::new(),
            given: Mutex::default(),
        })
    }

    pub fn settings(&self) -> &AppSettings {
        &self.settings
    }

    /// The client library's app, for this crate's channels.
    pub(crate) fn client(&self) -> &App {
        &self.client
    }

    /// Texts that belong to no message.
    pub fn language(&self) -> Language {
        self.settings.language
    }

    /// The robot that speaks for the app; the client id unless configured.
    pub fn robot_code(&self) -> &str {
        self.settings.robot_code()
    }

    /// Metered calls since this was last asked, webhook robots among them. For one worker; what is taken here is gone.
    pub fn take_metered(&self) -> Vec<MeteredCalls> {
        self.meter.take()
    }

    /// Counts a message that came or went over Stream or a webhook; `interface` names the kind, for example
    /// `stream_card`.
    pub fn count_push(&self, interface: &'static str) {
        self.meter.count(MeteredKind::Push, interface);
    }

    /// What is left of the month, as the server reckons it.
    pub fn set_budget(&self, left: BudgetLeft) {
        self.meter.set_budget(left);
    }

    /// As last set; `None` before that.
    pub fn budget(&self) -> Option<BudgetLeft> {
        self.meter.budget()
    }

    /// Nothing is left for calls that can be done without.
    pub(crate) fn is_out_of_calls(&self) -> bool {
        self.budget().is_some_and(|left| left.api == 0)
    }

    /// How fast one lane may call.
    pub(crate) fn lane_pace(&self) -> Option<Pace> {
        self.settings.per_second().map(Pace::per_second)
    }

    /// `now`, and what has passed since it was first given. A worker reads the clock once a round; the waits of a paced
    /// app inside that round would otherwise be counted again at every call. Without a pace: `now`.
    pub(crate) fn at(&self, now: UnixMillis) -> UnixMillis {
        if self.settings.per_second().is_none() {
            return now;
        }
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        match *given {
            Some((known, since)) if known == now => now.plus(since.elapsed()),
            _ => {
                *given = Some((now, Instant::now()));
                now
            }
        }
    }

    /// Takes places among the recipients of a minute's work notices. `Err`: none was taken; so long until there are.
    pub(crate) fn reserve_notice_recipients(
        &self,
        people: usize,
        now: UnixMillis,
    ) -> Result<(), Duration> {
        let mut window = self
            .notice_recipients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        window
            .reserve(people, now.get())
            .map_err(|free_at| UnixMillis(free_at).since(now).max(Duration::from_secs(1)))
    }

    /// The operator by union id; asked for once. `None`: nobody is configured, or no such person is known.
    pub(crate) async fn operator_union_id(&self, now: UnixMillis) -> Result<Option<&str>, Error> {
        let Some(user_id) = self.settings.operator_user_id.as_deref() else {
            return Ok(None);
        };
        if let Some(known) = self.operator_union_id.get() {
            return Ok(Some(known));
        }
        let person = self.client.directory().person(user_id, now.get()).await?;
        let Some(person) = person.filter(|person| !person.union_id.is_empty()) else {
            return Ok(None);
        };
        let known = self
            .operator_union_id
            .get_or_init(|| std::future::ready(person.union_id))
            .await;
        Ok(Some(known))
    }
}

impl std::fmt::Debug for DingTalkApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DingTalkApp")
            .field("client_id", &self.settings.client_id)
            .finish_non_exhaustive()
    }
}

/// `at` unless it falls into the first ten minutes of an hour, when everybody's timers fire and the platform asks to stay
/// away; then ten past, plus `jitter_ms` up to five minutes. For work that is due at no particular time.
pub fn off_the_full_hour(at: UnixMillis, jitter_ms: u32) -> UnixMillis {
    UnixMillis(dingtalk::pace::off_the_full_hour(at.get(), jitter_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(calls_per_second: Option<u32>) -> DingTalkApp {
        let settings = AppSettings {
            calls_per_second,
            ..AppSettings::new("dingclient1", "secret".into(), Language::ZhCn)
        };
        let http = Http::new(dingtalk::Timeouts::default()).unwrap();
        DingTalkApp::new(http, settings, Arc::default()).unwrap()
    }

    #[test]
    fn a_round_with_one_time_does_not_stand_still() {
        let app = app(None);
        let now = UnixMillis(1_000);
        assert_eq!(app.at(now), now);
        let long_ago = Instant::now().checked_sub(Duration::from_secs(3)).unwrap();
        *app.given.lock().unwrap() = Some((now, long_ago));
        assert!(app.at(now) >= UnixMillis(4_000));
        assert_eq!(app.at(UnixMillis(2_000)), UnixMillis(2_000));
    }

    #[test]
    fn an_app_without_a_pace_takes_the_time_as_it_is() {
        let app = app(Some(0));
        app.at(UnixMillis(1));
        assert_eq!(app.at(UnixMillis(1)), UnixMillis(1));
        assert_eq!(app.lane_pace(), None);
    }
}
