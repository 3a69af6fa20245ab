//! What the store's tests share: a fresh database of each engine, and a small company in it.

use yuezhi_domain::{
    ContentHash, IdSource, Language, NoticeState, ObligationState, Requirement, Resolved,
    UnixMillis,
};
use yuezhi_store::{
    Db, Scratch, StoreError, Tx, departments, notices, obligations, people, people::NewPerson,
    policies, versions,
};

pub(crate) const NOW: UnixMillis = UnixMillis(1_795_341_600_000);

/// Runs `story` on a fresh database of each engine.
pub(crate) fn for_each_engine(story: impl Fn(&Scratch, Db)) {
    let folder = tempfile::tempdir().unwrap();
    for scratch in Scratch::for_each_engine(folder.path()) {
        let db = scratch.open().unwrap();
        println!("-- {}", db.dialect().as_str());
        story(&scratch, db);
    }
}

/// Runs `story` in one committed transaction on a fresh database of each engine.
pub(crate) fn in_each_engine(
    story: impl Fn(&mut Tx<'_>) -> Result<(), StoreError> + Clone + Send + 'static,
) {
    for_each_engine(|_, db| db.write_blocking(story.clone()).unwrap());
}

/// Ids that repeat from run to run.
pub(crate) fn ids() -> IdSource {
    IdSource::seeded(7)
}

pub(crate) fn person(number: usize, department_nos: &[i64]) -> NewPerson {
    NewPerson {
        staff_no: format!("{:04}", 1000 + number),
        dingtalk_user_id: Some(format!("user{number}")),
        name: format!("员工{number}"),
        email: (!number.is_multiple_of(5)).then(|| format!("p{number}@example.com")),
        mobile: Some(format!("1380000{number:04}")),
        department_nos: department_nos.to_vec(),
        ..NewPerson::default()
    }
}

/// 总部/财务部, 总部/人事部 and `size` people, alternating between the two; numbers of departments and people.
pub(crate) fn company(tx: &mut Tx<'_>, size: usize) -> Result<(Vec<i64>, Vec<i64>), StoreError> {
    let ids = ids();
    let departments = ["总部/财务部", "总部/人事部"]
        .iter()
        .map(|path| departments::ensure_path(tx, path, &ids, NOW))
        .collect::<Result<Vec<_>, _>>()?;
    let mut nos = Vec::new();
    for number in 0..size {
        let new = person(number, &[departments[number % 2]]);
        nos.push(people::upsert(tx, &new, ids.next(NOW), NOW)?.no);
    }
    Ok((departments, nos))
}

/// A policy with one version; the numbers of both.
pub(crate) fn policy(tx: &mut Tx<'_>, slug: &str) -> Result<(i64, i64), StoreError> {
    let ids = IdSource::seeded(
        slug.bytes()
            .map(u64::from)
            .fold(99, |seed, byte| seed * 31 + byte),
    );
    let policy_no = match policies::by_slug(tx, slug)? {
        Some(policy) => policy.no,
        None => policies::insert(
            tx,
            &policies::NewPolicy {
                id: ids.next(NOW),
                slug: slug.to_owned(),
                fields: policies::PolicyFields {
                    title: "差旅费管理办法".to_owned(),
                    category: "财务".to_owned(),
                    owner: "财务部".to_owned(),
                    language: Language::ZhCn,
                },
                created_at: NOW,
            },
        )?,
    };
    let number = versions::next_number(tx, policy_no)?;
    let hash = ContentHash::of(format!("{slug} {number}"));
    let version = versions::NewVersion {
        id: IdSource::seeded(policy_no as u64 * 1000 + number as u64).next(NOW),
        policy_no,
        number,
        label: format!("{number}.0"),
        change: yuezhi_domain::ChangeKind::Major,
        summary: "提高住宿标准".to_owned(),
        title: "差旅费管理办法".to_owned(),
        language: Language::ZhCn,
        effective_on: Some("2027-01-01".to_owned()),
        document_hash: hash,
        html_hash: hash,
        text_hash: hash,
        original_hash: hash,
        original_name: "差旅费.docx".to_owned(),
        original_media_type: "application/octet-stream".to_owned(),
        source: "console".to_owned(),
        source_ref: None,
        published_by: "account:li".to_owned(),
        published_at: NOW,
    };
    let version_no = versions::insert(tx, &version)?;
    policies::set_current_version(tx, policy_no, version_no, NOW)?;
    Ok((policy_no, version_no))
}

/// An open notice of a new version of `slug`, expanded to `resolved`.
pub(crate) fn notice(tx: &mut Tx<'_>, slug: &str, resolved: &Resolved) -> Result<i64, StoreError> {
    let (policy_no, version_no) = policy(tx, slug)?;
    let notice_no = notices::insert(
        tx,
        &notices::NewNotice {
            id: IdSource::seeded(version_no as u64 + 5_000_000).next(NOW),
            policy_no,
            version_no,
            state: NoticeState::Open,
            title: "差旅费管理办法".to_owned(),
            requirement: Requirement::Confirm,
            audience: "everyone".to_owned(),
            audience_resolved: resolved.clone(),
            consent_text: "我已阅读并理解".to_owned(),
            consent_hash: ContentHash::of("我已阅读并理解"),
            language: Language::ZhCn,
            time_zone: "Asia/Shanghai".to_owned(),
            due_at: Some(UnixMillis(NOW.0 + 1000)),
            channels: vec!["robot:hr".to_owned(), "mail".to_owned()],
            plan: "none".to_owned(),
            planned_until: NOW,
            next_reminder_at: None,
            issued_by: "account:li".to_owned(),
            issued_at: NOW,
        },
    )?;
    expand(tx, notice_no, resolved)?;
    Ok(notice_no)
}

pub(crate) fn everyone() -> Resolved {
    Resolved {
        everyone: true,
        ..Resolved::default()
    }
}

pub(crate) fn expand(
    tx: &mut Tx<'_>,
    notice_no: i64,
    resolved: &Resolved,
) -> Result<obligations::Expanded, StoreError> {
    obligations::expand(
        tx,
        &obligations::Expand {
            notice_no,
            resolved,
            after_person_no: 0,
            limit_people: 10_000,
            due_at: Some(UnixMillis(NOW.0 + 1000)),
            initial: ObligationState::Pending,
            reason: None,
        },
    )
}
