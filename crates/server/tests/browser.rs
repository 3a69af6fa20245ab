//! The whole way on the demo, as somebody sees it: a publisher at a desk and an employee with a phone.
//!
//! Publish → the message is in the group's chat within seconds → tap → the in-app browser signs in by itself, another
//! browser through DingTalk's page → read → confirm → the console's numbers move by themselves → remind → the next
//! workday, the next Friday.

use std::{net::SocketAddr, path::Path, time::Duration};

use yuezhi_sandbox::Message;
use yuezhi_server::{
    demo::{Demo, DemoOptions},
    texts::{Language, Texts},
};

use crate::support::{
    browser::{Driver, Window},
    logs, words,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_goes_the_whole_way_in_the_browser_in_chinese() {
    Box::pin(the_whole_way(Language::ZhCn)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_goes_the_whole_way_in_the_browser_in_english() {
    Box::pin(the_whole_way(Language::En)).await;
}

pub(crate) async fn demo(folder: &Path, language: Language) -> Demo {
    logs::record();
    drop(rustls::crypto::ring::default_provider().install_default());
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = DemoOptions {
        listen: loopback,
        sandbox_listen: loopback,
        data: folder.to_owned(),
        people: 60,
        language,
    };
    Box::pin(Demo::start(options, &|_| {})).await.unwrap()
}

async fn the_whole_way(language: Language) {
    let folder = tempfile::tempdir().unwrap();
    let demo = demo(folder.path(), language).await;
    let driver = Driver::start().await;
    let (tag, t) = (language.as_str(), Texts::of(language));
    let desk = driver.desk(tag).await;
    desk.goto(&demo.console_url).await;
    desk.until_at("/console").await;
    desk.screenshot(&format!("{tag}-1-console")).await;
    desk.assert_fits().await;

    let phone = driver.phone(tag).await;
    phone.goto(&demo.chat_url).await;
    phone.find("#conversations li").await;
    let chats = phone.text().await;

    let before = demo.sandbox.messages().len();
    publish(&desk, &demo, t, tag).await;
    let groups = demo.sandbox.groups();
    let is_mine = |message: &Message| {
        groups
            .iter()
            .any(|g| g.id == message.conversation && chats.contains(&g.title))
    };
    let message = arrival(&demo, before, |message| {
        words(message).contains("3.0") && is_mine(message)
    })
    .await;

    read_and_confirm(&phone, &desk, &demo, &message, t, tag).await;
    remind(&desk, &demo, t, tag).await;
    move_the_clock(&desk, &demo, tag).await;

    phone.close().await;
    desk.close().await;
    demo.stop().await;
    assert_eq!(logs::take_errors(), [""; 0]);
}

pub(crate) async fn publish(desk: &Window, demo: &Demo, t: Texts, tag: &str) {
    publish_over(desk, demo, &[], t, tag).await;
}

/// With these channels ticked and no others; with those that the page proposes if none are named.
pub(crate) async fn publish_over(
    desk: &Window,
    demo: &Demo,
    channels: &[&str],
    t: Texts,
    tag: &str,
) {
    publish_file(desk, demo, "travel-expenses-3.0.md", channels, t, tag).await;
}

pub(crate) async fn publish_file(
    desk: &Window,
    demo: &Demo,
    file: &str,
    channels: &[&str],
    t: Texts,
    tag: &str,
) {
    desk.goto(&format!("{}/console/publish", demo.node.app.public_url()))
        .await;
    desk.fill("#file", demo.next.join(file).to_str().unwrap())
        .await;
    if !channels.is_empty() {
        let wanted = serde_json::to_string(channels).unwrap();
        desk.script(&format!(
            "for (const box of document.querySelectorAll('#channels input')) box.checked = {wanted}.includes(box.value)"
        ))
        .await;
    }
    desk.click("button[name=step][value=preview]").await;
    desk.until(
        "the preview counts people",
        "return document.querySelector('button.btn-primary[name=step][value=publish]') !== null",
    )
    .await;
    desk.screenshot(&format!("{tag}-2-preview")).await;
    desk.assert_fits().await;
    let version = file
        .rsplit_once('-')
        .and_then(|(_, rest)| rest.rsplit_once('.'));
    assert!(desk.text().await.contains(version.unwrap().0));
    desk.click("button.btn-primary[name=step][value=publish]")
        .await;
    desk.until("the notice's page", "return document.querySelector('#figures') !== null && location.pathname.startsWith('/console/notices/')").await;
    desk.until_it_says(t.get("console.col.confirmed")).await;
    desk.screenshot(&format!("{tag}-3-notice")).await;
    desk.assert_fits().await;
}

/// The first group message after `before` that is such a one; within two seconds on an idle machine.
async fn arrival(demo: &Demo, before: usize, is_it: impl Fn(&Message) -> bool) -> Message {
    let waiting = async {
        loop {
            let found = demo
                .sandbox
                .messages()
                .into_iter()
                .skip(before)
                .find(|message| message.recipient().is_none() && is_it(message));
            if let Some(found) = found {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), waiting)
        .await
        .expect("the group hears of it within seconds")
}

/// How many have confirmed, as the console's figures say.
pub(crate) const CONFIRMED: &str = "return parseInt(document.querySelectorAll('#figures .figure dd')[2].innerText.replace(/\\D+.*$/, ''), 10)";

async fn read_and_confirm(
    phone: &Window,
    desk: &Window,
    demo: &Demo,
    message: &Message,
    t: Texts,
    tag: &str,
) {
    let confirmed_before = desk.script(CONFIRMED).await.as_i64().expect("a number");
    desk.script("window.stillHere = true").await;

    let group = demo
        .sandbox
        .groups()
        .into_iter()
        .find(|group| group.id == message.conversation)
        .unwrap();
    let title = serde_json::to_string(&group.title).unwrap();
    phone
        .script(&format!(
            "const row = [...document.querySelectorAll('#conversations li')].find(row => row.innerText.includes({title})); \
             (row.querySelector('button, a') ?? row).click()"
        ))
        .await;
    let card = format!("article.message[data-id='{}']", message.id);
    phone.find(&card).await;
    phone.screenshot(&format!("{tag}-4-chat")).await;
    let link = format!("{card} a");
    if t.language == Language::ZhCn {
        phone.click(&link).await;
        phone.enter_frame("#browser iframe").await;
    } else {
        let address = phone.find(&link).await.prop("href").await.unwrap();
        phone.goto(&address.unwrap()).await;
        sign_in_through_dingtalk(phone, tag).await;
    }
    phone.until_at("/n/").await;
    phone.find("form[action$='/confirmation'] button").await;
    if !phone.text().await.contains(t.get("my.confirm_button")) {
        // The person's own language wins until the reader chooses another.
        let here = phone.url().await;
        phone.goto(here.join("/my").unwrap().as_str()).await;
        phone
            .press(Texts::of(Language::ZhCn).get("my.other_language"))
            .await;
        phone.until_it_says(t.get("my.other_language")).await;
        phone.goto(here.as_str()).await;
    }
    phone.until_it_says(t.get("my.confirm_button")).await;
    phone.screenshot(&format!("{tag}-7-text")).await;
    phone.assert_fits().await;
    phone.click("form[action$='/confirmation'] button").await;
    phone.until("the button is gone", "return document.readyState === 'complete' && document.querySelector(\"form[action$='/confirmation']\") === null").await;
    phone.screenshot(&format!("{tag}-8-confirmed")).await;
    phone.assert_fits().await;
    phone.leave_frame().await;

    let one_more = confirmed_before + 1;
    desk.until(
        "the console counts the confirmation by itself",
        &format!("{CONFIRMED} === {one_more}"),
    )
    .await;
    assert_eq!(
        desk.script("return window.stillHere === true").await,
        true,
        "nobody reloaded the page"
    );
    desk.screenshot(&format!("{tag}-9-counted")).await;
}

/// As in a browser outside the chat client.
async fn sign_in_through_dingtalk(phone: &Window, tag: &str) {
    phone.until_at("/my/sign-in").await;
    phone.screenshot(&format!("{tag}-5-sign-in")).await;
    phone.assert_fits().await;
    phone.click("a[href^='/my/sign-in/dingtalk']").await;
    phone.until_at("/oauth2/auth").await;
    phone.screenshot(&format!("{tag}-6-dingtalk")).await;
    phone.click("#login").await;
}

async fn remind(desk: &Window, demo: &Demo, t: Texts, tag: &str) {
    let before = demo.sandbox.messages().len();
    // Two reminders within ten minutes are one; publishing is none.
    desk.click("a[href$='/reminders']").await;
    desk.until(
        "the preview of the reminder",
        "return location.pathname.endsWith('/reminders')",
    )
    .await;
    desk.screenshot(&format!("{tag}-10-remind")).await;
    desk.assert_fits().await;
    desk.click("form[action$='/reminders'].form-actions button")
        .await;
    desk.until(
        "back at the notice",
        "return document.querySelector('#figures') !== null",
    )
    .await;
    arrival(demo, before, |message| words(message).contains("差旅费")).await;
    assert!(desk.text().await.contains(t.get("console.figure.pending")));
}

async fn move_the_clock(desk: &Window, demo: &Demo, tag: &str) {
    for (by, hour) in [("workday", "09:00"), ("friday", "17:00")] {
        let before = demo.sandbox.messages().len();
        desk.click(&format!("aside.demo button[name=by][value={by}]"))
            .await;
        let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
        let app = demo.node.app.clone();
        let moved = async {
            while app.now().in_zone(&zone).strftime("%H:%M").to_string() != hour {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), moved)
            .await
            .expect("the clock moves");
        let heard = async {
            while demo.sandbox.messages().len() == before {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard)
            .await
            .expect("the standing reminder arrives at its time");
        desk.until("the page is back", "return document.readyState === 'complete' && document.querySelector('aside.demo') !== null").await;
        desk.screenshot(&format!("{tag}-11-{by}")).await;
    }
}
