//! The small tables.

use yuezhi_domain::{IdSource, Language, OccurrenceOutcome, UnixMillis};
use yuezhi_store::{
    StoreError, accounts, audit,
    audit::AuditFilter,
    idempotency, occurrences, robots, schedules,
    schedules::{ScheduleFields, ScheduleState},
    sessions, settings, source_files, tokens,
};

use crate::support::{NOW, for_each_engine, in_each_engine};

#[test]
fn the_first_value_of_a_setting_stands_until_it_is_put() {
    in_each_engine(|tx| {
        assert_eq!(settings::get(tx, "instance")?, None);
        assert_eq!(settings::insert_if_absent(tx, "instance", "a")?, "a");
        assert_eq!(settings::insert_if_absent(tx, "instance", "b")?, "a");
        settings::put(tx, "instance", "c")?;
        assert_eq!(settings::get(tx, "instance")?.as_deref(), Some("c"));
        Ok(())
    });
}

#[test]
fn a_robot_is_kept_and_never_shown_by_debug() {
    in_each_engine(|tx| {
        let robot = robots::Robot {
            name: "hr".to_owned(),
            webhook: "https://example.com/robot/send?access_token=geheim".to_owned(),
            secret: Some("SECgeheim".to_owned()),
            keywords: vec!["制度".to_owned()],
        };
        assert!(!format!("{robot:?}").contains("geheim"));
        robots::upsert(tx, &robot, NOW)?;
        let changed = robots::Robot {
            secret: None,
            ..robot
        };
        robots::upsert(tx, &changed, NOW)?;
        assert_eq!(robots::list(tx)?, std::slice::from_ref(&changed));
        assert_eq!(robots::get(tx, "hr")?, Some(changed));
        assert!(robots::delete(tx, "hr")?);
        assert!(!robots::delete(tx, "hr")?);
        Ok(())
    });
}

fn fields(next: i64) -> ScheduleFields {
    ScheduleFields {
        name: "周报".to_owned(),
        rule: "Fridays 17:00".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        lanes: vec!["robot:hr".to_owned()],
        title: "周报".to_owned(),
        body: "请提交周报".to_owned(),
        next_at: Some(UnixMillis(next)),
    }
}

#[test]
fn a_schedule_fires_from_the_time_that_was_looked_at() {
    in_each_engine(|tx| {
        let id = IdSource::seeded(1).next(NOW);
        let new = schedules::NewSchedule {
            id,
            fields: fields(10),
            created_by: "account:li".to_owned(),
            created_at: NOW,
        };
        let no = schedules::insert(tx, &new)?;
        assert_eq!(schedules::next_at_min(tx)?, Some(UnixMillis(10)));
        assert!(schedules::due(tx, UnixMillis(9), 5)?.is_empty());
        assert_eq!(
            schedules::due(tx, UnixMillis(10), 5)?[0].lanes,
            ["robot:hr"]
        );
        assert!(schedules::set_next(tx, no, Some(UnixMillis(10)), None)?);
        assert!(!schedules::set_next(tx, no, Some(UnixMillis(10)), None)?);
        assert!(schedules::set_next(tx, no, None, Some(UnixMillis(20)))?);
        assert!(schedules::set_skip_next(tx, no, true, NOW)?);
        assert!(schedules::get(tx, no)?.unwrap().skip_next);
        assert!(schedules::set_paused(tx, no, true, None, NOW)?);
        assert!(!schedules::set_paused(tx, no, true, None, NOW)?);
        assert_eq!(schedules::next_at_min(tx)?, None);
        assert!(schedules::set_paused(
            tx,
            no,
            false,
            Some(UnixMillis(30)),
            NOW
        )?);
        assert!(schedules::update(tx, no, &fields(40), NOW)?);
        let stored = schedules::by_id(tx, &id)?.unwrap();
        assert_eq!(
            (stored.state, stored.skip_next, stored.next_at),
            (ScheduleState::Active, false, Some(UnixMillis(40)))
        );
        assert_eq!(schedules::list(tx)?.len(), 1);
        assert!(schedules::delete(tx, no)?);
        assert!(!schedules::delete(tx, no)?);
        Ok(())
    });
}

#[test]
fn an_occurrence_happens_once() {
    in_each_engine(|tx| {
        let ids = IdSource::seeded(2);
        let new = |notice_no, schedule_no, planned: i64, outcome| occurrences::NewOccurrence {
            id: ids.next(NOW),
            notice_no,
            schedule_no,
            step: "workdays_0900".to_owned(),
            planned_at: UnixMillis(planned),
            decided_at: UnixMillis(planned + 1),
            outcome,
            recipients: 3,
            actor: "system".to_owned(),
        };
        let first = occurrences::insert(tx, &new(5, 0, 10, OccurrenceOutcome::Fired))?.unwrap();
        assert_eq!(
            occurrences::insert(tx, &new(5, 0, 10, OccurrenceOutcome::Fired))?,
            None
        );
        occurrences::insert(tx, &new(5, 0, 20, OccurrenceOutcome::SkippedLate))?;
        let third = occurrences::insert(tx, &new(5, 0, 30, OccurrenceOutcome::Fired))?.unwrap();
        occurrences::insert(tx, &new(0, 9, 30, OccurrenceOutcome::Collapsed))?;
        assert_eq!(occurrences::last_fired(tx, 5)?, Some(UnixMillis(31)));
        assert_eq!(occurrences::last_fired(tx, 6)?, None);
        assert_eq!(
            (
                occurrences::ordinal(tx, 5, first)?,
                occurrences::ordinal(tx, 5, third)?
            ),
            (1, 2)
        );
        assert_eq!(occurrences::list_of_notice(tx, 5, 10)?.len(), 3);
        assert_eq!(occurrences::list_of_schedule(tx, 9, 10)?.len(), 1);
        assert_eq!(occurrences::recent(tx, 2)?[0].schedule_no, 9);
        assert_eq!(occurrences::get(tx, first)?.unwrap().recipients, 3);
        Ok(())
    });
}

#[test]
fn what_became_of_a_watched_file_is_replaced() {
    in_each_engine(|tx| {
        let mut file = source_files::SourceFile {
            source: "handbook".to_owned(),
            path: "hr/leave.md".to_owned(),
            hash: "a".to_owned(),
            state: "failed".to_owned(),
            policy_no: None,
            version_no: None,
            error_code: Some("title_missing".to_owned()),
            error_detail: None,
            seen_at: NOW,
        };
        source_files::put(tx, &file)?;
        file.state = "published".to_owned();
        file.policy_no = Some(1);
        source_files::put(tx, &file)?;
        assert_eq!(
            source_files::get(tx, "handbook", "hr/leave.md")?.as_ref(),
            Some(&file)
        );
        assert_eq!(source_files::list(tx, "handbook")?, [file]);
        assert!(source_files::list(tx, "other")?.is_empty());
        Ok(())
    });
}

#[test]
fn accounts_and_sessions_end() {
    in_each_engine(|tx| {
        assert_eq!(accounts::count(tx)?, 0);
        let new = accounts::NewAccount {
            id: "a".to_owned(),
            login: "li".to_owned(),
            name: "李".to_owned(),
            password_hash: "$argon2id$old".to_owned(),
            language: None,
            created_at: NOW,
        };
        let no = accounts::insert(tx, &new)?;
        assert!(accounts::set_password(tx, no, "$argon2id$new")?);
        assert!(accounts::set_language(tx, no, Language::En)?);
        let stored = accounts::by_login(tx, "li")?.unwrap();
        assert_eq!(
            (stored.password_hash.as_str(), stored.language),
            ("$argon2id$new", Some(Language::En))
        );
        assert!(!format!("{stored:?}").contains("argon2"));
        let session = |hash: &str, account_no, person_no| sessions::Session {
            hash: hash.to_owned(),
            account_no,
            person_no,
            method: "password".to_owned(),
            created_at: NOW,
            expires_at: UnixMillis(NOW.0 + 100),
            user_agent: "test".to_owned(),
        };
        sessions::insert(tx, &session("h1", Some(no), None))?;
        sessions::insert(tx, &session("h2", None, Some(4)))?;
        sessions::insert(tx, &session("h3", None, Some(5)))?;
        assert_eq!(
            sessions::by_hash(tx, "h1", NOW)?,
            Some(session("h1", Some(no), None))
        );
        assert_eq!(sessions::by_hash(tx, "h1", UnixMillis(NOW.0 + 100))?, None);
        assert_eq!(sessions::delete_for_account(tx, no)?, 1);
        assert_eq!(sessions::delete_for_person(tx, 4)?, 1);
        assert!(!sessions::delete(tx, "h2")?);
        assert_eq!(sessions::delete_expired(tx, UnixMillis(NOW.0 + 100))?, 1);
        assert!(accounts::disable(tx, no, NOW)?);
        assert!(!accounts::disable(tx, no, NOW)?);
        assert_eq!(accounts::list(tx)?, [accounts::get(tx, no)?.unwrap()]);
        Ok(())
    });
}

#[test]
fn a_revoked_token_is_still_known() {
    in_each_engine(|tx| {
        let new = tokens::NewToken {
            id: "t".to_owned(),
            name: "ci".to_owned(),
            hash: "h".to_owned(),
            created_by: "account:li".to_owned(),
            created_at: NOW,
        };
        tokens::insert(tx, &new)?;
        assert!(tokens::touch(tx, "t", NOW)?);
        assert!(tokens::revoke(tx, "t", NOW)?);
        assert!(!tokens::revoke(tx, "t", NOW)?);
        assert!(!tokens::touch(tx, "t", NOW)?);
        let stored = tokens::by_hash(tx, "h")?.unwrap();
        assert_eq!(
            (stored.last_used_at, stored.revoked_at),
            (Some(NOW), Some(NOW))
        );
        assert_eq!(tokens::list(tx)?, [stored]);
        Ok(())
    });
}

#[test]
fn a_login_belongs_to_one_account() {
    for_each_engine(|_, db| {
        let twice = db.write_blocking(|tx| {
            let new = |id: &str| accounts::NewAccount {
                id: id.to_owned(),
                login: "li".to_owned(),
                name: "李".to_owned(),
                password_hash: "x".to_owned(),
                language: None,
                created_at: NOW,
            };
            accounts::insert(tx, &new("a"))?;
            accounts::insert(tx, &new("b"))
        });
        assert!(
            matches!(twice, Err(StoreError::NotUnique { constraint }) if constraint.contains("login"))
        );
    });
}

#[test]
fn the_audit_trail_is_read_backwards() {
    in_each_engine(|tx| {
        for number in 0..5 {
            let actor = if number % 2 == 0 {
                "account:li"
            } else {
                "system"
            };
            audit::append(
                tx,
                UnixMillis(number),
                actor,
                "version.published",
                &format!("policy:{number}"),
                "{}",
            )?;
        }
        let all = audit::list(tx, &AuditFilter::default(), 0, 3)?;
        assert_eq!(
            all.iter().map(|entry| entry.at.0).collect::<Vec<_>>(),
            [4, 3, 2]
        );
        assert_eq!(
            audit::list(tx, &AuditFilter::default(), all[2].seq, 9)?.len(),
            2
        );
        let filter = AuditFilter {
            subject: Some("policy:2".to_owned()),
            actor: Some("account:li".to_owned()),
            action: Some("version.published".to_owned()),
        };
        assert_eq!(audit::list(tx, &filter, 0, 9)?.len(), 1);
        Ok(())
    });
}

#[test]
fn the_first_answer_to_a_key_stands() {
    in_each_engine(|tx| {
        let kept = |body: &str| idempotency::Kept {
            request_hash: "r".to_owned(),
            status: 201,
            body: body.to_owned(),
            created_at: NOW,
        };
        assert!(idempotency::put(tx, "k", &kept("first"))?);
        assert!(!idempotency::put(tx, "k", &kept("second"))?);
        assert_eq!(idempotency::get(tx, "k")?, Some(kept("first")));
        assert_eq!(idempotency::prune(tx, NOW)?, 0);
        assert_eq!(idempotency::prune(tx, UnixMillis(NOW.0 + 1))?, 1);
        Ok(())
    });
}
