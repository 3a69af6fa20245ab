//! P3: publishing to everybody, beside the bare statement that writes the same rows into the same tables.

use std::time::Duration;

use axum::{Router, body::Body, http::Request};
use tower::ServiceExt as _;
use yuezhi_server::{app::App, http};
use yuezhi_store::Value;

use crate::{
    figures::{median, percentile, ratio, short, whole},
    installation::{self, Asked, Connections, said},
    machine::Watch,
    options::{Measure, Options},
    place::{Engine, Place},
    report::Section,
    task_durable::confirm_one,
};

const OBLIGATIONS: &str = "INSERT INTO obligations (notice_no, person_no, department_no, state, due_at, reason, reminded) \
     SELECT CAST(?1 AS BIGINT), no, department_no, 'pending', CAST(?2 AS BIGINT), NULL, 0 FROM people \
     WHERE state = 'active' ORDER BY no";
const DELIVERIES: &str = "INSERT INTO deliveries (lane, kind, notice_no, occurrence_no, person_no, state, due_at, attempts, \
     error_code, created_at) SELECT 'mail', 'publish', CAST(?1 AS BIGINT), 0, no, \
     CASE WHEN email IS NULL THEN 'undeliverable' ELSE 'due' END, CAST(?2 AS BIGINT), 0, \
     CASE WHEN email IS NULL THEN 'no_address' END, CAST(?2 AS BIGINT) FROM people WHERE state = 'active' ORDER BY no";
/// Above every notice that was published here.
const BARE_NOTICE: i64 = 1_000_000;

pub(crate) async fn measure(options: &Options) -> anyhow::Result<Section> {
    let people = options.people();
    let mut section = Section::new(
        Measure::P3,
        options,
        &format!(
            "publishing to {} people: obligations and mail deliveries",
            whole(people as f64)
        ),
        &[
            "database",
            "publish, s",
            "bare INSERT … SELECT, s",
            "ratio",
            "people/s",
            "console page meanwhile, p50 / p99 ms",
            "confirmation meanwhile, p50 / p99 ms",
        ],
    );
    for engine in Engine::of(options) {
        let place = Place::new(engine, options)?;
        // Nothing is sent: the workers do not run here.
        let connections = Connections::relay(([127, 0, 0, 1], 9).into());
        let app = installation::start(&place.url(), &connections).await?;
        installation::fill_company(&app, people).await?;
        let (mut published, mut bare) = (Vec::new(), Vec::new());
        for round in 0..options.rounds() {
            let watch = Watch::start();
            installation::publish(&app, round + 1, &["mail"]).await?;
            installation::expand_all(&app).await?;
            published.push(watch.seconds());
            let watch = Watch::start();
            insert_bare(&app, BARE_NOTICE + round as i64).await?;
            bare.push(watch.seconds());
        }
        let meanwhile = meanwhile(&app, options).await?;
        section.row([
            engine.name().to_owned(),
            short(median(&published)),
            short(median(&bare)),
            ratio(median(&published), median(&bare)),
            whole(people as f64 / median(&published)),
            of(&meanwhile.pages),
            of(&meanwhile.confirmations),
        ]);
    }
    section.note(
        "Publishing includes reading the file, the plan, the version, the notice, the numbers by department and the \
         choice of the audience, in chunks of 5,000 people; the bare statements write everything in one transaction. \
         Pages and confirmations ran during one more publishing.",
    );
    Ok(section)
}

fn of(millis: &[f64]) -> String {
    format!(
        "{} / {}",
        short(percentile(millis, 50.0)),
        short(percentile(millis, 99.0))
    )
}

async fn insert_bare(app: &App, notice_no: i64) -> anyhow::Result<()> {
    let now = app.now();
    app.db
        .write(move |tx| {
            let params = [Value::Int(notice_no), Value::Int(now.0)];
            tx.exec(OBLIGATIONS, &params)?;
            tx.exec(DELIVERIES, &params)
        })
        .await?;
    Ok(())
}

struct Meanwhile {
    pages: Vec<f64>,
    confirmations: Vec<f64>,
}

/// One publishing with people at work.
async fn meanwhile(app: &App, options: &Options) -> anyhow::Result<Meanwhile> {
    let older = installation::publish(app, 900, &[]).await?;
    installation::expand_all(app).await?;
    let asked = installation::asked(app, &older).await?;
    let (cookie, _) = installation::cookies(app, 1).await?;
    let router = http::router(app.clone()).map_err(said)?;
    let path = format!("/console/notices/{}", asked.notice_id);
    let publishing = tokio::spawn({
        let app = app.clone();
        async move {
            installation::publish(&app, 901, &["mail"]).await?;
            installation::expand_all(&app).await
        }
    });
    let people = options.people() as i64;
    let mut meanwhile = Meanwhile {
        pages: Vec::new(),
        confirmations: Vec::new(),
    };
    let mut person_no = 0;
    while !publishing.is_finished() && person_no < people {
        person_no += 1;
        let (page, confirmation) = tokio::join!(
            page(&router, &path, &cookie),
            confirm(app, &asked, person_no)
        );
        meanwhile.pages.push(page?);
        meanwhile.confirmations.push(confirmation?);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    publishing.await??;
    Ok(meanwhile)
}

async fn confirm(app: &App, asked: &Asked, person_no: i64) -> anyhow::Result<f64> {
    let watch = Watch::start();
    confirm_one(app, asked, person_no).await?;
    Ok(watch.millis())
}

/// Milliseconds of one GET through the whole router, its body included.
pub(crate) async fn page(router: &Router, path: &str, cookie: &str) -> anyhow::Result<f64> {
    let request = Request::get(path)
        .header("cookie", cookie)
        .body(Body::empty())?;
    let watch = Watch::start();
    let answer = router.clone().oneshot(request).await?;
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await?;
    let millis = watch.millis();
    anyhow::ensure!(
        status.is_success(),
        "{path} answered {status} ({} bytes)",
        body.len()
    );
    Ok(millis)
}
