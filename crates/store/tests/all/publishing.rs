//! Policies, versions, contents, notices.

use yuezhi_domain::{ContentHash, NoticeState, UnixMillis, VersionState};
use yuezhi_store::{
    StoreError, contents,
    notices::{self, NoticeFilter},
    p,
    policies::{self, PolicyFilter},
    versions,
};

use crate::support::{NOW, company, everyone, for_each_engine, in_each_engine, notice, policy};

#[test]
fn contents_come_back_as_they_went_in_and_are_stored_once() {
    in_each_engine(|tx| {
        let text = "第一条 本办法自发布之日起施行。".repeat(200);
        let zip = [b"PK\x03\x04".as_slice(), &[7; 5000]].concat();
        for bytes in [text.as_bytes(), &zip, b"", b"short"] {
            let hash = contents::put(tx, bytes, NOW)?;
            assert_eq!(hash, ContentHash::of(bytes));
            assert_eq!(contents::put(tx, bytes, NOW)?, hash);
            assert_eq!(contents::get(tx, &hash)?.as_deref(), Some(bytes));
        }
        let stored: i64 = tx.read_one(
            "SELECT length(bytes) FROM contents WHERE hash = ?1",
            p![ContentHash::of(&text)],
            |row| row.get(0),
        )?;
        assert!(stored < text.len() as i64 / 10, "{stored}");
        assert_eq!(contents::get(tx, &ContentHash::of("missing"))?, None);
        Ok(())
    });
}

#[test]
fn damaged_content_is_refused_and_never_returned() {
    for_each_engine(|_, db| {
        let damaged = db.write_blocking(|tx| {
            let text = "一二三四五六七八".repeat(100);
            let hash = contents::put(tx, text.as_bytes(), NOW)?;
            let other = contents::put(tx, "other".repeat(300).as_bytes(), NOW)?;
            tx.exec("UPDATE contents SET bytes = (SELECT bytes FROM contents WHERE hash = ?2) WHERE hash = ?1", p![hash, other])?;
            contents::get(tx, &hash)
        });
        assert!(
            matches!(damaged, Err(StoreError::Damaged(_))),
            "{damaged:?}"
        );
    });
}

#[test]
fn a_policy_knows_its_versions() {
    in_each_engine(|tx| {
        let (policy_no, first) = policy(tx, "travel")?;
        let (_, second) = policy(tx, "travel")?;
        assert!(versions::supersede(tx, first)?);
        assert!(!versions::supersede(tx, first)?);
        let latest = versions::latest(tx, policy_no)?.unwrap();
        assert_eq!(
            (latest.no, latest.number, latest.label.as_str()),
            (second, 2, "2.0")
        );
        assert_eq!(versions::next_number(tx, policy_no)?, 3);
        assert_eq!(
            versions::get(tx, first)?.unwrap().state,
            VersionState::Superseded
        );
        assert_eq!(versions::by_id(tx, &latest.id)?.as_ref(), Some(&latest));
        assert_eq!(
            versions::by_text_hash(tx, policy_no, &latest.text_hash)?.as_ref(),
            Some(&latest)
        );
        assert_eq!(versions::list(tx, policy_no)?.len(), 2);
        let file = versions::VersionFile {
            position: 0,
            name: "附件1.xlsx".to_owned(),
            media_type: "application/octet-stream".to_owned(),
            size: 5,
            hash: ContentHash::of("file"),
        };
        versions::add_file(tx, second, &file)?;
        assert_eq!(versions::list_files(tx, second)?, [file]);
        let stored = policies::get(tx, policy_no)?.unwrap();
        assert_eq!(stored.current_version_no, Some(second));
        assert_eq!(policies::by_id(tx, &stored.id)?, Some(stored));
        Ok(())
    });
}

#[test]
fn a_slug_belongs_to_one_policy() {
    for_each_engine(|_, db| {
        let twice = db.write_blocking(|tx| {
            let (no, _) = policy(tx, "travel")?;
            let known = policies::get(tx, no)?.unwrap();
            let fields = policies::PolicyFields {
                title: known.title,
                category: known.category,
                owner: known.owner,
                language: known.language,
            };
            assert!(policies::update(tx, no, &fields, NOW)?);
            let new = policies::NewPolicy {
                id: yuezhi_domain::IdSource::seeded(1).next(NOW),
                slug: "travel".to_owned(),
                fields,
                created_at: NOW,
            };
            policies::insert(tx, &new)
        });
        assert!(
            matches!(twice, Err(StoreError::NotUnique { .. })),
            "{twice:?}"
        );
    });
}

#[test]
fn policies_are_listed_newest_first_and_found_by_parts_of_their_words() {
    in_each_engine(|tx| {
        for number in 0..5 {
            policy(tx, &format!("policy-{number}"))?;
        }
        notice(tx, "policy-0", &everyone())?;
        let page = policies::list(tx, &PolicyFilter::default(), 0, 3)?;
        let rest = policies::list(tx, &PolicyFilter::default(), page[2].no, 3)?;
        let slugs: Vec<_> = page
            .iter()
            .chain(&rest)
            .map(|row| row.slug.as_str())
            .collect();
        assert_eq!(
            slugs,
            ["policy-4", "policy-3", "policy-2", "policy-1", "policy-0"]
        );
        assert_eq!(
            (rest[1].open_notices, rest[1].version_label.as_deref()),
            (1, Some("2.0"))
        );
        let mut found = |text: &str| {
            let filter = PolicyFilter {
                search: Some(text.to_owned()),
            };
            policies::list(tx, &filter, 0, 10).map(|rows| rows.len())
        };
        assert_eq!(found("POLICY-3")?, 1);
        assert_eq!(found("差旅")?, 5);
        assert_eq!(found("100%")?, 0);
        assert_eq!(policies::count(tx)?, 5);
        assert!(policies::repeal(tx, page[0].no, NOW)?);
        Ok(())
    });
}

#[test]
fn a_notice_moves_on_only_from_where_it_was_seen() {
    in_each_engine(|tx| {
        company(tx, 2)?;
        let no = notice(tx, "travel", &everyone())?;
        let seen = notices::get(tx, no)?.unwrap();
        assert_eq!(notices::by_id(tx, &seen.id)?.as_ref(), Some(&seen));
        assert_eq!(notices::resolved_audience(tx, no)?, Some(everyone()));
        assert_eq!(seen.channels, ["robot:hr", "mail"]);
        let (later, next) = (UnixMillis(NOW.0 + 10), Some(UnixMillis(NOW.0 + 20)));
        assert!(notices::set_reminder_position(
            tx,
            no,
            seen.planned_until,
            later,
            next
        )?);
        assert!(!notices::set_reminder_position(
            tx,
            no,
            seen.planned_until,
            later,
            next
        )?);
        assert_eq!(notices::next_reminder_at_min(tx)?, next);
        assert!(notices::due_for_reminder(tx, UnixMillis(NOW.0 + 19), 9)?.is_empty());
        assert_eq!(
            notices::due_for_reminder(tx, UnixMillis(NOW.0 + 20), 9)?.len(),
            1
        );
        assert!(notices::set_plan(tx, no, "on due", Some(later))?);
        assert!(notices::set_expanded_to(tx, no, 0, 5)?);
        assert!(!notices::set_expanded_to(tx, no, 0, 6)?);
        let newer_no = notice(tx, "travel", &everyone())?;
        let newer = notices::get(tx, newer_no)?.unwrap();
        let id = newer.id.to_string();
        assert!(notices::set_state(
            tx,
            no,
            NoticeState::Open,
            NoticeState::Superseded,
            NOW,
            Some(&id)
        )?);
        assert!(!notices::set_state(
            tx,
            no,
            NoticeState::Open,
            NoticeState::Cancelled,
            NOW,
            None
        )?);
        assert!(!notices::set_plan(tx, no, "none", None)?);
        let old = notices::get(tx, no)?.unwrap();
        assert_eq!((old.closed_at, old.next_reminder_at), (Some(NOW), None));
        assert_eq!(notices::superseded_by(tx, &newer.id)?, [old]);
        assert_eq!(notices::open_for_policy(tx, newer.policy_no)?.len(), 1);
        assert_eq!(notices::of_policy(tx, newer.policy_no, 5)?.len(), 2);
        assert_eq!(notices::in_state(tx, NoticeState::Open, 5)?.len(), 1);
        assert!(!notices::set_state(
            tx,
            newer.no,
            NoticeState::Expanding,
            NoticeState::Open,
            NOW,
            None
        )?);
        Ok(())
    });
}

#[test]
fn notices_are_listed_with_their_numbers() {
    in_each_engine(|tx| {
        company(tx, 3)?;
        let nos: Vec<i64> = ["a", "b", "c"]
            .iter()
            .map(|slug| notice(tx, slug, &everyone()))
            .collect::<Result<_, _>>()?;
        let page = notices::list(tx, &NoticeFilter::default(), 0, 2)?;
        assert_eq!(
            page.iter().map(|row| row.notice.no).collect::<Vec<_>>(),
            [nos[2], nos[1]]
        );
        assert_eq!(
            (page[0].totals.total, page[0].policy_slug.as_str()),
            (3, "c")
        );
        assert_eq!(
            notices::list(tx, &NoticeFilter::default(), nos[1], 2)?.len(),
            1
        );
        let filter = NoticeFilter {
            state: Some(NoticeState::Open),
            policy_no: Some(page[0].notice.policy_no),
            ..NoticeFilter::default()
        };
        assert_eq!(notices::list(tx, &filter, 0, 9)?.len(), 1);
        assert_eq!(notices::count(tx, &filter)?, 1);
        let (row, title) = (&page[0].notice, page[0].notice.title.to_lowercase());
        let found = |search: &str| NoticeFilter {
            search: Some(search.to_owned()),
            ..filter.clone()
        };
        assert_eq!(notices::count(tx, &found(&title))?, 1);
        assert_eq!(notices::count(tx, &found("100%"))?, 0);
        let overdue = |at: i64| NoticeFilter {
            overdue_at: Some(UnixMillis(at)),
            ..filter.clone()
        };
        let due = row.due_at.expect("the notice is due some day").0;
        assert_eq!(notices::count(tx, &overdue(due))?, 0);
        assert_eq!(notices::list(tx, &overdue(due + 1), 0, 9)?.len(), 1);
        assert_eq!(notices::count(tx, &NoticeFilter::default())?, 3);
        Ok(())
    });
}
