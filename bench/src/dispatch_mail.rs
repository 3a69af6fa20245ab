//! P2: durable mail over four connections without TLS, beside bare lettre and nodemailer's pool.

use crate::{
    figures::{median, ratio, short, whole},
    installation::{self, Connections},
    ledger,
    options::{Measure, Options},
    peers,
    place::{Engine, Place},
    report::Section,
    smtp_sink::SmtpSink,
    task::{self, Run, Task},
};

const CONNECTIONS: u64 = 4;

pub(crate) async fn measure(options: &Options) -> anyhow::Result<Section> {
    let mut section = Section::new(
        Measure::P2,
        options,
        &format!(
            "durable mail, no TLS, 4 connections, to {} people",
            whole(options.mails() as f64)
        ),
        &[
            "sender",
            "mails/s",
            "of bare lettre",
            "CPU s per 10,000",
            "peak MiB",
        ],
    );
    let engines = Engine::of(options);
    let mut durable: Vec<Vec<Run>> = engines.iter().map(|_| Vec::new()).collect();
    let (mut bare, mut pool) = (Vec::new(), Vec::new());
    let nodemailer = if options.peers {
        Some(peers::nodemailer().await?)
    } else {
        None
    };
    for _ in 0..options.rounds() {
        let sink = SmtpSink::start()?;
        for (engine, runs) in engines.iter().zip(&mut durable) {
            runs.push(dispatch(*engine, options, &sink).await?);
        }
        let folder = tempfile::tempdir()?;
        let mail = folder.path().join("mail.eml");
        std::fs::write(&mail, sink.sample())?;
        let count = options.mails() as u64;
        let relay = sink.address;
        bare.push(
            task::run(&Task::BareMail {
                relay,
                mail: mail.clone(),
                count,
                connections: CONNECTIONS,
            })
            .await?,
        );
        if let Some(program) = &nodemailer {
            pool.push(
                peers::mail(
                    program,
                    relay,
                    &mail,
                    options.sized(5_000, 50) as u64,
                    CONNECTIONS,
                )
                .await?,
            );
        }
    }
    let names = engines
        .iter()
        .map(|engine| format!("Yuezhi, {}", engine.name()));
    let all = names.zip(&durable).chain([
        (
            "bare lettre with TCP_NODELAY, the same bytes, keeps nothing".to_owned(),
            &bare,
        ),
        ("nodemailer, pool, keeps nothing".to_owned(), &pool),
    ]);
    let lettre = rate(&bare);
    for (name, runs) in all.filter(|(_, runs)| !runs.is_empty()) {
        let cpu: Vec<f64> = runs.iter().map(|run| run.cpu_per_10k()).collect();
        let peak: Vec<f64> = runs.iter().map(|run| run.peak_mib).collect();
        section.row([
            name,
            whole(rate(runs)),
            ratio(rate(runs), lettre),
            short(median(&cpu)),
            whole(median(&peak)),
        ]);
    }
    section.note("Yuezhi writes text and HTML for every person with a link of their own; bare lettre sends one finished mail, nodemailer composes one of the same size each time.");
    if nodemailer.is_some() {
        section.note(format!(
            "Yuezhi on SQLite against nodemailer: {}.",
            ratio(rate(&durable[0]), rate(&pool))
        ));
    }
    Ok(section)
}

async fn dispatch(engine: Engine, options: &Options, sink: &SmtpSink) -> anyhow::Result<Run> {
    let place = Place::new(engine, options)?;
    let connections = Connections::relay(sink.address);
    let app = installation::start(&place.url(), &connections).await?;
    installation::fill_company(&app, options.mails()).await?;
    installation::publish(&app, 1, &["mail"]).await?;
    installation::expand_all(&app).await?;
    let due = u64::try_from(ledger::count_due(&app.db).await?)?;
    app.db.close();
    drop(app);
    let before = sink.taken();
    let run = task::run(&Task::Dispatch {
        database: place.url(),
        connections,
    })
    .await?;
    let taken = sink.taken() - before;
    anyhow::ensure!(
        run.count == due && taken == due,
        "{} mails were recorded as sent, {taken} came, {due} were due",
        run.count
    );
    Ok(run)
}

fn rate(runs: &[Run]) -> f64 {
    median(&runs.iter().map(|run| run.per_second()).collect::<Vec<_>>())
}
