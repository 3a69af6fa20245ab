//! Contenders that are the product itself: its dispatcher, its server, its confirming action.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{net::TcpListener, task::JoinSet};
use yuezhi_domain::{Language, ReceiptSource};
use yuezhi_server::{
    actions::confirm_reading::{self, Confirmation},
    app::App,
    http,
    workers::{self, Next},
};

use crate::{
    installation::{self, Asked, Connections, said},
    ledger,
    task::{Meter, Run},
};

/// How often the loop of `workers` calls the dispatcher when nothing wakes it.
const INTERVAL: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(2);

/// The dispatcher as the worker loop drives it, until the ledger says that all is done.
pub(crate) async fn dispatch(database: &str, connections: &Connections) -> anyhow::Result<Run> {
    let app = installation::start(database, connections).await?;
    let sent_before = ledger::count_sent(&app.db).await?;
    let meter = Meter::start()?;
    let mut woken = app.woken();
    loop {
        woken.mark_unchanged();
        let rest = match workers::dispatch::tick(&app).await.map_err(said)? {
            Next::Now => Duration::ZERO,
            Next::At(at) => at.since(app.now()).min(INTERVAL),
            Next::Idle => INTERVAL,
        };
        let next_tick = tokio::time::sleep(rest);
        tokio::pin!(next_tick);
        if ledger::is_done(&app.db).await? {
            break;
        }
        let done = loop {
            tokio::select! {
                () = &mut next_tick => break false,
                _ = woken.changed() => break false,
                () = tokio::time::sleep(LOOK) => if ledger::is_done(&app.db).await? { break true },
            }
        };
        if done {
            break;
        }
    }
    let run = meter.finish(0)?;
    let count = ledger::count_sent(&app.db).await? - sent_before;
    Ok(Run {
        count: u64::try_from(count)?,
        ..run
    })
}

/// The router behind a listener; prints the address, ends when standard input does. The figures count from then on.
pub(crate) async fn serve(database: &str) -> anyhow::Result<Run> {
    let app = installation::start(database, &Connections::default()).await?;
    let router = http::router(app.clone()).map_err(said)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    // `axum::serve` as `serve.rs` calls it.
    let server = tokio::spawn(async move { axum::serve(listener, service).await });
    println!("{address}");
    let meter = Meter::start()?;
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()))
        .await??;
    server.abort();
    meter.finish(app.db.stats().writes)
}

/// The confirming action without HTTP: the store's own limit.
pub(crate) async fn confirm(
    database: &str,
    asked: &Asked,
    turns: std::ops::Range<i64>,
    people: i64,
    at_once: usize,
) -> anyhow::Result<Run> {
    let app = installation::start(database, &Connections::default()).await?;
    let next = Arc::new(AtomicI64::new(turns.start));
    let meter = Meter::start()?;
    let mut askers: JoinSet<anyhow::Result<()>> = JoinSet::new();
    for _ in 0..at_once {
        let (app, asked, next) = (app.clone(), asked.clone(), Arc::clone(&next));
        let turns = turns.clone();
        askers.spawn(async move {
            loop {
                let turn = next.fetch_add(1, Relaxed) + 1;
                if turn > turns.end {
                    return Ok(());
                }
                confirm_one(&app, &asked, installation::someone(turn, people)).await?;
            }
        });
    }
    while let Some(asker) = askers.join_next().await {
        asker??;
    }
    meter.finish(u64::try_from(turns.end - turns.start)?)
}

/// One confirmation through the action.
pub(crate) async fn confirm_one(app: &App, asked: &Asked, person_no: i64) -> anyhow::Result<()> {
    let confirmation = Confirmation {
        notice_no: asked.notice_no,
        person_no,
        source: ReceiptSource::MailLink,
        language: Language::ZhCn,
        text_hash: asked.text_hash.clone(),
        consent_hash: asked.consent_hash.clone(),
        detail: "{\"by\":\"personal_link\",\"device\":\"phone\"}".to_owned(),
    };
    confirm_reading::confirm(app, confirmation)
        .await
        .map_err(said)?;
    Ok(())
}
