//! Messages to single persons, through the sandbox's mail server.

use mail_parser::{Message, MessageParser};
use yuezhi_domain::{NoticeId, ObligationState, PersonId};
use yuezhi_sandbox::{Organisation, Sandbox, SandboxConfig, SandboxHandle};
use yuezhi_store::{notices, obligations};

use super::*;
use crate::{
    actions::{publish_version::Published, send_reminders},
    config::MailConfig,
};

struct Office {
    sandbox: SandboxHandle,
    db: Db,
    clock: Clock,
    app: App,
    notice_no: i64,
    notice_id: NoticeId,
}

async fn sandbox() -> SandboxHandle {
    let mut config = SandboxConfig::new(Organisation {
        corp_id: "ding1".into(),
        name: "澜川科技".into(),
        // The sandbox's mail server knows the addresses of its organisation.
        people: ["zhang.wei", "grace.tan"]
            .map(|name| yuezhi_sandbox::Person {
                userid: name.into(),
                unionid: name.into(),
                name: name.into(),
                email: format!("{name}@lanchuan.example"),
                ..yuezhi_sandbox::Person::default()
            })
            .into(),
        ..Organisation::default()
    });
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.mail_listen = Some("127.0.0.1:0".parse().unwrap());
    Sandbox::start(config).await.unwrap()
}

fn mail_config(sandbox: &SandboxHandle) -> MailConfig {
    let address = sandbox.mail_addr().unwrap();
    MailConfig {
        host: address.ip().to_string(),
        port: Some(address.port()),
        tls: "none".into(),
        ca_file: None,
        username: None,
        password: None,
        password_file: None,
        from: "阅知 <policy@lanchuan.example>".into(),
        reply_to: None,
        connections: 2,
        per_minute: None,
    }
}

/// Two people with an address, one of them English, one without; a policy to be confirmed was published by mail.
async fn office() -> Office {
    drop(rustls::crypto::ring::default_provider().install_default());
    let sandbox = sandbox().await;
    let db = Db::in_memory().unwrap();
    let clock = Clock::fixed(NOW);
    let config = Config {
        server: ServerConfig {
            public_url: Some("https://p.example".into()),
            ..ServerConfig::default()
        },
        mail: Some(mail_config(&sandbox)),
        ..Config::default()
    };
    let start = Start {
        config,
        db: db.clone(),
        clock: clock.clone(),
        ids: IdSource::seeded(1),
        demo: None,
    };
    let app = App::start(start).await.unwrap();
    let people = [
        ("S1", "张伟", Some("zhang.wei@lanchuan.example"), None),
        (
            "S2",
            "Grace Tan",
            Some("grace.tan@lanchuan.example"),
            Some("en"),
        ),
        ("S3", "李娜", None, None),
    ];
    for (staff_no, name, email, language) in people {
        let new = people::NewPerson {
            staff_no: staff_no.into(),
            name: name.into(),
            email: email.map(Into::into),
            language: language.map(Into::into),
            ..people::NewPerson::default()
        };
        let id: PersonId = app.ids.next(NOW);
        app.db
            .write(move |tx| people::upsert(tx, &new, id, NOW))
            .await
            .unwrap();
    }
    let file = UploadedFile {
        name: "travel.md".into(),
        bytes: "# 差旅费管理制度\n\n第一条 住宿标准见附表。\n".into(),
    };
    let mut request = PublishRequest::of_file(Actor::System, VersionSource::Demo, file);
    request.policy = Some("travel".into());
    request.requirement = Some(yuezhi_domain::Requirement::Confirm);
    request.channels = Some(vec!["mail".into()]);
    request.plan = Some("none".into());
    let published = Box::pin(publish(&app, request)).await.unwrap();
    let Published::New(published) = published else {
        panic!("it is new");
    };
    run_until_idle(&app).await.unwrap();
    let (notice_no, notice_id) = (published.notice_no, published.notice_id);
    Office {
        sandbox,
        db,
        clock,
        app,
        notice_no,
        notice_id,
    }
}

impl Office {
    async fn remind(&self) {
        self.clock.advance(3_600_000);
        let request = send_reminders::RemindRequest {
            actor: Actor::System,
            notice_id: self.notice_id,
            person_nos: Vec::new(),
            dry_run: false,
        };
        send_reminders::remind(&self.app, request).await.unwrap();
    }

    /// The first person confirms, past the action that would cancel what is due.
    async fn settle_one(&self) {
        let notice_no = self.notice_no;
        let settle = move |tx: &mut yuezhi_store::Tx<'_>| {
            let (from, to) = ([ObligationState::Pending], ObligationState::Acknowledged);
            obligations::transition(tx, notice_no, 1, &from, to, NOW, None)
        };
        assert!(self.db.write(settle).await.unwrap());
    }

    fn mails(&self) -> Vec<(String, Vec<u8>)> {
        self.sandbox
            .mails()
            .into_iter()
            .map(|mail| (mail.to.join(","), mail.raw))
            .collect()
    }
}

fn read(raw: &[u8]) -> Message<'_> {
    MessageParser::default().parse(raw).unwrap()
}

#[tokio::test]
async fn everybody_with_an_address_gets_a_link_of_their_own_in_their_own_language() {
    let office = office().await;
    let mut mails = office.mails();
    mails.sort();
    assert_eq!(mails.len(), 2);
    let (grace, zhang) = (read(&mails[0].1), read(&mails[1].1));
    assert!(
        grace.subject().unwrap().starts_with("New policy"),
        "{:?}",
        grace.subject()
    );
    assert!(
        zhang.subject().unwrap().starts_with("【新制度】"),
        "{:?}",
        zhang.subject()
    );
    for (mail, person_no) in [(&zhang, 1), (&grace, 2)] {
        let key = office.app.link_key.notice_link(office.notice_no, person_no);
        let link = format!("https://p.example/n/{}?k={key}", office.notice_id);
        assert!(mail.body_text(0).unwrap().contains(&link));
    }
    let states: Vec<_> = office
        .db
        .read(|tx| deliveries::list(tx, &DeliveryFilter::default(), 0, 10))
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.delivery.state)
        .collect();
    assert!(states.contains(&DeliveryState::Undeliverable));
}

#[tokio::test]
async fn a_reminder_goes_only_to_those_who_owe_and_below_the_first_mail() {
    let office = office().await;
    let first = office.mails();
    office.settle_one().await;
    office.remind().await;
    run_until_idle(&office.app).await.unwrap();
    let all = office.mails();
    assert_eq!(all.len(), 3);
    let reminder = all.iter().find(|mail| !first.contains(mail)).unwrap();
    assert_eq!(reminder.0, "grace.tan@lanchuan.example");
    let before = first.iter().find(|mail| mail.0 == reminder.0).unwrap();
    let (before, reminder) = (read(&before.1), read(&reminder.1));
    assert_eq!(reminder.in_reply_to().as_text(), before.message_id());
    assert_ne!(reminder.message_id(), before.message_id());
}

#[tokio::test]
async fn who_settles_while_a_reminder_waits_does_not_get_it() {
    let office = office().await;
    office.remind().await;
    office.settle_one().await;
    run_until_idle(&office.app).await.unwrap();
    assert_eq!(office.mails().len(), 3, "only one was reminded");
    let rows = office
        .db
        .read(|tx| deliveries::list(tx, &DeliveryFilter::default(), 0, 10))
        .await
        .unwrap();
    let cancelled: Vec<_> = rows
        .iter()
        .filter(|row| row.delivery.state == DeliveryState::Cancelled)
        .collect();
    assert_eq!(cancelled.len(), 1);
    assert_eq!(cancelled[0].delivery.error_code.as_deref(), Some("settled"));
}

#[tokio::test]
async fn nothing_is_sent_for_a_notice_that_is_over() {
    let office = office().await;
    office.remind().await;
    let notice_no = office.notice_no;
    let end = move |tx: &mut yuezhi_store::Tx<'_>| {
        use yuezhi_domain::NoticeState::{Cancelled, Open};
        notices::set_state(tx, notice_no, Open, Cancelled, NOW, Some("x"))
    };
    assert!(office.db.write(end).await.unwrap());
    run_until_idle(&office.app).await.unwrap();
    assert_eq!(office.mails().len(), 2);
}
