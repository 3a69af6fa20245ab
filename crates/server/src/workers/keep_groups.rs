//! Makes notification groups on the platform and keeps their members in step with their audience.
//!
//! A group is compared when its turn has come: at once after people or the group changed, else once a day. Invariants:
//! a member row says that the platform was told so; only people whom this worker put in are taken out, guests whom
//! somebody invited stay; joiners are greeted once. Weakness: whether somebody was thrown out by hand is looked at once a
//! day, because asking counts against the month's quota.

use std::{collections::BTreeSet, time::Duration};

use yuezhi_channels::{
    DingTalkApp, Mentions, Outcome, Post,
    group_admin::{self, Changed, GroupAt, GroupError, GroupMade, GroupToMake},
};
use yuezhi_domain::{Audience, UnixMillis};
use yuezhi_store::{
    audience::ChatName,
    chat_groups::{self, ChatGroup, ChatGroupMember, ChatGroupState},
};

use super::Next;
use crate::{
    actions::{ActionError, Actor, save_group},
    app::App,
    messages::{self, House},
    wiring,
};

/// A group that nothing happens to is looked at this often.
const DAILY: Duration = Duration::from_secs(24 * 3600);
/// The platform is asked who is inside when the last comparison is older than this.
const ASK_AFTER: Duration = Duration::from_secs(20 * 3600);
const AFTER_TROUBLE: Duration = Duration::from_mins(15);

/// Keeps those whose turn has come.
pub async fn tick(app: &App) -> Result<Next, ActionError> {
    let Some(dingtalk) = app.channels().app().cloned() else {
        return Ok(Next::Idle);
    };
    let now = app.now();
    let due = app
        .db
        .read(move |tx| Ok::<_, ActionError>(chat_groups::due(tx, now)?))
        .await?;
    for group in due {
        keep(app, &dingtalk, group).await?;
    }
    let next = app
        .db
        .read(|tx| Ok::<_, ActionError>(chat_groups::next_sync_at(tx)?))
        .await?;
    Ok(next.map_or(Next::Idle, Next::At))
}

async fn keep(app: &App, dingtalk: &DingTalkApp, group: ChatGroup) -> Result<(), ActionError> {
    let no = group.no;
    let audience: Audience = match group.audience.parse() {
        Ok(audience) => audience,
        Err(error) => {
            return trouble(
                app,
                &group,
                "group_audience_bad",
                format!("{error:?}"),
                DAILY,
            )
            .await;
        }
    };
    let read = app
        .db
        .read(move |tx| {
            Ok::<_, ActionError>((
                save_group::wanted(tx, &audience)?,
                chat_groups::members(tx, no)?,
            ))
        })
        .await?;
    let (wanted, members) = match read {
        (Ok(wanted), members) => (wanted.inside, members),
        (Err(refusal), _) => {
            let detail = refusal.message(app.texts());
            return trouble(app, &group, "group_audience_bad", detail, DAILY).await;
        }
    };
    if wanted.len() > save_group::LARGEST {
        let detail = format!("{} > {}", wanted.len(), save_group::LARGEST);
        return trouble(app, &group, "group_full", detail, DAILY).await;
    }
    match group.open_conversation_id.clone() {
        None => make(app, dingtalk, group, wanted).await,
        Some(conversation) => {
            let at = GroupAt {
                open_conversation_id: conversation,
                chat_id: group.chat_id.clone(),
                is_scene: group.scene_template_id.is_some(),
            };
            compare(app, dingtalk, group, &at, wanted, members).await
        }
    }
}

async fn make(
    app: &App,
    dingtalk: &DingTalkApp,
    group: ChatGroup,
    wanted: Vec<ChatName>,
) -> Result<(), ActionError> {
    let new = GroupToMake {
        title: group.title.clone(),
        owner_user_id: group.owner_user_id.clone(),
        member_user_ids: user_ids(&wanted),
        scene_template_id: group.scene_template_id.clone(),
        // One that is made again is another one.
        key: format!(
            "yuezhi-{}-{}-{}",
            app.instance, group.no, group.updated_at.0
        ),
    };
    let made = match group_admin::create(dingtalk, &new, app.now()).await {
        Ok(made) => made,
        Err(error) => return refused(app, &group, &error).await,
    };
    record_made(app, &group, &made).await?;
    if let Err(error) =
        group_admin::add_robot(dingtalk, &made.group.open_conversation_id, app.now()).await
    {
        tracing::warn!(group = %group.name, code = error.why().code, "the app's robot could not be put into the group");
    }
    wiring::reload(app).await?;
    record_members(app, &group, &made.members, &[], &wanted).await
}

async fn record_made(app: &App, group: &ChatGroup, made: &GroupMade) -> Result<(), ActionError> {
    let (now, no, name, at) = (app.now(), group.no, group.name.clone(), made.group.clone());
    let created = app
        .db
        .write(move |tx| {
            let chat_id = at.chat_id.as_deref();
            let created =
                chat_groups::record_created(tx, no, &at.open_conversation_id, chat_id, now)?;
            save_group::ensure_lanes(tx, &name, now)?;
            let actor = Actor::System.to_string();
            save_group::record(tx, &actor, "group.made", &name, now)?;
            Ok::<_, ActionError>(created)
        })
        .await?;
    if !created {
        tracing::warn!(group = %group.name, "the group was made on the platform, but is not wanted any more");
    }
    Ok(())
}

async fn compare(
    app: &App,
    dingtalk: &DingTalkApp,
    group: ChatGroup,
    at: &GroupAt,
    wanted: Vec<ChatName>,
    members: Vec<ChatGroupMember>,
) -> Result<(), ActionError> {
    let now = app.now();
    if group.updated_at > group.synced_at.unwrap_or(UnixMillis(0)) {
        let changed = group_admin::update(
            dingtalk,
            at,
            Some(&group.title),
            Some(&group.owner_user_id),
            now,
        );
        if let Err(error) = changed.await {
            return refused(app, &group, &error).await;
        }
    }
    let is_stale = group
        .synced_at
        .is_none_or(|synced| now.since(synced) >= ASK_AFTER);
    let known: BTreeSet<String> = members.iter().map(|one| one.user_id.clone()).collect();
    let inside = if is_stale {
        match group_admin::members(dingtalk, at, now).await {
            Ok(inside) => inside.into_iter().collect(),
            Err(error) => return refused(app, &group, &error).await,
        }
    } else {
        known.clone()
    };
    let should: BTreeSet<String> = user_ids(&wanted).into_iter().collect();
    let joining: Vec<String> = should.difference(&inside).cloned().collect();
    // The owner stays whatever the audience says: the platform wants one.
    let leaving: Vec<String> = known
        .difference(&should)
        .filter(|one| inside.contains(*one) && **one != group.owner_user_id)
        .cloned()
        .collect();
    let vanished = known
        .iter()
        .filter(|one| !should.contains(*one) && !inside.contains(*one));
    let mut gone: Vec<String> = vanished.cloned().collect();
    let mut changed = Changed::default();
    if !leaving.is_empty() {
        let removed = group_admin::remove(dingtalk, at, &leaving, now).await;
        gone.extend(removed.done);
        changed.refused.extend(removed.refused);
        changed.stopped = removed.stopped;
    }
    if changed.stopped.is_none() && !joining.is_empty() {
        let added = group_admin::add(dingtalk, at, &joining, now).await;
        changed.done = added.done;
        changed.refused.extend(added.refused);
        changed.stopped = added.stopped;
    }
    // Whom somebody invited by hand before they belonged here counts as a member from now on.
    changed.done.extend(
        should
            .intersection(&inside)
            .filter(|one| !known.contains(*one))
            .cloned(),
    );
    record_members(app, &group, &changed, &gone, &wanted).await
}

fn user_ids(wanted: &[ChatName]) -> Vec<String> {
    wanted
        .iter()
        .filter_map(|one| one.dingtalk_user_id.clone())
        .collect()
}

async fn record_members(
    app: &App,
    group: &ChatGroup,
    changed: &Changed,
    gone: &[String],
    wanted: &[ChatName],
) -> Result<(), ActionError> {
    let (now, no) = (app.now(), group.no);
    let joined: Vec<(String, i64)> = wanted
        .iter()
        .filter_map(|one| {
            let user_id = one.dingtalk_user_id.as_ref()?;
            changed
                .done
                .contains(user_id)
                .then(|| (user_id.clone(), one.person_no))
        })
        .collect();
    let (gone, problem) = (gone.to_vec(), problem_of(changed));
    let members = app
        .db
        .write(move |tx| {
            chat_groups::add_members(tx, no, &joined, now)?;
            chat_groups::remove_members(tx, no, &gone)?;
            let members = chat_groups::members(tx, no)?;
            let count = i64::try_from(members.len()).unwrap_or(i64::MAX);
            chat_groups::record_synced(tx, no, count, now, now.plus(DAILY))?;
            if let Some((code, detail, wait)) = &problem {
                chat_groups::record_trouble(tx, no, code, detail, Some(now.plus(*wait)))?;
            }
            Ok::<_, ActionError>(members)
        })
        .await?;
    greet(app, group, members, wanted).await
}

/// People who were refused, or why the rest was not tried.
fn problem_of(changed: &Changed) -> Option<(String, String, Duration)> {
    if let Some(error) = &changed.stopped {
        let why = error.why();
        return Some((why.code.to_owned(), why.detail, AFTER_TROUBLE));
    }
    let (_, why) = changed.refused.first()?;
    let names: Vec<&str> = changed
        .refused
        .iter()
        .take(10)
        .map(|(user_id, _)| user_id.as_str())
        .collect();
    let detail = format!("{}: {}", names.join(", "), why.detail);
    Some((why.code.to_owned(), detail, DAILY))
}

/// One message in the group for all who are new: a call for each of them would cost the month's quota.
async fn greet(
    app: &App,
    group: &ChatGroup,
    members: Vec<ChatGroupMember>,
    wanted: &[ChatName],
) -> Result<(), ActionError> {
    let fresh: Vec<&ChatGroupMember> = members
        .iter()
        .filter(|one| one.greeted_at.is_none())
        .collect();
    if fresh.is_empty() || !group.greets {
        return Ok(());
    }
    let Some(channel) = app
        .channels()
        .get(&format!("group:{}", group.name))
        .cloned()
    else {
        return Ok(());
    };
    let names: Vec<&str> = fresh
        .iter()
        .filter_map(|one| wanted.iter().find(|name| name.person_no == one.person_no))
        .map(|one| one.name.as_str())
        .collect();
    let is_new_group = fresh.len() == members.len();
    let message = messages::welcome(
        &House::of(app),
        &group.title,
        &names,
        is_new_group,
        app.language,
    );
    let now = app.now();
    let post = Post {
        key: app.ids.next::<uuid::Uuid>(now).to_string(),
        message: std::sync::Arc::new(message),
        personal_url: None,
        recipient: None,
        mentions: Mentions::default(),
        members: std::sync::Arc::from([]),
        now,
    };
    match channel.send(&post).await {
        Outcome::Sent { .. } => {}
        outcome => {
            let code = outcome.why().map_or("", |why| why.code);
            tracing::warn!(group = %group.name, code, "joiners could not be greeted; they are at the next comparison");
            return Ok(());
        }
    }
    let (no, greeted): (i64, Vec<String>) = (
        group.no,
        fresh.iter().map(|one| one.user_id.clone()).collect(),
    );
    app.db
        .write(move |tx| {
            chat_groups::mark_greeted(tx, no, &greeted, now)?;
            Ok::<_, ActionError>(())
        })
        .await
}

async fn refused(app: &App, group: &ChatGroup, error: &GroupError) -> Result<(), ActionError> {
    let why = error.why();
    let wait = match error {
        GroupError::Later { after, .. } => after.unwrap_or(AFTER_TROUBLE),
        GroupError::Misconfigured(_) => AFTER_TROUBLE,
        _ => DAILY,
    };
    if matches!(error, GroupError::Gone(_)) {
        let (name, now) = (group.name.clone(), app.now());
        app.db
            .write(move |tx| {
                chat_groups::set_state(tx, &name, ChatGroupState::Gone, now)?;
                Ok::<_, ActionError>(())
            })
            .await?;
    }
    trouble(app, group, why.code, why.detail, wait).await
}

async fn trouble(
    app: &App,
    group: &ChatGroup,
    code: &str,
    detail: String,
    wait: Duration,
) -> Result<(), ActionError> {
    tracing::warn!(group = %group.name, code, "a notification group is not in step");
    let (no, code, next) = (group.no, code.to_owned(), app.now().plus(wait));
    app.db
        .write(move |tx| {
            chat_groups::record_trouble(tx, no, &code, &detail, Some(next))?;
            Ok::<_, ActionError>(())
        })
        .await
}
