//! What was measured, as Markdown tables on standard output and in a file.

use std::{fmt, fs, path::Path};

use crate::{
    machine,
    options::{Measure, Options},
};

/// One measure: a table and what has to be known to read it.
#[derive(Debug)]
pub(crate) struct Section {
    title: String,
    command: String,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Section {
    pub(crate) fn new(
        measure: Measure,
        options: &Options,
        title: &str,
        head: &[&'static str],
    ) -> Self {
        Self {
            title: format!("{} — {title}", measure.to_string().to_uppercase()),
            command: options.command(measure),
            head: head.to_vec(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        writeln!(f, "`{}`\n", self.command)?;
        writeln!(f, "| {} |", self.head.join(" | "))?;
        writeln!(f, "|{}", "---|".repeat(self.head.len()))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

/// All sections of a run.
#[derive(Debug)]
pub(crate) struct Report {
    head: String,
    sections: Vec<Section>,
}

impl Report {
    pub(crate) fn new(options: &Options) -> anyhow::Result<Self> {
        anyhow::ensure!(
            Path::new("/proc/self/stat").exists(),
            "this program reads processor time and memory from /proc, which this system does not have"
        );
        let head = format!(
            "{}; {} people; medians of {} rounds in turns.",
            machine::description(),
            crate::figures::whole(options.people() as f64),
            options.rounds()
        );
        println!("{head}\n");
        if cfg!(debug_assertions) {
            eprintln!("This is a development build: its figures say nothing about the product.");
        }
        Ok(Self {
            head,
            sections: Vec::new(),
        })
    }

    pub(crate) fn add(&mut self, section: Section) {
        self.sections.push(section);
    }

    pub(crate) fn write(&self, file: Option<&Path>) -> anyhow::Result<()> {
        let Some(file) = file else { return Ok(()) };
        let sections: Vec<String> = self.sections.iter().map(ToString::to_string).collect();
        fs::write(file, format!("{}\n\n{}", self.head, sections.join("\n")))?;
        Ok(())
    }
}
