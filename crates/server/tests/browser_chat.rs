//! The demo in the chat client: cards that are pressed, replies, pages that know who reads, groups that grow.
//!
//! What `browser.rs` tells of links in a group, this tells of everything that the organisation's own app can do.

use std::time::Duration;

use serde_json::Value;
use yuezhi_domain::{NoticeState, ObligationState, Requirement};
use yuezhi_sandbox::{Message, Rules};
use yuezhi_server::{
    demo::Demo,
    texts::{Language, Texts},
};
use yuezhi_store::{obligations, people};

use crate::{
    browser::{CONFIRMED, demo, publish_file, publish_over},
    support::{
        browser::{Driver, Window},
        logs, words,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_pressed_in_the_chat_and_everything_follows() {
    Box::pin(cards()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_hired_joins_the_group_and_is_greeted() {
    Box::pin(joining()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_announcement_goes_the_best_way_allowed() {
    Box::pin(announcing()).await;
}

const TAG: &str = "chat";
const APP: &str = "dingdemoyuezhi0001";

async fn cards() {
    let folder = tempfile::tempdir().unwrap();
    let demo = demo(folder.path(), Language::ZhCn).await;
    let t = Texts::of(Language::ZhCn);
    connected(&demo).await;
    let driver = Driver::start().await;
    let desk = driver.desk("zh-CN").await;
    desk.goto(&demo.console_url).await;
    desk.until_at("/console").await;
    publish_over(&desk, &demo, &["dingtalk", "todo"], t, TAG).await;
    desk.script("window.stillHere = true").await;
    let notice = desk.path().await;
    let notice_no = newest_notice(&demo).await;

    let phone = driver.phone("zh-CN").await;
    phone.goto(&demo.chat_url).await;
    let me = persona(&phone).await;
    let card = told(&demo, &me, |message| words(message).contains("差旅费")).await;
    press(&phone, &desk, &demo, &me, &card).await;
    answer_by_reply(&phone, &desk, &demo, notice_no).await;
    read_in_the_chat(&phone, &desk, &demo, notice_no).await;
    assert_eq!(desk.script("return window.stillHere === true").await, true);
    assert_eq!(desk.path().await, notice, "nobody reloaded the page");

    phone.close().await;
    desk.close().await;
    demo.stop().await;
    assert_eq!(logs::take_errors(), [""; 0]);
}

/// The button of the card: the card changes, the console counts, the to-do is closed.
async fn press(phone: &Window, desk: &Window, demo: &Demo, me: &str, card: &Message) {
    let before = confirmed(desk).await;
    open(phone, &card.conversation).await;
    let bubble = format!("article.message[data-id='{}']", card.id);
    phone.find(&format!("{bubble} button[data-action]")).await;
    phone.screenshot(&format!("{TAG}-4-card")).await;
    phone.assert_fits().await;
    phone.click(&format!("{bubble} button[data-action]")).await;
    phone
        .until(
            "the card is confirmed",
            &format!("const card = document.querySelector(\"{bubble}\"); return card.innerText.includes('已确认') && card.querySelector('button[data-action]') === null"),
        )
        .await;
    phone.screenshot(&format!("{TAG}-5-pressed")).await;
    until_confirmed(desk, before + 1).await;
    desk.screenshot(&format!("{TAG}-6-counted")).await;
    let union_id = union_id(demo, me).await;
    within("the to-do is closed", || {
        let todos = demo.sandbox.todos();
        let mine = todos.iter().flat_map(|todo| &todo.executors);
        mine.filter(|executor| executor.id == union_id)
            .all(|executor| executor.is_done)
    })
    .await;
    phone.script("location.hash = '#/todo'").await;
    phone.find(".choice").await;
    phone.screenshot(&format!("{TAG}-7-todo")).await;
}

/// Who owes one thing says 「确认」; who owes several is asked which.
async fn answer_by_reply(phone: &Window, desk: &Window, demo: &Demo, notice_no: i64) {
    let (one, several) = debtors(demo, notice_no).await;
    let before = confirmed(desk).await;
    become_(phone, &one).await;
    let answer = say(phone, demo, &one, "确认").await;
    assert!(answer.contains("已确认"), "{answer}");
    phone.screenshot(&format!("{TAG}-8-reply")).await;
    phone.assert_fits().await;
    until_confirmed(desk, before + 1).await;

    become_(phone, &several).await;
    let answer = say(phone, demo, &several, "确认").await;
    assert!(answer.contains("哪一项"), "{answer}");
    let answer = say(phone, demo, &several, &format!("确认 {notice_no}")).await;
    assert!(answer.contains("已确认"), "{answer}");
    phone.screenshot(&format!("{TAG}-9-which")).await;
    until_confirmed(desk, before + 2).await;
}

/// The card's link opens the page inside the chat client, which says who reads; confirming there changes the card.
async fn read_in_the_chat(phone: &Window, desk: &Window, demo: &Demo, notice_no: i64) {
    let (reader, _) = debtors(demo, notice_no).await;
    let before = confirmed(desk).await;
    become_(phone, &reader).await;
    let card = told(demo, &reader, |message| words(message).contains("差旅费")).await;
    open(phone, &card.conversation).await;
    let bubble = format!("article.message[data-id='{}']", card.id);
    phone.click(&format!("{bubble} a[href]")).await;
    phone.enter_frame("#browser iframe").await;
    phone.until_at("/n/").await;
    phone.find("form[action$='/confirmation'] button").await;
    phone.screenshot(&format!("{TAG}-10-inside")).await;
    phone.assert_fits().await;
    phone.click("form[action$='/confirmation'] button").await;
    until_confirmed(desk, before + 1).await;
    phone.leave_frame().await;
    phone
        .until(
            "the card knows",
            &format!("return document.querySelector(\"{bubble}\").innerText.includes('已确认')"),
        )
        .await;
}

async fn joining() {
    let folder = tempfile::tempdir().unwrap();
    let demo = demo(folder.path(), Language::ZhCn).await;
    connected(&demo).await;
    let kept = || {
        let groups = demo.sandbox.groups();
        groups.into_iter().find(|group| group.made_by.is_some())
    };
    within("the group is made", || {
        kept().is_some_and(|group| group.members.len() == 60)
    })
    .await;
    let driver = Driver::start().await;
    let panel = driver.desk("zh-CN").await;
    panel
        .goto(&format!("{}/sandbox/ui#/people", demo.chat_url))
        .await;
    panel.press("入职").await;
    panel.find("dialog[open] form, dialog[open]").await;
    let fields = "const inputs = [...document.querySelectorAll('dialog[open] input:not([type=checkbox])')]; \
        inputs[0].value = '新同事'; inputs[1].value = 'newcomer01'; inputs[4].value = 'newcomer@lanchuan.example'; \
        document.querySelector('dialog[open] select').options[1].selected = true";
    panel.script(fields).await;
    panel.screenshot(&format!("{TAG}-11-hire")).await;
    panel
        .click("dialog[open] .primary, dialog[open] button[type=submit]")
        .await;
    within("the newcomer is in the group", || {
        kept().is_some_and(|group| group.members.iter().any(|member| member == "newcomer01"))
    })
    .await;
    let group = kept().unwrap();
    told(&demo, "newcomer01", |message| {
        message.conversation == group.id && words(message).contains("新同事")
    })
    .await;
    let phone = driver.phone("zh-CN").await;
    phone.goto(&demo.chat_url).await;
    become_(&phone, "newcomer01").await;
    open(&phone, &group.id).await;
    phone.until_it_says("新同事").await;
    phone
        .until(
            "a chat opens where it ends",
            "const scroll = document.querySelector('#pane .scroll'); return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 2",
        )
        .await;
    phone.screenshot(&format!("{TAG}-12-greeted")).await;
    phone.assert_fits().await;

    phone.close().await;
    panel.close().await;
    demo.stop().await;
    assert_eq!(logs::take_errors(), [""; 0]);
}

async fn announcing() {
    let folder = tempfile::tempdir().unwrap();
    let demo = demo(folder.path(), Language::ZhCn).await;
    let t = Texts::of(Language::ZhCn);
    let kept = || {
        let groups = demo.sandbox.groups();
        groups.into_iter().find(|group| group.made_by.is_some())
    };
    within("the group is made", || {
        kept().is_some_and(|group| group.members.len() == 60 && !group.app_robots.is_empty())
    })
    .await;
    let group = kept().unwrap();
    let driver = Driver::start().await;
    let desk = driver.desk("zh-CN").await;
    desk.goto(&demo.console_url).await;
    desk.until_at("/console").await;
    let phone = driver.phone("zh-CN").await;
    phone.goto(&demo.chat_url).await;
    open(&phone, &group.id).await;

    let mut rules = Rules::default();
    rules.access.group_announcements = true;
    demo.sandbox.set_rules(rules);
    let lanes = ["group_announcement:everyone"];
    publish_over(&desk, &demo, &lanes, t, "announced").await;
    within("the group has an announcement", || {
        let all = demo.sandbox.group_announcements();
        all.iter().any(|one| one.content.contains("差旅费"))
    })
    .await;
    phone.goto(&demo.chat_url).await;
    open(&phone, &group.id).await;
    phone.find(".tops .top-line").await;
    phone.screenshot(&format!("{TAG}-13-announced")).await;
    phone.assert_fits().await;

    // Most organisations do not allow it: then everybody in the group gets a company announcement.
    demo.sandbox.set_rules(Rules::default());
    publish_file(&desk, &demo, "vehicles-1.0.pdf", &lanes, t, "announced").await;
    within("the next way is taken", || {
        !demo.sandbox.announcements().is_empty()
    })
    .await;
    assert_eq!(demo.sandbox.group_announcements().len(), 1);
    phone.script("location.hash = '#/announcements'").await;
    phone.find(".announcements li").await;
    phone.screenshot(&format!("{TAG}-14-company")).await;
    phone.assert_fits().await;

    phone.close().await;
    desk.close().await;
    demo.stop().await;
    assert_eq!(logs::take_errors(), [""; 0]);
}

async fn connected(demo: &Demo) {
    let is_up = || {
        let status = demo.node.app.stream_status();
        status.is_some_and(|status| status.is_connected())
    };
    within("Stream is connected", is_up).await;
}

async fn within(what: &str, mut happened: impl FnMut() -> bool) {
    let waiting = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    assert!(done.is_ok(), "{what}: not within thirty seconds");
}

/// The newest message to this person that is such a one, as soon as it is there.
async fn told(demo: &Demo, userid: &str, is_it: impl Fn(&Message) -> bool) -> Message {
    let find = || {
        let mut all = demo.sandbox.messages_of(userid);
        all.retain(&is_it);
        all.pop()
    };
    within("the message arrives", || find().is_some()).await;
    find().unwrap()
}

async fn persona(phone: &Window) -> String {
    let script = "const asked = new XMLHttpRequest(); asked.open('GET', '/chat/home', false); asked.send(); \
        return JSON.parse(asked.responseText).persona.userid";
    match phone.script(script).await {
        Value::String(userid) => userid,
        other => panic!("nobody: {other}"),
    }
}

/// As if chosen from the list of people.
async fn become_(phone: &Window, userid: &str) {
    phone
        .script(&format!(
            "const asked = new XMLHttpRequest(); asked.open('POST', '/chat/persona', false); \
             asked.setRequestHeader('content-type', 'application/json'); asked.send(JSON.stringify({{ userid: '{userid}' }})); \
             location.hash = ''; location.reload()"
        ))
        .await;
    phone.find("#conversations li").await;
    assert_eq!(persona(phone).await, userid);
}

async fn open(phone: &Window, conversation: &str) {
    let quoted = serde_json::to_string(conversation).unwrap();
    phone
        .script(&format!(
            "location.hash = '#/c/' + encodeURIComponent({quoted})"
        ))
        .await;
    phone.find("#pane .scroll").await;
}

/// Writes to the robot; what it answers.
async fn say(phone: &Window, demo: &Demo, userid: &str, text: &str) -> String {
    let conversation = format!("oto/{APP}/{userid}");
    open(phone, &conversation).await;
    let before = demo.sandbox.messages_of(userid).len();
    phone.fill(".composer textarea", text).await;
    phone.click(".composer button[type=submit]").await;
    // One's own words, and the answer to them.
    within("the robot answers", || {
        demo.sandbox.messages_of(userid).len() >= before + 2
    })
    .await;
    let answer = words(demo.sandbox.messages_of(userid).last().unwrap());
    let shown =
        "return document.querySelector('#pane article.message:last-of-type:not(.mine)') !== null";
    phone.until("the answer is shown", shown).await;
    answer
}

async fn confirmed(desk: &Window) -> i64 {
    desk.script(CONFIRMED).await.as_i64().expect("a number")
}

async fn until_confirmed(desk: &Window, number: i64) {
    desk.until(
        "the console counts the confirmation by itself",
        &format!("{CONFIRMED} === {number}"),
    )
    .await;
}

async fn newest_notice(demo: &Demo) -> i64 {
    let look = |tx: &mut yuezhi_store::Tx<'_>| {
        let all =
            yuezhi_store::notices::list(tx, &yuezhi_store::notices::NoticeFilter::default(), 0, 1)?;
        Ok::<_, yuezhi_store::StoreError>(all.first().map(|row| row.notice.no))
    };
    demo.node.app.db.read(look).await.unwrap().unwrap()
}

async fn union_id(demo: &Demo, userid: &str) -> String {
    let userid = userid.to_owned();
    let look = move |tx: &mut yuezhi_store::Tx<'_>| {
        let person = people::by_dingtalk_user_id(tx, &userid)?.unwrap();
        people::dingtalk_ids(tx, &[person.no])
    };
    let ids = demo.node.app.db.read(look).await.unwrap();
    ids[0].union_id.clone().unwrap()
}

/// Somebody who owes this one confirmation only, and somebody who owes more; both have DingTalk in Chinese.
async fn debtors(demo: &Demo, notice_no: i64) -> (String, String) {
    let look = move |tx: &mut yuezhi_store::Tx<'_>| {
        let (mut one, mut several) = (None, None);
        for person_no in obligations::person_nos(tx, notice_no)? {
            let person = people::get(tx, person_no)?.unwrap();
            let owed: Vec<i64> = obligations::of_person(tx, person_no, 100)?
                .into_iter()
                .filter(|one| one.state == ObligationState::Pending)
                .filter(|one| {
                    one.notice_state == NoticeState::Open && one.requirement == Requirement::Confirm
                })
                .map(|one| one.notice_no)
                .collect();
            let chinese = person.language.as_deref() == Some("zh-CN");
            if !chinese || !owed.contains(&notice_no) {
                continue;
            }
            match owed.len() {
                1 => one = one.or(person.dingtalk_user_id),
                _ => several = several.or(person.dingtalk_user_id),
            }
        }
        Ok::<_, yuezhi_store::StoreError>((one, several))
    };
    let (one, several) = demo.node.app.db.read(look).await.unwrap();
    (
        one.expect("somebody owes one"),
        several.expect("somebody owes several"),
    )
}
