//! What the command line asks for, and the sizes that follow from it.

use std::{fmt, path::PathBuf};

use clap::{Parser, ValueEnum};

/// Measures the claims of docs/performance.md.
#[derive(Debug, Clone, Parser)]
#[command(name = "yuezhi-bench", version)]
pub(crate) struct Options {
    /// What to measure; several may be given. `all` leaves out p10.
    #[arg(required = true, value_enum)]
    measures: Vec<Measure>,
    /// People of the invented company.
    #[arg(long, default_value_t = 100_000)]
    people: usize,
    /// Tiny sizes: tries the measuring itself, the figures mean nothing.
    #[arg(long)]
    pub smoke: bool,
    /// Also the peers from other registries: apalis (cargo) and nodemailer (npm).
    #[arg(long)]
    pub peers: bool,
    /// A PostgreSQL whose user may create schemas; its measures are left out without one.
    #[arg(
        long,
        value_name = "URL",
        env = "YUEZHI_TEST_POSTGRES",
        hide_env_values = true
    )]
    pub postgres: Option<String>,
    /// How often the contenders take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Also write the tables to this file.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

/// The names of the aims in docs/performance.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    All,
    /// Durable dispatch over HTTP.
    P1,
    /// Durable dispatch by mail.
    P2,
    /// Publishing to many.
    P3,
    /// Confirmations.
    P4,
    /// Pages.
    P5,
    /// The first message after publishing.
    P7,
    /// Memory and start.
    P8,
    /// A clean release build.
    P10,
    /// Crashes.
    P12,
    /// Metered calls of the DingTalk platform.
    Calls,
}

impl Measure {
    const QUICK: [Self; 9] = [
        Self::P1,
        Self::P2,
        Self::P3,
        Self::P4,
        Self::P5,
        Self::P7,
        Self::P8,
        Self::P12,
        Self::Calls,
    ];
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("?", |value| value.get_name()))
    }
}

impl Options {
    pub(crate) fn measures(&self) -> Vec<Measure> {
        if self.measures.contains(&Measure::All) {
            Measure::QUICK.to_vec()
        } else {
            self.measures.clone()
        }
    }

    pub(crate) fn people(&self) -> usize {
        self.sized(self.people, 400)
    }

    pub(crate) fn rounds(&self) -> usize {
        self.sized(self.rounds, 1)
    }

    /// Messages of one dispatch run.
    pub(crate) fn messages(&self) -> usize {
        self.sized(30_000, 200)
    }

    pub(crate) fn mails(&self) -> usize {
        self.sized(20_000, 200)
    }

    pub(crate) fn sized(&self, whole: usize, smoke: usize) -> usize {
        if self.smoke { smoke } else { whole }
    }

    /// The command that repeats this measure.
    pub(crate) fn command(&self, measure: Measure) -> String {
        let people = format!(" --people {}", self.people);
        let parts: String = [
            (self.people != 100_000, people.as_str()),
            (self.smoke, " --smoke"),
            (self.peers, " --peers"),
            (self.postgres.is_some(), " --postgres URL"),
        ]
        .into_iter()
        .filter(|(given, _)| *given)
        .map(|(_, flag)| flag)
        .collect();
        format!("cargo run --release -p yuezhi-bench -- {measure}{parts}")
    }
}
