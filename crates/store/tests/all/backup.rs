//! One backup file for both engines.

use std::fs;

use yuezhi_domain::{DeliveryState, IdSource, UnixMillis};
use yuezhi_store::{
    BackupError, Db, OpenError, RestoreError, Scratch, StoreError, Tx, contents, deliveries,
    inspect_backup, lanes, notices, p, people, progress,
};

use crate::support::{NOW, company, everyone, for_each_engine, ids, notice, person};

const LATER: UnixMillis = UnixMillis(NOW.0 + 5_000);

fn fill(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    company(tx, 7)?;
    contents::put(tx, "第一条".repeat(500).as_bytes(), NOW)?;
    lanes::ensure(tx, "robot:hr", "robot", NOW)?;
    let notice_no = notice(tx, "travel", &everyone())?;
    let new = deliveries::NewDelivery {
        lane: "robot:hr".to_owned(),
        kind: yuezhi_domain::DeliveryKind::Publish,
        notice_no,
        occurrence_no: 0,
        person_no: 0,
        due_at: NOW,
        created_at: NOW,
    };
    deliveries::insert_group(tx, &new)?;
    deliveries::claim(tx, "robot:hr", "node", NOW, LATER, 1)?;
    yuezhi_store::schedules::insert(
        tx,
        &yuezhi_store::schedules::NewSchedule {
            id: IdSource::seeded(3).next(NOW),
            fields: yuezhi_store::schedules::ScheduleFields {
                name: "周报".to_owned(),
                rule: "Fridays 17:00".to_owned(),
                time_zone: "Asia/Shanghai".to_owned(),
                lanes: Vec::new(),
                title: String::new(),
                body: String::new(),
                next_at: None,
            },
            created_by: "system".to_owned(),
            created_at: NOW,
        },
    )?;
    Ok(notice_no)
}

/// Restores to `target` and looks whether everything is there and nothing would be sent twice.
fn check_restored(target: &Scratch, file: &std::path::Path) {
    let restored = Db::restore(target.config(), file, false, LATER, &mut |_| {}).unwrap();
    assert_eq!(
        (restored.unknown_deliveries, restored.stopped_lanes),
        (1, 1)
    );
    assert_eq!((restored.info.people, restored.info.notices), (7, 1));
    let db = target.open().unwrap();
    db.write_blocking(|tx| {
        let notice = notices::in_state(tx, yuezhi_domain::NoticeState::Open, 1)?.remove(0);
        assert!(progress::check(tx, notice.no)?);
        assert_eq!(notice.title, "差旅费管理办法");
        let text = "第一条".repeat(500);
        assert_eq!(
            contents::get(tx, &yuezhi_domain::ContentHash::of(&text))?.as_deref(),
            Some(text.as_bytes())
        );
        let delivery = deliveries::list(tx, &deliveries::DeliveryFilter::default(), 0, 1)?
            .remove(0)
            .delivery;
        assert_eq!(
            (delivery.state, delivery.error_code.as_deref()),
            (DeliveryState::Failed, Some("outcome_unknown"))
        );
        let lane = lanes::get(tx, "robot:hr")?.unwrap();
        assert_eq!(
            (lane.stopped_at, lane.reason_code.as_deref()),
            (Some(LATER), Some("restored"))
        );
        assert!(!yuezhi_store::schedules::list(tx)?[0].skip_next);
        // Numbers go on after those of the backup.
        people::upsert(tx, &person(70, &[1]), ids().next(LATER), LATER)?;
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

#[test]
fn a_backup_of_either_engine_is_restored_to_either() {
    for_each_engine(|_, db| {
        db.write_blocking(fill).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.yuezhi");
        let mut last = None;
        db.backup(&file, &mut |progress| last = Some(progress))
            .unwrap();
        assert!(last.is_some_and(|progress| progress.done == progress.total && progress.total > 0));
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "one file and nothing beside it"
        );
        assert!(matches!(
            db.backup(&file, &mut |_| {}),
            Err(BackupError::Exists(_))
        ));
        let again = tempfile::tempdir().unwrap();
        for target in Scratch::for_each_engine(again.path()) {
            check_restored(&target, &file);
        }
    });
}

#[test]
fn a_backup_is_taken_while_others_write() {
    for_each_engine(|_, db| {
        db.write_blocking(fill).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.yuezhi");
        let (writer, mut number) = (db.clone(), 0);
        db.backup(&file, &mut |_| {
            number += 1;
            let key = format!("k{number}");
            writer
                .write_blocking(move |tx| yuezhi_store::settings::put(tx, &key, "v"))
                .unwrap();
        })
        .unwrap();
        assert_eq!(inspect_backup(&file).unwrap().people, 7);
    });
}

#[test]
fn a_database_in_use_is_overwritten_only_when_forced() {
    for_each_engine(|scratch, db| {
        db.write_blocking(fill).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.yuezhi");
        db.backup(&file, &mut |_| {}).unwrap();
        db.write_blocking(|tx| {
            people::upsert(tx, &person(80, &[]), IdSource::seeded(80).next(NOW), NOW)
        })
        .unwrap();
        drop(db);
        let refused = Db::restore(scratch.config(), &file, false, LATER, &mut |_| {});
        assert!(matches!(refused, Err(RestoreError::NotEmpty)));
        Db::restore(scratch.config(), &file, true, LATER, &mut |_| {}).unwrap();
        let db = scratch.open().unwrap();
        let count: i64 = db
            .read_blocking(|tx| tx.read_one("SELECT count(*) FROM people", p![], |row| row.get(0)))
            .unwrap();
        assert_eq!(count, 7);
    });
}

#[test]
fn what_is_no_backup_is_refused_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let target = Scratch::sqlite(folder.path());
    let db = target.open().unwrap();
    db.write_blocking(fill).unwrap();
    let whole = folder.path().join("whole");
    db.backup(&whole, &mut |_| {}).unwrap();
    let restore = |name: &str| {
        Db::restore(
            target.config(),
            &folder.path().join(name),
            true,
            LATER,
            &mut |_| {},
        )
        .unwrap_err()
    };
    assert!(matches!(restore("missing"), RestoreError::NoFile(_)));
    fs::write(folder.path().join("text"), "no database at all".repeat(100)).unwrap();
    assert!(matches!(restore("text"), RestoreError::Damaged { .. }));
    let mut bytes = fs::read(&whole).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(folder.path().join("half"), &bytes).unwrap();
    assert!(matches!(restore("half"), RestoreError::Damaged { .. }));
    fs::copy(&whole, folder.path().join("newer")).unwrap();
    let newer = Db::open(&yuezhi_store::DatabaseConfig::new(format!(
        "sqlite:{}",
        folder.path().join("newer").display()
    )));
    let insert = "INSERT INTO schema_migrations (version, hash) VALUES (99, 'x')";
    newer
        .unwrap()
        .write_blocking(|tx| tx.exec(insert, p![]))
        .unwrap();
    assert!(matches!(
        restore("newer"),
        RestoreError::Open(OpenError::NewerSchema { found: 99, .. })
    ));
    let count: i64 = db
        .read_blocking(|tx| tx.read_one("SELECT count(*) FROM people", p![], |row| row.get(0)))
        .unwrap();
    assert_eq!(count, 7);
}
