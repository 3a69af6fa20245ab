//! `yuezhi backup FILE` and `yuezhi restore FILE`: everything in one file, from and into either database.

use std::path::PathBuf;

use yuezhi_store::{Db, Progress, Restored};

use super::{Failure, Global, output, serve::place_of};
use crate::{clock::Clock, serve, texts::Texts};

#[derive(Debug, clap::Args)]
pub struct BackupArguments {
    /// The file to write; it must not exist.
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct RestoreArguments {
    /// A file that `yuezhi backup` wrote. Stop the server first.
    file: PathBuf,
    /// Overwrite a database that holds data.
    #[arg(long)]
    force: bool,
}

pub(super) async fn backup(global: &Global, arguments: BackupArguments) -> Result<(), Failure> {
    let texts = global.texts();
    let config = global.load_config()?;
    let db = serve::open_database(&config)
        .await
        .map_err(|error| Failure::of_action(&error, texts))?;
    let file = arguments.file.clone();
    let bar = output::bar(0, texts.get("cli.backing_up"));
    blocking(move || {
        let mut show = |progress: Progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        };
        let done = db
            .backup(&file, &mut show)
            .map_err(|error| Failure::failed(error.to_string()));
        bar.finish_and_clear();
        db.close();
        done
    })
    .await?;
    let bytes = std::fs::metadata(&arguments.file).map_or(0, |file| file.len());
    if global.json {
        output::json(&serde_json::json!({ "file": arguments.file, "bytes": bytes }));
    } else {
        output::line(&texts.with2(
            "cli.backed_up",
            "file",
            arguments.file.display(),
            "size",
            size(bytes),
        ));
    }
    Ok(())
}

pub(super) async fn restore(global: &Global, arguments: RestoreArguments) -> Result<(), Failure> {
    let texts = global.texts();
    let config = global.load_config()?;
    let place = place_of(&config.database.url);
    let bar = output::bar(0, texts.get("cli.restoring"));
    let (file, force) = (arguments.file, arguments.force);
    let store = serve::store_config(&config);
    let now = Clock::system().now();
    let restored: Restored = blocking(move || {
        let mut show = |progress: Progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        };
        let done = Db::restore(&store, &file, force, now, &mut show)
            .map_err(|error| Failure::failed(error.to_string()));
        bar.finish_and_clear();
        done
    })
    .await?;
    if global.json {
        output::json(&serde_json::json!({
            "people": restored.info.people, "policies": restored.info.policies, "notices": restored.info.notices,
            "unknown_deliveries": restored.unknown_deliveries, "stopped_channels": restored.stopped_lanes,
        }));
        return Ok(());
    }
    print(&restored, &place, texts);
    Ok(())
}

fn print(restored: &Restored, place: &str, texts: Texts) {
    let info = &restored.info;
    let counts: [(&str, &dyn std::fmt::Display); 4] = [
        ("place", &place),
        ("people", &info.people),
        ("policies", &info.policies),
        ("notices", &info.notices),
    ];
    output::line(&texts.fill("cli.restored", &counts));
    if restored.stopped_lanes > 0 {
        output::line(&texts.with("cli.restored_stopped", "n", restored.stopped_lanes));
    }
    if restored.unknown_deliveries > 0 {
        output::line(&texts.with("cli.restored_unknown", "n", restored.unknown_deliveries));
    }
}

/// The engine works on the caller's thread, which must not be one of the runtime's.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::failed(error.to_string()))?
}

fn size(bytes: u64) -> String {
    let mib = bytes as f64 / 1_048_576.0;
    if mib < 1.0 {
        format!("{} KiB", bytes.div_ceil(1024))
    } else {
        format!("{mib:.1} MiB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_told_in_a_unit_that_fits() {
        assert_eq!(size(1), "1 KiB");
        assert_eq!(size(3 * 1_048_576 / 2), "1.5 MiB");
    }
}
