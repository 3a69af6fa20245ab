//! Makes the channels of this installation out of the configuration file and the robots in the database.

use secrecy::SecretString;
use yuezhi_channels::{LoginSettings, MailSettings, Registry, RegistryConfig, RobotSettings};
use yuezhi_store::robots::{self, Robot};

use crate::{actions::ActionError, app::App, config::Config};

/// The registry; a channel that cannot be opened is left out of it with a log line, and `doctor` says why.
pub fn registry(config: &Config, stored: &[Robot]) -> Result<Registry, ActionError> {
    let from_file = config.robot.iter().filter_map(|robot| {
        Some(RobotSettings {
            name: robot.name.clone(),
            webhook: robot.webhook.clone()?,
            secret: robot.secret.clone(),
            keywords: robot.keywords.clone(),
            per_minute: None,
        })
    });
    let from_database = stored.iter().map(|robot| RobotSettings {
        name: robot.name.clone(),
        webhook: SecretString::from(robot.webhook.clone()),
        secret: robot.secret.clone().map(SecretString::from),
        keywords: robot.keywords.clone(),
        per_minute: None,
    });
    let dingtalk = &config.dingtalk;
    let login = dingtalk
        .client_id
        .clone()
        .zip(dingtalk.client_secret.clone())
        .map(|(client_id, client_secret)| LoginSettings {
            client_id,
            client_secret,
            api_base: dingtalk.api_base.clone(),
            oapi_base: dingtalk.oapi_base.clone(),
            login_base: dingtalk.login_base.clone(),
        });
    let registry = Registry::build(RegistryConfig {
        robots: from_file.chain(from_database).collect(),
        mail: config.mail.as_ref().map(mail),
        login,
        oapi_base: dingtalk.oapi_base.clone(),
    })
    .map_err(ActionError::internal)?;
    for broken in registry.broken() {
        tracing::warn!(lane = %broken.lane, error = %broken.error, "a channel cannot be opened; its messages wait");
    }
    Ok(registry)
}

fn mail(mail: &crate::config::MailConfig) -> MailSettings {
    MailSettings {
        host: mail.host.clone(),
        port: mail.port,
        tls: mail.tls.clone(),
        ca_file: mail.ca_file.clone(),
        username: mail.username.clone(),
        password: mail.password.clone(),
        from: mail.from.clone(),
        reply_to: mail.reply_to.clone(),
        connections: mail.connections,
        per_minute: mail.per_minute,
    }
}

/// Builds the registry anew after a robot was saved or removed.
pub async fn reload(app: &App) -> Result<(), ActionError> {
    let stored = app
        .db
        .read(|tx| Ok::<_, ActionError>(robots::list(tx)?))
        .await?;
    app.replace_channels(registry(&app.config, &stored)?);
    Ok(())
}
