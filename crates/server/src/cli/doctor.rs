//! `yuezhi doctor`: looks at everything that can be wrong and says what to do. Sends no message unless asked to.
//!
//! Works on the configuration and the database directly, whether or not the server runs. Invariant: every line that is
//! not fine says what to do; nothing it prints holds a secret. Fails if any line is broken.

mod checks;

use super::{
    Failure, Global,
    output::{self, Tone},
};
use crate::{
    actions::check_setup::{self, Health},
    texts::Texts,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Also send one test message through each robot.
    #[arg(long)]
    send_test: bool,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
struct Finding {
    health: Health,
    /// `database`, `robot:hr`, `calendar` …
    subject: String,
    message: String,
}

/// What was found, in the order it was looked at; each line is shown at once.
struct Findings {
    all: Vec<Finding>,
    texts: Texts,
    quiet: bool,
}

impl Findings {
    /// `cli.doctor_<key>` with its values.
    fn add(
        &mut self,
        health: Health,
        subject: &str,
        key: &str,
        values: &[(&str, &dyn std::fmt::Display)],
    ) {
        let message = self.texts.fill(&format!("cli.doctor_{key}"), values);
        self.add_words(health, subject, message);
    }

    fn add_all(&mut self, found: Vec<check_setup::Finding>) {
        for one in found {
            let words = one.sentence();
            self.add_words(one.health, &one.subject, words);
        }
    }

    fn add_words(&mut self, health: Health, subject: &str, message: String) {
        let finding = Finding {
            health,
            subject: subject.to_owned(),
            message,
        };
        if !self.quiet {
            let mark = match health {
                Health::Fine => output::toned(Tone::Good, "✓"),
                Health::Look => output::toned(Tone::Look, "!"),
                Health::Broken => output::toned(Tone::Bad, "✗"),
            };
            let subject = self.texts.of_value("cli.doctor_subject", &finding.subject);
            output::line(&format!(
                "{mark} {}  {}",
                output::toned(Tone::Strong, &subject),
                finding.message
            ));
        }
        self.all.push(finding);
    }
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let texts = global.texts();
    let mut findings = Findings {
        all: Vec::new(),
        texts,
        quiet: global.json,
    };
    Box::pin(checks::run(global, arguments.send_test, &mut findings)).await;
    if global.json {
        output::json(&findings.all);
    }
    let count = |health: Health| {
        findings
            .all
            .iter()
            .filter(|finding| finding.health == health)
            .count()
    };
    let (broken, look) = (count(Health::Broken), count(Health::Look));
    if broken > 0 {
        return Err(Failure::failed(texts.with2(
            "cli.doctor_broken",
            "broken",
            broken,
            "look",
            look,
        )));
    }
    if !global.json {
        output::line(&if look > 0 {
            texts.count("cli.doctor_look", look as i64)
        } else {
            texts.get("cli.doctor_fine").to_owned()
        });
    }
    Ok(())
}
