//! `yuezhi send`: one message through a group robot, straight to DingTalk. Needs no server and no database.
//!
//! Invariant: neither the webhook nor the secret is ever printed. Weakness: the robot's pace (20 a minute) is not kept
//! here; a loop of sends is throttled by the platform, and said so.

use std::io::Read as _;

use clap::ArgGroup;
use secrecy::SecretString;
use yuezhi_channels::{
    Channel, Mention, Mentions, Message, Outcome, Post, Registry, RegistryConfig, RobotSettings,
    Why,
    robot::{Button, Buttons, FeedLink, Orientation, RobotMessage},
};
use yuezhi_domain::{DeliveryKind, Language};

use super::{Failure, Global, output};
use crate::{clock::Clock, config::Config, serve::system_ids, texts::Texts};

/// Where to and what.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("target").required(true).args(["robot", "webhook"]))]
pub struct Arguments {
    /// A robot of the configuration file.
    #[arg(long, value_name = "NAME")]
    robot: Option<String>,
    /// The robot's address as DingTalk shows it.
    #[arg(
        long,
        value_name = "URL",
        env = "YUEZHI_SEND_WEBHOOK",
        hide_env_values = true
    )]
    webhook: Option<SecretString>,
    /// Signing secret (加签), begins with SEC.
    #[arg(
        long,
        value_name = "SECRET",
        requires = "webhook",
        env = "YUEZHI_SEND_SECRET",
        hide_env_values = true
    )]
    secret: Option<SecretString>,
    /// A keyword of the robot (自定义关键词), added to a text that holds none; may stand several times.
    #[arg(long, value_name = "WORD", requires = "webhook")]
    keyword: Vec<String>,
    /// The text; `-` reads it from standard input.
    #[arg(value_name = "TEXT", required_unless_present = "feed_card")]
    text: Option<String>,
    /// The text is Markdown as DingTalk understands it.
    #[arg(long, conflicts_with_all = ["link", "action_card", "feed_card"])]
    markdown: bool,
    /// What the conversation list shows (markdown, link, action card); the first line of the text if missing.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// A link card that opens this address.
    #[arg(long, value_name = "URL", conflicts_with_all = ["action_card", "feed_card"])]
    link: Option<String>,
    /// A picture for the link card.
    #[arg(long, value_name = "URL", requires = "link")]
    picture: Option<String>,
    /// A card with buttons, each as "LABEL=URL"; the text is Markdown. May stand several times.
    #[arg(
        long = "action-card",
        value_name = "LABEL=URL",
        conflicts_with = "feed_card"
    )]
    action_card: Vec<String>,
    /// A list of links, each as "TITLE=URL=PICTURE_URL". May stand several times.
    #[arg(long = "feed-card", value_name = "TITLE=URL=PICTURE")]
    feed_card: Vec<String>,
    /// Point at everybody.
    #[arg(long)]
    at_all: bool,
    /// Point at a member by mobile number; may stand several times.
    #[arg(long, value_name = "MOBILE")]
    at_mobile: Vec<String>,
    /// Point at a member by DingTalk user id; may stand several times.
    #[arg(long, value_name = "USERID")]
    at_user: Vec<String>,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let texts = global.texts();
    let message = message(
        &arguments,
        read_text(arguments.text.as_deref(), texts)?,
        texts,
    )?;
    let (settings, oapi_base) = robot(global, &arguments, texts)?;
    let lane = format!("robot:{}", settings.name);
    let registry = Registry::build(RegistryConfig {
        robots: vec![settings],
        mail: None,
        login: None,
        app: None,
        groups: Vec::new(),
        oapi_base,
    })
    .map_err(|error| Failure::failed(error.to_string()))?;
    let Some(channel) = registry.get(&lane) else {
        let why = registry
            .broken()
            .first()
            .map(|broken| broken.error.to_string())
            .unwrap_or_default();
        return Err(Failure::usage(texts.with(
            "cli.robot_broken",
            "detail",
            why,
        )));
    };
    let kind = message.kind();
    report(
        global,
        kind,
        &send(channel.as_ref(), message, &arguments).await,
        texts,
    )
}

async fn send(channel: &dyn Channel, raw: RobotMessage, arguments: &Arguments) -> Outcome {
    let now = Clock::system().now();
    let key: uuid::Uuid = system_ids().next(now);
    let mention = |mobile: Option<&String>, user: Option<&String>| Mention {
        name: mobile.or(user).cloned().unwrap_or_default(),
        dingtalk_user_id: user.cloned(),
        mobile: mobile.cloned(),
    };
    let by_mobile = arguments
        .at_mobile
        .iter()
        .map(|mobile| mention(Some(mobile), None));
    let by_user = arguments
        .at_user
        .iter()
        .map(|user| mention(None, Some(user)));
    let mut message = Message::new(DeliveryKind::Custom, Language::ZhCn, "", "");
    message.raw = Some(raw);
    let mentions = Mentions {
        all: arguments.at_all,
        people: by_mobile.chain(by_user).collect(),
    };
    channel
        .send(&Post {
            key: key.to_string(),
            message: message.into(),
            personal_url: None,
            recipient: None,
            mentions,
            members: std::sync::Arc::from([]),
            now,
        })
        .await
}

fn report(global: &Global, kind: &str, outcome: &Outcome, texts: Texts) -> Result<(), Failure> {
    let Some(why) = outcome.why() else {
        if global.json {
            output::json(&serde_json::json!({ "sent": true, "msgtype": kind }));
        } else {
            output::line(&texts.with("cli.sent", "kind", kind));
        }
        return Ok(());
    };
    if global.json {
        output::json(
            &serde_json::json!({ "sent": false, "msgtype": kind, "code": why.code, "detail": why.detail }),
        );
    }
    Err(Failure::failed(advice(texts, why)))
}

/// A reason of a channel in words: what it is, what to do, and the platform's own words.
pub(super) fn advice(texts: Texts, why: &Why) -> String {
    reason(texts, why.code, &why.detail)
}

/// The same for a code that was stored.
pub(super) fn reason(texts: Texts, code: &str, detail: &str) -> String {
    let mut words = texts.of_value("messages.reason", code);
    let fix = format!("messages.reason.{code}_fix");
    if texts.has(&fix) {
        words = format!("{words} {}", texts.get(&fix));
    }
    if detail.is_empty() {
        words
    } else {
        format!("{words} ({detail})")
    }
}

fn read_text(given: Option<&str>, texts: Texts) -> Result<String, Failure> {
    let Some(given) = given else {
        return Ok(String::new());
    };
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(texts.with("cli.stdin_unreadable", "detail", error)))?;
    Ok(text.trim_end().to_owned())
}

fn robot(
    global: &Global,
    arguments: &Arguments,
    texts: Texts,
) -> Result<(RobotSettings, String), Failure> {
    let of_platform = || Config::default().dingtalk.oapi_base;
    if let Some(webhook) = &arguments.webhook {
        let settings = RobotSettings {
            name: "command-line".to_owned(),
            webhook: webhook.clone(),
            secret: arguments.secret.clone(),
            keywords: arguments.keyword.clone(),
            per_minute: None,
        };
        return Ok((settings, of_platform()));
    }
    let config = global.load_config()?;
    let name = arguments.robot.clone().unwrap_or_default();
    let known = config
        .robot
        .iter()
        .map(|robot| robot.name.clone())
        .collect::<Vec<_>>()
        .join(", ");
    let unknown =
        || Failure::usage(texts.with2("cli.robot_unknown", "name", &name, "known", known));
    let robot = config
        .robot
        .iter()
        .find(|robot| robot.name == name)
        .ok_or_else(unknown)?;
    let webhook = robot.webhook.clone().unwrap_or_default();
    let settings = RobotSettings {
        name: robot.name.clone(),
        webhook,
        secret: robot.secret.clone(),
        keywords: robot.keywords.clone(),
        per_minute: None,
    };
    Ok((settings, config.dingtalk.oapi_base.clone()))
}

fn message(arguments: &Arguments, text: String, texts: Texts) -> Result<RobotMessage, Failure> {
    let first_line = |text: &str| -> String {
        let line = text
            .lines()
            .map(|line| line.trim_start_matches(['#', '>', '*', ' ']).trim())
            .find(|line| !line.is_empty());
        line.unwrap_or_default().chars().take(60).collect()
    };
    let title = arguments.title.clone().unwrap_or_else(|| first_line(&text));
    if !arguments.feed_card.is_empty() {
        let links = arguments
            .feed_card
            .iter()
            .map(|row| feed_link(row, texts))
            .collect::<Result<Vec<_>, _>>()?;
        return Ok(RobotMessage::FeedCard { links });
    }
    if text.trim().is_empty() {
        return Err(Failure::usage(texts.get("cli.text_empty")));
    }
    if let Some(url) = &arguments.link {
        return Ok(RobotMessage::Link {
            title,
            text,
            message_url: address(url, texts)?,
            picture_url: arguments.picture.clone(),
        });
    }
    if !arguments.action_card.is_empty() {
        let buttons = arguments
            .action_card
            .iter()
            .map(|button| action(button, texts))
            .collect::<Result<Vec<_>, _>>()?;
        return Ok(RobotMessage::ActionCard {
            title,
            text,
            buttons: arranged(buttons),
        });
    }
    Ok(if arguments.markdown {
        RobotMessage::Markdown { title, text }
    } else {
        RobotMessage::Text { content: text }
    })
}

fn arranged(mut buttons: Vec<Button>) -> Buttons {
    match buttons.len() {
        1 => Buttons::Whole(buttons.remove(0)),
        2 => Buttons::Each {
            orientation: Orientation::Horizontal,
            buttons,
        },
        _ => Buttons::Each {
            orientation: Orientation::Vertical,
            buttons,
        },
    }
}

/// `LABEL=URL`; the address may hold further signs of equality.
fn action(text: &str, texts: Texts) -> Result<Button, Failure> {
    let (title, url) = text
        .split_once('=')
        .ok_or_else(|| Failure::usage(texts.with("cli.pair_bad", "text", text)))?;
    Ok(Button {
        title: title.trim().to_owned(),
        url: address(url, texts)?,
    })
}

/// `TITLE=URL=PICTURE`: the picture is what begins with a scheme behind the last sign of equality.
fn feed_link(text: &str, texts: Texts) -> Result<FeedLink, Failure> {
    let is_web = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    let parts = text
        .split_once('=')
        .and_then(|(title, rest)| Some((title, rest.rsplit_once('=')?)))
        .filter(|(_, (_, picture))| is_web(picture));
    let Some((title, (url, picture))) = parts else {
        return Err(Failure::usage(texts.with("cli.triple_bad", "text", text)));
    };
    Ok(FeedLink {
        title: title.trim().to_owned(),
        message_url: address(url, texts)?,
        picture_url: Some(address(picture, texts)?),
    })
}

fn address(text: &str, texts: Texts) -> Result<String, Failure> {
    let text = text.trim();
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https" | "dingtalk") => Ok(text.to_owned()),
        _ => Err(Failure::usage(texts.with("cli.address_bad", "text", text))),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(line: &[&str]) -> Result<RobotMessage, Failure> {
        let arguments = Line::try_parse_from([&["send", "--webhook", "x"], line].concat())
            .unwrap()
            .arguments;
        let texts = Texts::of(Language::En);
        let text = read_text(arguments.text.as_deref(), texts)?;
        message(&arguments, text, texts)
    }

    #[test]
    fn the_first_line_is_the_title_of_a_markdown_text() {
        let RobotMessage::Markdown { title, .. } =
            parsed(&["## 制度更新\n正文", "--markdown"]).unwrap()
        else {
            panic!()
        };
        assert_eq!(title, "制度更新");
    }

    #[test]
    fn one_button_opens_the_whole_card_and_several_stand_apart() {
        let RobotMessage::ActionCard {
            buttons: Buttons::Whole(button),
            ..
        } = parsed(&["text", "--action-card", "看=https://a.example/?x=1"]).unwrap()
        else {
            panic!()
        };
        assert_eq!(button.url, "https://a.example/?x=1");
        let two = parsed(&[
            "text",
            "--action-card",
            "a=https://a.example",
            "--action-card",
            "b=https://b.example",
        ])
        .unwrap();
        assert!(matches!(
            two,
            RobotMessage::ActionCard {
                buttons: Buttons::Each { .. },
                ..
            }
        ));
    }

    #[test]
    fn a_feed_card_takes_pictures_and_no_text() {
        let RobotMessage::FeedCard { links } = parsed(&[
            "--feed-card",
            "一=https://a.example/?p=2=https://i.example/a.png",
            "--feed-card",
            "二=https://b.example=https://i.example/b.png",
        ])
        .unwrap() else {
            panic!()
        };
        assert_eq!(links[0].message_url, "https://a.example/?p=2");
        assert_eq!(
            links[0].picture_url.as_deref(),
            Some("https://i.example/a.png")
        );
        assert_eq!(links.len(), 2);
        assert_eq!(
            parsed(&["--feed-card", "一=https://a.example"])
                .unwrap_err()
                .code,
            2
        );
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        let failure = parsed(&["text", "--link", "javascript:x"]).unwrap_err();
        assert_eq!(failure.code, 2);
        assert!(failure.message.contains("javascript:x"));
        assert!(parsed(&[" "]).is_err());
    }

    #[test]
    fn a_target_is_needed_and_only_one() {
        assert!(Line::try_parse_from(["send", "text"]).is_err());
        assert!(Line::try_parse_from(["send", "--robot", "hr", "--webhook", "x", "text"]).is_err());
    }
}
