//! The engine's promises, on both engines: durable answers, whole transactions, no lost threads.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::{
        Arc, Barrier,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
};

use crate::support::for_each_engine;
use yuezhi_store::{DatabaseConfig, Db, Dialect, OpenError, StoreError, ToValue, Tx, p};

const PUT: &str = "INSERT INTO settings (key, value) VALUES (?1, ?2)";
const ADD: &str =
    "UPDATE settings SET value = CAST(CAST(value AS BIGINT) + ?2 AS TEXT) WHERE key = ?1";
const GET: &str = "SELECT value FROM settings WHERE key = ?1";
const COUNT: &str = "SELECT count(*) FROM settings";

fn put(tx: &mut Tx<'_>, key: &str, value: &str) -> Result<(), StoreError> {
    tx.exec(PUT, p![key, value]).map(|_| ())
}

fn count(db: &Db) -> i64 {
    db.read_blocking(|tx| tx.read_one(COUNT, p![], |row| row.get(0)))
        .unwrap()
}

/// Lets `jobs` closures wait in the queue behind one that holds the writer, so that they share a transaction.
fn behind_a_busy_writer(db: &Db, jobs: impl FnOnce(&Db)) {
    let (started, wait) = mpsc::channel();
    let (go, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let busy = db.clone();
    let holder = thread::spawn(move || {
        busy.write_blocking(move |_| {
            started.send(()).ok();
            held.lock().unwrap().recv().ok();
            Ok::<_, StoreError>(())
        })
    });
    wait.recv().unwrap();
    jobs(db);
    go.send(()).unwrap();
    holder.join().unwrap().unwrap();
}

#[test]
fn what_was_written_is_read_back_with_its_type() {
    for_each_engine(|_, db| {
        let row = db
            .write_blocking(|tx| {
                let name = match tx.dialect() {
                    Dialect::Sqlite => "CREATE TABLE kinds (i INTEGER, t TEXT, b BLOB, f REAL, y INTEGER, n TEXT) STRICT",
                    Dialect::Postgres => "CREATE TABLE kinds (i BIGINT, t TEXT, b BYTEA, f DOUBLE PRECISION, y BOOLEAN, n TEXT)",
                };
                tx.exec(name, p![])?;
                tx.exec(
                    "INSERT INTO kinds (i, t, b, f, y, n) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    p![i64::MIN, "阅知 ?1 {x} it's", vec![0_u8, 255], 0.5, true, None::<String>],
                )?;
                tx.one("SELECT i, t, b, f, y, n FROM kinds", p![])
            })
            .unwrap();
        assert_eq!(row.get::<i64>(0).unwrap(), i64::MIN);
        assert_eq!(row.get::<String>(1).unwrap(), "阅知 ?1 {x} it's");
        assert_eq!(row.get::<Vec<u8>>(2).unwrap(), [0, 255]);
        assert!((row.get::<f64>(3).unwrap() - 0.5).abs() < f64::EPSILON);
        assert!(row.get::<bool>(4).unwrap());
        assert_eq!(row.get::<Option<String>>(5).unwrap(), None);
        assert!(matches!(
            row.get::<i64>(1),
            Err(StoreError::Unreadable { column: 1, .. })
        ));
        assert!(row.get::<i64>(6).is_err());
    });
}

#[test]
fn a_failing_closure_leaves_nothing_behind() {
    for_each_engine(|_, db| {
        let refused = db.write_blocking(|tx| {
            put(tx, "a", "1")?;
            Err::<(), _>(StoreError::Missing)
        });
        assert_eq!(refused, Err(StoreError::Missing));
        assert_eq!(count(&db), 0);
    });
}

#[test]
fn a_panicking_closure_is_an_error_and_the_next_one_works() {
    for_each_engine(|_, db| {
        let panicked = db.write_blocking(|tx| {
            put(tx, "a", "1")?;
            assert!(tx.dialect().as_str().is_empty(), "on purpose");
            Ok::<_, StoreError>(())
        });
        assert!(matches!(panicked, Err(StoreError::Panicked(text)) if text.contains("on purpose")));
        db.write_blocking(|tx| put(tx, "b", "1")).unwrap();
        assert_eq!(count(&db), 1);
        assert_eq!(db.stats().panics, 1);
    });
}

#[test]
fn a_rolled_back_neighbour_takes_nothing_with_it() {
    for_each_engine(|_, db| {
        let mut callers = Vec::new();
        behind_a_busy_writer(&db, |db| {
            for number in 0..30 {
                let db = db.clone();
                callers.push(thread::spawn(move || {
                    db.write_blocking(move |tx| {
                        put(tx, &format!("job-{number}"), "1")?;
                        match number % 3 {
                            0 => Ok(()),
                            1 => Err(StoreError::Missing),
                            _ => panic!("on purpose"),
                        }
                    })
                }));
            }
            if db.dialect() == Dialect::Sqlite {
                while db.stats().writes_waiting < 30 {
                    thread::yield_now();
                }
            }
        });
        let kept = callers
            .into_iter()
            .filter_map(|caller| caller.join().unwrap().ok())
            .count();
        assert_eq!((kept, count(&db)), (10, 10));
        if db.dialect() == Dialect::Sqlite {
            // A slow machine may cut the group short, but not into single jobs.
            assert!(db.stats().largest_batch > 1, "{:?}", db.stats());
        }
    });
}

#[test]
fn a_statement_that_failed_cannot_be_passed_over() {
    for_each_engine(|_, db| {
        db.write_blocking(|tx| put(tx, "a", "1")).unwrap();
        let twice = db.write_blocking(|tx| put(tx, "a", "2"));
        assert!(
            matches!(twice, Err(StoreError::NotUnique { .. })),
            "{twice:?}"
        );
        let went_on = db.write_blocking(|tx| {
            let _ = put(tx, "a", "2");
            Ok::<_, StoreError>(())
        });
        assert_eq!(went_on, Err(StoreError::WentOn));
    });
}

#[test]
fn a_full_queue_makes_callers_wait_and_serves_them_all() {
    for_each_engine(|scratch, db| {
        drop(db);
        let db = Db::open(&DatabaseConfig {
            queue: 2,
            writers: 1,
            ..scratch.config().clone()
        })
        .unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        runtime.block_on(async {
            let all: Vec<_> = (0..200)
                .map(|number| {
                    let db = db.clone();
                    tokio::spawn(async move {
                        db.write(move |tx| put(tx, &format!("{number}"), "1")).await
                    })
                })
                .collect();
            for one in all {
                one.await.unwrap().unwrap();
            }
        });
        assert_eq!(count(&db), 200);
    });
}

#[test]
fn a_caller_that_gave_up_causes_no_run() {
    for_each_engine(|scratch, db| {
        drop(db);
        let db = Db::open(&DatabaseConfig {
            writers: 1,
            ..scratch.config().clone()
        })
        .unwrap();
        behind_a_busy_writer(&db, |db| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            runtime.block_on(async {
                let write = std::pin::pin!(db.write(|tx| put(tx, "a", "1")));
                // Polled once, so that it stands in the queue; then dropped.
                assert!(futures_poll_once(write).await.is_none());
            });
        });
        assert_eq!(count(&db), 0);
    });
}

async fn futures_poll_once<T>(
    mut future: std::pin::Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[test]
fn concurrent_writers_count_right() {
    for_each_engine(|_, db| {
        db.write_blocking(|tx| put(tx, "n", "0")).unwrap();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        db.write_blocking(|tx| tx.exec(ADD, p!["n", 1_i64]))
                            .unwrap();
                    }
                });
            }
        });
        let total: String = db
            .read_blocking(|tx| tx.read_one(GET, p!["n"], |row| row.get(0)))
            .unwrap();
        assert_eq!(total, "200");
        assert_eq!(db.stats().writes, 201);
    });
}

#[test]
fn transactions_that_lock_crosswise_are_run_again_until_both_are_through() {
    for_each_engine(|_, db| {
        db.write_blocking(|tx| put(tx, "a", "0").and_then(|()| put(tx, "b", "0")))
            .unwrap();
        let runs = Arc::new(AtomicU32::new(0));
        // On PostgreSQL both take their first row before either takes its second: a deadlock for sure.
        let meet = Arc::new((Barrier::new(2), db.dialect() == Dialect::Postgres));
        let cross = |first: &'static str, second: &'static str| {
            let (db, runs, meet) = (db.clone(), Arc::clone(&runs), Arc::clone(&meet));
            thread::spawn(move || {
                db.write_blocking(move |tx| {
                    tx.exec(ADD, p![first, 1_i64])?;
                    if runs.fetch_add(1, Ordering::SeqCst) < 2 && meet.1 {
                        meet.0.wait();
                    }
                    tx.exec(ADD, p![second, 1_i64])
                })
            })
        };
        let both = [cross("a", "b"), cross("b", "a")];
        for one in both {
            assert_eq!(one.join().unwrap(), Ok(1));
        }
        let values: Vec<String> = db
            .read_blocking(|tx| {
                tx.read("SELECT value FROM settings ORDER BY key", p![], |row| {
                    row.get(0)
                })
            })
            .unwrap();
        assert_eq!(values, ["2", "2"]);
        if db.dialect() == Dialect::Postgres {
            assert!(db.stats().reruns >= 1);
        }
    });
}

#[test]
fn a_reader_sees_one_snapshot_and_is_not_held_up_by_a_long_write() {
    for_each_engine(|_, db| {
        db.write_blocking(|tx| put(tx, "a", "1")).unwrap();
        let other = db.clone();
        let counted = db
            .read_blocking(move |tx| {
                let before: i64 = tx.read_one(COUNT, p![], |row| row.get(0))?;
                let (done, wait) = mpsc::channel();
                let other = other.clone();
                thread::spawn(move || done.send(other.write_blocking(|tx| put(tx, "b", "1"))));
                wait.recv().unwrap()?;
                let after: i64 = tx.read_one(COUNT, p![], |row| row.get(0))?;
                Ok::<_, StoreError>((before, after))
            })
            .unwrap();
        assert_eq!(counted, (1, 1));
        behind_a_busy_writer(&db, |db| assert_eq!(count(db), 2));
    });
}

#[test]
fn a_reader_cannot_write() {
    for_each_engine(|_, db| {
        assert!(db.read_blocking(|tx| put(tx, "a", "1")).is_err());
        assert_eq!(count(&db), 0);
    });
    let db = Db::in_memory().unwrap();
    assert!(db.read_blocking(|tx| put(tx, "a", "1")).is_err());
    db.write_blocking(|tx| put(tx, "a", "1")).unwrap();
    assert_eq!(count(&db), 1);
}

#[test]
fn a_lost_connection_is_made_anew_and_the_closure_runs_again() {
    for_each_engine(|scratch, db| {
        if db.dialect() == Dialect::Sqlite {
            return;
        }
        drop(db);
        let db = Db::open(&DatabaseConfig {
            writers: 1,
            readers: 1,
            ..scratch.config().clone()
        })
        .unwrap();
        db.write_blocking(|tx| put(tx, "a", "1")).unwrap();
        let runs = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&runs);
        db.write_blocking(move |tx| {
            put(tx, "b", "1")?;
            if seen.fetch_add(1, Ordering::SeqCst) == 0 {
                // Ends its own session, as an administrator or a fail-over would.
                tx.row_opt("SELECT pg_terminate_backend(pg_backend_pid())", p![])?;
            }
            put(tx, "c", "1")
        })
        .unwrap();
        assert_eq!((runs.load(Ordering::SeqCst), count(&db)), (2, 3));
        assert_eq!(
            db.stats().reconnects,
            2,
            "the reader connects when first used"
        );
    });
}

#[test]
fn a_session_that_ended_while_idle_is_not_noticed_by_the_caller() {
    for_each_engine(|scratch, db| {
        if db.dialect() == Dialect::Sqlite {
            return;
        }
        db.write_blocking(|tx| put(tx, "a", "1")).unwrap();
        assert_eq!(count(&db), 1);
        let schema = scratch.config().url.split("%3D").nth(1).unwrap().to_owned();
        // All sessions of this test, told apart by their last statement's schema, cannot be: end those of our pid list.
        let pids: Vec<i64> = (0..16)
            .map(|_| {
                db.write_blocking(|tx| {
                    tx.read_one("SELECT pg_backend_pid()", p![], |row| row.get(0))
                })
                .unwrap()
            })
            .collect();
        for pid in pids {
            scratch
                .run_as_administrator(&format!("SELECT pg_terminate_backend({pid})"))
                .unwrap();
        }
        for number in 0..8 {
            db.write_blocking(move |tx| put(tx, &format!("after-{number}"), "1"))
                .unwrap();
        }
        assert_eq!(count(&db), 9, "{schema}");
    });
}

#[test]
fn a_closed_database_refuses_and_says_so() {
    for_each_engine(|_, db| {
        db.close();
        assert_eq!(
            db.write_blocking(|tx| put(tx, "a", "1")),
            Err(StoreError::Closed)
        );
        assert_eq!(
            db.read_blocking(|_| Ok::<_, StoreError>(())),
            Err(StoreError::Closed)
        );
    });
}

#[test]
fn many_statements_run_as_one_prepared_statement() {
    for_each_engine(|_, db| {
        let changed = db
            .write_blocking(|tx| {
                let keys: Vec<String> = (0..100).map(|number| format!("k{number}")).collect();
                tx.exec_many(PUT, keys.iter().map(|key| [key.to_value(), "v".to_value()]))
            })
            .unwrap();
        assert_eq!((changed, count(&db)), (100, 100));
        let some = db
            .read_blocking(|tx| {
                tx.read(
                    "SELECT key FROM settings WHERE key {in_texts ?1} ORDER BY key",
                    p![r#"["k7","k9","x"]"#],
                    |row| row.get::<String>(0),
                )
            })
            .unwrap();
        assert_eq!(some, ["k7", "k9"]);
    });
}

#[test]
fn opening_tells_what_is_wrong_and_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let open = |url: &str| Db::open(&DatabaseConfig::new(url)).err().unwrap();
    assert!(matches!(open("mysql://x"), OpenError::UnknownScheme));
    let missing = format!("sqlite:{}/none/file.sqlite", folder.path().display());
    assert!(matches!(open(&missing), OpenError::NoFolder(_)));
    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "not a database, but long enough to be looked at as one".repeat(20),
    )
    .unwrap();
    assert!(matches!(
        open(&format!("sqlite:{}", text.display())),
        OpenError::NotADatabase(_)
    ));
    let nobody = open("postgres://u:geheim@127.0.0.1:1/db");
    assert!(matches!(&nobody, OpenError::NoServer { .. }), "{nobody:?}");
    assert!(!format!("{nobody} {nobody:?}").contains("geheim"));
}

#[test]
fn a_newer_or_changed_schema_is_refused_untouched() {
    for_each_engine(|scratch, db| {
        db.write_blocking(|tx| {
            tx.exec(
                "INSERT INTO schema_migrations (version, hash) VALUES (99, 'x')",
                p![],
            )
        })
        .unwrap();
        drop(db);
        assert!(matches!(
            scratch.open().err(),
            Some(OpenError::NewerSchema { found: 99, .. })
        ));
    });
    for_each_engine(|scratch, db| {
        db.write_blocking(|tx| tx.exec("UPDATE schema_migrations SET hash = 'x'", p![]))
            .unwrap();
        drop(db);
        assert!(matches!(
            scratch.open().err(),
            Some(OpenError::ChangedMigration { version: 1 })
        ));
    });
}

#[test]
fn two_nodes_that_start_at_once_migrate_once() {
    for_each_engine(|scratch, db| {
        drop(db);
        thread::scope(|scope| {
            let nodes: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| scratch.open().map(|_| ())))
                .collect();
            for node in nodes {
                node.join().unwrap().unwrap();
            }
        });
    });
}

/// What an answered write says is there after the process was killed in the middle of others.
#[test]
fn an_answered_write_survives_the_death_of_the_process() {
    const FILE: &str = "YUEZHI_TEST_CRASH_FILE";
    if let Ok(file) = std::env::var(FILE) {
        let db = Db::open(&DatabaseConfig::new(format!("sqlite:{file}"))).unwrap();
        thread::scope(|scope| {
            for writer in 0..4 {
                let db = &db;
                scope.spawn(move || {
                    for number in 0.. {
                        let key = format!("{writer}-{number}");
                        let name = key.clone();
                        db.write_blocking(move |tx| put(tx, &name, "1")).unwrap();
                        println!("kept {key}");
                    }
                });
            }
        });
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("crash.sqlite");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "engine::an_answered_write_survives_the_death_of_the_process",
            "--exact",
            "--nocapture",
        ])
        .env(FILE, &file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut kept = Vec::new();
    while kept.len() < 200 {
        if let Some(key) = lines.next().unwrap().unwrap().strip_prefix("kept ") {
            kept.push(key.to_owned());
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let rest = lines.map_while(Result::ok).collect::<Vec<_>>();
    kept.extend(
        rest.iter()
            .filter_map(|line| line.strip_prefix("kept "))
            .map(str::to_owned),
    );
    let db = Db::open(&DatabaseConfig::new(format!("sqlite:{}", file.display()))).unwrap();
    let there: Vec<String> = db
        .read_blocking(|tx| tx.read("SELECT key FROM settings", p![], |row| row.get(0)))
        .unwrap();
    let there: std::collections::BTreeSet<_> = there.into_iter().collect();
    for key in kept {
        assert!(
            there.contains(&key) || key.is_empty(),
            "{key} was answered and is gone"
        );
    }
}
