//! Open console pages learn of a confirmation without being asked.

use std::time::Duration;

use futures_util::StreamExt as _;

use crate::support::{Engine, TestApp, both_engines};

both_engines!(
    an_open_page_learns_of_a_confirmation,
    a_stranger_gets_no_events
);

async fn an_open_page_learns_of_a_confirmation(engine: Engine) {
    let app = TestApp::start(engine).await;
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;
    let visitor = app.visitor();
    let form = visitor
        .get("/console")
        .await
        .expect(200)
        .form("/setup")
        .unwrap();
    let password = "三月里的小雨淅沥淅沥";
    let form = form
        .with("code", &app.app.link_key.set_up_code())
        .with("login", "hr")
        .with("name", "林悦")
        .with("password", password);
    visitor.submit(&form).await.expect(200);
    let cookie = visitor.cookie("yuezhi_console").expect("signed in");

    let address = app.listen().await;
    let client = reqwest::Client::new();
    let url = format!("{address}/console/live?notice={}", published.notice_id);
    let stream = client
        .get(url)
        .header("cookie", format!("yuezhi_console={cookie}"))
        .send()
        .await
        .unwrap();
    assert_eq!(stream.status().as_u16(), 200);
    assert!(
        stream.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/event-stream")
    );
    let mut events = stream.bytes_stream();
    app.confirm("LC00041", &published).await.expect(200);
    let told = async {
        let mut text = String::new();
        while let Some(piece) = events.next().await {
            text.push_str(&String::from_utf8_lossy(&piece.unwrap()));
            if text.contains("event: changed") {
                return text;
            }
        }
        panic!("the stream ended: {text}");
    };
    tokio::time::timeout(Duration::from_secs(10), told)
        .await
        .expect("the page is told within seconds");

    let figures = visitor
        .get(&format!("/console/notices/{}", published.notice_id))
        .await
        .expect(200);
    assert!(
        figures.words().contains('1') && figures.words().contains("30"),
        "{}",
        figures.words()
    );
    app.app.close_streams();
    let rest = async { while events.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(5), rest)
        .await
        .expect("a stream ends when the node stops");
}

async fn a_stranger_gets_no_events(engine: Engine) {
    let app = TestApp::start(engine).await;
    let answer = app.visitor().get("/console/live").await;
    assert!(
        !answer
            .header("content-type")
            .starts_with("text/event-stream"),
        "{}",
        answer.status
    );
}
