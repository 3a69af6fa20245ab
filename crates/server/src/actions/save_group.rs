//! Notification groups (通知群): what an administrator decides about them. `workers/keep_groups` carries it out.
//!
//! Called by the console, the API and the command line. Invariant: a group whose audience DingTalk cannot hold is
//! refused before anything is made, with how many it is; forgetting a group here leaves it on the platform.

use yuezhi_domain::{Audience, UnixMillis};
use yuezhi_store::{
    StoreError, Tx,
    audience::{self, ChatName},
    audit,
    chat_groups::{self, ChatGroup, ChatGroupState, NewChatGroup},
    lanes,
};

use super::{ActionError, Actor, Refusal};
use crate::{app::App, refusals, wiring};

/// People that one group holds on the platform.
pub const LARGEST: usize = yuezhi_channels::group_admin::GROUP_LIMIT;
/// Signs of a plain group's title on the platform.
const LONGEST_TITLE: usize = 20;

/// What an administrator types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupInput {
    /// Short: the lane is `group:NAME`.
    pub name: String,
    pub title: String,
    /// The rule of an audience.
    pub audience: String,
    /// Userid; the configured operator if empty.
    pub owner_user_id: String,
    /// A scene group (场景群) by this template; a plain group if empty.
    pub scene_template_id: String,
    pub greets: bool,
}

/// What can be done with a group that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupAct {
    /// Members are left as they are.
    Pause,
    Resume,
    /// Compare with the platform now; one that is gone there is made again.
    Retry,
    /// Not kept any more; on the platform it stays.
    Forget,
}

impl GroupAct {
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "pause" => Self::Pause,
            "resume" => Self::Resume,
            "retry" => Self::Retry,
            "forget" => Self::Forget,
            _ => return None,
        })
    }

    const fn past(self) -> &'static str {
        match self {
            Self::Pause => "group.paused",
            Self::Resume => "group.resumed",
            Self::Retry => "group.retried",
            Self::Forget => "group.forgotten",
        }
    }
}

/// Has a group made. It is there within a moment.
pub async fn create(app: &App, actor: &Actor, input: GroupInput) -> Result<(), ActionError> {
    if app.channels().app().is_none() {
        return Err(Refusal::conflict("dingtalk_not_configured").into());
    }
    let new = check(app, actor, &input)?;
    let audience = parse(app, &new.audience)?;
    let (now, actor) = (app.now(), actor.to_string());
    app.db
        .write(move |tx| {
            fits(tx, &audience, &new.owner_user_id)?;
            if chat_groups::insert(tx, &new, now)?.is_none() {
                return Err(Refusal::conflict("group_name_taken")
                    .with("name", &new.name)
                    .into());
            }
            record(tx, &actor, "group.created", &new.name, now)?;
            Ok::<_, ActionError>(())
        })
        .await?;
    app.wake();
    Ok(())
}

/// Changes title, audience, owner or greeting; name and kind stay.
pub async fn change(app: &App, actor: &Actor, input: GroupInput) -> Result<(), ActionError> {
    let new = check(app, actor, &input)?;
    let audience = parse(app, &new.audience)?;
    let (now, actor) = (app.now(), actor.to_string());
    app.db
        .write(move |tx| {
            fits(tx, &audience, &new.owner_user_id)?;
            let changed = chat_groups::change(
                tx,
                &new.name,
                &new.title,
                &new.audience,
                &new.owner_user_id,
                new.greets,
                now,
            )?;
            if !changed {
                return Err(unknown(&new.name).into());
            }
            record(tx, &actor, "group.changed", &new.name, now)?;
            Ok::<_, ActionError>(())
        })
        .await?;
    app.wake();
    Ok(())
}

/// Pauses, resumes, retries or forgets.
pub async fn act(app: &App, actor: &Actor, name: &str, act: GroupAct) -> Result<(), ActionError> {
    let (now, actor, name) = (app.now(), actor.to_string(), name.to_owned());
    app.db
        .write(move |tx| {
            let group = chat_groups::get(tx, &name)?.ok_or_else(|| unknown(&name))?;
            match act {
                GroupAct::Pause => {
                    chat_groups::set_state(tx, &name, ChatGroupState::Paused, now)?;
                }
                GroupAct::Resume => {
                    chat_groups::set_state(tx, &name, awake(&group), now)?;
                }
                GroupAct::Retry => {
                    if !chat_groups::begin_anew(tx, group.no, now)? {
                        chat_groups::sync_one_at(tx, &name, now)?;
                    }
                }
                GroupAct::Forget => {
                    chat_groups::delete(tx, group.no)?;
                }
            }
            record(tx, &actor, act.past(), &name, now)?;
            Ok::<_, ActionError>(())
        })
        .await?;
    wiring::reload(app).await?;
    app.wake();
    Ok(())
}

const fn awake(group: &ChatGroup) -> ChatGroupState {
    if group.open_conversation_id.is_some() {
        ChatGroupState::Active
    } else {
        ChatGroupState::Wanted
    }
}

/// Who belongs into a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those who are in DingTalk.
    pub inside: Vec<ChatName>,
    /// The names of those who are not.
    pub outside: Vec<String>,
}

/// Whom an audience means by now; the inner error says what is not clear about it.
pub fn wanted(tx: &mut Tx<'_>, audience: &Audience) -> Result<Result<Wanted, Refusal>, StoreError> {
    let resolved = match audience::resolve(tx, audience)? {
        Ok(resolved) => resolved,
        Err(error) => return Ok(Err(refusals::audience(&error))),
    };
    let all = audience::chat_names(tx, &resolved)?;
    let (inside, outside): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|one| one.dingtalk_user_id.is_some());
    Ok(Ok(Wanted {
        inside,
        outside: outside.into_iter().map(|one| one.name).collect(),
    }))
}

fn parse(app: &App, rule: &str) -> Result<Audience, Refusal> {
    rule.parse()
        .map_err(|error| refusals::audience_syntax(&error, app.texts()))
}

fn check(app: &App, actor: &Actor, input: &GroupInput) -> Result<NewChatGroup, Refusal> {
    let (name, title) = (input.name.trim(), input.title.trim());
    let usable = !name.is_empty()
        && name.chars().count() <= 40
        && !name.chars().any(|c| {
            c.is_whitespace() || c.is_control() || matches!(c, ',' | ':' | '，' | '：' | '/')
        });
    if !usable {
        return Err(Refusal::invalid("name", "group_name_bad").with("name", name));
    }
    if title.is_empty() || title.chars().count() > LONGEST_TITLE {
        return Err(Refusal::invalid("title", "group_title_bad").with("most", LONGEST_TITLE));
    }
    let operator = app.config.dingtalk.operator_user_id.as_deref();
    let owner = match input.owner_user_id.trim() {
        "" => operator.unwrap_or_default().trim(),
        owner => owner,
    };
    if owner.is_empty() {
        return Err(Refusal::invalid("owner_user_id", "group_owner_missing"));
    }
    let scene = input.scene_template_id.trim();
    Ok(NewChatGroup {
        name: name.to_owned(),
        title: title.to_owned(),
        audience: input.audience.trim().to_owned(),
        owner_user_id: owner.to_owned(),
        scene_template_id: (!scene.is_empty()).then(|| scene.to_owned()),
        open_conversation_id: None,
        chat_id: None,
        greets: input.greets,
        created_by: actor.to_string(),
    })
}

/// At most so many as the platform allows, the owner among them.
fn fits(tx: &mut Tx<'_>, audience: &Audience, owner: &str) -> Result<(), ActionError> {
    let inside = wanted(tx, audience)??.inside;
    let with_owner = usize::from(
        !inside
            .iter()
            .any(|one| one.dingtalk_user_id.as_deref() == Some(owner)),
    );
    let people = inside.len() + with_owner;
    if people > LARGEST {
        return Err(Refusal::invalid("audience", "group_too_large")
            .with("people", people)
            .with("most", LARGEST)
            .into());
    }
    Ok(())
}

fn unknown(name: &str) -> Refusal {
    Refusal::not_found("group_unknown").with("name", name)
}

pub(crate) fn record(
    tx: &mut Tx<'_>,
    actor: &str,
    what: &str,
    name: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    audit::append(tx, now, actor, what, &format!("group:{name}"), "{}")
}

/// The lanes of a group, so that what goes there has a row to stand under.
pub(crate) fn ensure_lanes(tx: &mut Tx<'_>, name: &str, now: UnixMillis) -> Result<(), StoreError> {
    for kind in ["group", "group_announcement"] {
        lanes::ensure(tx, &format!("{kind}:{name}"), kind, now)?;
    }
    Ok(())
}
