//! `yuezhi groups`: notification groups that are kept in step with an audience.

use clap::Subcommand;

use super::{
    Failure, Global,
    client::Client,
    output::{self, Grid},
};
use crate::api::{
    groups::{Group, GroupBody},
    input::Page,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List groups (also without a word).
    List,
    /// Have a group made in DingTalk.
    Create(CreateArguments),
    /// Leave its members as they are.
    Pause(Named),
    /// Keep its members in step again.
    Resume(Named),
    /// Compare with DingTalk now.
    Retry(Named),
    /// Do not keep it any more; in DingTalk it stays.
    Forget(Named),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The group's short name.
    name: String,
}

#[derive(Debug, clap::Args)]
struct CreateArguments {
    /// Short name: the channels are group:NAME and group_announcement:NAME.
    name: String,
    /// As it is called in DingTalk, at most 20 signs.
    #[arg(long)]
    title: String,
    /// Who belongs into it, for example «财务部 + 人力资源部».
    #[arg(long, value_name = "RULE")]
    audience: String,
    /// Userid of the owner (default: dingtalk.operator_user_id).
    #[arg(long, value_name = "USERID", default_value = "")]
    owner: String,
    /// Make a scene group by this template.
    #[arg(long, value_name = "ID", default_value = "")]
    scene_template: String,
    /// Do not greet joiners.
    #[arg(long)]
    silent: bool,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let client = Client::find(global)?;
    match arguments.command {
        None | Some(Command::List) => list(global, &client).await,
        Some(Command::Create(arguments)) => create(global, &client, arguments).await,
        Some(Command::Pause(named)) => act(global, &client, &named.name, "pause").await,
        Some(Command::Resume(named)) => act(global, &client, &named.name, "resumption").await,
        Some(Command::Retry(named)) => act(global, &client, &named.name, "retry").await,
        Some(Command::Forget(named)) => {
            client.delete(&path(&named.name)).await?;
            output::note(
                &global
                    .texts()
                    .with("cli.group_forgotten", "name", &named.name),
            );
            Ok(())
        }
    }
}

fn path(name: &str) -> String {
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("/api/v1/groups/{}", name.replace('+', "%20"))
}

async fn list(global: &Global, client: &Client) -> Result<(), Failure> {
    let texts = global.texts();
    let page: Page<Group> = client.get("/api/v1/groups").await?;
    if global.json {
        output::json(&page.items);
        return Ok(());
    }
    if page.items.is_empty() {
        output::note(texts.get("cli.groups_none"));
        return Ok(());
    }
    let headers = ["name", "title", "audience", "people", "state", "problem"]
        .map(|c| texts.of_value("cli.column", c));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let mut grid = Grid::new(&headers, &[3]);
    for group in page.items {
        grid.row(vec![
            group.name,
            group.title,
            group.audience,
            group.members.to_string(),
            texts.of_value("console.group_state", &group.state),
            group
                .problem
                .map(|problem| problem.message)
                .unwrap_or_default(),
        ]);
    }
    grid.print();
    Ok(())
}

async fn create(global: &Global, client: &Client, asked: CreateArguments) -> Result<(), Failure> {
    let body = GroupBody {
        name: asked.name,
        title: asked.title,
        audience: asked.audience,
        owner_user_id: asked.owner,
        scene_template_id: asked.scene_template,
        greets: !asked.silent,
    };
    let group: Group = client.post("/api/v1/groups", &body).await?;
    if global.json {
        output::json(&group);
    } else {
        output::line(&global.texts().with("cli.group_wanted", "name", group.name));
    }
    Ok(())
}

async fn act(global: &Global, client: &Client, name: &str, act: &str) -> Result<(), Failure> {
    let asked = serde_json::json!({});
    client
        .post::<()>(&format!("{}/{act}", path(name)), &asked)
        .await?;
    output::note(global.texts().get("cli.group_done"));
    Ok(())
}
