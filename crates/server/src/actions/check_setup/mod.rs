//! Looks at everything that can be wrong with an installation, one thing at a time, and says what to do.
//!
//! Called by `yuezhi doctor`, the connections page and the guided set-up, so all three say the same. Invariant: no
//! message is sent to anybody, nothing is changed, and no finding holds a secret. Weakness: a few questions to the
//! platform are metered calls, so it is done when somebody asks for it.

mod dingtalk;
mod keys;
mod surroundings;

use std::fmt::Display;

use yuezhi_channels::{ChannelKind, Level, Why};
use yuezhi_domain::{DeliveryState, UnixMillis};
use yuezhi_store::{accounts, deliveries, lanes, people};

use super::ActionError;
use crate::{app::App, budget, config::Config, texts::Texts};

/// One thing to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// People, accounts, failed deliveries, lanes that stand still.
    Data,
    /// The app's keys.
    Keys,
    /// The list of egress addresses.
    Address,
    /// How much of the organisation the app sees.
    Sight,
    /// Permissions.
    Scopes,
    /// AgentId.
    Agent,
    Robot,
    Card,
    /// The announcement administrator.
    Operator,
    /// Notification groups and the robot in them.
    Groups,
    Stream,
    Quota,
    /// Custom group robots.
    GroupRobots,
    Mail,
    Clock,
    Calendar,
    Folders,
    PublicUrl,
}

impl Check {
    /// In the order in which one thing needs the other.
    pub const ALL: [Self; 18] = [
        Self::Data,
        Self::Keys,
        Self::Address,
        Self::Sight,
        Self::Scopes,
        Self::Agent,
        Self::Robot,
        Self::Card,
        Self::Operator,
        Self::Groups,
        Self::Stream,
        Self::Quota,
        Self::GroupRobots,
        Self::Mail,
        Self::Clock,
        Self::Calendar,
        Self::Folders,
        Self::PublicUrl,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Keys => "keys",
            Self::Address => "address",
            Self::Sight => "sight",
            Self::Scopes => "scopes",
            Self::Agent => "agent",
            Self::Robot => "robot",
            Self::Card => "card",
            Self::Operator => "operator",
            Self::Groups => "groups",
            Self::Stream => "stream",
            Self::Quota => "quota",
            Self::GroupRobots => "group_robots",
            Self::Mail => "mail",
            Self::Clock => "clock",
            Self::Calendar => "calendar",
            Self::Folders => "folders",
            Self::PublicUrl => "public_url",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.as_str() == name)
    }

    /// The one to look at next.
    pub fn next(self) -> Option<Self> {
        let at = Self::ALL.iter().position(|check| *check == self)?;
        Self::ALL.get(at + 1).copied()
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Fine,
    Look,
    Broken,
}

/// One thing found, in the reader's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub health: Health,
    /// `database`, `robot:hr`, `calendar` …
    pub subject: String,
    /// What it is.
    pub message: String,
    /// What to do; empty where the message says it, or nothing is to be done.
    pub fix: String,
    /// The platform's own words.
    pub detail: String,
    /// A page where it can be put right.
    pub link: Option<String>,
}

impl Finding {
    /// All of it on one line.
    pub fn sentence(&self) -> String {
        let mut words = self.message.clone();
        if !self.fix.is_empty() && self.health != Health::Fine {
            words = format!("{words} {}", self.fix);
        }
        if !self.detail.is_empty() {
            words = format!("{words} ({})", self.detail);
        }
        words
    }
}

/// What was found until now.
pub struct Findings {
    texts: Texts,
    all: Vec<Finding>,
}

impl Findings {
    /// `cli.doctor_<key>` with its values.
    fn add(&mut self, health: Health, subject: &str, key: &str, values: &[(&str, &dyn Display)]) {
        let message = self.texts.fill(&format!("cli.doctor_{key}"), values);
        self.add_words(health, subject, message);
    }

    fn add_words(&mut self, health: Health, subject: &str, message: String) {
        self.all.push(Finding {
            health,
            subject: subject.to_owned(),
            message,
            fix: String::new(),
            detail: String::new(),
            link: None,
        });
    }

    /// A channel's reason; `cli.doctor_<code>` where the doctor says it in other words.
    fn add_why(&mut self, level: Level, subject: &str, why: &Why) {
        let health = match level {
            Level::Fine => Health::Fine,
            Level::Warning => Health::Look,
            Level::Failed => Health::Broken,
        };
        let own = format!("cli.doctor_{}", why.code);
        if self.texts.has(&own) {
            let words = self.texts.get(&own).to_owned();
            return self.add_words(health, subject, words);
        }
        let fix = format!("messages.reason.{}_fix", why.code);
        // What is fine needs no explaining.
        let said = if health == Health::Fine {
            ""
        } else {
            why.detail.as_str()
        };
        let (detail, link) = without_link(said);
        self.all.push(Finding {
            health,
            subject: subject.to_owned(),
            message: self.texts.of_value("messages.reason", why.code),
            fix: if health != Health::Fine && self.texts.has(&fix) {
                self.texts.get(&fix).to_owned()
            } else {
                String::new()
            },
            detail,
            link,
        });
    }
}

/// Takes the first address out of the platform's words: it becomes a link.
fn without_link(detail: &str) -> (String, Option<String>) {
    let link = detail
        .split_whitespace()
        .find(|word| word.starts_with("https://"))
        .map(ToOwned::to_owned);
    let words: Vec<&str> = detail
        .split_whitespace()
        .filter(|word| Some(*word) != link.as_deref())
        .collect();
    (words.join(" "), link)
}

/// Looks at one thing.
pub async fn check(app: &App, check: Check, texts: Texts) -> Vec<Finding> {
    let mut found = Findings {
        texts,
        all: Vec::new(),
    };
    match check {
        Check::Data => of_data(app, &mut found).await,
        Check::Quota => quota(app, &mut found).await,
        Check::GroupRobots => lanes_of(app, ChannelKind::Robot, &mut found).await,
        Check::Mail => lanes_of(app, ChannelKind::Mail, &mut found).await,
        Check::Clock => surroundings::clock(&app.config, app.now(), &mut found).await,
        Check::Calendar => surroundings::calendar(app, &mut found),
        Check::Folders => surroundings::folders(app, &mut found),
        Check::PublicUrl => surroundings::public_url(&app.config, &mut found).await,
        of_app => dingtalk::look(app, of_app, &mut found).await,
    }
    found.all
}

/// What can be looked at where the database does not open: the public address and the clock.
pub async fn check_without_database(
    config: &Config,
    now: UnixMillis,
    texts: Texts,
) -> Vec<Finding> {
    let mut found = Findings {
        texts,
        all: Vec::new(),
    };
    surroundings::public_url(config, &mut found).await;
    surroundings::clock(config, now, &mut found).await;
    found.all
}

/// People, accounts, what failed.
async fn of_data(app: &App, found: &mut Findings) {
    let read = app
        .db
        .read(|tx| {
            let failed = deliveries::counts_by_lane_state(tx)?
                .into_iter()
                .filter(|count| {
                    matches!(
                        count.state,
                        DeliveryState::Failed | DeliveryState::Undeliverable
                    )
                })
                .map(|count| count.count)
                .sum::<i64>();
            Ok::<_, ActionError>((
                people::count_active(tx)?,
                accounts::count(tx)?,
                failed,
                lanes::list(tx)?,
            ))
        })
        .await;
    let (people, accounts, failed, lanes) = match read {
        Ok(read) => read,
        Err(error) => return found.add_words(Health::Broken, "database", error.to_string()),
    };
    match people {
        0 => found.add(Health::Look, "people", "people_none", &[]),
        n => found.add(Health::Fine, "people", "people", &[("n", &n)]),
    }
    match accounts {
        0 => found.add(
            Health::Look,
            "accounts",
            "accounts_none",
            &[("url", &format!("{}/console", app.public_url()))],
        ),
        n => found.add(Health::Fine, "accounts", "accounts", &[("n", &n)]),
    }
    if failed > 0 {
        found.add(
            Health::Look,
            "deliveries",
            "deliveries_failed",
            &[("n", &failed)],
        );
    }
    let now = app.now();
    for lane in lanes.into_iter().filter(|lane| !lane.is_open(now)) {
        let code = lane.reason_code.unwrap_or_default();
        let fix = format!("messages.reason.{code}_fix");
        let (detail, link) = without_link(&lane.reason_detail.unwrap_or_default());
        let (health, key) = if lane.stopped_at.is_some() {
            (Health::Broken, "lane_stopped")
        } else {
            (Health::Look, "lane_held")
        };
        let why = found.texts.of_value("messages.reason", &code);
        found.add(health, &lane.name, key, &[("why", &why)]);
        if let Some(last) = found.all.last_mut() {
            last.fix = if found.texts.has(&fix) {
                found.texts.get(&fix).to_owned()
            } else {
                String::new()
            };
            last.detail = detail;
            last.link = link;
        }
    }
    let channels = app.channels();
    for broken in channels.broken() {
        found.add(
            Health::Broken,
            &broken.lane,
            "channel_broken",
            &[("detail", &broken.error)],
        );
    }
    if channels.lanes().next().is_none() {
        found.add(Health::Look, "channels", "channels_none", &[]);
    }
}

/// What the channels of a kind find out about themselves.
async fn lanes_of(app: &App, kind: ChannelKind, found: &mut Findings) {
    let channels = app.channels();
    let is_broken = channels.broken().iter().any(|broken| broken.lane == "mail");
    if kind == ChannelKind::Mail && channels.mail().is_none() && !is_broken {
        found.add(Health::Look, "mail", "mail_none", &[]);
    }
    for channel in channels.lanes().filter(|channel| channel.kind() == kind) {
        let report = channel.check(app.now()).await;
        for finding in report.findings {
            found.add_why(finding.level, channel.lane(), &finding.why);
        }
    }
}

/// What the month's quotas still hold; asks nobody.
async fn quota(app: &App, found: &mut Findings) {
    let budget = match budget::of(app).await {
        Ok(budget) => budget,
        Err(error) => return found.add_words(Health::Broken, "quota", error.to_string()),
    };
    let health = match budget.level() {
        budget::Level::Fine => Health::Fine,
        _ => Health::Look,
    };
    let edition = found.texts.of_value(
        "setup.quota",
        &format!("edition_{}", app.config.dingtalk.edition),
    );
    found.add(
        health,
        "quota",
        "quota",
        &[
            ("edition", &edition),
            ("api", &budget.api.left()),
            ("api_quota", &budget.api.quota),
            ("push", &budget.push.left()),
            ("push_quota", &budget.push.quota),
        ],
    );
}
