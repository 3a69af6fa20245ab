//! The dispatcher against a robot endpoint on loopback that answers as it is told.

use std::collections::VecDeque;

use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use yuezhi_domain::{DeliveryState, IdSource};
use yuezhi_store::{
    Db,
    deliveries::{Delivery, DeliveryFilter},
    people,
};

mod by_mail;

use super::*;
use crate::{
    actions::{
        Actor,
        publish_version::{PublishRequest, UploadedFile, VersionSource, publish},
    },
    app::Start,
    clock::Clock,
    config::{Config, RobotConfig, ServerConfig},
    workers::run_until_idle,
};

/// 2026-11-23 10:00 in Shanghai, a Monday.
const NOW: UnixMillis = UnixMillis(1_795_399_200_000);
const LANE: &str = "robot:hr";

#[derive(Clone, Default)]
struct Endpoint {
    bodies: Arc<Mutex<Vec<Value>>>,
    /// The next answers; then `ok`.
    answers: Arc<Mutex<VecDeque<Value>>>,
}

impl Endpoint {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/robot/send", post(answer))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}/robot/send?access_token=t0")
    }

    fn say(&self, answer: &Value, times: usize) {
        self.answers
            .lock()
            .unwrap()
            .extend(std::iter::repeat_n(answer.clone(), times));
    }

    fn bodies(&self) -> Vec<Value> {
        self.bodies.lock().unwrap().clone()
    }

    fn keys(&self) -> Vec<String> {
        self.bodies()
            .iter()
            .map(|body| body["msgUuid"].as_str().unwrap().to_owned())
            .collect()
    }
}

async fn answer(State(endpoint): State<Endpoint>, Json(body): Json<Value>) -> Json<Value> {
    endpoint.bodies.lock().unwrap().push(body);
    let next = endpoint.answers.lock().unwrap().pop_front();
    Json(next.unwrap_or_else(|| json!({ "errcode": 0, "errmsg": "ok" })))
}

async fn node(db: &Db, clock: &Clock, seed: u64, webhook: Option<&str>) -> App {
    drop(rustls::crypto::ring::default_provider().install_default());
    let robot = webhook.map(|webhook| RobotConfig {
        name: "hr".into(),
        webhook: Some(webhook.to_owned().into()),
        webhook_file: None,
        secret: None,
        secret_file: None,
        keywords: Vec::new(),
    });
    let config = Config {
        server: ServerConfig {
            public_url: Some("https://p.example".into()),
            ..ServerConfig::default()
        },
        robot: robot.into_iter().collect(),
        ..Config::default()
    };
    let start = Start {
        config,
        db: db.clone(),
        clock: clock.clone(),
        ids: IdSource::seeded(seed),
        demo: None,
    };
    App::start(start).await.unwrap()
}

struct World {
    endpoint: Endpoint,
    webhook: String,
    db: Db,
    clock: Clock,
    app: App,
}

impl World {
    async fn start() -> Self {
        let endpoint = Endpoint::default();
        let webhook = endpoint.start().await;
        let db = Db::in_memory().unwrap();
        let clock = Clock::fixed(NOW);
        let app = node(&db, &clock, 1, Some(&webhook)).await;
        let new = people::NewPerson {
            staff_no: "S1".into(),
            name: "张伟".into(),
            ..people::NewPerson::default()
        };
        let id = app.ids.next(NOW);
        app.db
            .write(move |tx| people::upsert(tx, &new, id, NOW))
            .await
            .unwrap();
        // The first tick takes over what a former life of this node left.
        run_until_idle(&app).await.unwrap();
        Self {
            endpoint,
            webhook,
            db,
            clock,
            app,
        }
    }

    async fn publish(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let text = format!("# 第 {number} 号规定\n\n第一条 内容 {number}。\n");
            let file = UploadedFile {
                name: format!("rule-{number}.md"),
                bytes: text.into(),
            };
            let mut request = PublishRequest::of_file(Actor::System, VersionSource::Demo, file);
            request.policy = Some(format!("rule-{number}"));
            request.channels = Some(vec![LANE.to_owned()]);
            request.plan = Some("none".to_owned());
            Box::pin(publish(&self.app, request)).await.unwrap();
        }
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by.as_millis() as i64);
        run_until_idle(&self.app).await.unwrap();
    }

    async fn deliveries(&self) -> Vec<Delivery> {
        let rows = self
            .db
            .read(|tx| deliveries::list(tx, &DeliveryFilter::default(), 0, 1000))
            .await
            .unwrap();
        let mut all: Vec<Delivery> = rows.into_iter().map(|row| row.delivery).collect();
        all.sort_by_key(|delivery| delivery.no);
        all
    }

    async fn states(&self) -> Vec<DeliveryState> {
        self.deliveries()
            .await
            .into_iter()
            .map(|delivery| delivery.state)
            .collect()
    }

    async fn lane(&self) -> lanes::Lane {
        self.db
            .read(|tx| lanes::get(tx, LANE))
            .await
            .unwrap()
            .unwrap()
    }

    /// What a node does before it dies between the claim and the sending.
    async fn claim_and_die(&self) -> claim::Claim {
        let now = self.app.now();
        let ask = claim::Ask {
            lane: LANE.into(),
            owner: "dead".into(),
            now,
            lane_until: now.plus(Duration::from_secs(5)),
            until: now.plus(Duration::from_mins(10)),
            limit: 100,
            pace: None,
            merges: true,
        };
        self.db
            .write(move |tx| claim::claim(tx, &ask))
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn three_publications_at_once_are_three_messages_and_four_are_one() {
    let world = World::start().await;
    world.publish(0..3).await;
    run_until_idle(&world.app).await.unwrap();
    assert_eq!(world.endpoint.bodies().len(), 3);
    world.publish(3..7).await;
    run_until_idle(&world.app).await.unwrap();
    let bodies = world.endpoint.bodies();
    assert_eq!(bodies.len(), 4);
    for number in 3..7 {
        assert!(
            bodies[3]
                .to_string()
                .contains(&format!("第 {number} 号规定")),
            "{}",
            bodies[3]
        );
    }
    assert!(
        world
            .states()
            .await
            .iter()
            .all(|state| *state == DeliveryState::Sent)
    );
    assert_eq!(world.lane().await.lease_owner, None);
}

#[tokio::test]
async fn a_digest_of_a_node_that_died_goes_as_the_same_set_under_the_same_key() {
    let world = World::start().await;
    world.publish(0..5).await;
    let dead = world.claim_and_die().await;
    assert_eq!(dead.parcels.len(), 1);
    world.publish(5..7).await;
    world.advance(Duration::from_secs(3)).await;
    assert_eq!(
        world.endpoint.bodies().len(),
        0,
        "the lane is the other node's"
    );
    world.advance(Duration::from_secs(3)).await;
    let bodies = world.endpoint.bodies();
    assert_eq!(
        bodies.len(),
        3,
        "the set of five, and two that came later: {bodies:#?}"
    );
    let leader = world.deliveries().await[0].no;
    assert!(
        world
            .endpoint
            .keys()
            .contains(&key::of_digest(&world.app.instance, LANE, leader))
    );
    assert!(
        world
            .states()
            .await
            .iter()
            .all(|state| *state == DeliveryState::Sent)
    );
    let attempts = world
        .db
        .read(move |tx| deliveries::attempts(tx, leader))
        .await
        .unwrap();
    assert_eq!(
        attempts
            .iter()
            .map(|a| a.outcome.as_str())
            .collect::<Vec<_>>(),
        ["lease_lost"]
    );
}

#[tokio::test]
async fn the_lane_of_a_node_that_died_is_looked_at_when_its_lease_runs_out() {
    let world = World::start().await;
    world.publish(0..1).await;
    world.claim_and_die().await;
    let until = world.lane().await.lease_until.unwrap();
    assert_eq!(
        tick(&world.app).await.unwrap(),
        Next::At(until.plus(Duration::from_millis(1)))
    );
}

#[tokio::test]
async fn a_restarted_node_does_not_wait_for_the_lease_of_its_former_life() {
    let world = World::start().await;
    world.publish(0..1).await;
    world.claim_and_die().await;
    let again = node(&world.db, &world.clock, 2, Some(&world.webhook)).await;
    run_until_idle(&again).await.unwrap();
    assert_eq!(world.endpoint.bodies().len(), 1);
}

#[tokio::test]
async fn every_attempt_has_the_same_key() {
    let world = World::start().await;
    world
        .endpoint
        .say(&json!({ "errcode": -1, "errmsg": "系统繁忙" }), 2);
    world.publish(0..1).await;
    run_until_idle(&world.app).await.unwrap();
    for _ in 0..4 {
        world.advance(Duration::from_mins(1)).await;
    }
    let keys = world.endpoint.keys();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]));
    let delivery = world.deliveries().await.remove(0);
    assert_eq!(
        (delivery.state, delivery.attempts),
        (DeliveryState::Sent, 3)
    );
}

#[tokio::test]
async fn a_lane_that_the_platform_silences_waits_and_costs_no_attempt() {
    let world = World::start().await;
    world
        .endpoint
        .say(&json!({ "errcode": 130_101, "errmsg": "send too fast" }), 1);
    world.publish(0..2).await;
    run_until_idle(&world.app).await.unwrap();
    let held = world.lane().await.held_until.unwrap();
    assert!(held > NOW);
    assert!(
        world
            .deliveries()
            .await
            .iter()
            .any(|d| d.state == DeliveryState::Due && d.attempts == 0)
    );
    let before = world.endpoint.bodies().len();
    world.advance(Duration::from_mins(1)).await;
    assert_eq!(world.endpoint.bodies().len(), before);
    world.advance(held.since(world.app.now())).await;
    assert!(
        world
            .states()
            .await
            .iter()
            .all(|state| *state == DeliveryState::Sent)
    );
}

#[tokio::test]
async fn never_more_than_twenty_messages_in_a_minute() {
    let world = World::start().await;
    world.publish(0..1).await;
    run_until_idle(&world.app).await.unwrap();
    let notice_no = world.deliveries().await[0].notice_no;
    let reminders = move |tx: &mut yuezhi_store::Tx<'_>| {
        for occurrence_no in 1..=24 {
            deliveries::insert_group(
                tx,
                &crate::fan_out::group_message(LANE, notice_no, occurrence_no, NOW),
            )?;
        }
        Ok::<_, yuezhi_store::StoreError>(())
    };
    world.db.write(reminders).await.unwrap();
    run_until_idle(&world.app).await.unwrap();
    assert_eq!(world.endpoint.bodies().len(), 20);
    world.advance(Duration::from_secs(61)).await;
    assert_eq!(world.endpoint.bodies().len(), 20);
    world.advance(Duration::from_secs(2)).await;
    assert_eq!(world.endpoint.bodies().len(), 25);
}

#[tokio::test]
async fn a_stream_of_publications_becomes_a_few_cards_and_a_list() {
    let world = World::start().await;
    for number in 0..9 {
        world.publish(number..number + 1).await;
        run_until_idle(&world.app).await.unwrap();
    }
    assert_eq!(world.endpoint.bodies().len(), 6);
    world.advance(Duration::from_secs(5)).await;
    assert_eq!(world.endpoint.bodies().len(), 7);
    assert!(
        world
            .states()
            .await
            .iter()
            .all(|state| *state == DeliveryState::Sent)
    );
}

#[tokio::test]
async fn a_lane_without_a_channel_fails_visibly() {
    let world = World::start().await;
    world.publish(0..2).await;
    let without = node(&world.db, &world.clock, 3, None).await;
    run_until_idle(&without).await.unwrap();
    let all = world.deliveries().await;
    assert!(
        all.iter()
            .all(|d| d.state == DeliveryState::Failed
                && d.error_code.as_deref() == Some("lane_gone"))
    );
}

#[tokio::test]
async fn a_lane_that_cannot_be_opened_waits_and_goes_on_when_it_can() {
    let world = World::start().await;
    world.publish(0..1).await;
    let broken = node(&world.db, &world.clock, 4, Some("ftp://nowhere")).await;
    run_until_idle(&broken).await.unwrap();
    assert_eq!(
        world.lane().await.reason_code.as_deref(),
        Some("channel_broken")
    );
    assert_eq!(world.states().await, [DeliveryState::Due]);
    run_until_idle(&world.app).await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Sent]);
}

#[tokio::test]
async fn what_a_loop_left_running_is_waited_for() {
    let world = World::start().await;
    world.publish(0..3).await;
    run(&world.app, false).await.unwrap();
    while send_due(&world.app).await.unwrap() {}
    assert!(
        world
            .states()
            .await
            .iter()
            .all(|state| *state == DeliveryState::Sent)
    );
    stop(&world.app).await;
}
