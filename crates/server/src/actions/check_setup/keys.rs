//! What can be seen of the keys without asking anybody: things copied into the wrong place, blanks around them.
//!
//! Invariant: no finding repeats a value.

use secrecy::ExposeSecret as _;

use crate::config::DingTalkConfig;

/// The keys of `setup.key.*` that apply, each with the configuration's key it is about.
pub(super) fn problems(config: &DingTalkConfig) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    if let Some(client_id) = config.client_id.as_deref() {
        found.extend(of_client_id(client_id, config).map(|key| ("client_id", key)));
    }
    if let Some(secret) = &config.client_secret {
        found.extend(
            of_client_secret(secret.expose_secret(), config).map(|key| ("client_secret", key)),
        );
    }
    if let Some(corp_id) = config.corp_id.as_deref() {
        let problem = if is_padded(corp_id) {
            Some("blanks")
        } else if Some(corp_id) == config.client_id.as_deref() {
            Some("corp_id_is_client_id")
        } else {
            (!corp_id.starts_with("ding")).then_some("corp_id_odd")
        };
        found.extend(problem.map(|key| ("corp_id", key)));
    }
    if let Some(code) = config.robot_code.as_deref() {
        let problem = if is_padded(code) {
            Some("blanks")
        } else if is_address(code) {
            Some("webhook")
        } else {
            is_digits(code).then_some("agent_id_here")
        };
        found.extend(problem.map(|key| ("robot_code", key)));
    }
    if let Some(template) = config.card_template_id.as_deref() {
        let problem = if is_padded(template) {
            Some("blanks")
        } else {
            (!template.ends_with(".schema")).then_some("template_odd")
        };
        found.extend(problem.map(|key| ("card_template_id", key)));
    }
    if let Some(operator) = config.operator_user_id.as_deref() {
        let problem = if is_padded(operator) {
            Some("blanks")
        } else {
            is_mobile(operator).then_some("mobile_here")
        };
        found.extend(problem.map(|key| ("operator_user_id", key)));
    }
    found
}

fn of_client_id(client_id: &str, config: &DingTalkConfig) -> Option<&'static str> {
    if is_address(client_id) {
        Some("webhook")
    } else if is_padded(client_id) {
        Some("blanks")
    } else if is_digits(client_id) {
        Some("agent_id_here")
    } else if config.corp_id.as_deref() == Some(client_id) || is_corp_id(client_id) {
        Some("corp_id_here")
    } else {
        None
    }
}

fn of_client_secret(secret: &str, config: &DingTalkConfig) -> Option<&'static str> {
    if secret.is_empty() {
        Some("empty")
    } else if is_address(secret) {
        Some("webhook")
    } else if is_padded(secret) {
        Some("blanks")
    } else if secret.starts_with("SEC") && secret.len() > 60 {
        Some("robot_secret_here")
    } else if config.client_id.as_deref() == Some(secret) {
        Some("client_id_here")
    } else {
        None
    }
}

/// Blanks, line breaks or invisible characters anywhere: none of these values has any.
fn is_padded(text: &str) -> bool {
    text.chars()
        .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}' | '\u{feff}'))
}

fn is_address(text: &str) -> bool {
    text.contains("://") || text.contains("access_token=")
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

/// `ding` and 32 hex digits; a client id is `ding` and 16 letters and digits.
fn is_corp_id(text: &str) -> bool {
    text.strip_prefix("ding")
        .is_some_and(|rest| rest.len() == 32 && rest.chars().all(|c| c.is_ascii_hexdigit()))
}

fn is_mobile(text: &str) -> bool {
    text.len() == 11 && text.starts_with('1') && is_digits(text)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn with(client_id: &str, secret: &str) -> Vec<(&'static str, &'static str)> {
        problems(&DingTalkConfig {
            client_id: Some(client_id.to_owned()),
            client_secret: Some(SecretString::from(secret)),
            ..DingTalkConfig::default()
        })
    }

    #[test]
    fn what_was_copied_into_the_wrong_place_is_recognised() {
        let webhook = "https://oapi.dingtalk.com/robot/send?access_token=abc";
        let (id, secret) = ("dingabcdefgh12345678", "a-secret");
        assert_eq!(with(id, secret), []);
        assert_eq!(with(id, " a-secret"), [("client_secret", "blanks")]);
        assert_eq!(with(id, "a-secret\u{200b}"), [("client_secret", "blanks")]);
        assert_eq!(with(id, webhook), [("client_secret", "webhook")]);
        assert_eq!(with(webhook, secret), [("client_id", "webhook")]);
        assert_eq!(with("1234567890", secret), [("client_id", "agent_id_here")]);
        assert_eq!(
            with("ding0123456789abcdef0123456789abcdef", secret),
            [("client_id", "corp_id_here")]
        );
        assert_eq!(with(id, id), [("client_secret", "client_id_here")]);
        let robots = format!("SEC{}", "a".repeat(64));
        assert_eq!(with(id, &robots), [("client_secret", "robot_secret_here")]);
    }

    #[test]
    fn a_mobile_number_is_no_user_id() {
        let config = DingTalkConfig {
            operator_user_id: Some("13800138000".to_owned()),
            card_template_id: Some("589420e2".to_owned()),
            ..DingTalkConfig::default()
        };
        assert_eq!(
            problems(&config),
            [
                ("card_template_id", "template_odd"),
                ("operator_user_id", "mobile_here")
            ]
        );
    }
}
