//! `yuezhi serve`: the server, until it is told to stop.

use super::{
    Failure, Global, local,
    output::{self, Grid, Tone},
};
use crate::{actions::sign_in, clock::Clock, serve};

/// Everything else stands in the configuration.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

pub(super) async fn run(global: &Global, _arguments: Arguments) -> Result<(), Failure> {
    let texts = global.texts();
    let config = global.load_config()?;
    if global.config_path().is_none() {
        output::note(texts.get("cli.no_config_file"));
    }
    let database = place_of(&config.database.url);
    let node = Box::pin(serve::start(config, Clock::system()))
        .await
        .map_err(|error| Failure::of_action(&error, texts))?;
    // Commands of this machine reach it where it listens, whatever its public address is.
    let base = format!("http://{}", reachable(node.address));
    let published = local::publish(&base, &node.app.local_token, node.address.port());
    let console = format!("{}/console", node.app.public_url());
    let set_up = sign_in::is_set_up(&node.app)
        .await
        .map_err(|error| Failure::of_action(&error, texts))?;
    if global.json {
        let mut up =
            serde_json::json!({ "url": base, "console": console, "api": format!("{base}/api") });
        if !set_up {
            up["set_up"] = node.app.set_up_url().into();
        }
        output::json(&up);
    } else {
        output::line(&output::toned(Tone::Strong, texts.get("cli.serve_up")));
        let mut facts = Grid::facts();
        facts.fact(texts.get("cli.serve_console"), console);
        facts.fact(texts.get("cli.serve_listens"), node.address.to_string());
        facts.fact(texts.get("cli.serve_database"), database);
        let channels: Vec<String> = node
            .app
            .channels()
            .lanes()
            .map(|channel| channel.lane().to_owned())
            .collect();
        let none = || texts.get("cli.serve_no_channels").to_owned();
        facts.fact(
            &texts.of_value("cli.fact", "channels"),
            if channels.is_empty() {
                none()
            } else {
                output::enumerate(texts, &channels)
            },
        );
        facts.print();
        if !set_up {
            output::line(texts.get("cli.serve_set_up"));
            output::line(&format!("  {}", node.app.set_up_url()));
        }
        output::line(texts.get("cli.stop_with"));
    }
    serve::until_told_to_stop().await;
    output::note(texts.get("cli.stopping"));
    drop(published);
    node.stop().await;
    Ok(())
}

/// A server on all addresses is reached on this machine by loopback.
fn reachable(address: std::net::SocketAddr) -> std::net::SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr = match address.ip() {
            std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    address
}

/// The database without user and password.
pub(super) fn place_of(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(parsed) if parsed.has_host() => {
            let port = parsed
                .port()
                .map(|port| format!(":{port}"))
                .unwrap_or_default();
            format!(
                "{}://{}{port}{}",
                parsed.scheme(),
                parsed.host_str().unwrap_or_default(),
                parsed.path()
            )
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_without_its_password() {
        assert_eq!(
            place_of("postgres://yuezhi:hunter2@db.example:5432/y?x=1"),
            "postgres://db.example:5432/y"
        );
        assert_eq!(place_of("sqlite:yuezhi.sqlite"), "sqlite:yuezhi.sqlite");
    }

    #[test]
    fn a_server_on_all_addresses_is_reached_by_loopback() {
        assert_eq!(
            reachable("0.0.0.0:8790".parse().unwrap()).to_string(),
            "127.0.0.1:8790"
        );
        assert_eq!(
            reachable("[::]:8790".parse().unwrap()).to_string(),
            "[::1]:8790"
        );
        assert_eq!(
            reachable("10.0.0.1:8790".parse().unwrap()).to_string(),
            "10.0.0.1:8790"
        );
    }
}
