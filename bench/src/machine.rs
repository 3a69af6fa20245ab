//! The machine: its clock, the processor time and memory of a process, the runtime. Nothing else here reads a clock.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;

/// Ticks of /proc/PID/stat in a second; the same on every Linux (`man 5 proc`).
const TICKS_PER_SECOND: f64 = 100.0;

/// A point in time to measure from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch(Instant);

impl Watch {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measuring program reads the machine's clock"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub(crate) fn seconds(self) -> f64 {
        self.elapsed().as_secs_f64()
    }

    pub(crate) fn millis(self) -> f64 {
        self.seconds() * 1000.0
    }

    /// From `self` to `later`, in milliseconds.
    pub(crate) fn millis_until(self, later: Self) -> f64 {
        later.0.saturating_duration_since(self.0).as_secs_f64() * 1000.0
    }
}

/// Processor seconds of a process, all its threads, in the kernel and outside. Steps of 10 ms.
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
    // The name in brackets may hold anything; fields are counted behind it, from the third.
    let rest = stat.rsplit_once(')').context("no name in brackets")?.1;
    let ticks = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<f64>)
        .sum::<Result<f64, _>>()
        .with_context(|| path)?;
    Ok(ticks / TICKS_PER_SECOND)
}

/// Processor seconds of this process.
pub(crate) fn own_cpu_seconds() -> anyhow::Result<f64> {
    cpu_seconds(std::process::id())
}

/// `VmRSS` (now) or `VmHWM` (the most so far) of a process, in MiB.
pub(crate) fn memory_mib(pid: u32, key: &str) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
        .and_then(|value| value.split_whitespace().next())
        .with_context(|| format!("{path} has no {key}"))?
        .parse()?;
    Ok(kib / 1024.0)
}

/// The runtime of the server's own command line.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

/// One line on what this machine is.
pub(crate) fn description() -> String {
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        text.lines().find_map(|line| {
            line.strip_prefix("model name")
                .map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned())
        })
    });
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!(
        "{cores} cores ({}), Linux, loopback",
        model.as_deref().unwrap_or("unknown processor")
    )
}

/// Bytes of an SQLite file with its log, in MiB.
pub(crate) fn file_mib(path: &Path) -> f64 {
    let of = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
    let log = path.with_extension("sqlite-wal");
    (of(path) + of(&log)) as f64 / 1024.0 / 1024.0
}
