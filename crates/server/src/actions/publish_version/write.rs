//! The publishing transaction: version, notice, obligations, deliveries; or nothing.
//!
//! Called by `publish` with settled fields and their plan. Invariant: a policy whose newest version changed since the
//! fields were settled is refused, so that two people who publish at once do not overwrite each other unseen.

use yuezhi_domain::{
    ChangeKind, ContentHash, NoticeId, NoticeState, ObligationState, PlanFacts, PolicyId,
    Requirement, UnixMillis, VersionId,
};
use yuezhi_store::{
    StoreError, Tx, audit, contents, deliveries, followups, notices, obligations, policies,
    receipts, versions,
};

use super::{ActionError, PublishPlan, PublishRequest, PublishedVersion, settle::Settled};
use crate::{
    actions::Refusal,
    app::App,
    fan_out::{self, Way},
};

/// Up to so many people get their obligations in the publishing transaction; above, the `expand` worker goes on.
pub const INLINE_PEOPLE: i64 = 20_000;

pub(super) async fn write(
    app: &App,
    request: &PublishRequest,
    settled: Settled,
    plan: PublishPlan,
) -> Result<PublishedVersion, ActionError> {
    let now = settled.now;
    let work = Work {
        policy_id: app.ids.next(now),
        version_id: app.ids.next(now),
        notice_id: app.ids.next(now),
        document_json: serde_json::to_vec(&settled.document).map_err(ActionError::internal)?,
        next_reminder_at: next_reminder(app, &settled),
        ways: fan_out::first_ways(&settled.lanes),
        lanes_that_follow_up: fan_out::lanes_that_follow_up(&app.channels()),
        actor: request.actor.to_string(),
        source: request.source.as_str(),
        source_ref: request.source_ref.clone(),
        time_zone: app.time_zone.as_str().to_owned(),
        settled,
        plan,
    };
    app.db.write(move |tx| work.run(tx)).await
}

fn next_reminder(app: &App, settled: &Settled) -> Option<UnixMillis> {
    let facts = PlanFacts {
        issued_at: settled.now,
        due_at: settled.due.as_ref().map(|due| due.at),
        zone: &app.time_zone,
    };
    settled
        .plan
        .next_after(facts, &app.calendar(), settled.now)
        .map(|planned| planned.at)
}

/// Everything the transaction needs, made before it: it may run twice on PostgreSQL.
struct Work {
    policy_id: PolicyId,
    version_id: VersionId,
    notice_id: NoticeId,
    document_json: Vec<u8>,
    next_reminder_at: Option<UnixMillis>,
    ways: Vec<Way>,
    lanes_that_follow_up: Vec<String>,
    actor: String,
    source: &'static str,
    source_ref: Option<String>,
    time_zone: String,
    settled: Settled,
    plan: PublishPlan,
}

impl Work {
    fn run(&self, tx: &mut Tx<'_>) -> Result<PublishedVersion, ActionError> {
        let settled = &self.settled;
        let policy = self.policy(tx)?;
        let (policy_no, policy_id) = policy;
        let latest = versions::latest(tx, policy_no)?;
        if latest.as_ref().map(|v| v.no) != settled.known.latest.as_ref().map(|v| v.no) {
            return Err(Refusal::conflict("policy_moved_on").into());
        }
        // Asked here and not when the fields were settled: a large notice may have opened meanwhile.
        let open_notices = notices::open_for_policy(tx, policy_no)?;
        // A notice that everybody had settled is closed; after a minor change its confirmations count on all the same.
        let last_closed = notices::of_policy(tx, policy_no, 1)?
            .into_iter()
            .find(|notice| notice.state == NoticeState::Closed);
        let version_no = self.version(tx, policy_no)?;
        if let Some(latest) = &latest {
            versions::supersede(tx, latest.no)?;
        }
        policies::set_current_version(tx, policy_no, version_no, settled.now)?;
        let notice_no = self.notice(tx, policy_no, version_no)?;
        self.fan_out(tx, notice_no)?;
        for old in &open_notices {
            self.supersede(tx, old, notice_no)?;
        }
        if let Some(closed) = &last_closed {
            self.carry_forward(tx, closed.no, notice_no)?;
        }
        self.group_messages(tx, notice_no)?;
        self.record(tx)?;
        Ok(PublishedVersion {
            policy_slug: settled.slug.to_string(),
            policy_id,
            policy_no,
            version_id: self.version_id,
            version_no,
            label: settled.label.clone(),
            notice_id: self.notice_id,
            notice_no,
            recipients: self.plan.recipients,
            plan: self.plan.clone(),
        })
    }

    fn policy(&self, tx: &mut Tx<'_>) -> Result<(i64, PolicyId), ActionError> {
        let settled = &self.settled;
        let fields = policies::PolicyFields {
            title: settled.title.clone(),
            category: settled.category.clone(),
            owner: settled.owner.clone(),
            language: settled.language,
        };
        if let Some(policy) = policies::by_slug(tx, settled.slug.as_str())? {
            policies::update(tx, policy.no, &fields, settled.now)?;
            return Ok((policy.no, policy.id));
        }
        let new = policies::NewPolicy {
            id: self.policy_id,
            slug: settled.slug.to_string(),
            fields,
            created_at: settled.now,
        };
        match policies::insert(tx, &new) {
            Ok(policy_no) => Ok((policy_no, self.policy_id)),
            // On PostgreSQL a colleague's first version of the same policy was committed a moment ago.
            Err(StoreError::NotUnique { .. }) => Err(Refusal::conflict("policy_moved_on").into()),
            Err(error) => Err(error.into()),
        }
    }

    fn version(&self, tx: &mut Tx<'_>, policy_no: i64) -> Result<i64, ActionError> {
        let settled = &self.settled;
        let now = settled.now;
        let version = versions::NewVersion {
            id: self.version_id,
            policy_no,
            number: versions::next_number(tx, policy_no)?,
            label: settled.label.clone(),
            change: settled.change,
            summary: settled.summary.clone(),
            title: settled.title.clone(),
            language: settled.language,
            effective_on: settled.effective_on.clone(),
            document_hash: contents::put(tx, &self.document_json, now)?,
            html_hash: contents::put(tx, settled.html.as_bytes(), now)?,
            text_hash: contents::put(tx, settled.text.as_bytes(), now)?,
            original_hash: contents::put(tx, &settled.file.bytes, now)?,
            original_name: settled.file.name.clone(),
            original_media_type: crate::media::type_of(&settled.file.name).to_owned(),
            source: self.source.to_owned(),
            source_ref: self.source_ref.clone(),
            published_by: self.actor.clone(),
            published_at: now,
        };
        let version_no = versions::insert(tx, &version)?;
        for (position, file) in (0_i64..).zip(&settled.attachments) {
            let hash = contents::put(tx, &file.bytes, now)?;
            versions::add_file(
                tx,
                version_no,
                &versions::VersionFile {
                    position,
                    name: file.name.clone(),
                    media_type: crate::media::type_of(&file.name).to_owned(),
                    size: file.bytes.len() as i64,
                    hash,
                },
            )?;
        }
        Ok(version_no)
    }

    fn notice(&self, tx: &mut Tx<'_>, policy_no: i64, version_no: i64) -> Result<i64, ActionError> {
        let settled = &self.settled;
        let inline = self.plan.recipients <= INLINE_PEOPLE;
        let notice = notices::NewNotice {
            id: self.notice_id,
            policy_no,
            version_no,
            state: if inline {
                NoticeState::Open
            } else {
                NoticeState::Expanding
            },
            title: settled.title.clone(),
            requirement: settled.requirement,
            audience: settled.audience.to_string(),
            audience_resolved: settled.resolved.clone(),
            consent_hash: ContentHash::of(settled.consent_text.as_bytes()),
            consent_text: settled.consent_text.clone(),
            language: settled.language,
            time_zone: self.time_zone.clone(),
            due_at: settled.due.as_ref().map(|due| due.at),
            channels: settled.lanes.clone(),
            plan: settled.plan.to_string(),
            planned_until: settled.now,
            next_reminder_at: self.next_reminder_at,
            issued_by: self.actor.clone(),
            issued_at: settled.now,
        };
        Ok(notices::insert(tx, &notice)?)
    }

    fn fan_out(&self, tx: &mut Tx<'_>, notice_no: i64) -> Result<(), ActionError> {
        if self.plan.recipients > INLINE_PEOPLE {
            return Ok(());
        }
        let expansion = fan_out::Expansion {
            notice_no,
            resolved: &self.settled.resolved,
            requirement: self.settled.requirement,
            due_at: self.settled.due.as_ref().map(|due| due.at),
            ways: &self.ways,
            now: self.settled.now,
        };
        // More than one round only if the directory grew since the plan was made.
        let mut after_person_no = 0;
        loop {
            let expanded = expansion.run(tx, after_person_no, INLINE_PEOPLE)?;
            if expanded.done {
                return Ok(());
            }
            after_person_no = expanded.last_person_no;
        }
    }

    /// A major change asks everybody anew; after a minor one, who had confirmed need not do it again.
    fn supersede(
        &self,
        tx: &mut Tx<'_>,
        old: &notices::Notice,
        notice_no: i64,
    ) -> Result<(), ActionError> {
        let now = self.settled.now;
        if !notices::set_state(
            tx,
            old.no,
            old.state,
            NoticeState::Superseded,
            now,
            Some(self.notice_id.to_string().as_str()),
        )? {
            return Err(Refusal::conflict("policy_moved_on").into());
        }
        // First: on PostgreSQL this waits for confirmations that are being written, so that they are carried too.
        obligations::close_all_pending(
            tx,
            old.no,
            ObligationState::Superseded,
            now,
            Some("superseded"),
        )?;
        self.carry_forward(tx, old.no, notice_no)?;
        deliveries::cancel_pending_for_notice(tx, old.no)?;
        followups::withdraw_notice(tx, old.no, &self.lanes_that_follow_up, now)?;
        Ok(())
    }

    fn carry_forward(&self, tx: &mut Tx<'_>, from: i64, to: i64) -> Result<(), ActionError> {
        if self.settled.change != ChangeKind::Minor
            || self.settled.requirement == Requirement::Inform
        {
            return Ok(());
        }
        let now = self.settled.now;
        obligations::carry_forward(tx, from, to, self.settled.requirement, now)?;
        receipts::carry_forward(tx, from, to, now)?;
        deliveries::cancel_due_for_settled(tx, to)?;
        Ok(())
    }

    fn group_messages(&self, tx: &mut Tx<'_>, notice_no: i64) -> Result<(), ActionError> {
        for way in &self.ways {
            way.ensure(tx, self.settled.now)?;
            if way.address.is_none() {
                deliveries::insert_group(
                    tx,
                    &fan_out::group_message(&way.lane, notice_no, 0, self.settled.now),
                )?;
            }
        }
        Ok(())
    }

    fn record(&self, tx: &mut Tx<'_>) -> Result<(), ActionError> {
        let settled = &self.settled;
        let detail = serde_json::json!({
            "version": settled.label, "notice": self.notice_id, "source": self.source,
            "requirement": settled.requirement, "audience": settled.audience.to_string(),
            "recipients": self.plan.recipients, "text": settled.text_hash.to_string(),
        });
        let subject = format!("policy:{}", settled.slug);
        audit::append(
            tx,
            settled.now,
            &self.actor,
            "version.published",
            &subject,
            &detail.to_string(),
        )?;
        Ok(())
    }
}
