//! P10: a clean release build of the binary, in a folder of its own that is removed afterwards.

use std::process::Command;

use anyhow::Context as _;

use crate::{
    figures::{short, whole},
    machine::{self, Watch},
    options::{Measure, Options},
    report::Section,
};

pub(crate) fn measure(options: &Options) -> anyhow::Result<Section> {
    let mut section = Section::new(
        Measure::P10,
        options,
        "a clean `cargo build --release --locked`",
        &["minutes", "binary, MiB"],
    );
    anyhow::ensure!(!options.smoke, "a clean build has no small size");
    let target = tempfile::tempdir()?;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    // Downloads are not part of it.
    anyhow::ensure!(
        Command::new("cargo")
            .args(["fetch", "--locked"])
            .current_dir(root)
            .status()?
            .success(),
        "the dependencies could not be fetched"
    );
    let watch = Watch::start();
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--quiet"])
        .env("CARGO_TARGET_DIR", target.path())
        .current_dir(root)
        .status()?;
    anyhow::ensure!(status.success(), "the build failed");
    let minutes = watch.seconds() / 60.0;
    let binary = target.path().join("release/yuezhi");
    let bytes = binary
        .metadata()
        .with_context(|| binary.display().to_string())?
        .len();
    section.row([short(minutes), whole(bytes as f64 / 1024.0 / 1024.0)]);
    section.note(format!("{}. Without downloads.", machine::description()));
    Ok(section)
}
