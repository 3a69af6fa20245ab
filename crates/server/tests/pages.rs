//! Every page that a link leads to opens, in both languages, with its texts filled in and nothing the content policy
//! would block.

use std::collections::{BTreeSet, VecDeque};

use crate::support::{Answer, Engine, TestApp, Visitor, both_engines, publish_text, travel};

both_engines!(
    every_page_of_the_console_opens,
    every_page_of_an_employee_opens,
    no_page_of_the_console_is_shown_to_a_stranger,
    an_address_nobody_knows_is_answered_in_words,
);

/// Pages are alike after so many.
const MOST: usize = 250;

/// A company in the middle of its work: versions, confirmations, a failure, a schedule, a leaver.
async fn busy(engine: Engine) -> TestApp {
    use yuezhi_server::actions::{Actor, change_schedule};
    let app = TestApp::with(engine).with_mail().start().await;
    app.mail()
        .refuse("jiayue.xu@lanchuan.example", "550 5.1.1 no such user", None);
    let first = app.publish(publish_text("travel.md", &travel(500))).await;
    app.confirm("LC00018", &first).await.expect(200);
    let second = app.publish(publish_text("travel.md", &travel(600))).await;
    app.confirm("LC00018", &second).await.expect(200);
    let other = "# 保密管理办法\n\n## 第一章 总则\n\n第一条 为保守秘密，制定本办法。\n\n| 级别 | 期限 |\n|---|---|\n| 机密 | 10 年 |\n";
    app.publish(publish_text("secrets.md", other)).await;
    let schedule = change_schedule::ScheduleInput {
        name: "工时填报".to_owned(),
        rule: "每个工作日 09:00".to_owned(),
        time_zone: None,
        lanes: vec!["robot:all-staff".to_owned()],
        title: "请填报工时".to_owned(),
        body: "请在下班前填报。".to_owned(),
    };
    change_schedule::create(&app.app, Actor::System, &schedule)
        .await
        .unwrap();
    app.until("2026-09-15 09:30").await;
    app
}

async fn administrator<'a>(app: &'a TestApp, language: &str) -> Visitor<'a> {
    let visitor = app.visitor().with_header("accept-language", language);
    let form = visitor.get("/console").await.expect(200);
    let password = "三月里的小雨淅沥淅沥";
    let form = match form.form("/setup") {
        Some(form) => form
            .with("name", "林悦")
            .with("code", &app.app.link_key.set_up_code()),
        None => form.form("/sign-in").expect("one or the other"),
    };
    visitor
        .submit(&form.with("login", "hr").with("password", password))
        .await
        .expect(200);
    visitor
}

/// Follows every link from these addresses on; how many pages were opened.
async fn crawl(visitor: &Visitor<'_>, from: &[&str], below: &[&str]) -> usize {
    let mut seen: BTreeSet<String> = from.iter().map(|path| (*path).to_owned()).collect();
    let mut waiting: VecDeque<String> = seen.iter().cloned().collect();
    let mut opened = 0;
    while let Some(path) = waiting.pop_front() {
        let page = visitor.get(&path).await;
        assert_eq!(page.status.as_u16(), 200, "{path}: {}", page.words());
        opened += 1;
        if !page.header("content-type").starts_with("text/html") {
            continue;
        }
        assert_well_made(&path, &page);
        for link in links(&page) {
            if below.iter().any(|prefix| link.starts_with(prefix))
                && seen.len() < MOST
                && seen.insert(link.clone())
            {
                waiting.push_back(link);
            }
        }
    }
    opened
}

fn links(page: &Answer) -> Vec<String> {
    let html = page.text();
    html.split("href=\"")
        .skip(1)
        .filter_map(|piece| piece.split('"').next())
        .filter(|href| href.starts_with('/') && !href.starts_with("/assets/"))
        .map(|href| {
            let whole = href.replace("&#38;", "&").replace("&amp;", "&");
            whole.split('#').next().unwrap_or_default().to_owned()
        })
        .collect()
}

fn assert_well_made(path: &str, page: &Answer) {
    let html = page.text();
    assert!(html.contains("<html lang="), "{path} names its language");
    assert!(html.contains("<title>"), "{path} has a title");
    for forbidden in [" style=\"", " onclick=", " onsubmit=", "javascript:"] {
        assert!(!html.contains(forbidden), "{path} holds {forbidden}");
    }
    for script in html.split("<script").skip(1) {
        assert!(
            script.starts_with(" src=\"/assets/"),
            "{path} holds an inline script"
        );
    }
    let words = page.words();
    for word in words.split_whitespace() {
        let is_key = [
            "common.",
            "console.",
            "my.",
            "messages.",
            "setup.",
            "errors.",
            "cli.",
        ]
        .iter()
        .any(|area| word.strip_prefix(area).is_some_and(is_key_rest));
        assert!(!is_key, "{path} shows the key {word}");
        let unfilled = word.starts_with('{') && word.ends_with('}') && word.len() < 20;
        assert!(!unfilled, "{path} shows the place {word}");
    }
}

fn is_key_rest(rest: &str) -> bool {
    rest.len() > 2
        && rest
            .chars()
            .all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '.'))
}

const CONSOLE: &[&str] = &[
    "/console",
    "/console/notices",
    "/console/policies",
    "/console/publish",
    "/console/deliveries",
    "/console/schedules",
    "/console/schedules/new",
    "/console/people",
    "/console/people/import",
    "/console/connections",
    "/console/settings",
    "/console/audit",
];

async fn every_page_of_the_console_opens(engine: Engine) {
    let app = busy(engine).await;
    for language in ["zh-CN", "en"] {
        let visitor = administrator(&app, language).await;
        let opened = crawl(&visitor, CONSOLE, &["/console"]).await;
        assert!(opened > 40, "{language}: only {opened} pages");
    }
}

async fn every_page_of_an_employee_opens(engine: Engine) {
    let app = busy(engine).await;
    for language in ["zh-CN", "en"] {
        let employee = app
            .signed_in("LC00018")
            .await
            .with_header("accept-language", language);
        let opened = crawl(&employee, &["/my", "/my/policies"], &["/my", "/n/", "/p/"]).await;
        assert!(opened > 6, "{language}: only {opened} pages");
    }
    let door = app.visitor().get("/my/sign-in").await.expect(200);
    assert_well_made("/my/sign-in", &door);
}

async fn no_page_of_the_console_is_shown_to_a_stranger(engine: Engine) {
    let app = busy(engine).await;
    administrator(&app, "en").await;
    let employee = app.signed_in("LC00018").await;
    for path in CONSOLE {
        for visitor in [&app.visitor(), &employee] {
            let answer = visitor.get(path).await;
            assert!(
                answer.path.starts_with("/console/sign-in"),
                "{path} led to {} ({})",
                answer.path,
                answer.status
            );
        }
    }
}

async fn an_address_nobody_knows_is_answered_in_words(engine: Engine) {
    let app = TestApp::start(engine).await;
    for path in ["/nowhere", "/n/x", "/assets/000000000000/console.css"] {
        app.visitor().get(path).await.expect(404);
    }
    let page = app
        .visitor()
        .with_header("accept-language", "en")
        .get("/nowhere")
        .await;
    assert_well_made("/nowhere", &page);
    assert!(
        page.words().contains("There is no such page"),
        "{}",
        page.words()
    );
    app.visitor().get("/healthz").await.expect(200);
    app.visitor().get("/readyz").await.expect(200);
}
