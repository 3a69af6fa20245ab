//! Reading and confirming: one act, one receipt, bound to the text that was shown; looking is never confirming.

use axum::http::{Method, header};
use yuezhi_domain::{ObligationState, ReceiptKind, ReceiptSource, Requirement};
use yuezhi_server::actions::{Actor, cancel_notice, publish_version::PublishedVersion};
use yuezhi_store::{obligations, receipts};

use crate::support::{Engine, TestApp, both_engines, minor, minutes, publish_travel, requirement};

both_engines!(
    a_personal_link_shows_the_text_and_confirms,
    looking_at_a_link_changes_nothing,
    a_browser_that_shows_the_text_records_the_opening,
    pressing_the_button_often_leaves_one_receipt,
    a_confirmation_of_another_text_is_refused,
    an_employee_signs_in_through_dingtalk_and_confirms,
    a_sign_in_that_began_elsewhere_is_refused,
    an_employee_signs_in_by_a_link_in_a_mail,
    a_link_of_one_notice_opens_no_other,
    a_forged_link_opens_nothing,
    a_superseded_notice_leads_to_the_new_one,
    a_cancelled_notice_says_why,
    somebody_outside_the_audience_is_told_so,
    a_post_from_another_site_is_refused,
    reading_is_enough_where_reading_is_asked,
    nothing_is_owed_on_an_inform,
    what_changed_since_the_confirmed_version_is_shown_first,
    a_minor_change_carries_confirmations_on_and_a_major_one_asks_anew,
    the_list_of_what_is_owed_is_complete,
    the_original_file_comes_back_unchanged,
);

/// 梁海燕, of the personnel department.
const LIANG: &str = "LC00018";
/// 许佳悦, of the finance department.
const XU: &str = "LC00041";

async fn start(engine: Engine) -> (TestApp, PublishedVersion) {
    let app = TestApp::start(engine).await;
    let published = app.publish_travel_over(500, &["robot:all-staff"]).await;
    (app, published)
}

async fn state(
    app: &TestApp,
    staff_no: &'static str,
    published: &PublishedVersion,
) -> ObligationState {
    app.obligation(staff_no, published).await.unwrap().state
}

async fn opened(app: &TestApp, staff_no: &'static str, published: &PublishedVersion) -> bool {
    app.obligation(staff_no, published)
        .await
        .unwrap()
        .opened_at
        .is_some()
}

async fn receipts_of(
    app: &TestApp,
    staff_no: &'static str,
    published: &PublishedVersion,
) -> Vec<receipts::Receipt> {
    let (notice_no, person_no) = (published.notice_no, app.person_no(staff_no).await);
    app.read(move |tx| receipts::of_obligation(tx, notice_no, person_no))
        .await
}

async fn a_personal_link_shows_the_text_and_confirms(engine: Engine) {
    let (app, published) = start(engine).await;
    let link = app.personal_link(LIANG, &published).await;
    let visitor = app.visitor();
    let page = visitor.get(&link).await.expect(200);
    assert!(
        page.words().contains("住宿费每日不超过 500 元"),
        "{}",
        page.words()
    );
    let form = page.form("/confirmation").unwrap();
    let done = visitor.submit(&form).await.expect(200);
    assert!(
        done.form("/confirmation").is_none(),
        "nothing is left to press"
    );
    let receipts = receipts_of(&app, LIANG, &published).await;
    let receipt = receipts
        .iter()
        .find(|r| r.kind == ReceiptKind::Acknowledged)
        .unwrap();
    assert_eq!(receipt.source, ReceiptSource::MailLink);
    assert_eq!(receipt.at, app.now());
    assert_eq!(receipt.text_hash.to_string(), form.fields["text_hash"]);
    assert_eq!(
        receipt.consent_hash.as_ref().unwrap().to_string(),
        form.fields["consent_hash"]
    );
    assert!(
        done.words().contains(&receipt.id.to_string()),
        "the receipt's number is shown: {}",
        done.words()
    );
    assert_eq!(app.totals(&published).await.acknowledged, 1);
}

async fn looking_at_a_link_changes_nothing(engine: Engine) {
    let (app, published) = start(engine).await;
    let link = app.personal_link(LIANG, &published).await;
    app.visitor().get(&link).await.expect(200);
    app.visitor().head(&link).await.expect(200);
    app.visitor()
        .with_header("sec-purpose", "prefetch")
        .get(&link)
        .await
        .expect(200);
    assert_eq!(
        state(&app, LIANG, &published).await,
        ObligationState::Pending
    );
    assert!(
        !opened(&app, LIANG, &published).await,
        "a mail scanner is no reader"
    );

    let employee = app.signed_in(XU).await;
    employee
        .head(&format!("/n/{}", published.notice_id))
        .await
        .expect(200);
    assert!(!opened(&app, XU, &published).await);
    employee
        .get(&format!("/n/{}", published.notice_id))
        .await
        .expect(200);
    assert!(
        opened(&app, XU, &published).await,
        "a signed-in person who loads the page has opened it"
    );
    assert_eq!(state(&app, XU, &published).await, ObligationState::Pending);
}

async fn a_browser_that_shows_the_text_records_the_opening(engine: Engine) {
    let (app, published) = start(engine).await;
    let link = app.personal_link(LIANG, &published).await;
    let (_, key) = link.split_once("?k=").unwrap();
    let path = format!("/n/{}/opening", published.notice_id);
    for _ in 0..3 {
        app.visitor().post(&path, &[("k", key)]).await.expect(204);
    }
    let kinds: Vec<_> = receipts_of(&app, LIANG, &published)
        .await
        .iter()
        .map(|r| r.kind)
        .collect();
    assert_eq!(kinds, [ReceiptKind::Opened]);
    assert_eq!(
        state(&app, LIANG, &published).await,
        ObligationState::Pending
    );
    assert_eq!(app.totals(&published).await.opened, 1);
}

async fn pressing_the_button_often_leaves_one_receipt(engine: Engine) {
    let (app, published) = start(engine).await;
    let link = app.personal_link(LIANG, &published).await;
    let visitor = app.visitor();
    let form = visitor.get(&link).await.form("/confirmation").unwrap();
    let presses = futures_util::future::join_all((0..6).map(|_| visitor.submit(&form))).await;
    for press in presses {
        press.expect(200);
    }
    visitor.submit(&form).await.expect(200);
    let receipts = receipts_of(&app, LIANG, &published).await;
    assert_eq!(
        receipts
            .iter()
            .filter(|r| r.kind == ReceiptKind::Acknowledged)
            .count(),
        1
    );
    assert_eq!(app.totals(&published).await.acknowledged, 1);
}

async fn a_confirmation_of_another_text_is_refused(engine: Engine) {
    let (app, published) = start(engine).await;
    let link = app.personal_link(LIANG, &published).await;
    let form = app
        .visitor()
        .get(&link)
        .await
        .form("/confirmation")
        .unwrap();
    app.visitor()
        .submit(&form.clone().with("text_hash", &"0".repeat(64)))
        .await
        .expect(409);
    app.visitor()
        .submit(&form.clone().with("consent_hash", ""))
        .await
        .expect(409);
    assert_eq!(
        state(&app, LIANG, &published).await,
        ObligationState::Pending
    );
    let stranger = app.visitor().submit(&form.with("k", "x")).await;
    assert!(
        stranger.path.starts_with("/my/sign-in"),
        "{}",
        stranger.path
    );
    assert_eq!(
        state(&app, LIANG, &published).await,
        ObligationState::Pending
    );
}

async fn an_employee_signs_in_through_dingtalk_and_confirms(engine: Engine) {
    let (app, published) = start(engine).await;
    let path = format!("/n/{}", published.notice_id);
    let visitor = app.visitor();
    let asked = visitor.get(&path).await.expect(200);
    assert!(
        asked.path.starts_with("/my/sign-in?next="),
        "{}",
        asked.path
    );
    let away = visitor
        .get(&format!("/my/sign-in/dingtalk?next={path}"))
        .await;
    let back = app.agree_at_dingtalk(away.header("location"), XU).await;
    let page = visitor.get(&back).await.expect(200);
    assert_eq!(page.path, path, "sign-in leads back to the text");
    visitor
        .submit(&page.form("/confirmation").unwrap())
        .await
        .expect(200);
    let receipts = receipts_of(&app, XU, &published).await;
    assert!(
        receipts
            .iter()
            .any(|r| r.kind == ReceiptKind::Acknowledged && r.source == ReceiptSource::Page)
    );

    let cookie = visitor.cookie("yuezhi_me").unwrap();
    visitor.post("/my/sign-out", &[]).await.expect(200);
    let thief = app
        .visitor()
        .with_header("cookie", &format!("yuezhi_me={cookie}"));
    assert!(
        thief.get("/my").await.path.starts_with("/my/sign-in"),
        "a session that ended opens nothing"
    );
}

async fn a_sign_in_that_began_elsewhere_is_refused(engine: Engine) {
    let (app, _) = start(engine).await;
    let away = app.visitor().get("/my/sign-in/dingtalk?next=/my").await;
    let back = app.agree_at_dingtalk(away.header("location"), XU).await;
    let other_browser = app.visitor();
    other_browser.get(&back).await.expect(401);
    assert!(other_browser.cookie("yuezhi_me").is_none());
}

async fn an_employee_signs_in_by_a_link_in_a_mail(engine: Engine) {
    let app = TestApp::with(engine).with_mail().start().await;
    let visitor = app.visitor();
    visitor
        .post("/my/sign-in", &[("who", LIANG), ("next", "/my/policies")])
        .await
        .expect(200);
    visitor
        .post("/my/sign-in", &[("who", "nobody@lanchuan.example")])
        .await
        .expect(200);
    // It is sent after the answer, so that the time of the answer does not tell either.
    let mails = app.mail().wait_for(1).await;
    assert_eq!(
        mails.len(),
        1,
        "an unknown address gets nothing, and the page does not tell"
    );
    let page = visitor.get(&mails[0].path()).await.expect(200);
    assert!(
        visitor.cookie("yuezhi_me").is_none(),
        "a scanner that fetches the link signs nobody in"
    );
    let form = page.form("/my/sign-in/link").unwrap();
    let inside = visitor.submit(&form).await.expect(200);
    assert_eq!(inside.path, "/my/policies");

    app.move_clock(minutes(16));
    app.visitor().submit(&form).await.expect(401);
}

async fn a_link_of_one_notice_opens_no_other(engine: Engine) {
    let (app, first) = start(engine).await;
    let second = app
        .publish(crate::support::publish_text(
            "other.md",
            "# 另一份办法\n\n第一条 内容。\n",
        ))
        .await;
    let link = app.personal_link(LIANG, &first).await;
    let (_, key) = link.split_once("?k=").unwrap();
    let answer = app
        .visitor()
        .get(&format!("/n/{}?k={key}", second.notice_id))
        .await;
    assert!(answer.path.starts_with("/my/sign-in"), "{}", answer.path);
    assert!(
        app.visitor()
            .get(&format!("/my?k={key}"))
            .await
            .path
            .starts_with("/my/sign-in")
    );
}

async fn a_forged_link_opens_nothing(engine: Engine) {
    let (app, published) = start(engine).await;
    for key in ["", "AAAA", "../..", "%00", "AgECAwQFBgcICQoLDA0ODxAREg"] {
        let answer = app
            .visitor()
            .get(&format!("/n/{}?k={key}", published.notice_id))
            .await;
        assert!(
            answer.path.starts_with("/my/sign-in"),
            "{key}: {}",
            answer.path
        );
    }
    app.visitor().get("/n/not-a-notice").await.expect(404);
    app.visitor()
        .get("/n/01900000-0000-7000-8000-000000000000")
        .await
        .expect(404);
}

async fn a_superseded_notice_leads_to_the_new_one(engine: Engine) {
    let (app, first) = start(engine).await;
    let link = app.personal_link(LIANG, &first).await;
    let form = app
        .visitor()
        .get(&link)
        .await
        .form("/confirmation")
        .unwrap();
    let second = app.publish_travel_over(600, &["robot:all-staff"]).await;
    let page = app.visitor().get(&link).await.expect(200);
    assert!(page.form("/confirmation").is_none());
    assert!(page.text().contains(&format!("/n/{}", second.notice_id)));
    app.visitor().submit(&form).await.expect(409);
    assert_eq!(
        state(&app, LIANG, &first).await,
        ObligationState::Superseded
    );
    assert_eq!(state(&app, LIANG, &second).await, ObligationState::Pending);
}

async fn a_cancelled_notice_says_why(engine: Engine) {
    let (app, published) = start(engine).await;
    app.confirm(XU, &published).await.expect(200);
    let link = app.personal_link(LIANG, &published).await;
    let form = app
        .visitor()
        .get(&link)
        .await
        .form("/confirmation")
        .unwrap();
    cancel_notice::cancel(&app.app, Actor::System, published.notice_id, "发错了版本")
        .await
        .unwrap();
    let page = app.visitor().get(&link).await.expect(200);
    assert!(page.words().contains("发错了版本"), "{}", page.words());
    assert!(page.form("/confirmation").is_none());
    app.visitor().submit(&form).await.expect(409);
    assert_eq!(
        state(&app, XU, &published).await,
        ObligationState::Acknowledged,
        "what was confirmed stays confirmed"
    );
}

async fn somebody_outside_the_audience_is_told_so(engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut request = publish_travel(500);
    request.audience = Some("部门:财务部".to_owned());
    let published = app.publish(request).await;
    let outsider = app.signed_in(LIANG).await;
    let page = outsider
        .get(&format!("/n/{}", published.notice_id))
        .await
        .expect(403);
    assert!(
        !page.words().contains("住宿费"),
        "the text stays among its audience"
    );
    outsider
        .get(&format!("/n/{}/files/original", published.notice_id))
        .await
        .expect(403);
    app.signed_in(XU)
        .await
        .get(&format!("/n/{}", published.notice_id))
        .await
        .expect(200);
}

async fn a_post_from_another_site_is_refused(engine: Engine) {
    let (app, published) = start(engine).await;
    let link = app.personal_link(LIANG, &published).await;
    let form = app
        .visitor()
        .get(&link)
        .await
        .form("/confirmation")
        .unwrap();
    let elsewhere = app
        .visitor()
        .with_header("sec-fetch-site", "cross-site")
        .with_header("origin", "https://evil.example");
    elsewhere.submit(&form).await.expect(403);
    assert_eq!(
        state(&app, LIANG, &published).await,
        ObligationState::Pending
    );
}

async fn reading_is_enough_where_reading_is_asked(engine: Engine) {
    let app = TestApp::start(engine).await;
    let published = app
        .publish(requirement(publish_travel(500), Requirement::Read))
        .await;
    let employee = app.signed_in(XU).await;
    let page = employee
        .get(&format!("/n/{}", published.notice_id))
        .await
        .expect(200);
    assert!(page.form("/confirmation").is_none());
    assert_eq!(state(&app, XU, &published).await, ObligationState::Closed);
    assert_eq!(
        state(&app, LIANG, &published).await,
        ObligationState::Pending
    );
}

async fn nothing_is_owed_on_an_inform(engine: Engine) {
    let app = TestApp::start(engine).await;
    let published = app
        .publish(requirement(publish_travel(500), Requirement::Inform))
        .await;
    let totals = app.totals(&published).await;
    assert_eq!((totals.total, totals.pending), (30, 0));
    let employee = app.signed_in(XU).await;
    employee
        .get(&format!("/n/{}", published.notice_id))
        .await
        .expect(200);
    assert_eq!(
        app.totals(&published).await.opened,
        1,
        "who opened it is recorded all the same"
    );
    app.until("2026-10-20 10:00").await;
    assert_eq!(
        app.chat("all-staff").len(),
        1,
        "nobody is reminded of what nobody owes"
    );
}

async fn what_changed_since_the_confirmed_version_is_shown_first(engine: Engine) {
    let (app, first) = start(engine).await;
    app.confirm(LIANG, &first).await.expect(200);
    app.publish_travel_over(600, &["robot:all-staff"]).await;
    let third = app.publish_travel_over(700, &["robot:all-staff"]).await;
    // Liang knows 500 yuan, nobody knows 600.
    let link = app.personal_link(LIANG, &third).await;
    let words = app.visitor().get(&link).await.expect(200).words();
    let (changes, _) = words.split_once("全文").unwrap_or((&words, ""));
    assert!(
        changes.contains("500") && changes.contains("700"),
        "{words}"
    );
    let link = app.personal_link(XU, &third).await;
    let words = app.visitor().get(&link).await.expect(200).words();
    let (changes, _) = words.split_once("全文").unwrap_or((&words, ""));
    assert!(
        changes.contains("600") && changes.contains("700"),
        "{words}"
    );
}

async fn a_minor_change_carries_confirmations_on_and_a_major_one_asks_anew(engine: Engine) {
    let (app, first) = start(engine).await;
    app.confirm(LIANG, &first).await.expect(200);
    let second = app.publish(minor(publish_travel(501))).await;
    assert_eq!(
        state(&app, LIANG, &second).await,
        ObligationState::Acknowledged
    );
    assert_eq!(state(&app, XU, &second).await, ObligationState::Pending);
    let carried = receipts_of(&app, LIANG, &second).await;
    let original = receipts_of(&app, LIANG, &first).await;
    assert_eq!(carried.len(), 1);
    assert_eq!(carried[0].kind, ReceiptKind::Carried);
    assert!(
        original.iter().any(|r| r.text_hash == carried[0].text_hash),
        "it names the text that was really confirmed"
    );
    let link = app.personal_link(LIANG, &second).await;
    let words = app.visitor().get(&link).await.expect(200).words();
    assert!(words.contains("只修订了文字"), "{words}");
    assert!(
        words.contains(&original[0].text_hash.to_string()),
        "{words}"
    );
    let third = app.publish(publish_travel(800)).await;
    assert_eq!(state(&app, LIANG, &third).await, ObligationState::Pending);
}

async fn the_list_of_what_is_owed_is_complete(engine: Engine) {
    let (app, first) = start(engine).await;
    let second = app
        .publish(crate::support::publish_text(
            "other.md",
            "# 另一份办法\n\n第一条 内容。\n",
        ))
        .await;
    let employee = app.signed_in(LIANG).await;
    let list = employee.get("/my").await.expect(200).text();
    assert!(
        list.contains(&first.notice_id.to_string()) && list.contains(&second.notice_id.to_string())
    );
    employee.get("/my/policies").await.expect(200);
    let newest = employee.get("/p/travel").await.expect(200);
    assert!(newest.words().contains("住宿费每日不超过 500 元"));
    let person_no = app.person_no(LIANG).await;
    let owed = app
        .read(move |tx| obligations::of_person(tx, person_no, 10))
        .await;
    assert_eq!(owed.len(), 2);
}

async fn the_original_file_comes_back_unchanged(engine: Engine) {
    let (app, published) = start(engine).await;
    let link = app.personal_link(LIANG, &published).await;
    let (_, key) = link.split_once('?').unwrap();
    let file = app
        .visitor()
        .get(&format!("/n/{}/files/original?{key}", published.notice_id))
        .await
        .expect(200);
    assert_eq!(file.text(), crate::support::travel(500));
    assert!(file.header("content-disposition").contains("travel.md"));
    let request = axum::http::Request::builder()
        .method(Method::GET)
        .uri("/console")
        .header(header::HOST, "yuezhi.test");
    let page = app
        .call(request.body(axum::body::Body::empty()).unwrap(), "/console")
        .await;
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self'")
    );
}
