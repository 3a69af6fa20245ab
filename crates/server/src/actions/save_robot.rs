//! Group robots that administrators add in the console.
//!
//! Called by the connections page and the API. A pasted webhook is taken apart and checked here. Invariant: robots of
//! the configuration file cannot be changed or hidden from here; no text of this module holds an address or a secret.

use secrecy::SecretString;
use yuezhi_channels::robot::{parse_secret, parse_webhook};
use yuezhi_store::{audit, lanes, robots};

use super::{ActionError, Actor, Refusal};
use crate::{app::App, messages, wiring};

/// What an administrator types.
#[derive(Clone)]
pub struct RobotInput {
    pub name: String,
    /// The whole address as DingTalk shows it.
    pub webhook: SecretString,
    /// Signing secret, if the robot asks for one.
    pub secret: Option<SecretString>,
    pub keywords: Vec<String>,
}

/// Adds a robot or changes one of the same name.
pub async fn save(app: &App, actor: Actor, input: RobotInput) -> Result<(), ActionError> {
    let robot = check(app, &input)?;
    let now = app.now();
    let name = robot.name.clone();
    app.db
        .write(move |tx| {
            robots::upsert(tx, &robot, now)?;
            lanes::ensure(tx, &format!("robot:{}", robot.name), "robot", now)?;
            lanes::resume(tx, &format!("robot:{}", robot.name), now)?;
            audit::append(
                tx,
                now,
                &actor.to_string(),
                "robot.saved",
                &format!("robot:{}", robot.name),
                "{}",
            )?;
            Ok::<_, ActionError>(())
        })
        .await?;
    wiring::reload(app).await?;
    tracing::info!(robot = %name, "robot saved");
    app.wake();
    Ok(())
}

fn check(app: &App, input: &RobotInput) -> Result<robots::Robot, Refusal> {
    let name = input.name.trim();
    let usable = !name.is_empty()
        && name.chars().count() <= 40
        && !name.chars().any(|c| {
            c.is_whitespace() || c.is_control() || matches!(c, ',' | ':' | '，' | '：' | '/')
        });
    if !usable {
        return Err(Refusal::invalid("name", "robot_name_bad").with("name", name));
    }
    if app.config.robot.iter().any(|robot| robot.name == name) {
        return Err(Refusal::conflict("robot_name_taken").with("name", name));
    }
    let webhook = parse_webhook(&input.webhook)
        .map_err(|error| Refusal::invalid("webhook", "robot_webhook_bad").with("detail", error))?;
    let secret = input
        .secret
        .as_ref()
        .map(parse_secret)
        .transpose()
        .map_err(|error| Refusal::invalid("secret", "robot_secret_bad").with("detail", error))?
        .flatten();
    let keywords = input
        .keywords
        .iter()
        .map(|k| k.trim().to_owned())
        .filter(|k| !k.is_empty())
        .collect();
    Ok(robots::Robot {
        name: name.to_owned(),
        webhook,
        secret,
        keywords,
    })
}

/// Removes a robot. What was to be sent through it fails visibly.
pub async fn remove(app: &App, actor: Actor, name: &str) -> Result<(), ActionError> {
    let (now, name) = (app.now(), name.to_owned());
    app.db
        .write(move |tx| {
            if !robots::delete(tx, &name)? {
                return Err(Refusal::not_found("robot_unknown")
                    .with("name", &name)
                    .into());
            }
            audit::append(
                tx,
                now,
                &actor.to_string(),
                "robot.removed",
                &format!("robot:{name}"),
                "{}",
            )?;
            Ok::<_, ActionError>(())
        })
        .await?;
    wiring::reload(app).await
}

/// Sends one test message and says what the platform answered.
pub async fn send_test(app: &App, actor: &Actor, lane: &str) -> Result<(), ActionError> {
    let channel = app.channels().get(lane).cloned().ok_or_else(|| {
        Refusal::not_found("lane_unknown")
            .with("lane", lane)
            .with("known", super::retry_delivery::known_lanes(app))
    })?;
    let post = messages::test_message(app, &actor.to_string(), app.now());
    match channel.send(&post).await.why() {
        None => Ok(()),
        Some(why) => Err(Refusal::conflict("robot_test_failed")
            .with("detail", format!("{} ({})", why.detail, why.code))
            .into()),
    }
}
