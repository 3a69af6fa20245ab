//! What the stories share: a whole installation in one process, with a clock that is cranked by hand.
//!
//! Each story runs on SQLite and on PostgreSQL ([`both_engines!`]). DingTalk is the sandbox over a real socket, mail
//! goes to a real SMTP server. Invariant: a [`TestApp`] that is dropped with due work left, or after an error was
//! logged that nobody expected, fails its story. Weakness: waits of the DingTalk and mail clients are real time.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of the tests that cannot go on fails the test"
)]

pub(crate) mod browser;
mod company;
pub(crate) mod logs;
mod look;
pub(crate) mod mail;
pub(crate) mod program;
mod visit;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::connect_info::MockConnectInfo,
    http::{Method, Request, header},
};
use jiff::civil::DateTime;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use yuezhi_domain::{IdSource, UnixMillis};
use yuezhi_sandbox::{Sandbox, SandboxConfig, SandboxHandle};
use yuezhi_server::{
    actions::{Actor, import_people, publish_version::UploadedFile},
    app::{App, Start},
    clock::Clock,
    config::{Config, DingTalkConfig, RobotConfig, SourceConfig},
    http, workers,
};
use yuezhi_store::{Db, Scratch, deliveries, notices, people, schedules};

pub(crate) use self::{
    company::{CLIENT_ID, group_robot, people_csv},
    look::{
        local, minor, path_in, path_of, publish_text, publish_travel, requirement, travel, words,
    },
    mail::MailServer,
    visit::{Answer, Multipart, Visitor},
};

/// What links in messages begin with.
pub(crate) const PUBLIC_URL: &str = "https://policy.lanchuan.example";

/// The database under a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Makes two tests of each story: `story::sqlite` and `story::postgres`.
macro_rules! both_engines {
    ($($story:ident),+ $(,)?) => {
        $(mod $story {
            use crate::support::Engine;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                Box::pin(super::$story(Engine::Sqlite)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                Box::pin(super::$story(Engine::Postgres)).await;
            }
        })+
    };
}
pub(crate) use both_engines;

/// `2026-09-14 10:00` in Shanghai.
#[track_caller]
pub(crate) fn shanghai(text: &str) -> UnixMillis {
    let local: DateTime = text.replace(' ', "T").parse().unwrap();
    UnixMillis::of_local(local, &jiff::tz::TimeZone::get("Asia/Shanghai").unwrap()).unwrap()
}

pub(crate) const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

pub(crate) const fn hours(n: u64) -> Duration {
    minutes(n * 60)
}

pub(crate) const fn days(n: u64) -> Duration {
    hours(n * 24)
}

/// What a story needs beside the usual company.
pub(crate) struct Setup {
    engine: Engine,
    mail: Option<MailServer>,
    hr_robot: bool,
    app: bool,
    people: bool,
    start: UnixMillis,
    sources: Vec<SourceConfig>,
    configured: fn(&mut Config),
}

impl Setup {
    /// What the configuration file says beside the usual.
    pub(crate) fn configured(mut self, change: fn(&mut Config)) -> Self {
        self.configured = change;
        self
    }

    /// The organisation's app can do all that the product makes use of: work notices, cards, to-dos, announcements.
    pub(crate) fn with_app(mut self) -> Self {
        self.app = true;
        self
    }

    pub(crate) fn with_mail(mut self) -> Self {
        self.mail = Some(MailServer::start());
        self
    }

    /// A second robot, in the group of the personnel department, that wants the keyword 「制度」 and no signature.
    pub(crate) fn with_hr_robot(mut self) -> Self {
        self.hr_robot = true;
        self
    }

    pub(crate) fn without_people(mut self) -> Self {
        self.people = false;
        self
    }

    pub(crate) fn with_source(mut self, source: SourceConfig) -> Self {
        self.sources.push(source);
        self
    }

    pub(crate) async fn start(self) -> TestApp {
        logs::record();
        // Two may try: whoever comes second finds it done.
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let scratch = scratch(self.engine, folder.path()).await;
        let dingtalk = company::dingtalk(self.start, self.hr_robot).await;
        let outside = Outside {
            dingtalk,
            mail: self.mail,
            scratch: Some(scratch),
            folder,
        };
        let world = World {
            outside: Arc::new(outside),
            clock: Clock::fixed(self.start),
            hr_robot: self.hr_robot,
            app: self.app,
            sources: self.sources,
            configured: self.configured,
            engine: self.engine,
        };
        let app = TestApp::open(world, 1).await;
        if self.people {
            app.import_company().await;
        }
        if self.app {
            app.set_up_app().await;
        }
        app
    }
}

async fn scratch(engine: Engine, folder: &Path) -> Scratch {
    match engine {
        Engine::Sqlite => Scratch::sqlite(folder),
        Engine::Postgres => {
            let url = std::env::var("YUEZHI_TEST_POSTGRES")
                .expect("YUEZHI_TEST_POSTGRES is not set: run ./test, it starts PostgreSQL");
            tokio::task::spawn_blocking(move || Scratch::postgres(&url).unwrap())
                .await
                .unwrap()
        }
    }
}

/// What outlives a restart of the server.
struct Outside {
    dingtalk: SandboxHandle,
    mail: Option<MailServer>,
    scratch: Option<Scratch>,
    folder: TempDir,
}

impl Drop for Outside {
    fn drop(&mut self) {
        // The PostgreSQL client must not block a thread of the runtime.
        let scratch = self.scratch.take();
        drop(std::thread::spawn(move || drop(scratch)).join());
    }
}

#[derive(Clone)]
struct World {
    outside: Arc<Outside>,
    clock: Clock,
    hr_robot: bool,
    app: bool,
    sources: Vec<SourceConfig>,
    configured: fn(&mut Config),
    engine: Engine,
}

impl World {
    fn configuration(&self) -> Config {
        let dingtalk = self.outside.dingtalk.url();
        let mut config = Config::default();
        config.server.public_url = Some(PUBLIC_URL.to_owned());
        config.server.organisation = Some("澜川科技集团".to_owned());
        config
            .database
            .url
            .clone_from(&self.outside.scratch.as_ref().unwrap().config().url);
        config.dingtalk = DingTalkConfig {
            client_id: Some(CLIENT_ID.to_owned()),
            client_secret: Some(SecretString::from(company::CLIENT_SECRET)),
            api_base: dingtalk.clone(),
            oapi_base: dingtalk.clone(),
            login_base: dingtalk.clone(),
            ..DingTalkConfig::default()
        };
        if self.app {
            config.dingtalk.agent_id = Some(company::AGENT_ID);
            config.dingtalk.card_template_id = Some(company::CARD_TEMPLATE.to_owned());
            config.dingtalk.operator_user_id = Some(company::OPERATOR.to_owned());
            config.dingtalk.stream = false;
        }
        config.robot = vec![robot(
            "all-staff",
            &company::webhook(&dingtalk, "all-staff"),
            Some(company::STAFF_SECRET),
            &[],
        )];
        if self.hr_robot {
            config.robot.push(robot(
                "hr",
                &company::webhook(&dingtalk, "hr"),
                None,
                &["制度"],
            ));
        }
        config.mail = self.outside.mail.as_ref().map(|mail| {
            let mail = json!({ "host": "127.0.0.1", "port": mail.port, "tls": "none", "from": "澜川科技集团 <policy@lanchuan.example>" });
            serde_json::from_value(mail).unwrap()
        });
        config.source.clone_from(&self.sources);
        (self.configured)(&mut config);
        config
    }
}

fn robot(name: &str, webhook: &str, secret: Option<&str>, keywords: &[&str]) -> RobotConfig {
    let robot = json!({ "name": name, "webhook": webhook, "secret": secret, "keywords": keywords });
    serde_json::from_value(robot).unwrap()
}

/// One node of an installation. See the module's text.
pub(crate) struct TestApp {
    pub(crate) app: App,
    router: Router,
    world: World,
    may_leave_work: AtomicBool,
    expected_errors: Mutex<Vec<&'static str>>,
}

impl TestApp {
    /// A company of 29 people, a group robot for everybody, Monday 2026-09-14 10:00.
    pub(crate) fn with(engine: Engine) -> Setup {
        Setup {
            engine,
            mail: None,
            hr_robot: false,
            app: false,
            people: true,
            start: shanghai("2026-09-14 10:00"),
            sources: Vec::new(),
            configured: |_| {},
        }
    }

    pub(crate) async fn start(engine: Engine) -> Self {
        Self::with(engine).start().await
    }

    async fn open(world: World, seed: u64) -> Self {
        let database = world.outside.scratch.as_ref().unwrap().config().clone();
        let db = tokio::task::spawn_blocking(move || Db::open(&database).unwrap())
            .await
            .unwrap();
        let start = Start {
            config: world.configuration(),
            db,
            clock: world.clock.clone(),
            ids: IdSource::seeded(seed),
            demo: None,
        };
        let app = App::start(start).await.unwrap();
        let router = http::router(app.clone())
            .unwrap()
            .layer(MockConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
        Self {
            app,
            router,
            world,
            may_leave_work: AtomicBool::new(false),
            expected_errors: Mutex::default(),
        }
    }

    async fn import_company(&self) {
        let file = UploadedFile {
            name: "people.csv".to_owned(),
            bytes: people_csv().into(),
        };
        let request = import_people::ImportRequest {
            actor: Actor::System,
            file,
            close_missing: false,
            dry_run: false,
        };
        let report = import_people::import(&self.app, request).await.unwrap();
        assert!(report.applied, "{:?}", report.problems);
    }

    /// The card template is bound to the app, and everybody's ids are known as after a walk of the directory.
    async fn set_up_app(&self) {
        let template: Value = serde_json::from_str(yuezhi_channels::card::template()).unwrap();
        self.dingtalk()
            .import_template(CLIENT_ID, company::CARD_TEMPLATE, true, &template)
            .unwrap();
        let now = self.now();
        self.change_schema("UPDATE people SET dingtalk_user_id = staff_no")
            .await;
        self.app
            .db
            .write(move |tx| {
                for person in people::list(tx, &people::PeopleFilter::default(), 0, 1_000)? {
                    let union_id = format!("union-{}", person.staff_no);
                    people::set_directory(tx, person.no, &union_id, true, now)?;
                }
                Ok::<_, yuezhi_store::StoreError>(())
            })
            .await
            .unwrap();
    }

    /// Stops this node and starts another one on the same database, with the same world around it.
    pub(crate) async fn restart(self) -> Self {
        let world = self.world.clone();
        self.may_leave_work();
        drop(self);
        Self::open(world, 2).await
    }

    /// One more node on the same database.
    pub(crate) async fn another_node(&self) -> Self {
        assert_eq!(self.world.engine, Engine::Postgres, "SQLite is one node's");
        Self::open(self.world.clone(), 3).await
    }

    pub(crate) fn dingtalk(&self) -> &SandboxHandle {
        &self.world.outside.dingtalk
    }

    pub(crate) fn mail(&self) -> &MailServer {
        self.world
            .outside
            .mail
            .as_ref()
            .expect("start the story with_mail()")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.world.outside.folder.path()
    }

    /// This story ends with something due, on purpose.
    pub(crate) fn may_leave_work(&self) {
        self.may_leave_work.store(true, Ordering::Relaxed);
    }

    /// A logged error that holds these words is part of the story.
    pub(crate) fn expect_error(&self, words: &'static str) {
        self.expected_errors.lock().unwrap().push(words);
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.app.now()
    }

    /// Runs every worker until nothing is due.
    pub(crate) async fn work(&self) {
        workers::run_until_idle(&self.app).await.unwrap();
    }

    /// The server slept so long and wakes up now.
    pub(crate) async fn advance(&self, by: Duration) {
        self.move_clock(by);
        self.work().await;
    }

    pub(crate) fn move_clock(&self, by: Duration) {
        let milliseconds = i64::try_from(by.as_millis()).unwrap();
        self.world.clock.advance(milliseconds);
        self.dingtalk().clock().advance_ms(milliseconds);
    }

    /// Time passes until then; everything that becomes due on the way is done at its own time.
    pub(crate) async fn until(&self, local: &str) {
        let target = shanghai(local);
        assert!(target > self.now(), "{local} is not ahead");
        self.work().await;
        // What is due and stays due waits for something else: a lane that is held, an administrator.
        while let Some(stop) = self
            .next_stop()
            .await
            .filter(|stop| *stop <= target && *stop > self.now())
        {
            self.advance(stop.since(self.now())).await;
        }
        if target > self.now() {
            self.advance(target.since(self.now())).await;
        }
    }

    async fn next_stop(&self) -> Option<UnixMillis> {
        self.read(|tx| {
            let due = [
                notices::next_reminder_at_min(tx)?,
                schedules::next_at_min(tx)?,
                deliveries::next_due_at(tx)?,
            ];
            Ok(due.into_iter().flatten().min())
        })
        .await
    }

    /// Looks into the database.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl Fn(&mut yuezhi_store::Tx<'_>) -> Result<T, yuezhi_store::StoreError> + Send + 'static,
    ) -> T {
        self.app.db.read(look).await.unwrap()
    }

    /// Runs one statement that changes the schema, as an administrator with the database's own tools would.
    pub(crate) async fn change_schema(&self, sql: &'static str) {
        self.app
            .db
            .write(move |tx| tx.exec(sql, &[]))
            .await
            .unwrap();
    }

    /// Sends a request through every layer of the server.
    pub(crate) async fn call(&self, request: Request<Body>, path: &str) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        Answer::of(response, path).await
    }

    pub(crate) fn visitor(&self) -> Visitor<'_> {
        Visitor::new(self)
    }

    /// A call of the API with the key of this machine's command line.
    pub(crate) async fn api(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.api_request(method, path);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.call(request.body(body).unwrap(), path).await
    }

    pub(crate) async fn api_get(&self, path: &str) -> Value {
        self.api(Method::GET, path, None).await.expect(200).json()
    }

    pub(crate) async fn api_multipart(&self, path: &str, multipart: Multipart) -> Answer {
        let (content_type, body) = multipart.finish();
        let request = self
            .api_request(Method::POST, path)
            .header(header::CONTENT_TYPE, content_type);
        self.call(request.body(Body::from(body)).unwrap(), path)
            .await
    }

    pub(crate) fn api_request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "yuezhi.test")
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", self.app.local_token),
            )
    }

    /// Listens on a real socket as well, without workers: the story still cranks the clock.
    pub(crate) async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = http::router(self.app.clone()).unwrap();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        format!("http://{address}")
    }

    async fn left_due(db: &Db, now: UnixMillis) -> Vec<String> {
        db.read(move |tx| {
            let mut left: Vec<String> = deliveries::lanes_with_due(tx, now)?
                .into_iter()
                .map(|lane| format!("lane {lane} has due deliveries"))
                .collect();
            if notices::next_reminder_at_min(tx)?.is_some_and(|at| at <= now) {
                left.push("a reminder is due".to_owned());
            }
            if schedules::next_at_min(tx)?.is_some_and(|at| at <= now) {
                left.push("a schedule is due".to_owned());
            }
            Ok::<_, yuezhi_store::StoreError>(left)
        })
        .await
        .unwrap()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let expected = std::mem::take(&mut *self.expected_errors.lock().unwrap());
        let unexpected: Vec<String> = logs::take_errors()
            .into_iter()
            .filter(|line| !expected.iter().any(|words| line.contains(words)))
            .collect();
        assert!(unexpected.is_empty(), "errors were logged: {unexpected:#?}");
        if self.may_leave_work.load(Ordering::Relaxed) {
            return;
        }
        let (db, now) = (self.app.db.clone(), self.app.now());
        let left = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            runtime.block_on(Self::left_due(&db, now))
        });
        let left = left.join().unwrap();
        assert!(left.is_empty(), "the story ends with work left: {left:?}");
    }
}

/// A clause to start a sandbox from; kept here so that the company's file holds only the company.
async fn start_sandbox(config: SandboxConfig) -> SandboxHandle {
    Sandbox::start(config).await.unwrap()
}
