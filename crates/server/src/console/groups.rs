//! Notification groups (通知群): the list, a new one, one with its members.

use askama::Template;
use axum::{extract::Path, response::Response};
use axum_extra::extract::Form;
use serde::Deserialize;
use yuezhi_domain::Audience;
use yuezhi_store::{
    chat_groups::{self, ChatGroup, ChatGroupState},
    people,
};

use super::{
    frame::{Frame, render},
    session::{Flash, PageError, SignedIn},
    sign_in::with_status,
    ui::{Markup, grouped},
    words::{self, Reason, Tag},
};
use crate::{
    actions::{
        ActionError, Refusal,
        save_group::{self, GroupAct, GroupInput},
    },
    pages::status_of,
    texts::Texts,
};

/// Names shown on one page; groups hold a thousand.
const NAMES_SHOWN: usize = 200;

struct Line {
    href: String,
    name: String,
    title: String,
    audience: String,
    members: String,
    state: Tag,
    synced: Option<Markup>,
    reason: Option<Reason>,
}

#[derive(Template)]
#[template(path = "console/groups.html")]
struct ListPage {
    f: Frame,
    t: Texts,
    lines: Vec<Line>,
    /// The app's keys are configured.
    is_possible: bool,
}

pub(super) async fn list(me: SignedIn) -> Result<Response, PageError> {
    let all = me
        .app
        .db
        .read(|tx| Ok::<_, ActionError>(chat_groups::list(tx)?))
        .await?;
    let page = ListPage {
        f: Frame::load(&me, "groups", me.t.get("console.groups.title")).await?,
        t: me.t,
        lines: all.iter().map(|group| line(&me, group)).collect(),
        is_possible: me.app.channels().app().is_some(),
    };
    Ok(render(&me, &page))
}

fn line(me: &SignedIn, group: &ChatGroup) -> Line {
    Line {
        href: address(&group.name),
        name: group.name.clone(),
        title: group.title.clone(),
        audience: group.audience.clone(),
        members: grouped(group.members),
        state: Tag {
            kind: match group.state {
                ChatGroupState::Active if group.error_code.is_none() => "ok",
                ChatGroupState::Active | ChatGroupState::Wanted => "warn",
                ChatGroupState::Paused => "",
                ChatGroupState::Gone => "bad",
            },
            word: me.t.of_value("console.group_state", group.state.as_str()),
        },
        synced: group.synced_at.map(|at| me.teller().at(at)),
        reason: group
            .error_code
            .as_deref()
            .map(|code| words::reason(me.t, code, group.error_detail.as_deref())),
    }
}

fn address(name: &str) -> String {
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("/console/groups/{}", name.replace('+', "%20"))
}

/// The form of a new group or of one that is there.
#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub(super) struct Asked {
    name: String,
    title: String,
    audience: String,
    owner_user_id: String,
    scene_template_id: String,
    greets: String,
}

impl Asked {
    fn input(&self) -> GroupInput {
        GroupInput {
            name: self.name.clone(),
            title: self.title.clone(),
            audience: self.audience.clone(),
            owner_user_id: self.owner_user_id.clone(),
            scene_template_id: self.scene_template_id.clone(),
            greets: !self.greets.is_empty(),
        }
    }
}

#[derive(Template)]
#[template(path = "console/group.html")]
struct GroupPage {
    f: Frame,
    t: Texts,
    asked: Asked,
    /// Where the owner is not typed.
    operator: String,
    /// `None` for a new one.
    line: Option<Line>,
    href: String,
    is_paused: bool,
    is_gone: bool,
    members: Vec<(String, String)>,
    more_members: usize,
    outside: Vec<String>,
    more_outside: usize,
    outside_count: String,
    wrong: Option<(&'static str, String)>,
}

impl GroupPage {
    fn wrong_at(&self, field: &str) -> Option<&str> {
        self.wrong
            .as_ref()
            .filter(|(at, _)| *at == field)
            .map(|(_, text)| text.as_str())
    }
}

pub(super) async fn new_form(me: SignedIn) -> Result<Response, PageError> {
    let asked = Asked {
        greets: "1".to_owned(),
        ..Asked::default()
    };
    form(&me, asked, None, None).await
}

pub(super) async fn create(me: SignedIn, Form(asked): Form<Asked>) -> Result<Response, PageError> {
    match save_group::create(&me.app, &me.actor(), asked.input()).await {
        Ok(()) => me.back(
            &address(asked.name.trim()),
            Ok(Flash::ok(me.t.get("console.groups.wanted"))),
        ),
        Err(ActionError::Refused(refusal)) => form(&me, asked, None, Some(&refusal)).await,
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn show(me: SignedIn, Path(name): Path<String>) -> Result<Response, PageError> {
    let group = load(&me, name).await?;
    let asked = Asked {
        name: group.name.clone(),
        title: group.title.clone(),
        audience: group.audience.clone(),
        owner_user_id: group.owner_user_id.clone(),
        scene_template_id: group.scene_template_id.clone().unwrap_or_default(),
        greets: if group.greets { "1" } else { "" }.to_owned(),
    };
    form(&me, asked, Some(group), None).await
}

pub(super) async fn change(
    me: SignedIn,
    Path(name): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Response, PageError> {
    let asked = Asked {
        name: name.clone(),
        ..asked
    };
    match save_group::change(&me.app, &me.actor(), asked.input()).await {
        Ok(()) => me.back(
            &address(&name),
            Ok(Flash::ok(me.t.get("console.groups.changed"))),
        ),
        Err(ActionError::Refused(refusal)) => {
            let group = load(&me, name).await?;
            form(&me, asked, Some(group), Some(&refusal)).await
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn act(
    me: SignedIn,
    Path((name, act)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let act = GroupAct::parse(&act).ok_or_else(|| Refusal::not_found("page_unknown"))?;
    let outcome = save_group::act(&me.app, &me.actor(), &name, act).await;
    let to = if act == GroupAct::Forget && outcome.is_ok() {
        "/console/groups".to_owned()
    } else {
        address(&name)
    };
    me.back(
        &to,
        outcome.map(|()| Flash::ok(me.t.get("console.groups.changed"))),
    )
}

async fn load(me: &SignedIn, name: String) -> Result<ChatGroup, PageError> {
    let group = me
        .app
        .db
        .read(move |tx| {
            let group = chat_groups::get(tx, &name)?;
            group.ok_or_else(|| {
                ActionError::from(Refusal::not_found("group_unknown").with("name", &name))
            })
        })
        .await?;
    Ok(group)
}

async fn form(
    me: &SignedIn,
    asked: Asked,
    group: Option<ChatGroup>,
    refusal: Option<&Refusal>,
) -> Result<Response, PageError> {
    let (members, outside) = match &group {
        Some(group) => people_of(me, group).await?,
        None => (Vec::new(), Vec::new()),
    };
    let title = group.as_ref().map_or_else(
        || me.t.get("console.groups.new").to_owned(),
        |group| group.title.clone(),
    );
    let page = GroupPage {
        f: Frame::load(me, "groups", title).await?,
        t: me.t,
        operator: me
            .app
            .config
            .dingtalk
            .operator_user_id
            .clone()
            .unwrap_or_default(),
        href: group
            .as_ref()
            .map_or_else(String::new, |group| address(&group.name)),
        is_paused: group
            .as_ref()
            .is_some_and(|group| group.state == ChatGroupState::Paused),
        is_gone: group
            .as_ref()
            .is_some_and(|group| group.state == ChatGroupState::Gone),
        line: group.as_ref().map(|group| line(me, group)),
        more_members: members.len().saturating_sub(NAMES_SHOWN),
        members: members.into_iter().take(NAMES_SHOWN).collect(),
        more_outside: outside.len().saturating_sub(NAMES_SHOWN),
        outside_count: match outside.len() {
            0 => String::new(),
            n => me.t.with("console.groups.outside", "n", n),
        },
        outside: outside.into_iter().take(NAMES_SHOWN).collect(),
        wrong: refusal.map(|refusal| (refusal.field.unwrap_or_default(), refusal.sentence(me.t))),
        asked,
    };
    let response = render(me, &page);
    Ok(match refusal {
        Some(refusal) => with_status(status_of(refusal.kind), response),
        None => response,
    })
}

/// Address and name of the members, and the names of those who belong here and are not in DingTalk.
async fn people_of(
    me: &SignedIn,
    group: &ChatGroup,
) -> Result<(Vec<(String, String)>, Vec<String>), PageError> {
    let (no, audience) = (group.no, group.audience.parse::<Audience>().ok());
    let read = me
        .app
        .db
        .read(move |tx| {
            let nos: Vec<i64> = chat_groups::members(tx, no)?
                .iter()
                .map(|member| member.person_no)
                .collect();
            let members = people::by_nos(tx, &nos)?
                .into_iter()
                .map(|person| (format!("/console/people/{}", person.id), person.name))
                .collect();
            let outside = match &audience {
                Some(audience) => save_group::wanted(tx, audience)?
                    .map(|wanted| wanted.outside)
                    .unwrap_or_default(),
                None => Vec::new(),
            };
            Ok::<_, ActionError>((members, outside))
        })
        .await?;
    Ok(read)
}
