//! The publish form: file or pasted text, audience, requirement, channels; a dry run first, then the real one.
//!
//! Without script the whole page comes back after each step. Invariant: nothing typed is lost, the file included: its
//! bytes are kept as content under their hash, which a hidden field carries on. Weakness: a file that is looked at and
//! never published stays in the database.

mod asked;
mod preview;

use askama::Template;
use axum::{
    extract::Multipart,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::{Form, Query};
use serde::Deserialize;
use yuezhi_domain::Audience;
use yuezhi_store::{
    audience as people_of, notices,
    notices::{NoticeFilter, NoticeRow},
    policies,
    policies::PolicyFilter,
    versions,
};

use asked::Asked;
use preview::Preview;

use super::{
    frame::{Frame, render},
    session::{Flash, FlashKind, PageError, SignedIn},
    sign_in::with_status,
    ui::{Choice, grouped},
    words,
};
use crate::{
    actions::{
        ActionError, Refusal,
        publish_version::{self, Published, lanes},
    },
    pages::{self, status_of},
    refusals,
    texts::Texts,
};

/// A wrong field and what to do about it.
struct FieldError {
    /// The field's name; empty for the whole form.
    field: &'static str,
    message: String,
    fix: String,
}

struct LaneChoice {
    value: String,
    name: String,
    kind: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "console/publish.html")]
struct Page {
    f: Frame,
    t: Texts,
    asked: Asked,
    policies: Vec<Choice>,
    lanes: Vec<LaneChoice>,
    requirements: Vec<Choice>,
    changes: Vec<Choice>,
    previous: Option<Previous>,
    error: Option<FieldError>,
    preview: Option<Preview>,
    max_mb: u64,
}

impl Page {
    fn wrong(&self, field: &str) -> Option<&FieldError> {
        self.error.as_ref().filter(|error| error.field == field)
    }
}

/// What a blank field takes over from the policy's last notice.
struct Previous {
    label: String,
    audience: String,
    requirement: String,
    plan: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Start {
    policy: String,
}

pub(super) async fn form(me: SignedIn, Query(start): Query<Start>) -> Result<Response, PageError> {
    let asked = Asked {
        policy: start.policy,
        ..Asked::default()
    };
    show(&me, asked, None, None).await
}

pub(super) async fn submit(me: SignedIn, multipart: Multipart) -> Result<Response, PageError> {
    let mut asked = match asked::read(&me, multipart).await {
        Ok(asked) => asked,
        Err(ActionError::Refused(refusal)) => {
            return refused(&me, Asked::default(), &refusal).await;
        }
        Err(error) => return Err(error.into()),
    };
    let request = match asked.request(&me).await {
        Ok(request) => request,
        Err(ActionError::Refused(refusal)) => return refused(&me, asked, &refusal).await,
        Err(error) => return Err(error.into()),
    };
    if asked.step == "publish" {
        return match Box::pin(publish_version::publish(&me.app, request)).await {
            Ok(published) => done(&me, &published),
            Err(ActionError::Refused(refusal)) => refused(&me, asked, &refusal).await,
            Err(error) => Err(error.into()),
        };
    }
    match publish_version::plan(&me.app, &request).await {
        Ok(plan) => {
            asked.fill_in(&plan);
            let preview = Preview::of(&me, plan);
            show(&me, asked, None, Some(preview)).await
        }
        Err(ActionError::Refused(refusal)) => refused(&me, asked, &refusal).await,
        Err(error) => Err(error.into()),
    }
}

async fn refused(me: &SignedIn, asked: Asked, refusal: &Refusal) -> Result<Response, PageError> {
    let error = FieldError {
        field: refusal.field.unwrap_or_default(),
        message: refusal.message(me.t),
        fix: refusal.fix(me.t),
    };
    let page = show(me, asked, Some(error), None).await?;
    Ok(with_status(status_of(refusal.kind), page))
}

fn done(me: &SignedIn, published: &Published) -> Result<Response, PageError> {
    match published {
        Published::New(new) => {
            let flash = Flash::ok(me.t.with2(
                "console.publish.done",
                "title",
                &new.plan.title,
                "label",
                &new.label,
            ))
            .more(me.t.with(
                "console.publish.done_more",
                "n",
                grouped(new.recipients),
            ));
            me.back(&format!("/console/notices/{}", new.notice_id), Ok(flash))
        }
        Published::Unchanged {
            policy_slug, label, ..
        } => {
            let flash = Flash {
                kind: FlashKind::Warn,
                text: me.t.get("console.publish.unchanged").to_owned(),
                more: me.t.with("console.publish.unchanged_more", "label", label),
            };
            me.back(&format!("/console/policies/{policy_slug}"), Ok(flash))
        }
    }
}

async fn show(
    me: &SignedIn,
    mut asked: Asked,
    error: Option<FieldError>,
    preview: Option<Preview>,
) -> Result<Response, PageError> {
    let slug = asked.policy.clone();
    let (policy_rows, previous, lately) = me
        .app
        .db
        .read(move |tx| {
            let rows = policies::list(tx, &PolicyFilter::default(), 0, 500)?;
            let lately = notices::list(tx, &NoticeFilter::default(), 0, LATELY)?;
            let Some(policy) = policies::by_slug(tx, &slug)? else {
                return Ok::<_, ActionError>((rows, None, lately));
            };
            let latest = versions::latest(tx, policy.no)?;
            let previous = notices::of_policy(tx, policy.no, 1)?
                .into_iter()
                .next()
                .zip(latest);
            Ok((rows, previous, lately))
        })
        .await?;
    if !asked.is_sent {
        asked.channels = previous
            .as_ref()
            .map(|(notice, _)| {
                let words = notice.channels.iter().map(|lane| lanes::word_of(lane));
                words.map(ToOwned::to_owned).collect::<Vec<_>>()
            })
            .filter(|channels| !channels.is_empty())
            .or_else(|| lanes_of_late(me, &lately))
            .unwrap_or_else(|| first_lanes(me));
    }
    let new_policy = Choice::new("", me.t.get("console.publish.new_policy"), &asked.policy);
    // An older policy than those listed is there too once it was chosen on its own page.
    let is_listed = policy_rows.iter().any(|row| row.slug == asked.policy);
    let older = previous.as_ref().filter(|_| !is_listed);
    let older = older
        .map(|(notice, _)| Choice::new(asked.policy.clone(), notice.title.clone(), &asked.policy));
    let policies = std::iter::once(new_policy)
        .chain(older)
        .chain(
            policy_rows
                .into_iter()
                .map(|row| Choice::new(row.slug.clone(), row.title, &asked.policy)),
        )
        .collect();
    let page = Page {
        f: Frame::load(me, "publish", me.t.get("console.nav.publish")).await?,
        t: me.t,
        policies,
        lanes: lane_choices(me, &asked.channels),
        requirements: choices(
            me.t,
            "console.requirement",
            &["", "inform", "read", "confirm"],
            &asked.requirement,
        ),
        changes: choices(
            me.t,
            "console.change",
            &["", "major", "minor"],
            &asked.change,
        ),
        previous: previous.map(|(notice, version)| Previous {
            label: version.label,
            audience: words::audience(me.t, &notice.audience),
            requirement: words::requirement(me.t, notice.requirement),
            plan: if notice.plan == "none" {
                me.t.get("console.publish.plan_default").to_owned()
            } else {
                words::plan(me.t, &notice.plan)
            },
        }),
        error,
        preview,
        max_mb: me.app.config.server.max_upload_mb,
        asked,
    };
    Ok(render(me, &page))
}

/// Notices looked at for how people are usually told here.
const LATELY: usize = 20;

/// The lanes of the newest notice that anybody was told of, as far as they are still there.
fn lanes_of_late(me: &SignedIn, lately: &[NoticeRow]) -> Option<Vec<String>> {
    let channels = me.app.channels();
    let known = lanes::words(&channels);
    lately.iter().find_map(|row| {
        let lanes = row.notice.channels.iter();
        let there: Vec<String> = lanes
            .filter(|lane| channels.get(lane).is_some() || known.contains(lane))
            .cloned()
            .collect();
        (!there.is_empty()).then_some(there)
    })
}

/// What the very first policy begins with: everybody personally, and the group if there is only one.
/// Which of several groups it concerns is for the publisher to say.
fn first_lanes(me: &SignedIn) -> Vec<String> {
    let channels = me.app.channels();
    let mut words = lanes::first_words(&channels);
    let is_group = |word: &str| channels.get(word).is_some_and(|c| !c.limits().personal);
    if words.iter().filter(|word| is_group(word)).count() > 1 {
        words.retain(|word| !is_group(word));
    }
    words
}

/// What can be ticked. The ways into DingTalk that `dingtalk` chooses from are shown only where one was chosen.
fn lane_choices(me: &SignedIn, chosen: &[String]) -> Vec<LaneChoice> {
    let is_chosen = |word: &str| chosen.iter().any(|lane| lane == word);
    lanes::words(&me.app.channels())
        .into_iter()
        .filter(|word| is_chosen(word) || word == lanes::DINGTALK || lanes::word_of(word) == word)
        .map(|word| LaneChoice {
            name: words::lane(me.t, &word),
            kind: words::lane_kind(me.t, &word),
            chosen: is_chosen(&word),
            value: word,
        })
        .collect()
}

fn choices(t: Texts, prefix: &str, values: &[&str], current: &str) -> Vec<Choice> {
    values
        .iter()
        .map(|value| {
            Choice::new(
                *value,
                t.of_value(prefix, if value.is_empty() { "as_before" } else { value }),
                current,
            )
        })
        .collect()
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct AudienceForm {
    audience: String,
}

#[derive(Template)]
#[template(path = "console/publish_audience.html")]
struct AudienceCount {
    t: Texts,
    count: String,
    departments: String,
    error: Option<(String, String)>,
}

/// How many people a rule means, while it is being typed.
pub(super) async fn audience(
    me: SignedIn,
    Form(asked): Form<AudienceForm>,
) -> Result<Response, PageError> {
    let rule = asked.audience.trim();
    if rule.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let shown = |count: String, departments: String, error: Option<Refusal>| AudienceCount {
        t: me.t,
        count,
        departments,
        error: error.map(|refusal| (refusal.message(me.t), refusal.fix(me.t))),
    };
    let audience: Audience = match rule.parse() {
        Ok(audience) => audience,
        Err(error) => {
            let refusal = refusals::audience_syntax(&error, me.t);
            return Ok(pages::page(
                me.t,
                &shown(String::new(), String::new(), Some(refusal)),
            ));
        }
    };
    let counted = me
        .app
        .db
        .read(move |tx| {
            let resolved = match people_of::resolve(tx, &audience)? {
                Ok(resolved) => resolved,
                Err(error) => return Ok::<_, ActionError>(Err(refusals::audience(&error))),
            };
            Ok(Ok((
                people_of::count(tx, &resolved)?,
                people_of::by_department(tx, &resolved)?,
            )))
        })
        .await?;
    let page = match counted {
        Ok((count, departments)) => {
            let names: Vec<String> = departments
                .iter()
                .take(5)
                .map(|(path, n)| format!("{} {}", short(path), grouped(*n)))
                .collect();
            shown(grouped(count), names.join(" · "), None)
        }
        Err(refusal) => shown(String::new(), String::new(), Some(refusal)),
    };
    Ok(pages::page(me.t, &page))
}

/// The last name of a department's path.
fn short(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
