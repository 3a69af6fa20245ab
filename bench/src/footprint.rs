//! P8: memory of `yuezhi serve` idle and after a load, and the time from its start until it answers.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use tokio::process::{Child, Command};

use crate::{
    figures::{median, short, whole},
    http_client,
    installation::{self, Asked, Connections},
    machine::{self, Watch},
    options::{Measure, Options},
    pages,
    place::{Engine, Place},
    report::Section,
};

const CLIENTS: usize = 64;
const AT_MOST: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(2);

pub(crate) async fn measure(options: &Options) -> anyhow::Result<Section> {
    let (people, notices) = (options.people(), pages::notices(options));
    let mut section = Section::new(
        Measure::P8,
        options,
        &format!(
            "`yuezhi serve` over {} people × {notices} notices",
            whole(people as f64)
        ),
        &[
            "database",
            "file, MiB",
            "start to ready, ms",
            "idle, MiB",
            "after the load, MiB",
            "most, MiB",
        ],
    );
    let Some(binary) = binary()? else {
        section.note("Not measured: the binary does not stand beside this program. Build it with `cargo build --release`.");
        return Ok(section);
    };
    for engine in Engine::of(options) {
        let place = Place::new(engine, options)?;
        let app = installation::start(&place.url(), &Connections::default()).await?;
        let asked = pages::fill(&app, people, notices).await?;
        let (cookie, _) = installation::cookies(&app, 1).await?;
        let requests = requests(&asked, &cookie, options, |notice_no, person_no| {
            app.link_key.notice_link(notice_no, person_no)
        });
        app.db.close();
        drop(app);
        let size = match engine {
            Engine::Sqlite => short(machine::file_mib(Path::new(
                place.url().trim_start_matches("sqlite:"),
            ))),
            Engine::Postgres => "–".to_owned(),
        };
        let (mut ready, mut idle, mut loaded, mut most) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.rounds() {
            let mut node = Node::start(&binary, &place).await?;
            ready.push(node.ready_after_ms);
            tokio::time::sleep(IDLE).await;
            idle.push(machine::memory_mib(node.pid, "VmRSS")?);
            for (requests, status) in &requests {
                http_client::load(node.address, CLIENTS, requests.clone(), status).await?;
            }
            loaded.push(machine::memory_mib(node.pid, "VmRSS")?);
            most.push(machine::memory_mib(node.pid, "VmHWM")?);
            node.child.kill().await?;
        }
        section.row([
            engine.name().to_owned(),
            size,
            short(median(&ready)),
            short(median(&idle)),
            short(median(&loaded)),
            short(median(&most)),
        ]);
    }
    section.note(format!(
        "The load: pages of notices with their outstanding lists, and texts as employees open them, {CLIENTS} clients. \
         Ready is the first 200 of /readyz, asked again every half millisecond."
    ));
    Ok(section)
}

/// Beside this program, or where cargo puts it when this program is a test's.
fn binary() -> anyhow::Result<Option<PathBuf>> {
    let here = std::env::current_exe()?;
    Ok(here
        .parent()
        .map(|folder| folder.join("yuezhi"))
        .filter(|path| path.exists()))
}

type Requests = (Vec<Vec<u8>>, &'static str);

fn requests(
    asked: &[Asked],
    cookie: &str,
    options: &Options,
    key: impl Fn(i64, i64) -> String,
) -> Vec<Requests> {
    let times = options.sized(5_000, 20);
    let notices = || asked.iter().cycle().take(times);
    let progress = notices().map(|notice| {
        http_client::get(
            &format!("/console/notices/{}?state=pending", notice.notice_id),
            cookie,
        )
    });
    let texts = (1_i64..).zip(notices()).map(|(person_no, notice)| {
        let person_no = 1 + person_no % options.people() as i64;
        let key = key(notice.notice_no, person_no);
        http_client::get(&format!("/n/{}?k={key}", notice.notice_id), "")
    });
    vec![(progress.collect(), "200"), (texts.collect(), "200")]
}

struct Node {
    child: Child,
    pid: u32,
    address: SocketAddr,
    ready_after_ms: f64,
}

impl Node {
    async fn start(binary: &Path, place: &Place) -> anyhow::Result<Self> {
        let address = free_address()?;
        let config = place.folder.path().join("yuezhi.toml");
        let text = format!(
            "[server]\nlisten = \"{address}\"\npublic_url = \"http://{address}\"\n[database]\nurl = {:?}\n",
            place.url()
        );
        std::fs::write(&config, text)?;
        let watch = Watch::start();
        let mut child = Command::new(binary)
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .current_dir(place.folder.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| binary.display().to_string())?;
        while http_client::load(address, 1, vec![http_client::get("/readyz", "")], "200")
            .await
            .is_err()
        {
            anyhow::ensure!(
                watch.elapsed() < AT_MOST,
                "the server was not ready after 30 s"
            );
            anyhow::ensure!(
                child.try_wait()?.is_none(),
                "the server ended at once; see above"
            );
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        let ready_after_ms = watch.millis();
        let pid = child.id().context("the server has ended")?;
        Ok(Self {
            child,
            pid,
            address,
            ready_after_ms,
        })
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
