//! P5: what publishers and employees look at, with many people and many notices: server time of whole requests.

use axum::Router;
use yuezhi_domain::SeededRandom;
use yuezhi_server::{app::App, http};
use yuezhi_store::{StoreError, Value};

use crate::{
    fan_out::page,
    figures::{percentile, short, whole},
    installation::{self, Asked, Connections, said},
    options::{Measure, Options},
    place::{Engine, Place},
    report::Section,
};

/// The person before the last page of those who still owe, in the order of the list.
const BEFORE_LAST_PAGE: &str = "SELECT person_no FROM obligations WHERE notice_no = ?1 AND state = 'pending' \
     ORDER BY department_no DESC, person_no DESC LIMIT 1 OFFSET 30";
const BUSIEST_DEPARTMENT: &str = "SELECT d.path FROM progress r JOIN departments d ON d.no = r.department_no \
     WHERE r.notice_no = ?1 ORDER BY r.pending DESC, d.no LIMIT 1";
const SOME_NAME: &str = "SELECT name FROM people WHERE no = ?1";
const PERSON_ID: &str = "SELECT id FROM people WHERE no = ?1";

pub(crate) async fn measure(options: &Options) -> anyhow::Result<Section> {
    let (people, notices) = (options.people(), notices(options));
    let mut section = Section::new(
        Measure::P5,
        options,
        &format!(
            "pages with {} people × {notices} notices, a third confirmed",
            whole(people as f64)
        ),
        &["page", "database", "p50 ms", "p99 ms"],
    );
    for engine in Engine::of(options) {
        let place = Place::new(engine, options)?;
        let app = installation::start(&place.url(), &Connections::default()).await?;
        let asked = fill(&app, people, notices).await?;
        let router = http::router(app.clone()).map_err(said)?;
        for (name, paths, cookie) in visits(&app, &asked, options).await? {
            let millis = visit(&router, &paths, &cookie).await?;
            section.row([
                name.to_owned(),
                engine.name().to_owned(),
                short(percentile(&millis, 50.0)),
                short(percentile(&millis, 99.0)),
            ]);
        }
    }
    section.note(
        "Whole requests through the router with session, queries, rendering and body; one after the other, no network. \
         Every request asks for another notice, person or filter, in an order drawn from a seed.",
    );
    Ok(section)
}

pub(crate) fn notices(options: &Options) -> usize {
    options.sized(50, 3)
}

/// Company and notices for everyone, told to nobody; the notices in the order of publishing.
pub(crate) async fn fill(app: &App, people: usize, notices: usize) -> anyhow::Result<Vec<Asked>> {
    installation::fill_company(app, people).await?;
    let mut all = Vec::new();
    for number in 1..=notices {
        let published = installation::publish(app, number, &[]).await?;
        installation::expand_all(app).await?;
        installation::answer_a_third(app, published.notice_no).await?;
        all.push(installation::asked(app, &published).await?);
    }
    Ok(all)
}

async fn visits(
    app: &App,
    asked: &[Asked],
    options: &Options,
) -> anyhow::Result<Vec<(&'static str, Vec<String>, String)>> {
    let times = options.sized(300, 3);
    let mut random = SeededRandom::new(5);
    let mut below = |limit: usize| (random.next_u64() % limit as u64) as usize;
    let (console, mine) = installation::cookies(app, 1 + below(options.people()) as i64).await?;
    let (mut progress, mut first, mut last, mut filtered) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut searched, mut person, mut reader) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..times {
        let notice = &asked[below(asked.len())];
        let person_no = 1 + below(options.people()) as i64;
        let here = format!("/console/notices/{}", notice.notice_id);
        progress.push(here.clone());
        first.push(format!("{here}?state=pending"));
        let cursor = number(app, BEFORE_LAST_PAGE, notice.notice_no).await?;
        last.push(format!("{here}?state=pending&after={cursor}"));
        let department = encoded(&text(app, BUSIEST_DEPARTMENT, notice.notice_no).await?);
        filtered.push(format!("{here}?state=pending&department={department}"));
        let name = encoded(&text(app, SOME_NAME, person_no).await?);
        searched.push(format!("{here}?q={name}"));
        person.push(format!(
            "/console/people/{}",
            text(app, PERSON_ID, person_no).await?
        ));
        let key = app.link_key.notice_link(notice.notice_no, person_no);
        reader.push(format!("/n/{}?k={key}", notice.notice_id));
    }
    let same = |path: &str| vec![path.to_owned(); times];
    Ok(vec![
        ("overview", same("/console"), console.clone()),
        ("progress of a notice", progress, console.clone()),
        ("outstanding, first page", first, console.clone()),
        ("outstanding, last page", last, console.clone()),
        (
            "outstanding of the largest department",
            filtered,
            console.clone(),
        ),
        ("people of a notice by name", searched, console.clone()),
        ("a person", person, console),
        ("what an employee owes", same("/my"), mine),
        ("an employee opens a notice", reader, String::new()),
    ])
}

async fn visit(router: &Router, paths: &[String], cookie: &str) -> anyhow::Result<Vec<f64>> {
    // What only the first request of a process pays is P8's matter.
    if let Some(path) = paths.first() {
        page(router, path, cookie).await?;
    }
    let mut millis = Vec::with_capacity(paths.len());
    for path in paths {
        millis.push(page(router, path, cookie).await?);
    }
    Ok(millis)
}

async fn number(app: &App, sql: &'static str, about: i64) -> Result<i64, StoreError> {
    app.db
        .read(move |tx| tx.read_one(sql, &[Value::Int(about)], |row| row.get(0)))
        .await
}

async fn text(app: &App, sql: &'static str, about: i64) -> Result<String, StoreError> {
    app.db
        .read(move |tx| tx.read_one(sql, &[Value::Int(about)], |row| row.get(0)))
        .await
}

/// As an address carries it.
fn encoded(text: &str) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    text.bytes()
        .flat_map(|byte| ['%', digit(byte >> 4), digit(byte & 15)])
        .collect()
}
