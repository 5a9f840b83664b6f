//! The ledger in a SQLite file.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;
use ticketd::ledger::{ClaimRequest, Claimed, Error, Lease, Ledger, SqliteLedger};

use super::conformance::{
    LEASE, at, claim, claims_through_ledgers_never_both_save, every_promise, granted, job,
    new_save, waiting,
};

/// A folder, and the path of a file that does not exist yet.
fn new_path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ticketd.db");
    (folder, path)
}

fn new_ledger() -> (Arc<dyn Ledger>, TempDir) {
    let (folder, path) = new_path();
    (Arc::new(SqliteLedger::open(path).unwrap()), folder)
}

mod promises {
    use super::{every_promise, new_ledger};

    every_promise!(new_ledger());
}

/// The error of a file that can't be opened.
fn open_error(path: &Path) -> String {
    match SqliteLedger::open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn saved_states_survive_reopening() {
    let (_folder, path) = new_path();
    let ledger = SqliteLedger::open(&path).unwrap();
    let (first, ..) = granted(&ledger, "a", 0).await;
    ledger.save(&first, new_save(&waiting(2, at(9)), Lease::Renew, at(1))).await.unwrap();
    drop(ledger);
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(claim(&ledger, "a", 2, false).await, Claimed::Held { until: at(121) });
    assert_eq!(granted(&ledger, "a", 3).await.1, waiting(2, at(9)));
}

#[tokio::test]
async fn confirmed_saves_are_in_the_file_before_the_ledger_is_closed() {
    let (_folder, path) = new_path();
    let open = SqliteLedger::open(&path).unwrap();
    for id in ["a", "b", "c"] {
        let (claim, ..) = granted(&open, id, 0).await;
        open.save(&claim, new_save(&waiting(2, at(9)), Lease::Renew, at(1))).await.unwrap();
    }
    let other = SqliteLedger::open(&path).unwrap();
    for id in ["a", "b", "c"] {
        assert_eq!(granted(&other, id, 2).await.1, waiting(2, at(9)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ledgers_on_one_file_fence_each_other() {
    let (_folder, path) = new_path();
    let ledgers = [SqliteLedger::open(&path).unwrap(), SqliteLedger::open(&path).unwrap()];
    let [one, two] = ledgers.map(|ledger| Arc::new(ledger) as Arc<dyn Ledger>);
    claims_through_ledgers_never_both_save([vec![one; 4], vec![two; 4]].concat()).await;
}

#[test]
fn many_ledgers_can_open_a_new_file_at_once() {
    let (_folder, path) = new_path();
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
async fn a_superseded_save_leaves_the_rest_of_its_batch_intact() {
    let (_folder, path) = new_path();
    let ledger = SqliteLedger::open(&path).unwrap();
    let (old, ..) = granted(&ledger, "a", 0).await;
    let (new, ..) = granted(&ledger, "a", 1).await;
    let (other, ..) = granted(&ledger, "b", 1).await;
    let state = waiting(2, at(9));
    let save = |claim| ledger.save(claim, new_save(&state, Lease::Renew, at(2)));
    let (first, superseded, last) = tokio::join!(save(&new), save(&old), save(&other));
    assert!(first.is_ok() && last.is_ok());
    assert!(matches!(superseded, Err(Error::Superseded(_))), "{superseded:?}");
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let (folder, path) = new_path();
    let ledger = SqliteLedger::open(&path).unwrap();
    granted(&ledger, "a", 0).await;
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and the log's index");
}

#[tokio::test]
async fn an_unreadable_row_is_named_in_the_error_and_not_changed() {
    let (_folder, path) = new_path();
    let ledger = SqliteLedger::open(&path).unwrap();
    let shell = Connection::open(&path).unwrap();
    for id in ["good", "odd"] {
        let (claim, ..) = granted(&ledger, id, 0).await;
        ledger.save(&claim, new_save(&waiting(2, at(9)), Lease::Release, at(1))).await.unwrap();
    }
    shell
        .execute("UPDATE jobs SET due = 0, state = '{\"phase\":\"dreaming\"}' WHERE id = 'odd'", [])
        .unwrap();
    let (job, state) = (job("odd"), waiting(1, at(0)));
    let request = ClaimRequest {
        job: &job,
        fingerprint: "f1",
        state: &state,
        take_over: true,
        exclusive: false,
        lease: LEASE,
        now: at(2),
    };
    let message = ledger.claim(request).await.unwrap_err().to_string();
    assert!(message.contains("holds job odd in a form this version can't read"), "{message}");
    let message = ledger.find(&job.id).await.unwrap_err().to_string();
    assert!(message.contains("holds job odd in a form this version can't read"), "{message}");
    let fence = "SELECT fence FROM jobs WHERE id = 'odd'";
    assert_eq!(shell.query_row(fence, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    let overdue = ledger.overdue(at(50), at(50), 1).await.unwrap();
    assert_eq!(overdue[0].job.id.as_str(), "good");
}

#[test]
fn a_newer_schema_is_refused() {
    let (_folder, path) = new_path();
    drop(SqliteLedger::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
    let message = open_error(&path);
    assert!(message.contains("newer ticketd (schema 9, this one knows 1)"), "{message}");
}

#[test]
fn another_programs_database_is_refused_and_not_changed() {
    let (_folder, path) = new_path();
    let other = || Connection::open(&path).unwrap();
    other().execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    assert!(open_error(&path).contains("belongs to another program"));
    let mode = other().pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
    assert_eq!(mode.unwrap(), "delete");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_not_changed() {
    let (_folder, path) = new_path();
    let text = "not a database, but as long as one ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert!(open_error(&path).contains("is not an SQLite database"), "{}", open_error(&path));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_path_where_no_file_can_be_created_is_refused() {
    let (folder, path) = new_path();
    let missing = folder.path().join("missing").join("ticketd.db");
    assert!(open_error(&missing).contains("missing does not exist; create it"));
    std::fs::write(&path, "a file").unwrap();
    assert!(open_error(&path.join("ticketd.db")).contains("is not a folder"));
    assert!(open_error(folder.path()).contains("can't be opened; it must be a file"));
}
