//! What needs a short lock timeout, or the ledger's own connection. Everything else is tested in
//! `tests/it/ledger`.

use serde_json::json;

use super::*;
use crate::job::{Job, State};
use crate::ledger::Lease;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn waiting() -> State {
    let execution = json!({ "request": "call", "calls": 1 });
    serde_json::from_value(json!({ "phase": "waiting", "execution": execution, "due": at(9) }))
        .unwrap()
}

/// Claims a new job with metadata of some length.
async fn claim(ledger: &SqliteLedger, id: &str, length: usize) -> Result<Claim, Error> {
    let job: Job = serde_json::from_value(json!({
        "id": id, "operation": "dms.CreateOrder", "kind": "create", "account": "dms-prod",
        "params": {}, "metadata": "x".repeat(length), "until": "accepted", "received_at": at(0),
    }))
    .unwrap();
    let request = ClaimRequest {
        job: &job,
        fingerprint: "f1",
        state: &waiting(),
        take_over: false,
        exclusive: false,
        lease: Duration::from_secs(120),
        now: at(0),
    };
    match ledger.claim(request).await? {
        Claimed::Granted { claim, .. } => Ok(claim),
        other @ (Claimed::Held { .. } | Claimed::Conflict) => panic!("{id} was {other:?}"),
    }
}

async fn save(ledger: &SqliteLedger, claim: &Claim) -> Result<(), Error> {
    let state = waiting();
    let save = Save { state: &state, lease: Lease::Renew, entry: None, now: at(1) };
    ledger.save(claim, save).await
}

#[tokio::test]
async fn a_locked_file_is_an_error_until_it_is_unlocked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ticketd.db");
    let ledger = SqliteLedger::open_with_lock_timeout(&path, Duration::from_millis(20)).unwrap();
    let claim = claim(&ledger, "a", 0).await.unwrap();
    let shell = Connection::open(&path).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = save(&ledger, &claim).await.unwrap_err();
    assert!(error.to_string().contains("is locked by another program"), "{error}");
    shell.execute_batch("ROLLBACK").unwrap();
    save(&ledger, &claim).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_an_error_until_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(folder.path().join("ticketd.db")).unwrap();
    let first = claim(&ledger, "a", 0).await.unwrap();
    let limit_pages = |pages: i64| {
        ledger.commit(move |connection| {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
        })
    };
    limit_pages(1).await.unwrap();
    let mut full = None;
    for number in 0..100 {
        full = full.or(claim(&ledger, &format!("large-{number}"), 4000).await.err());
    }
    let message = full.unwrap().to_string();
    assert!(message.contains("the disk is full; free some space"), "{message}");
    limit_pages(1_000_000).await.unwrap();
    save(&ledger, &first).await.unwrap();
}
