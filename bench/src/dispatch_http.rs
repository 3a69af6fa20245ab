//! P1: durable dispatch over HTTP: ledger row → HTTP → durable outcome, beside a bare client and a durable queue.

use crate::{
    endpoint::{Endpoint, Manner},
    figures::{median, ratio, short, whole},
    installation::{self, Connections},
    ledger,
    options::{Measure, Options},
    peers,
    place::{Engine, Place},
    report::Section,
    task::{self, Run, Task},
};

const IN_FLIGHT: u64 = 64;

/// All runs of one contender.
struct Contender {
    name: String,
    runs: Vec<Run>,
}

pub(crate) async fn measure(options: &Options) -> anyhow::Result<Section> {
    let mut section = Section::new(
        Measure::P1,
        options,
        &format!(
            "durable dispatch to one unlimited robot, {} messages",
            whole(options.messages() as f64)
        ),
        &[
            "sender",
            "messages/s",
            "of the bare client",
            "CPU s per 10,000",
            "of the bare client",
            "peak MiB",
        ],
    );
    let engines = Engine::of(options);
    let mut durable: Vec<Contender> = engines
        .iter()
        .map(|engine| Contender {
            name: format!("Yuezhi, {}", engine.name()),
            runs: Vec::new(),
        })
        .collect();
    let mut bare = Contender {
        name: format!("bare reqwest, {IN_FLIGHT} in flight, keeps nothing"),
        runs: Vec::new(),
    };
    let apalis = if options.peers {
        Some(peers::apalis().await?)
    } else {
        None
    };
    let mut queue = Contender {
        name: "apalis 1.0 on SQLite".to_owned(),
        runs: Vec::new(),
    };
    let count = options.messages() as u64;
    for _ in 0..options.rounds() {
        let endpoint = Endpoint::start(Manner::default())?;
        for (engine, contender) in engines.iter().zip(&mut durable) {
            contender
                .runs
                .push(dispatch(*engine, options, &endpoint).await?);
        }
        let folder = tempfile::tempdir()?;
        let body = folder.path().join("body.json");
        std::fs::write(&body, endpoint.sample())?;
        let url = endpoint.webhook();
        bare.runs.push(
            task::run(&Task::BareHttp {
                url: url.clone(),
                body: body.clone(),
                count,
                in_flight: IN_FLIGHT,
            })
            .await?,
        );
        if let Some(program) = &apalis {
            queue.runs.push(
                peers::drain(
                    program,
                    &folder.path().join("apalis.sqlite"),
                    &url,
                    &body,
                    count,
                )
                .await?,
            );
        }
    }
    for contender in durable
        .iter()
        .chain([&bare, &queue])
        .filter(|contender| !contender.runs.is_empty())
    {
        section.row(cells(contender, &bare));
    }
    section.note(
        "Each sender is a process of its own; the endpoint and the ledger's preparation are not counted. \
         The bare client posts the very bytes that the product posted. Medians of each column by itself.",
    );
    if apalis.is_some() {
        section.note(format!(
            "Yuezhi on SQLite against apalis on SQLite: {}.",
            ratio(rate(&durable[0]), rate(&queue))
        ));
    }
    Ok(section)
}

async fn dispatch(engine: Engine, options: &Options, endpoint: &Endpoint) -> anyhow::Result<Run> {
    let place = Place::new(engine, options)?;
    let connections = Connections::unlimited(endpoint.webhook());
    let app = installation::start(&place.url(), &connections).await?;
    ledger::fill(&app, options.messages()).await?;
    app.db.close();
    drop(app);
    let before = endpoint.taken();
    let run = task::run(&Task::Dispatch {
        database: place.url(),
        connections,
    })
    .await?;
    let taken = endpoint.taken() - before;
    anyhow::ensure!(
        run.count == options.messages() as u64 && taken == run.count,
        "{} messages were recorded as sent, {taken} came, {} were due",
        run.count,
        options.messages()
    );
    Ok(run)
}

fn rate(contender: &Contender) -> f64 {
    median(
        &contender
            .runs
            .iter()
            .map(|run| run.per_second())
            .collect::<Vec<_>>(),
    )
}

fn cpu(contender: &Contender) -> f64 {
    median(
        &contender
            .runs
            .iter()
            .map(|run| run.cpu_per_10k())
            .collect::<Vec<_>>(),
    )
}

fn cells(contender: &Contender, bare: &Contender) -> [String; 6] {
    let peaks: Vec<f64> = contender.runs.iter().map(|run| run.peak_mib).collect();
    [
        contender.name.clone(),
        whole(rate(contender)),
        ratio(rate(contender), rate(bare)),
        short(cpu(contender)),
        ratio(cpu(contender), cpu(bare)),
        whole(median(&peaks)),
    ]
}
