//! Publishing: whatever the door, the same version, once; a refusal names its field; a dry run is the real run.

use axum::http::{Method, Request};
use yuezhi_domain::NoticeState;
use yuezhi_server::{
    actions::{
        ActionError, Actor, create_token,
        publish_version::{self, PublishRequest, Published},
    },
    config::SourceConfig,
};
use yuezhi_store::{notices, policies, source_files, versions};

use crate::support::{
    Engine, Multipart, TestApp, both_engines, minutes, publish_text, publish_travel, travel,
};

both_engines!(
    all_four_doors_lead_to_the_same_version,
    the_same_text_is_published_once,
    a_dry_run_says_what_the_real_run_does,
    a_dry_run_writes_nothing,
    a_wrong_field_is_named_and_nothing_is_written,
    an_audience_nobody_knows_is_answered_with_the_nearest,
    a_broken_file_is_refused_with_what_to_do,
    what_is_not_said_is_taken_from_the_last_notice,
    two_who_publish_at_once_do_not_overwrite_each_other,
    a_publication_that_fails_half_way_leaves_nothing,
    a_word_file_and_a_pdf_are_read,
    a_repeated_post_with_the_same_key_publishes_once,
    a_watched_folder_publishes_and_follows_changes,
    one_broken_file_in_a_folder_stops_no_other,
    a_quiet_first_import_tells_nobody,
    a_renamed_file_is_not_published_again,
);

fn source(folder: &std::path::Path) -> SourceConfig {
    SourceConfig {
        name: "inbox".to_owned(),
        folder: folder.to_owned(),
        audience: None,
        channels: vec!["robot:all-staff".to_owned()],
        settle_seconds: 2,
        quiet_first_import: false,
    }
}

/// Lets the folder be seen twice, far enough apart for a file to have settled.
async fn watch(app: &TestApp) {
    app.advance(std::time::Duration::from_secs(1)).await;
    app.advance(minutes(1)).await;
    app.advance(minutes(1)).await;
}

async fn is_known(app: &TestApp) -> bool {
    app.read(|tx| Ok(policies::by_slug(tx, "travel")?.is_some()))
        .await
}

async fn latest(app: &TestApp, slug: &'static str) -> versions::Version {
    app.read(move |tx| {
        let policy = policies::by_slug(tx, slug)?.expect("the policy exists");
        Ok(versions::latest(tx, policy.no)?.expect("it has a version"))
    })
    .await
}

async fn signed_in_to_the_console(app: &TestApp) -> crate::support::Visitor<'_> {
    let visitor = app.visitor();
    let form = visitor
        .get("/console")
        .await
        .expect(200)
        .form("/setup")
        .expect("the first visit sets up");
    let form = form
        .with("code", &app.app.link_key.set_up_code())
        .with("login", "hr")
        .with("name", "林悦")
        .with("password", "三月里的小雨淅沥淅沥");
    visitor.submit(&form).await.expect(200);
    visitor
}

/// Each door on an installation of its own; the texts that come out are one and the same.
async fn all_four_doors_lead_to_the_same_version(engine: Engine) {
    let mut hashes = Vec::new();

    let app = TestApp::start(engine).await;
    let token = create_token::create(&app.app, Actor::System, "nightly")
        .await
        .unwrap();
    let (kind, body) = Multipart::default()
        .file("file", "travel.md", travel(500).as_bytes())
        .text("channels", "robot:all-staff")
        .finish();
    let request = Request::post("/api/v1/versions")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", kind);
    let published = app
        .call(request.body(body.into()).unwrap(), "/api/v1/versions")
        .await
        .expect(201)
        .json();
    assert_eq!(published["recipients"], 30, "{published:#}");
    app.work().await;
    hashes.push((
        "api",
        latest(&app, "travel").await,
        app.chat("all-staff").len(),
    ));

    let app = TestApp::start(engine).await;
    let visitor = signed_in_to_the_console(&app).await;
    let form = Multipart::default()
        .file("file", "travel.md", travel(500).as_bytes())
        .text("channel", "robot:all-staff")
        .text("step", "publish");
    visitor
        .post_multipart("/console/publish", form)
        .await
        .expect(200);
    app.work().await;
    hashes.push((
        "console",
        latest(&app, "travel").await,
        app.chat("all-staff").len(),
    ));

    let folder = tempfile::tempdir().unwrap();
    let app = TestApp::with(engine)
        .with_source(source(folder.path()))
        .start()
        .await;
    std::fs::write(folder.path().join("travel.md"), travel(500)).unwrap();
    watch(&app).await;
    hashes.push((
        "folder",
        latest(&app, "travel").await,
        app.chat("all-staff").len(),
    ));

    let app = TestApp::start(engine).await;
    let address = app.listen().await;
    let file = app.folder().join("travel.md");
    std::fs::write(&file, travel(500)).unwrap();
    let run = crate::support::program::run(
        &[
            "--url",
            &address,
            "--token",
            &app.app.local_token,
            "publish",
            file.to_str().unwrap(),
            "--channel",
            "robot:all-staff",
        ],
        &[],
    )
    .await;
    assert_eq!(run.code, 0, "{run:?}");
    app.work().await;
    hashes.push((
        "command_line",
        latest(&app, "travel").await,
        app.chat("all-staff").len(),
    ));

    for (door, version, messages) in &hashes {
        assert_eq!(version.source, *door);
        assert_eq!(version.text_hash, hashes[0].1.text_hash, "{door}");
        assert_eq!(version.title, "差旅费报销办法");
        assert_eq!(*messages, 1, "{door}");
    }
}

async fn the_same_text_is_published_once(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.publish(publish_travel(500)).await;
    let again = app.try_publish(publish_travel(500)).await.unwrap();
    assert!(matches!(again, Published::Unchanged { .. }), "{again:?}");
    app.work().await;
    assert_eq!(app.chat("all-staff").len(), 1);
    assert_eq!(latest(&app, "travel").await.number, 1);
}

async fn a_dry_run_says_what_the_real_run_does(engine: Engine) {
    let app = TestApp::with(engine).with_mail().start().await;
    let first = app.publish(publish_travel(500)).await;
    app.confirm("LC00041", &first).await.expect(200);
    let request = publish_travel(600);
    let plan = publish_version::plan(&app.app, &request).await.unwrap();
    assert_eq!(
        (plan.supersedes[0].pending, plan.supersedes[0].acknowledged),
        (29, 1)
    );
    let published = app.publish(request).await;
    assert_eq!(plan.recipients, published.recipients);
    assert_eq!(plan.deliveries, published.plan.deliveries);
    assert_eq!(plan.reminders, published.plan.reminders);
    assert_eq!(
        (plan.label.as_str(), plan.due_at),
        (published.label.as_str(), published.plan.due_at)
    );
    for planned in &plan.deliveries {
        let counts = &app.delivery_states(&published).await;
        let count = |state: &str| -> i64 {
            counts
                .iter()
                .find(|(lane, s, _)| *lane == planned.lane && s == state)
                .map_or(0, |(_, _, n)| i64::try_from(*n).unwrap())
        };
        assert_eq!(
            (count("sent"), count("undeliverable")),
            (planned.messages, planned.undeliverable),
            "{}",
            planned.lane
        );
    }
    assert!(
        plan.summary.contains("第二条"),
        "the proposed summary names the clause: {}",
        plan.summary
    );
}

async fn a_dry_run_writes_nothing(engine: Engine) {
    let app = TestApp::start(engine).await;
    let form = Multipart::default().file("file", "travel.md", travel(500).as_bytes());
    let plan = app
        .api_multipart("/api/v1/versions?dry_run=true", form)
        .await
        .expect(200)
        .json();
    assert_eq!(plan["recipients"], 30, "{plan:#}");
    assert!(!is_known(&app).await);
    app.work().await;
    assert_eq!(app.chat("all-staff").len(), 0);
}

async fn refused(app: &TestApp, request: PublishRequest) -> (String, Option<&'static str>) {
    match app.try_publish(request).await {
        Err(ActionError::Refused(refusal)) => {
            assert!(
                !refusal.sentence(app.app.texts()).contains("errors."),
                "{refusal:?} has no words"
            );
            (refusal.code.clone(), refusal.field)
        }
        other => panic!("not refused: {other:?}"),
    }
}

async fn a_wrong_field_is_named_and_nothing_is_written(engine: Engine) {
    let app = TestApp::start(engine).await;
    let with = |change: fn(&mut PublishRequest)| {
        let mut request = publish_travel(500);
        change(&mut request);
        request
    };
    for (request, field) in [
        (with(|r| r.due = Some("2026-09-01".to_owned())), "due"),
        (with(|r| r.due = Some("soon".to_owned())), "due"),
        (with(|r| r.audience = Some("部门:".to_owned())), "audience"),
        (
            with(|r| r.audience = Some("部门:月球部".to_owned())),
            "audience",
        ),
        (with(|r| r.plan = Some("sometimes".to_owned())), "plan"),
        (
            with(|r| r.channels = Some(vec!["robot:nobody".to_owned()])),
            "channels",
        ),
        (with(|r| r.policy = Some("Not A Slug".to_owned())), "policy"),
        (
            with(|r| r.effective = Some("next year".to_owned())),
            "effective",
        ),
        (with(|r| r.title = Some("长".repeat(300))), "title"),
    ] {
        let (code, named) = refused(&app, request).await;
        assert_eq!(named, Some(field), "{code}");
    }
    assert!(!is_known(&app).await);
    let form = Multipart::default()
        .file("file", "travel.md", travel(500).as_bytes())
        .text("due", "soon")
        .text("titel", "x");
    let problem = app.api_multipart("/api/v1/versions", form).await;
    assert_eq!(problem.header("content-type"), "application/problem+json");
    let problem = problem.expect(422).json();
    assert!(
        problem["errors"].to_string().contains("titel"),
        "{problem:#}"
    );
}

async fn an_audience_nobody_knows_is_answered_with_the_nearest(engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut request = publish_travel(500);
    request.audience = Some("部门:财务都".to_owned());
    let error = app.try_publish(request).await.unwrap_err();
    let sentence = error.refusal().unwrap().sentence(app.app.texts());
    assert!(sentence.contains("财务部"), "{sentence}");
    let mut nobody = publish_travel(500);
    nobody.audience = Some("部门:财务部, -部门:财务部".to_owned());
    assert_eq!(refused(&app, nobody).await.1, Some("audience"));
}

async fn a_broken_file_is_refused_with_what_to_do(engine: Engine) {
    let app = TestApp::start(engine).await;
    let file = |name: &str, bytes: &[u8]| {
        let mut request = publish_text(name, "");
        request.file.bytes = bytes.to_vec().into();
        request
    };
    let word = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/demo/next/remote-work-3.0.docx"
    ))
    .unwrap();
    let (half, _) = word.split_at(word.len() / 2);
    for (name, bytes, code) in [
        ("empty.md", &b""[..], "file_empty"),
        ("half.docx", half, "file_broken"),
        (
            "old.doc",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 something",
            "file_unsupported",
        ),
        ("picture.png", b"\x89PNG\r\n\x1a\n....", "file_unsupported"),
        (
            "front.md",
            b"---\ntitle: [\n---\n\n# x\n",
            "file_front_matter",
        ),
    ] {
        let (found, field) = refused(&app, file(name, bytes)).await;
        assert_eq!((found.as_str(), field), (code, Some("file")), "{name}");
    }
}

async fn what_is_not_said_is_taken_from_the_last_notice(engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut first = publish_travel(500);
    first.audience = Some("部门:财务部, 部门:采购部".to_owned());
    first.plan = Some("每周五 17:00".to_owned());
    first.channels = Some(vec!["robot:all-staff".to_owned()]);
    app.publish(first).await;
    let second = app.publish(publish_travel(600)).await;
    assert_eq!((second.recipients, second.label.as_str()), (4, "2.0"));
    assert_eq!(second.plan.reminder_plan, "Fridays 17:00");
    let third = app
        .publish(crate::support::minor(publish_travel(601)))
        .await;
    assert_eq!(third.label, "2.1");
}

async fn two_who_publish_at_once_do_not_overwrite_each_other(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.publish(publish_travel(500)).await;
    let attempts =
        futures_util::future::join_all((0..4).map(|n| app.try_publish(publish_travel(600 + n))))
            .await;
    let (done, refused): (Vec<_>, Vec<_>) = attempts.into_iter().partition(Result::is_ok);
    assert!(!done.is_empty());
    for error in refused {
        assert_eq!(
            error.unwrap_err().refusal().unwrap().code,
            "policy_moved_on"
        );
    }
    let open = app
        .read(|tx| notices::in_state(tx, NoticeState::Open, 10))
        .await;
    assert_eq!(open.len(), 1, "one notice is open, whoever won");
    let number = latest(&app, "travel").await.number;
    assert_eq!(usize::try_from(number).unwrap(), 1 + done.len());
    app.work().await;
}

async fn a_publication_that_fails_half_way_leaves_nothing(engine: Engine) {
    let app = TestApp::start(engine).await;
    // Deliveries are written last: a trigger of an administrator's own refuses them.
    app.change_schema(match engine {
        Engine::Sqlite => "CREATE TRIGGER refuse BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'refused'); END",
        Engine::Postgres => "ALTER TABLE deliveries ADD CONSTRAINT refuse CHECK (lane = '') NOT VALID",
    })
    .await;
    let error = app.try_publish(publish_travel(500)).await.unwrap_err();
    assert!(matches!(error, ActionError::Internal(_)), "{error:?}");
    let found = app
        .read(|tx| {
            Ok((
                policies::by_slug(tx, "travel")?.is_some(),
                notices::in_state(tx, NoticeState::Open, 10)?.len(),
            ))
        })
        .await;
    assert_eq!(found, (false, 0));
    app.change_schema(match engine {
        Engine::Sqlite => "DROP TRIGGER refuse",
        Engine::Postgres => "ALTER TABLE deliveries DROP CONSTRAINT refuse",
    })
    .await;
    app.publish(publish_travel(500)).await;
    assert_eq!(app.chat("all-staff").len(), 1);
}

async fn a_word_file_and_a_pdf_are_read(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (name, slug) in [
        ("remote-work-3.0.docx", "remote-work"),
        ("vehicles-1.0.pdf", "vehicles"),
    ] {
        let bytes =
            std::fs::read(format!("{}/demo/next/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let mut request = publish_text(name, "");
        request.file.bytes = bytes.clone().into();
        request.policy = Some(slug.to_owned());
        let published = app.publish(request).await;
        assert!(
            published.plan.clauses > 10,
            "{name}: {}",
            published.plan.clauses
        );
        let link = app.personal_link("LC00041", &published).await;
        let page = app.visitor().get(&link).await.expect(200);
        assert!(page.words().contains("第一条"), "{name}");
        let (_, key) = link.split_once('?').unwrap();
        let original = app
            .visitor()
            .get(&format!("/n/{}/files/original?{key}", published.notice_id))
            .await
            .expect(200);
        assert_eq!(original.bytes, bytes);
    }
}

async fn a_repeated_post_with_the_same_key_publishes_once(engine: Engine) {
    let app = TestApp::start(engine).await;
    let post = async |limit: u32| {
        let (kind, body) = Multipart::default()
            .file("file", "travel.md", travel(limit).as_bytes())
            .finish();
        let request = app
            .api_request(Method::POST, "/api/v1/versions")
            .header("content-type", kind)
            .header("idempotency-key", "one-and-only");
        app.call(request.body(body.into()).unwrap(), "/api/v1/versions")
            .await
    };
    let first = post(500).await.expect(201).json();
    let again = post(500).await.expect(201).json();
    assert_eq!(first, again);
    post(600).await.expect(409);
    assert_eq!(latest(&app, "travel").await.number, 1);
    app.work().await;
}

async fn files_of(app: &TestApp) -> Vec<(String, String)> {
    let files = app.read(|tx| source_files::list(tx, "inbox")).await;
    files
        .into_iter()
        .map(|file| (file.path, file.state))
        .collect()
}

async fn a_watched_folder_publishes_and_follows_changes(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let app = TestApp::with(engine)
        .with_source(source(folder.path()))
        .start()
        .await;
    std::fs::create_dir(folder.path().join("finance")).unwrap();
    let file = folder.path().join("finance/travel.md");
    std::fs::write(&file, travel(500)).unwrap();
    watch(&app).await;
    assert_eq!(latest(&app, "travel").await.number, 1);
    watch(&app).await;
    assert_eq!(
        app.chat("all-staff").len(),
        1,
        "a file that stays is nothing new"
    );
    std::fs::write(&file, travel(600)).unwrap();
    watch(&app).await;
    assert_eq!(latest(&app, "travel").await.number, 2);
    let app = app.restart().await;
    watch(&app).await;
    assert_eq!(
        latest(&app, "travel").await.number,
        2,
        "a restart publishes nothing again"
    );
    std::fs::remove_file(&file).unwrap();
    watch(&app).await;
    assert_eq!(
        latest(&app, "travel").await.number,
        2,
        "history is not rewritten"
    );
    assert_eq!(
        files_of(&app).await,
        [("finance/travel.md".to_owned(), "removed".to_owned())]
    );
}

async fn one_broken_file_in_a_folder_stops_no_other(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let app = TestApp::with(engine)
        .with_source(source(folder.path()))
        .start()
        .await;
    std::fs::write(
        folder.path().join("a-broken.docx"),
        b"PK\x03\x04 half a file",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("b-wrong.md"),
        "---\naudience: 部门:月球部\n---\n\n# 错\n\n第一条 x。\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("c-travel.md"), travel(500)).unwrap();
    std::fs::write(folder.path().join(".hidden.md"), travel(700)).unwrap();
    std::fs::write(folder.path().join("~$open.docx"), b"lock").unwrap();
    watch(&app).await;
    let mut files = files_of(&app).await;
    files.sort();
    let states: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, state)| (path.as_str(), state.as_str()))
        .collect();
    assert_eq!(
        states,
        [
            ("a-broken.docx", "failed"),
            ("b-wrong.md", "failed"),
            ("c-travel.md", "published")
        ]
    );
    assert_eq!(app.chat("all-staff").len(), 1);
    std::fs::write(
        folder.path().join("b-wrong.md"),
        "---\naudience: 部门:财务部\n---\n\n# 对\n\n第一条 x。\n",
    )
    .unwrap();
    watch(&app).await;
    assert_eq!(app.chat("all-staff").len(), 2, "a mended file is taken");
}

async fn a_quiet_first_import_tells_nobody(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("travel.md"), travel(500)).unwrap();
    let quiet = SourceConfig {
        quiet_first_import: true,
        ..source(folder.path())
    };
    let app = TestApp::with(engine).with_source(quiet).start().await;
    watch(&app).await;
    assert_eq!(latest(&app, "travel").await.number, 1);
    assert_eq!(app.chat("all-staff").len(), 0);
    std::fs::write(folder.path().join("travel.md"), travel(600)).unwrap();
    watch(&app).await;
    assert_eq!(
        app.chat("all-staff").len(),
        1,
        "from then on people are told"
    );
}

async fn a_renamed_file_is_not_published_again(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let app = TestApp::with(engine)
        .with_source(source(folder.path()))
        .start()
        .await;
    std::fs::write(folder.path().join("travel.md"), travel(500)).unwrap();
    watch(&app).await;
    std::fs::rename(
        folder.path().join("travel.md"),
        folder.path().join("差旅费.md"),
    )
    .unwrap();
    watch(&app).await;
    assert_eq!(latest(&app, "travel").await.number, 1);
    assert_eq!(app.chat("all-staff").len(), 1);
}
