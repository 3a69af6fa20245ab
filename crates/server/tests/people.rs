//! People come from files: checked row by row, the same whatever the format, and who leaves owes nothing any more.

use yuezhi_domain::{CloseReason, ObligationState};
use yuezhi_server::actions::{
    ActionError, Actor,
    import_people::{self, ImportReport},
    publish_version::UploadedFile,
};
use yuezhi_store::people;

use crate::support::{Engine, Multipart, TestApp, both_engines, people_csv};

both_engines!(
    the_same_people_come_from_csv_gb18030_and_xlsx,
    every_bad_row_is_named_and_nothing_is_written,
    a_dry_run_writes_nothing_and_counts_the_same,
    who_is_missing_from_the_whole_list_has_left,
    a_list_that_would_close_half_the_company_is_refused,
    who_comes_back_is_the_same_person,
    who_moves_takes_along_what_they_owe,
    the_api_takes_a_file_and_answers_with_its_problems,
);

fn demo_file(name: &str) -> UploadedFile {
    let path = format!("{}/demo/{name}", env!("CARGO_MANIFEST_DIR"));
    UploadedFile {
        name: name.to_owned(),
        bytes: std::fs::read(path).unwrap().into(),
    }
}

fn csv(text: &str) -> UploadedFile {
    UploadedFile {
        name: "people.csv".to_owned(),
        bytes: text.to_owned().into(),
    }
}

async fn import(
    app: &TestApp,
    file: UploadedFile,
    close_missing: bool,
) -> Result<ImportReport, ActionError> {
    let request = import_people::ImportRequest {
        actor: Actor::System,
        file,
        close_missing,
        dry_run: false,
    };
    import_people::import(&app.app, request).await
}

/// The company's list without the lines that begin so.
fn without(staff_nos: &[&str]) -> String {
    let text = String::from_utf8(people_csv()).unwrap();
    text.lines()
        .filter(|line| !staff_nos.iter().any(|no| line.starts_with(no)))
        .map(|line| format!("{line}\n"))
        .collect()
}

async fn the_same_people_come_from_csv_gb18030_and_xlsx(engine: Engine) {
    let app = TestApp::with(engine).without_people().start().await;
    let first = import(&app, demo_file("people.csv"), false).await.unwrap();
    assert_eq!(
        (first.rows, first.created, first.problems.len()),
        (30, 30, 0)
    );
    for name in ["people-gb18030.csv", "people.xlsx", "people.csv"] {
        let again = import(&app, demo_file(name), true).await.unwrap();
        assert_eq!(
            (again.created, again.updated, again.unchanged, again.left),
            (0, 0, 30, 0),
            "{name}: {:?}",
            again.problems
        );
    }
}

async fn every_bad_row_is_named_and_nothing_is_written(engine: Engine) {
    let app = TestApp::with(engine).without_people().start().await;
    let report = import(&app, demo_file("people-bad.csv"), false)
        .await
        .unwrap();
    assert!(!report.applied);
    let found: Vec<(usize, &str)> = report
        .problems
        .iter()
        .map(|problem| (problem.line, problem.code.as_str()))
        .collect();
    for expected in [
        (5, "staff_no_twice"),
        (6, "name_missing"),
        (7, "email_bad"),
        (9, "staff_no_missing"),
        (11, "department_missing"),
        (12, "own_manager"),
        (13, "date_bad"),
    ] {
        assert!(
            found.contains(&expected),
            "{expected:?} is missing in {found:?}"
        );
    }
    for problem in &report.problems {
        let text = problem.message(app.app.texts());
        assert!(!text.is_empty() && !text.contains("errors."), "{text}");
    }
    assert_eq!(app.read(people::count_active).await, 0);
    let empty = import(&app, csv("工号,姓名\n1,张三\n"), false)
        .await
        .unwrap_err();
    assert_eq!(empty.refusal().unwrap().code, "people_column_missing");
}

async fn a_dry_run_writes_nothing_and_counts_the_same(engine: Engine) {
    let app = TestApp::with(engine).without_people().start().await;
    let request = import_people::ImportRequest {
        actor: Actor::System,
        file: demo_file("people.csv"),
        close_missing: false,
        dry_run: true,
    };
    let dry = import_people::import(&app.app, request).await.unwrap();
    assert!(!dry.applied);
    assert_eq!(app.read(people::count_active).await, 0);
    let real = import(&app, demo_file("people.csv"), false).await.unwrap();
    assert_eq!(
        ImportReport {
            applied: true,
            ..dry
        },
        real
    );
}

async fn who_is_missing_from_the_whole_list_has_left(engine: Engine) {
    let app = TestApp::start(engine).await;
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;
    let leaver = app.signed_in("LC00041").await;
    let report = import(&app, csv(&without(&["LC00041", "LC00107"])), true)
        .await
        .unwrap();
    assert_eq!(report.left, 2);
    let obligation = app.obligation("LC00041", &published).await.unwrap();
    assert_eq!(obligation.state, ObligationState::Closed);
    assert_eq!(
        obligation.reason.as_deref(),
        Some(CloseReason::LeftCompany.as_str())
    );
    assert!(
        leaver.get("/my").await.path.starts_with("/my/sign-in"),
        "the session ended with the job"
    );
    let link = app.personal_link("LC00041", &published).await;
    assert!(
        app.visitor()
            .get(&link)
            .await
            .path
            .starts_with("/my/sign-in"),
        "so did the link"
    );
    let totals = app.totals(&published).await;
    assert_eq!((totals.total, totals.pending, totals.closed), (30, 28, 2));
}

async fn a_list_that_would_close_half_the_company_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut many = String::from("工号,姓名,部门\n");
    for number in 0..60 {
        many.push_str(&format!("T{number:03},临时{number},外包\n"));
    }
    import(&app, csv(&many), false).await.unwrap();
    let refused = import(&app, demo_file("people.csv"), true)
        .await
        .unwrap_err();
    assert_eq!(refused.refusal().unwrap().code, "import_loses_many");
    assert_eq!(app.read(people::count_active).await, 90);
}

async fn who_comes_back_is_the_same_person(engine: Engine) {
    let app = TestApp::start(engine).await;
    let before = app.person_no("LC00041").await;
    import(&app, csv(&without(&["LC00041"])), true)
        .await
        .unwrap();
    let report = import(&app, demo_file("people.csv"), true).await.unwrap();
    assert_eq!((report.rejoined, report.created), (1, 0));
    assert_eq!(app.person_no("LC00041").await, before);
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;
    app.confirm("LC00041", &published).await.expect(200);
}

async fn who_moves_takes_along_what_they_owe(engine: Engine) {
    let app = TestApp::start(engine).await;
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;
    let moved = String::from_utf8(people_csv())
        .unwrap()
        .replace("LC00041,许佳悦,财务部", "LC00041,许佳悦,采购部");
    let report = import(&app, csv(&moved), true).await.unwrap();
    assert_eq!(report.updated, 1);
    let notice_no = published.notice_no;
    let departments = app
        .read(move |tx| yuezhi_store::progress::by_department(tx, notice_no))
        .await;
    let pending = |path: &str| {
        departments
            .iter()
            .find(|d| d.path == path)
            .map_or(0, |d| d.totals.pending)
    };
    assert_eq!((pending("财务部"), pending("采购部")), (1, 3));
}

async fn the_api_takes_a_file_and_answers_with_its_problems(engine: Engine) {
    let app = TestApp::with(engine).without_people().start().await;
    let bad = demo_file("people-bad.csv");
    let form = Multipart::default().file("file", "people-bad.csv", &bad.bytes);
    let answer = app
        .api_multipart("/api/v1/people/import", form)
        .await
        .expect(200)
        .json();
    assert_eq!(answer["applied"], false, "{answer:#}");
    assert!(
        answer["problems"]
            .as_array()
            .is_some_and(|problems| problems.len() >= 7),
        "{answer:#}"
    );
    let form = Multipart::default().file("file", "people.csv", &people_csv());
    let answer = app
        .api_multipart("/api/v1/people/import", form)
        .await
        .expect(200)
        .json();
    assert_eq!(answer["created"], 30, "{answer:#}");
    let page = app.api_get("/api/v1/people?limit=10").await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(10), "{page:#}");
    let next = page["next"].as_str().expect("there is more");
    let second = app
        .api_get(&format!("/api/v1/people?limit=10&after={next}"))
        .await;
    assert_ne!(page["items"][0]["staff_no"], second["items"][0]["staff_no"]);
}
