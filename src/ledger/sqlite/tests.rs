use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::ledger::CrashCount;
use crate::ledger::conformance::{
    at, bare, claim, every_promise, granted, rivals_never_both_save, waiting,
};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ticketd.db");
    (folder, path)
}

fn fresh() -> (Arc<dyn Ledger>, TempDir) {
    let (folder, path) = folder();
    (Arc::new(SqliteLedger::open(path).unwrap()), folder)
}

mod promises {
    use super::{every_promise, fresh};

    every_promise!(fresh());
}

/// What opening the file says.
fn refusal(path: &Path) -> String {
    match SqliteLedger::open_within(path, Duration::from_millis(20)) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn saved_states_survive_reopening() {
    let (_folder, path) = folder();
    let ledger = SqliteLedger::open(&path).unwrap();
    let (first, ..) = granted(&ledger, "a", 0).await;
    ledger.save(&first, bare(&waiting(2, at(9)), Lease::Renew, at(1))).await.unwrap();
    drop(ledger);
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(claim(&ledger, "a", 2, false).await, Claimed::Held { until: at(121) });
    assert_eq!(granted(&ledger, "a", 3).await.1, waiting(2, at(9)));
}

#[tokio::test]
async fn after_a_kill_every_confirmed_save_is_there() {
    let (_folder, path) = folder();
    // Never closed, as by a kill: nothing of it may still be on its way to the file.
    let killed = SqliteLedger::open(&path).unwrap();
    for id in ["a", "b", "c"] {
        let (claim, ..) = granted(&killed, id, 0).await;
        killed.save(&claim, bare(&waiting(2, at(9)), Lease::Renew, at(1))).await.unwrap();
    }
    let survivor = SqliteLedger::open(&path).unwrap();
    for id in ["a", "b", "c"] {
        assert_eq!(granted(&survivor, id, 2).await.1, waiting(2, at(9)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ledgers_on_one_file_fence_each_other() {
    let (_folder, path) = folder();
    let ledgers = [SqliteLedger::open(&path).unwrap(), SqliteLedger::open(&path).unwrap()];
    let [one, two] = ledgers.map(|ledger| Arc::new(ledger) as Arc<dyn Ledger>);
    rivals_never_both_save([vec![one; 4], vec![two; 4]].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_can_be_opened_by_many_at_once() {
    let (_folder, path) = folder();
    let open = || {
        let path = path.clone();
        std::thread::spawn(move || SqliteLedger::open(path).map(drop))
    };
    let threads: Vec<_> = (0..8).map(|_| open()).collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_superseded_save_does_not_harm_its_neighbours() {
    let (_folder, path) = folder();
    let ledger = SqliteLedger::open(&path).unwrap();
    let (old, ..) = granted(&ledger, "a", 0).await;
    let (new, ..) = granted(&ledger, "a", 1).await;
    let (other, ..) = granted(&ledger, "b", 1).await;
    let state = waiting(2, at(9));
    let save = |claim| ledger.save(claim, bare(&state, Lease::Renew, at(2)));
    let (first, refused, last) = tokio::join!(save(&new), save(&old), save(&other));
    assert!(first.is_ok() && last.is_ok());
    assert!(matches!(refused, Err(Error::Superseded(_))), "{refused:?}");
}

#[tokio::test]
async fn only_its_owner_can_read_the_file() {
    let (folder, path) = folder();
    let ledger = SqliteLedger::open(&path).unwrap();
    granted(&ledger, "a", 0).await;
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
        seen += 1;
    }
    assert_eq!(seen, 3, "the file, its log and the log's index");
}

#[tokio::test]
async fn a_row_of_another_version_is_named_and_left_alone() {
    let (_folder, path) = folder();
    let ledger = SqliteLedger::open(&path).unwrap();
    let shell = Connection::open(&path).unwrap();
    for id in ["good", "odd"] {
        let (claim, ..) = granted(&ledger, id, 0).await;
        ledger.save(&claim, bare(&waiting(2, at(9)), Lease::Release, at(1))).await.unwrap();
    }
    shell
        .execute("UPDATE jobs SET due = 0, state = '{\"phase\":\"dreaming\"}' WHERE id = 'odd'", [])
        .unwrap();
    let (job, state) = (crate::ledger::conformance::job("odd"), waiting(1, at(0)));
    let request = ClaimRequest {
        job: &job,
        fingerprint: "f1",
        state: &state,
        take_over: true,
        exclusive: false,
        lease: Duration::from_secs(1),
        now: at(2),
    };
    let message = ledger.claim(request).await.unwrap_err().to_string();
    assert!(message.contains("holds job odd in a form this version can't read"), "{message}");
    let claims = "SELECT fence FROM jobs WHERE id = 'odd'";
    assert_eq!(shell.query_row(claims, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    let overdue = ledger.overdue(at(50), at(50), 1).await.unwrap();
    assert_eq!(overdue[0].job.id.as_str(), "good");
}

#[tokio::test]
async fn a_file_of_the_first_version_is_brought_up_to_date() {
    let (_folder, path) = folder();
    let shell = Connection::open(&path).unwrap();
    shell.execute_batch(include_str!("schema-1.sql")).unwrap();
    shell.pragma_update(None, "application_id", i32::from_be_bytes(*b"tick")).unwrap();
    shell.pragma_update(None, "user_version", 1).unwrap();
    let first = crate::ledger::conformance::job("a");
    for (id, state) in [
        ("waiting", waiting(0, at(9))),
        ("retrying", waiting(1, at(9))),
        ("succeeded", crate::ledger::conformance::done()),
    ] {
        let job =
            serde_json::to_string(&crate::job::Job { id: id.parse().unwrap(), ..first.clone() });
        let state = serde_json::to_string(&state).unwrap();
        shell
            .execute(
                "INSERT INTO jobs VALUES (?1, 'f1', 4, 120000, 0, 2, 0, NULL, ?2, ?3)",
                [id, &state, &job.unwrap()],
            )
            .unwrap();
    }
    let ledger = SqliteLedger::open(&path).unwrap();
    let mut found = ledger.list(&Filter::default()).await.unwrap();
    found.sort_by_key(|summary| summary.status);
    for summary in &found {
        assert_eq!(summary.id.as_str(), summary.status.as_str());
        assert_eq!(summary.operation, first.operation);
        assert_eq!((summary.kind, &summary.account), (first.kind, &first.account));
    }
    assert_eq!(found.len(), 3);
    let (claim, state, crashes) = granted(&ledger, "retrying", 1).await;
    assert_eq!((claim.fence, state), (5, waiting(1, at(9))));
    assert_eq!(crashes, CrashCount { shared: 2, exclusive: 0 });
}

#[test]
fn a_newer_schema_is_refused() {
    let (_folder, path) = folder();
    drop(SqliteLedger::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
    let message = refusal(&path);
    assert!(message.contains("newer ticketd (schema 9, this one knows 4)"), "{message}");
}

#[test]
fn a_file_that_is_open_on_another_machine_is_refused_and_says_what_to_do() {
    let (_folder, path) = folder();
    drop(SqliteLedger::open(&path).unwrap());
    let elsewhere = "UPDATE home SET boot = 'other', machine = 'other', host = 'far-away'";
    Connection::open(&path).unwrap().execute(elsewhere, []).unwrap();
    let message = refusal(&path);
    assert!(message.contains("is open on another machine, far-away ("), "{message}");
    assert!(message.contains("or set ledger.url to postgres://"), "{message}");
    let long_ago = "UPDATE home SET seen_at = seen_at - 3 * 60 * 1000";
    Connection::open(&path).unwrap().execute(long_ago, []).unwrap();
    drop(SqliteLedger::open(&path).unwrap());
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let other = || Connection::open(&path).unwrap();
    other().execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    assert!(refusal(&path).contains("belongs to another program"));
    let mode = other().pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
    assert_eq!(mode.unwrap(), "delete");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let text = "not a database, but long enough to be looked at as one".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert!(refusal(&path).contains("is not an SQLite database"), "{}", refusal(&path));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_place_that_can_hold_no_file_is_refused() {
    let (folder, path) = folder();
    let missing = folder.path().join("missing").join("ticketd.db");
    assert!(refusal(&missing).contains("missing does not exist; create it"));
    std::fs::write(&path, "a file").unwrap();
    assert!(refusal(&path.join("ticketd.db")).contains("is not a folder"));
    assert!(refusal(folder.path()).contains("can't be opened; it must be a file"));
}

#[tokio::test]
async fn a_locked_file_is_an_error_and_works_again_once_it_is_free() {
    let (_folder, path) = folder();
    let ledger = SqliteLedger::open_within(&path, Duration::from_millis(20)).unwrap();
    let (claim, ..) = granted(&ledger, "a", 0).await;
    let shell = Connection::open(&path).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error =
        ledger.save(&claim, bare(&waiting(2, at(9)), Lease::Renew, at(1))).await.unwrap_err();
    assert!(error.to_string().contains("is locked by another program"), "{error}");
    shell.execute_batch("ROLLBACK").unwrap();
    ledger.save(&claim, bare(&waiting(2, at(9)), Lease::Renew, at(1))).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_work_goes_on_once_there_is_room() {
    let (_folder, path) = folder();
    let ledger = SqliteLedger::open(&path).unwrap();
    let (claim, ..) = granted(&ledger, "a", 0).await;
    let limit = |pages: i64| {
        ledger.commit.run(move |connection| {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
        })
    };
    limit(1).await.unwrap();
    let mut full = None;
    for number in 0..100 {
        let mut job = crate::ledger::conformance::job(&format!("large-{number}"));
        job.metadata = Some(serde_json::Value::String("x".repeat(4000)));
        let state = waiting(1, at(0));
        let lease = Duration::from_secs(1);
        let request = ClaimRequest {
            job: &job,
            fingerprint: "f1",
            state: &state,
            take_over: false,
            exclusive: false,
            lease,
            now: at(0),
        };
        full = full.or(ledger.claim(request).await.err());
    }
    let message = full.unwrap().to_string();
    assert!(message.contains("the disk is full; make room"), "{message}");
    limit(1_000_000).await.unwrap();
    ledger.save(&claim, bare(&waiting(2, at(9)), Lease::Renew, at(1))).await.unwrap();
}
