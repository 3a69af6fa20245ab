//! Makes the channels of this installation out of the configuration file, and the robots and groups in the database.

use secrecy::SecretString;
use yuezhi_channels::{
    AppSettings, GroupSettings, LoginSettings, MailSettings, Registry, RegistryConfig,
    RobotSettings,
};
use yuezhi_store::{
    StoreError, Tx,
    chat_groups::{self, ChatGroup, ChatGroupState},
    robots::{self, Robot},
};

use crate::{actions::ActionError, app::App, clock::Clock, config::Config};

/// What the database adds to the configuration file.
#[derive(Debug, Default)]
pub struct Stored {
    pub robots: Vec<Robot>,
    pub groups: Vec<ChatGroup>,
}

impl Stored {
    pub fn read(tx: &mut Tx<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            robots: robots::list(tx)?,
            groups: chat_groups::list(tx)?,
        })
    }
}

/// The registry; a channel that cannot be opened is left out of it with a log line, and `doctor` says why.
pub fn registry(config: &Config, stored: &Stored, clock: &Clock) -> Result<Registry, ActionError> {
    let registry = Registry::build(wanted(config, stored, clock)).map_err(ActionError::internal)?;
    tell_broken(&registry);
    Ok(registry)
}

fn tell_broken(registry: &Registry) {
    for broken in registry.broken() {
        tracing::warn!(lane = %broken.lane, error = %broken.error, "a channel cannot be opened; its messages wait");
    }
}

fn wanted(config: &Config, stored: &Stored, clock: &Clock) -> RegistryConfig {
    let from_file = config.robot.iter().filter_map(|robot| {
        Some(RobotSettings {
            name: robot.name.clone(),
            webhook: robot.webhook.clone()?,
            secret: robot.secret.clone(),
            keywords: robot.keywords.clone(),
            per_minute: None,
        })
    });
    let from_database = stored.robots.iter().map(|robot| RobotSettings {
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
    RegistryConfig {
        robots: from_file.chain(from_database).collect(),
        mail: config.mail.as_ref().map(mail),
        login,
        app: app_settings(config, clock),
        groups: stored.groups.iter().filter_map(group).collect(),
        oapi_base: dingtalk.oapi_base.clone(),
    }
}

fn app_settings(config: &Config, clock: &Clock) -> Option<AppSettings> {
    let dingtalk = &config.dingtalk;
    let (client_id, client_secret) = dingtalk
        .client_id
        .as_deref()
        .zip(dingtalk.client_secret.clone())?;
    let language = crate::texts::parse_language(&config.server.language).unwrap_or_default();
    Some(AppSettings {
        agent_id: dingtalk.agent_id,
        robot_code: dingtalk.robot_code.clone(),
        corp_id: dingtalk.corp_id.clone(),
        card_template_id: dingtalk.card_template_id.clone(),
        operator_user_id: dingtalk.operator_user_id.clone(),
        // A clock that is moved by hand passes no time to wait in.
        calls_per_second: clock.is_fixed().then_some(0),
        api_base: dingtalk.api_base.clone(),
        oapi_base: dingtalk.oapi_base.clone(),
        login_base: dingtalk.login_base.clone(),
        ..AppSettings::new(client_id, client_secret, language)
    })
}

/// A group that the platform has made.
fn group(group: &ChatGroup) -> Option<GroupSettings> {
    if group.state == ChatGroupState::Gone {
        return None;
    }
    Some(GroupSettings {
        name: group.name.clone(),
        open_conversation_id: group.open_conversation_id.clone()?,
        chat_id: group.chat_id.clone(),
        is_scene: group.scene_template_id.is_some(),
        owner_user_id: group.owner_user_id.clone(),
    })
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

/// Builds the registry anew after a robot or a group has changed. The app goes on with its token, pace and meter.
pub async fn reload(app: &App) -> Result<(), ActionError> {
    let stored = app
        .db
        .read(|tx| Ok::<_, ActionError>(Stored::read(tx)?))
        .await?;
    let registry = app
        .channels()
        .rebuild(wanted(&app.config, &stored, &app.clock))
        .map_err(ActionError::internal)?;
    tell_broken(&registry);
    app.replace_channels(registry);
    Ok(())
}
