//! P12: the dispatcher killed with SIGKILL three times in the middle of 3,000 messages, restarted at once.
//!
//! Lost is what has not come 75 seconds after the last restart. A repeat carries the key of the first attempt, by
//! which the platform shows one message; it is counted as a duplicate here all the same.

use std::time::Duration;

use crate::{
    endpoint::{Endpoint, Manner},
    figures::{short, whole},
    installation::{self, Connections},
    ledger,
    machine::Watch,
    options::{Measure, Options},
    peers,
    place::{Engine, Place},
    report::Section,
    task::{Running, Task},
};

const KILLS: u64 = 3;
/// So that 64 in flight take about a second for 3,000.
const DELAY: Duration = Duration::from_millis(15);
const AT_MOST: Duration = Duration::from_secs(75);

pub(crate) async fn measure(options: &Options) -> anyhow::Result<Section> {
    let messages = options.sized(3_000, 120) as u64;
    let mut section = Section::new(
        Measure::P12,
        options,
        &format!(
            "{} messages, the sender killed {KILLS} times",
            whole(messages as f64)
        ),
        &[
            "sender",
            "lost",
            "sent twice",
            "first message after a restart, s",
            "all there after the last restart, s",
        ],
    );
    for engine in Engine::of(options) {
        let endpoint = Endpoint::start(Manner {
            remembers: true,
            delay: DELAY,
        })?;
        let place = Place::new(engine, options)?;
        let connections = Connections::unlimited(endpoint.webhook());
        let app = installation::start(&place.url(), &connections).await?;
        ledger::fill(&app, options.sized(3_000, 120)).await?;
        let task = Task::Dispatch {
            database: place.url(),
            connections,
        };
        let crashed = crash(&endpoint, messages, || Running::start(&task)).await?;
        let recorded = ledger::count_sent(&app.db).await?;
        anyhow::ensure!(
            crashed.lost > 0 || recorded == messages as i64,
            "all messages came, but {recorded} are recorded as sent"
        );
        section.row(crashed.cells(&format!("Yuezhi, {}", engine.name())));
    }
    if options.peers {
        let program = peers::apalis().await?;
        let endpoint = Endpoint::start(Manner {
            remembers: true,
            delay: DELAY,
        })?;
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("apalis.sqlite");
        peers::fill(&program, &database, messages).await?;
        let crashed = crash(&endpoint, messages, || {
            peers::work(&program, &database, &endpoint.webhook())
        })
        .await?;
        section.row(crashed.cells("apalis 1.0 on SQLite"));
    }
    section.note(
        "64 messages may be in flight at a kill. A robot's repeat carries the same `msgUuid`, so the group sees one message. \
         Every answer of the endpoint takes 15 ms.",
    );
    Ok(section)
}

struct Crashed {
    lost: u64,
    twice: u64,
    /// From each restart to the next message, the longest.
    back: f64,
    /// `None` when it never was.
    complete: Option<f64>,
}

impl Crashed {
    fn cells(&self, name: &str) -> [String; 5] {
        [
            name.to_owned(),
            whole(self.lost as f64),
            whole(self.twice as f64),
            short(self.back),
            self.complete
                .map_or_else(|| "not within 75 s".to_owned(), short),
        ]
    }
}

async fn crash(
    endpoint: &Endpoint,
    messages: u64,
    start: impl Fn() -> anyhow::Result<Running>,
) -> anyhow::Result<Crashed> {
    let mut back: f64 = 0.0;
    let mut sender = start()?;
    for kill in 1..=KILLS {
        anyhow::ensure!(
            endpoint
                .wait_for(messages * kill / (KILLS + 1), AT_MOST)
                .await,
            "the sender came to a halt before it was killed"
        );
        sender.kill().await?;
        // What the dead process had sent is still on its way in.
        tokio::time::sleep(DELAY * 2).await;
        let before = endpoint.taken();
        let restarted = Watch::start();
        sender = start()?;
        anyhow::ensure!(
            endpoint.wait_for(before + 1, AT_MOST).await,
            "nothing came within 75 s of a restart"
        );
        back = back.max(restarted.seconds());
        if kill == KILLS {
            return finish(endpoint, messages, sender, restarted, back).await;
        }
    }
    anyhow::bail!("the sender was never killed")
}

async fn finish(
    endpoint: &Endpoint,
    messages: u64,
    sender: Running,
    restarted: Watch,
    back: f64,
) -> anyhow::Result<Crashed> {
    let mut complete = None;
    while complete.is_none() && restarted.elapsed() < AT_MOST {
        tokio::time::sleep(Duration::from_millis(5)).await;
        complete = (endpoint.different() >= messages).then(|| restarted.seconds());
    }
    // Let it record what came last.
    tokio::time::timeout(Duration::from_secs(5), sender.result())
        .await
        .ok();
    Ok(Crashed {
        lost: messages - endpoint.different(),
        twice: endpoint.taken() - endpoint.different(),
        back,
        complete,
    })
}
