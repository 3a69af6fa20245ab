//! The checks of the doctor, one after another: what only the command line sees, then what everybody can look at.

use yuezhi_store::SCHEMA_VERSION;

use super::{
    super::{Global, serve::place_of, token},
    Findings,
};
use crate::{
    actions::{
        ActionError, Actor,
        check_setup::{self, Check, Health},
        save_robot,
    },
    app::App,
};

pub(super) async fn run(global: &Global, send_test: bool, findings: &mut Findings) {
    let config = match global.load_config() {
        Ok(config) => config,
        Err(failure) => {
            return findings.add_words(Health::Broken, "configuration", failure.message);
        }
    };
    match global.config_path() {
        Some(path) => findings.add(
            Health::Fine,
            "configuration",
            "configuration",
            &[("path", &path.display())],
        ),
        None => findings.add(Health::Look, "configuration", "configuration_none", &[]),
    }
    let app = match Box::pin(token::open(global)).await {
        Ok(app) => app,
        Err(failure) => {
            findings.add_words(Health::Broken, "database", failure.message);
            let now = crate::clock::Clock::system().now();
            let found = check_setup::check_without_database(&config, now, findings.texts);
            return findings.add_all(Box::pin(found).await);
        }
    };
    findings.add(
        Health::Fine,
        "database",
        "database",
        &[
            ("place", &place_of(&config.database.url)),
            ("version", &SCHEMA_VERSION),
        ],
    );
    for check in Check::ALL {
        if send_test && check == Check::GroupRobots {
            Box::pin(test_messages(&app, findings)).await;
            continue;
        }
        findings.add_all(Box::pin(check_setup::check(&app, check, findings.texts)).await);
    }
    app.db.close();
}

/// One message through each group robot.
async fn test_messages(app: &App, findings: &mut Findings) {
    for channel in app.channels().lanes() {
        let lane = channel.lane();
        if channel.kind() != yuezhi_channels::ChannelKind::Robot {
            continue;
        }
        match save_robot::send_test(app, &Actor::CommandLine, lane).await {
            Ok(()) => findings.add(Health::Fine, lane, "test_sent", &[]),
            Err(ActionError::Refused(refusal)) => {
                findings.add_words(Health::Broken, lane, refusal.sentence(findings.texts));
            }
            Err(error) => findings.add_words(Health::Broken, lane, error.to_string()),
        }
    }
}
