//! P4: confirmations over HTTP, durable before the answer, beside the store's own limit and the bare router.

use std::net::SocketAddr;

use anyhow::Context as _;
use yuezhi_domain::ObligationState;

use crate::{
    figures::{median, percentile, ratio, short, whole},
    http_client::{self, Loaded},
    installation::{self, Asked, Connections},
    options::{Measure, Options},
    place::{Engine, Place},
    report::Section,
    task::{self, Running, Task},
};

const CLIENTS: usize = 64;

#[derive(Default)]
struct Figures {
    http: Vec<f64>,
    p99: Vec<f64>,
    action: Vec<f64>,
    router: Vec<f64>,
    cpu: Vec<f64>,
}

pub(crate) async fn measure(options: &Options) -> anyhow::Result<Section> {
    let people = options.people();
    let batch = (people / (options.rounds() * 2)).min(20_000) as i64;
    let mut section = Section::new(
        Measure::P4,
        options,
        &format!(
            "confirmations, {CLIENTS} clients, {} each time",
            whole(batch as f64)
        ),
        &[
            "database",
            "over HTTP, /s",
            "p99 ms",
            "the action alone, /s",
            "HTTP of the action",
            "GET /healthz, /s",
            "CPU s per 10,000 (server)",
        ],
    );
    for engine in Engine::of(options) {
        let place = Place::new(engine, options)?;
        let app = installation::start(&place.url(), &Connections::default()).await?;
        installation::fill_company(&app, people).await?;
        let published = installation::publish(&app, 1, &[]).await?;
        installation::expand_all(&app).await?;
        let asked = installation::asked(&app, &published).await?;
        let mut figures = Figures::default();
        for round in 0..options.rounds() as i64 {
            let after = round * 2 * batch;
            let forms = (after + 1..=after + batch)
                .map(|turn| {
                    let person_no = installation::someone(turn, people as i64);
                    form(
                        &asked,
                        &app.link_key.notice_link(asked.notice_no, person_no),
                    )
                })
                .collect();
            over_http(&place, forms, &mut figures).await?;
            let alone = task::run(&Task::Confirm {
                database: place.url(),
                asked: asked.clone(),
                after: after + batch,
                up_to: after + 2 * batch,
                people: people as i64,
                at_once: CLIENTS,
            })
            .await?;
            figures.action.push(alone.per_second());
        }
        let stand =
            installation::count_in_state(&app, asked.notice_no, ObligationState::Acknowledged)
                .await?;
        let wanted = batch * 2 * options.rounds() as i64;
        anyhow::ensure!(
            stand == wanted,
            "{stand} confirmations stand, {wanted} were answered"
        );
        section.row([
            engine.name().to_owned(),
            whole(median(&figures.http)),
            short(median(&figures.p99)),
            whole(median(&figures.action)),
            ratio(median(&figures.http), median(&figures.action)),
            whole(median(&figures.router)),
            short(median(&figures.cpu)),
        ]);
    }
    section.note(
        "The server is a child process; the client shares the machine's cores with it. A confirmation is a POST by a \
         personal link: who it is, which notice, then one transaction that moves the obligation, counts it, writes the \
         receipt and cancels what would still remind. People confirm in a scattered order. `GET /healthz` is the same server without any work: what HTTP \
         alone allows here.",
    );
    Ok(section)
}

fn form(asked: &Asked, key: &str) -> Vec<u8> {
    let form = format!(
        "text_hash={}&consent_hash={}&k={key}",
        asked.text_hash, asked.consent_hash
    );
    http_client::post(&format!("/n/{}/confirmation", asked.notice_id), &form)
}

async fn over_http(
    place: &Place,
    forms: Vec<Vec<u8>>,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let count = forms.len();
    let mut server = Running::start(&Task::Serve {
        database: place.url(),
    })?;
    let address: SocketAddr = server.line().await?.parse().context("no address")?;
    let confirmed: Loaded = http_client::load(address, CLIENTS, forms, "303").await?;
    let run = server.result().await?;
    figures.http.push(confirmed.per_second());
    figures.p99.push(percentile(&confirmed.millis, 99.0));
    figures.cpu.push(run.cpu_seconds * 10_000.0 / count as f64);

    let mut server = Running::start(&Task::Serve {
        database: place.url(),
    })?;
    let address: SocketAddr = server.line().await?.parse().context("no address")?;
    let idle = (0..count)
        .map(|_| http_client::get("/healthz", ""))
        .collect();
    let answered = http_client::load(address, CLIENTS, idle, "200").await?;
    figures.router.push(answered.per_second());
    server.result().await?;
    Ok(())
}
