//! The configuration: one TOML file, every key overridable by `YUEZHI_SECTION__KEY`, secrets also as `key_file`.
//!
//! Called once at start by the commands. Invariant: an unknown key is refused with the nearest known one, and no
//! error or `Debug` output of this module ever holds a secret. Weakness: lists (`[[robot]]`, `[[source]]`) can only
//! be set in the file, not by environment variables.

mod dingtalk;

use std::{fs, path::Path, path::PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

pub use dingtalk::{ConsoleConfig, DingTalkConfig};

/// Everything an installation sets before start. What changes at run time lives in the database.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    pub server: ServerConfig,
    pub database: DatabaseConfig,
    pub dingtalk: DingTalkConfig,
    pub console: ConsoleConfig,
    pub robot: Vec<RobotConfig>,
    pub mail: Option<MailConfig>,
    pub source: Vec<SourceConfig>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct ServerConfig {
    /// Address to listen on.
    pub listen: String,
    /// The address under which people reach this server; links in messages begin with it.
    pub public_url: Option<String>,
    /// IANA name; schedules and due dates are meant in it.
    pub time_zone: String,
    /// Default language of pages and messages: `zh-CN` or `en`.
    pub language: String,
    /// Largest file taken, in MiB.
    pub max_upload_mb: u64,
    /// The organisation's name, on pages and in messages.
    pub organisation: Option<String>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8790".to_owned(),
            public_url: None,
            time_zone: "Asia/Shanghai".to_owned(),
            language: "zh-CN".to_owned(),
            max_upload_mb: 50,
            organisation: None,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://USER@HOST/NAME`.
    pub url: String,
    /// Password for PostgreSQL, if it is not to stand in the URL.
    pub password: Option<SecretString>,
    pub password_file: Option<PathBuf>,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: "sqlite:yuezhi.sqlite".to_owned(),
            password: None,
            password_file: None,
        }
    }
}

/// A custom robot of a group chat.
#[derive(Debug, Clone, Deserialize)]
pub struct RobotConfig {
    pub name: String,
    pub webhook: Option<SecretString>,
    pub webhook_file: Option<PathBuf>,
    pub secret: Option<SecretString>,
    pub secret_file: Option<PathBuf>,
    #[serde(default)]
    pub keywords: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct MailConfig {
    pub host: String,
    pub port: Option<u16>,
    /// `starttls` (default), `implicit` or `none`.
    #[serde(default = "starttls")]
    pub tls: String,
    /// A PEM file with one more certificate authority to trust.
    pub ca_file: Option<PathBuf>,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub password_file: Option<PathBuf>,
    /// `阅知 <policy@example.com>`
    pub from: String,
    pub reply_to: Option<String>,
    /// Connections kept open to the relay.
    #[serde(default = "four")]
    pub connections: usize,
    /// Mails per minute; unlimited without it.
    pub per_minute: Option<u32>,
}

fn starttls() -> String {
    "starttls".to_owned()
}

const fn four() -> usize {
    4
}

/// A folder whose policy files are published as they appear and change.
#[derive(Debug, Clone, Deserialize)]
pub struct SourceConfig {
    pub name: String,
    pub folder: PathBuf,
    /// Audience of files that name none.
    pub audience: Option<String>,
    #[serde(default)]
    pub channels: Vec<String>,
    /// Seconds a file must have been left alone before it is read.
    #[serde(default = "two")]
    pub settle_seconds: u64,
    /// `true`: files found at the first start are taken in without telling anybody.
    #[serde(default)]
    pub quiet_first_import: bool,
}

const fn two() -> u64 {
    2
}

/// Why a configuration was refused. Texts name the key and what to do, never a value that may be secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "cannot read {path}: {source}. Give another file with --config, or create it from yuezhi.example.toml."
    )]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{origin} is not valid: {detail}")]
    Invalid { origin: String, detail: String },
    #[error("{origin} has an unknown key `{key}`.{}", nearest.as_deref().map(|n| format!(" Did you mean `{n}`?")).unwrap_or_default())]
    UnknownKey {
        origin: String,
        key: String,
        nearest: Option<String>,
    },
    #[error("both `{key}` and `{key}_file` are set; keep one of them.")]
    Twice { key: String },
    #[error("`{key}`: {detail}")]
    Value { key: String, detail: String },
}

/// Every key a file may hold; lists as `robot[]`.
const KNOWN: &[&str] = &[
    "server.listen",
    "server.public_url",
    "server.time_zone",
    "server.language",
    "server.max_upload_mb",
    "server.organisation",
    "database.url",
    "database.password",
    "database.password_file",
    "dingtalk.client_id",
    "dingtalk.client_secret",
    "dingtalk.client_secret_file",
    "dingtalk.agent_id",
    "dingtalk.robot_code",
    "dingtalk.corp_id",
    "dingtalk.card_template_id",
    "dingtalk.operator_user_id",
    "dingtalk.edition",
    "dingtalk.api_calls_per_month",
    "dingtalk.push_messages_per_month",
    "dingtalk.stream",
    "dingtalk.sync_people",
    "dingtalk.callback_token",
    "dingtalk.callback_token_file",
    "dingtalk.callback_aes_key",
    "dingtalk.callback_aes_key_file",
    "dingtalk.jsapi_url",
    "dingtalk.api_base",
    "dingtalk.oapi_base",
    "dingtalk.login_base",
    "mail.host",
    "mail.port",
    "mail.tls",
    "mail.ca_file",
    "mail.username",
    "mail.password",
    "mail.password_file",
    "mail.from",
    "mail.reply_to",
    "mail.connections",
    "mail.per_minute",
    "console.dingtalk_admins",
    "robot[].name",
    "robot[].webhook",
    "robot[].webhook_file",
    "robot[].secret",
    "robot[].secret_file",
    "robot[].keywords",
    "source[].name",
    "source[].folder",
    "source[].audience",
    "source[].channels",
    "source[].settle_seconds",
    "source[].quiet_first_import",
];

impl Config {
    /// Reads `path` if given, lays `YUEZHI_SECTION__KEY` variables over it and resolves `…_file` secrets.
    pub fn load(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let (text, origin) = match path {
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                    path: path.to_owned(),
                    source,
                })?;
                (text, path.display().to_string())
            }
            None => (String::new(), "the configuration".to_owned()),
        };
        let mut table: toml::Table = toml::from_str(&text).map_err(|e| ConfigError::Invalid {
            origin: origin.clone(),
            detail: without_values(&e, &text),
        })?;
        overlay(&mut table, variables)?;
        Self::from_table(table, &origin)
    }

    fn from_table(table: toml::Table, origin: &str) -> Result<Self, ConfigError> {
        let mut unknown = Vec::new();
        let mut config: Self = serde_ignored::deserialize(toml::Value::Table(table), |key| {
            unknown.push(key.to_string());
        })
        .map_err(|e| ConfigError::Invalid {
            origin: origin.to_owned(),
            detail: e.message().to_owned(),
        })?;
        if let Some(key) = unknown.into_iter().next() {
            return Err(ConfigError::UnknownKey {
                origin: origin.to_owned(),
                nearest: nearest_key(&key),
                key,
            });
        }
        config.read_secret_files()?;
        config.check()?;
        Ok(config)
    }

    fn read_secret_files(&mut self) -> Result<(), ConfigError> {
        let database = &mut self.database;
        secret_from_file(
            "database.password",
            &mut database.password,
            database.password_file.as_deref(),
        )?;
        let dingtalk = &mut self.dingtalk;
        secret_from_file(
            "dingtalk.client_secret",
            &mut dingtalk.client_secret,
            dingtalk.client_secret_file.as_deref(),
        )?;
        secret_from_file(
            "dingtalk.callback_token",
            &mut dingtalk.callback_token,
            dingtalk.callback_token_file.as_deref(),
        )?;
        secret_from_file(
            "dingtalk.callback_aes_key",
            &mut dingtalk.callback_aes_key,
            dingtalk.callback_aes_key_file.as_deref(),
        )?;
        if let Some(mail) = &mut self.mail {
            secret_from_file(
                "mail.password",
                &mut mail.password,
                mail.password_file.as_deref(),
            )?;
        }
        for robot in &mut self.robot {
            secret_from_file(
                "robot.webhook",
                &mut robot.webhook,
                robot.webhook_file.as_deref(),
            )?;
            secret_from_file(
                "robot.secret",
                &mut robot.secret,
                robot.secret_file.as_deref(),
            )?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, detail: String| {
            Err(ConfigError::Value {
                key: key.to_owned(),
                detail,
            })
        };
        let server = &self.server;
        if jiff::tz::TimeZone::get(&server.time_zone).is_err() {
            return refuse(
                "server.time_zone",
                format!(
                    "«{}» is not a time zone. Give an IANA name such as Asia/Shanghai.",
                    server.time_zone
                ),
            );
        }
        if !matches!(server.language.as_str(), "zh-CN" | "en") {
            return refuse(
                "server.language",
                format!("«{}» is not known; zh-CN and en are.", server.language),
            );
        }
        if server.listen.parse::<std::net::SocketAddr>().is_err() {
            return refuse(
                "server.listen",
                format!(
                    "«{}» is not ADDRESS:PORT, for example 0.0.0.0:8790.",
                    server.listen
                ),
            );
        }
        if let Some(url) = &server.public_url
            && !url::Url::parse(url)
                .is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.host().is_some())
        {
            return refuse(
                "server.public_url",
                "give a whole address such as https://policy.example.com.".to_owned(),
            );
        }
        if let Some(mail) = &self.mail
            && !matches!(mail.tls.as_str(), "starttls" | "implicit" | "none")
        {
            return refuse(
                "mail.tls",
                format!("«{}» is not one of starttls, implicit, none.", mail.tls),
            );
        }
        if let Some((key, detail)) = self.dingtalk.problem() {
            return refuse(key, detail);
        }
        let mut names = std::collections::BTreeSet::new();
        for robot in &self.robot {
            if robot.name.trim().is_empty()
                || robot
                    .name
                    .chars()
                    .any(|c| c.is_whitespace() || c == ',' || c == ':')
            {
                return refuse(
                    "robot.name",
                    format!(
                        "«{}»: use a short name without spaces, commas or colons.",
                        robot.name
                    ),
                );
            }
            if robot.webhook.is_none() {
                return refuse(
                    "robot.webhook",
                    format!(
                        "robot «{}» has none. Paste the webhook address of the group's robot.",
                        robot.name
                    ),
                );
            }
            if !names.insert(&robot.name) {
                return refuse("robot.name", format!("«{}» stands twice.", robot.name));
            }
        }
        Ok(())
    }
}

/// The line and what is wrong with it, without quoting the line: it may hold a secret.
fn without_values(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| {
        text.bytes()
            .take(span.start)
            .filter(|b| *b == b'\n')
            .count()
            + 1
    });
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

fn overlay(
    table: &mut toml::Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    for (name, value) in variables {
        let Some((section, key)) = name
            .strip_prefix("YUEZHI_")
            .and_then(|rest| rest.split_once("__"))
        else {
            continue;
        };
        let (section, key) = (section.to_lowercase(), key.to_lowercase());
        let path = format!("{section}.{key}");
        if !KNOWN.contains(&path.as_str()) {
            return Err(ConfigError::UnknownKey {
                origin: "the environment".to_owned(),
                nearest: nearest_key(&path)
                    .map(|n| format!("YUEZHI_{}", n.to_uppercase().replace('.', "__"))),
                key: name,
            });
        }
        let entry = table
            .entry(section)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        if let toml::Value::Table(section) = entry {
            section.insert(key.clone(), typed(&path, value));
        }
    }
    Ok(())
}

fn typed(path: &str, value: String) -> toml::Value {
    if matches!(path, "dingtalk.stream" | "dingtalk.sync_people")
        && let Ok(switch) = value.parse::<bool>()
    {
        return toml::Value::Boolean(switch);
    }
    if path == "console.dingtalk_admins" {
        let names = value.split(',').map(|name| name.trim().to_owned());
        return toml::Value::Array(names.map(toml::Value::String).collect());
    }
    let numeric = matches!(
        path,
        "server.max_upload_mb"
            | "dingtalk.agent_id"
            | "dingtalk.api_calls_per_month"
            | "dingtalk.push_messages_per_month"
            | "mail.port"
            | "mail.connections"
            | "mail.per_minute"
    );
    match (numeric, value.parse::<i64>()) {
        (true, Ok(number)) => toml::Value::Integer(number),
        _ => toml::Value::String(value),
    }
}

fn nearest_key(key: &str) -> Option<String> {
    let plain: String = key
        .split('.')
        .map(|part| {
            if part.parse::<usize>().is_ok() {
                "[]"
            } else {
                part
            }
        })
        .collect::<Vec<_>>()
        .join(".")
        .replace(".[]", "[]");
    KNOWN
        .iter()
        .map(|known| (strsim::jaro_winkler(known, &plain), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| (*known).to_owned())
}

fn secret_from_file(
    key: &str,
    slot: &mut Option<SecretString>,
    file: Option<&Path>,
) -> Result<(), ConfigError> {
    let Some(path) = file else { return Ok(()) };
    if slot.is_some() {
        return Err(ConfigError::Twice {
            key: key.to_owned(),
        });
    }
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    *slot = Some(SecretString::from(text.trim().to_owned()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use secrecy::ExposeSecret;

    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("yuezhi.toml");
        fs::write(&path, text).unwrap();
        Config::load(
            Some(&path),
            variables
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let error = load("[server]\nlisen = \"127.0.0.1:1\"\n", &[]).unwrap_err();
        assert!(error.to_string().contains("server.listen"), "{error}");
        let error = load("[[robot]]\nname = \"hr\"\nwebhok = \"x\"\n", &[]).unwrap_err();
        assert!(error.to_string().contains("robot[].webhook"), "{error}");
    }

    #[test]
    fn an_environment_variable_wins_over_the_file() {
        let config = load(
            "[server]\nlisten = \"127.0.0.1:1\"\n",
            &[
                ("YUEZHI_SERVER__LISTEN", "127.0.0.1:2"),
                ("YUEZHI_MAIL__HOST", "relay"),
                ("YUEZHI_MAIL__FROM", "a@b.c"),
                ("YUEZHI_MAIL__PORT", "25"),
                ("YUEZHI_TOKEN", "x"),
                ("HOME", "/"),
            ],
        )
        .unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:2");
        assert_eq!(config.mail.unwrap().port, Some(25));
    }

    #[test]
    fn an_unknown_variable_is_refused() {
        let error = load("", &[("YUEZHI_SERVER__LISTN", "1")]).unwrap_err();
        assert!(
            error.to_string().contains("YUEZHI_SERVER__LISTEN"),
            "{error}"
        );
    }

    #[test]
    fn an_edition_stands_for_its_quotas_and_a_number_of_ones_own_wins() {
        let quota = |text: &str| load(text, &[]).unwrap().dingtalk.monthly_quota();
        assert_eq!(quota(""), (5_000, 3_000));
        assert_eq!(
            quota("[dingtalk]\nedition = \"professional\"\napi_calls_per_month = 7\n"),
            (7, 50_000)
        );
        let error = load("[dingtalk]\nedition = \"gold\"\n", &[]).unwrap_err();
        assert!(error.to_string().contains("dingtalk.edition"), "{error}");
    }

    #[test]
    fn half_a_callback_is_refused_without_showing_it() {
        let error = load("[dingtalk]\ncallback_token = \"hunter2\"\n", &[]).unwrap_err();
        assert!(error.to_string().contains("callback_aes_key"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn switches_and_lists_can_stand_in_the_environment() {
        let variables = [
            ("YUEZHI_DINGTALK__STREAM", "false"),
            ("YUEZHI_CONSOLE__DINGTALK_ADMINS", "main, zhangwei"),
        ];
        let config = load("", &variables).unwrap();
        assert!(!config.dingtalk.stream);
        assert_eq!(config.console.dingtalk_admins, ["main", "zhangwei"]);
    }

    #[test]
    fn no_error_or_debug_output_holds_a_secret() {
        let error = load("[mail]\npassword = \"hunter2\nhost = 1", &[]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let config = load(
            "[[robot]]\nname = \"hr\"\nwebhook = \"https://x/robot/send?access_token=hunter2\"\nsecret = \"SEChunter2\"\n",
            &[],
        )
        .unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_secret_can_stand_in_a_file_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let secret = directory.path().join("secret");
        fs::write(&secret, "hunter2\n").unwrap();
        let config = load(
            &format!("[mail]\nhost = \"h\"\nfrom = \"a@b.c\"\npassword_file = {secret:?}\n"),
            &[],
        )
        .unwrap();
        assert_eq!(
            config.mail.unwrap().password.unwrap().expose_secret(),
            "hunter2"
        );
    }

    #[test]
    fn every_known_key_is_taken() {
        let mut text = String::new();
        for section in ["server", "database", "dingtalk", "console", "mail"] {
            writeln!(text, "[{section}]").unwrap();
            for key in KNOWN
                .iter()
                .filter_map(|k| k.strip_prefix(&format!("{section}.")))
            {
                let value = match key {
                    "listen" => "\"127.0.0.1:1\"",
                    "public_url" => "\"https://policy.example\"",
                    "time_zone" => "\"Asia/Shanghai\"",
                    "language" => "\"en\"",
                    "tls" => "\"none\"",
                    "max_upload_mb"
                    | "agent_id"
                    | "port"
                    | "connections"
                    | "per_minute"
                    | "api_calls_per_month"
                    | "push_messages_per_month" => "5",
                    "edition" => "\"professional\"",
                    "stream" | "sync_people" => "true",
                    "dingtalk_admins" => "[\"main\"]",
                    "callback_aes_key" => "\"1234567890123456789012345678901234567890123\"",
                    key if key.ends_with("_file") && key != "ca_file" => continue,
                    _ => "\"x\"",
                };
                writeln!(text, "{key} = {value}").unwrap();
            }
        }
        load(&text, &[]).unwrap();
    }

    #[test]
    fn a_wrong_time_zone_says_what_a_right_one_looks_like() {
        let error = load("[server]\ntime_zone = \"Beijing\"\n", &[]).unwrap_err();
        assert!(error.to_string().contains("Asia/Shanghai"));
    }
}
