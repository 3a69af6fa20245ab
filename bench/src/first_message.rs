//! P7: from publishing to the first robot message that the platform accepted, on an idle node with running workers.

use std::time::Duration;

use tokio::net::TcpListener;
use yuezhi_server::serve::Node;

use crate::{
    endpoint::{Endpoint, Manner},
    figures::{percentile, short, whole},
    installation::{self, Connections, said},
    machine::Watch,
    options::{Measure, Options},
    place::{Engine, Place},
    report::Section,
};

/// A robot takes 20 a minute; so many stay well below.
const PER_ROBOT: usize = 5;
const PEOPLE: usize = 1_000;
const AT_MOST: Duration = Duration::from_secs(20);

pub(crate) async fn measure(options: &Options) -> anyhow::Result<Section> {
    let times = options.sized(50, 4);
    let people = options.sized(PEOPLE, 60);
    let mut section = Section::new(
        Measure::P7,
        options,
        &format!(
            "publishing to {} people until the first message was accepted, {times} times",
            whole(people as f64)
        ),
        &[
            "database",
            "p50 ms",
            "p99 ms",
            "most ms",
            "of it publishing, p50 ms",
        ],
    );
    for engine in Engine::of(options) {
        let endpoint = Endpoint::start(Manner::default())?;
        let robots = (0..times.div_ceil(PER_ROBOT))
            .map(|number| (format!("group-{number}"), endpoint.webhook()));
        let connections = Connections {
            robots: robots.collect(),
            ..Connections::default()
        };
        let place = Place::new(engine, options)?;
        let app = installation::start(&place.url(), &connections).await?;
        installation::fill_company(&app, people).await?;
        let node = Node::start(app, TcpListener::bind("127.0.0.1:0").await?).map_err(said)?;
        let (mut accepted, mut published) = (Vec::new(), Vec::new());
        for number in 0..times {
            // Idle, but not in step with the workers' timers.
            tokio::time::sleep(Duration::from_millis(100 + 37 * (number as u64 % 11))).await;
            let lane = format!("robot:group-{}", number / PER_ROBOT);
            let before = endpoint.taken();
            let watch = Watch::start();
            installation::publish(&node.app, number + 1, &[&lane]).await?;
            published.push(watch.millis());
            anyhow::ensure!(
                endpoint.wait_for(before + 1, AT_MOST).await,
                "no message came within 20 s of publishing"
            );
            accepted.push(endpoint.last_at().map_or(0.0, |at| watch.millis_until(at)));
        }
        node.stop().await;
        section.row([
            engine.name().to_owned(),
            short(percentile(&accepted, 50.0)),
            short(percentile(&accepted, 99.0)),
            short(percentile(&accepted, 100.0)),
            short(percentile(&published, 50.0)),
        ]);
    }
    section.note(
        "The time begins before the file is read and ends when the endpoint has the whole request.",
    );
    Ok(section)
}
