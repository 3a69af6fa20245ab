//! The doors: the first account, a session that ends, a language that stays chosen.

use yuezhi_server::app::App;

use crate::support::{Answer, Engine, TestApp, Visitor, both_engines, days};

both_engines!(
    nobody_becomes_administrator_without_the_printed_code,
    guessing_the_set_up_code_ends_after_five_tries,
    a_form_sent_after_the_session_leads_back_to_its_page,
    a_chosen_language_stays_on_every_page,
    no_stranger_makes_the_server_read_a_large_form,
);

const PASSWORD: &str = "三月里的小雨淅沥淅沥";

async fn set_up(visitor: &Visitor<'_>, code: &str) -> Answer {
    let fields = [
        ("code", code),
        ("login", "hr"),
        ("name", "林悦"),
        ("password", PASSWORD),
    ];
    visitor.post("/console/setup", &fields).await
}

fn code(app: &App) -> String {
    app.link_key.set_up_code()
}

async fn nobody_becomes_administrator_without_the_printed_code(engine: Engine) {
    let app = TestApp::start(engine).await;
    let visitor = app.visitor().with_header("accept-language", "en");
    for wrong in ["", "0000-0000-0000-0000"] {
        let refused = set_up(&visitor, wrong).await.expect(422);
        assert!(refused.words().contains("set-up code is wrong"));
        // What was typed stays, but for the password.
        let form = refused.form("/setup").unwrap();
        assert_eq!(
            (&*form.fields["login"], &*form.fields["name"]),
            ("hr", "林悦")
        );
        assert_eq!(form.fields["password"], "");
    }
    assert_eq!(visitor.cookie("yuezhi_console"), None);

    let url = app.app.set_up_url();
    let path = url.split_once(".example").unwrap().1;
    let form = visitor.get(path).await.expect(200).form("/setup").unwrap();
    assert_eq!(form.fields["code"], code(&app.app), "the link fills it in");
    let form = form.with("login", "hr").with("password", PASSWORD);
    let inside = visitor.submit(&form).await.expect(200);
    assert_eq!(inside.path, "/console");
    set_up(&app.visitor(), &code(&app.app)).await.expect(409);
}

async fn guessing_the_set_up_code_ends_after_five_tries(engine: Engine) {
    let app = TestApp::start(engine).await;
    let visitor = app.visitor();
    for _ in 0..5 {
        set_up(&visitor, "0000-0000-0000-0000").await.expect(422);
    }
    set_up(&visitor, &code(&app.app)).await.expect(429);
    app.move_clock(crate::support::minutes(15));
    set_up(&visitor, &code(&app.app)).await.expect(200);
}

async fn a_form_sent_after_the_session_leads_back_to_its_page(engine: Engine) {
    let app = TestApp::start(engine).await;
    let page = "https://policy.lanchuan.example/console/schedules/new?x=1";
    let visitor = app
        .visitor()
        .with_header("accept-language", "en")
        .with_header("referer", page);
    set_up(&visitor, &code(&app.app)).await.expect(200);
    app.move_clock(days(8));
    let door = visitor
        .post("/console/schedules/new", &[("name", "工时填报")])
        .await
        .expect(200);
    assert!(door.path.starts_with("/console/sign-in"), "{}", door.path);
    assert!(
        door.words().contains("nothing was sent"),
        "{}",
        door.words()
    );
    let form = door.form("/sign-in").unwrap();
    let form = form.with("login", "hr").with("password", PASSWORD);
    let back = visitor.submit(&form).await.expect(200);
    assert_eq!(back.path, "/console/schedules/new?x=1");
}

async fn a_chosen_language_stays_on_every_page(engine: Engine) {
    let app = TestApp::start(engine).await;
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;

    let person = app
        .signed_in("LC00018")
        .await
        .with_header("accept-language", "zh-CN");
    let path = format!("/n/{}", published.notice_id);
    let text = person.get(&path).await.expect(200);
    let text = person
        .submit(&text.form("/my/language").unwrap())
        .await
        .expect(200);
    assert_eq!(text.path, path);
    assert!(text.text().contains("<html lang=\"en\""));
    let list = person.get("/my").await.expect(200);
    assert!(list.text().contains("<html lang=\"en\""));

    let stranger = app.visitor().with_header("accept-language", "zh-CN");
    set_up(&app.visitor(), &code(&app.app)).await.expect(200);
    for door in [
        "/my/sign-in?next=%2Fmy%2Fpolicies",
        "/console/sign-in?next=%2Fconsole%2Fpeople",
    ] {
        let page = stranger.get(door).await.expect(200);
        let form = page.form("/language").unwrap().with("language", "en");
        let page = stranger.submit(&form).await.expect(200);
        assert_eq!(page.path, door, "it leads where it led");
        assert!(page.text().contains("<html lang=\"en\""), "{door}");
    }
}

async fn no_stranger_makes_the_server_read_a_large_form(engine: Engine) {
    let app = TestApp::start(engine).await;
    let long = "x".repeat(100_000);
    for door in ["/console/sign-in", "/console/setup", "/my/sign-in"] {
        let fields = [("login", &*long), ("who", &*long)];
        app.visitor().post(door, &fields).await.expect(413);
    }
}
