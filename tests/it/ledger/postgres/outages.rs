//! Databases that stop and start again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ticketd::job::{JobId, State};
use ticketd::ledger::{Claim, ClaimRequest, Claimed, Error, Lease, Ledger, PostgresLedger};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{LIMIT, eventually, open, open_error};
use crate::harness::{Stop, TestDatabase, own_database};
use crate::ledger::conformance::{LEASE, at, granted, job, new_save, waiting};

/// Saves of one job under one claim, while the database fails.
const SAVES: u32 = 40;

async fn eventually_claim(ledger: &PostgresLedger, id: &str) -> Claim {
    let (job, state) = (job(id), waiting(1, at(0)));
    let claimed = eventually(|| {
        ledger.claim(ClaimRequest {
            job: &job,
            fingerprint: "f1",
            state: &state,
            take_over: true,
            exclusive: false,
            lease: LEASE,
            now: at(0),
        })
    })
    .await;
    match claimed {
        Claimed::Granted { claim, .. } => claim,
        other @ (Claimed::Held { .. } | Claimed::Conflict) => panic!("{other:?}"),
    }
}

/// Many jobs are saved during a fault. No read may return an older state than the last confirmed
/// one, and at the end each job must have its last state.
async fn assert_survives(database: &TestDatabase, fault: impl AsyncFnOnce(&AtomicU32)) {
    let url = database.fresh();
    let ledger = Arc::new(open(&url).await.unwrap());
    let confirmed = Arc::new(AtomicU32::new(0));
    let mut jobs = JoinSet::new();
    for number in 0..32 {
        let (ledger, confirmed) = (Arc::clone(&ledger), Arc::clone(&confirmed));
        jobs.spawn(async move {
            let id = format!("job-{number}");
            let claim = eventually_claim(&ledger, &id).await;
            for save in 2..=SAVES {
                let state = waiting(save, at(9));
                eventually(|| ledger.save(&claim, new_save(&state, Lease::Renew, at(1)))).await;
                confirmed.fetch_add(1, Ordering::Relaxed);
                let id: JobId = id.parse().unwrap();
                let found = eventually(|| ledger.find(&id)).await.unwrap();
                assert_eq!(found.state, state);
            }
            (id, claim)
        });
    }
    fault(&confirmed).await;
    let jobs = jobs.join_all().await;
    let other = open(&url).await.unwrap();
    for (id, claim) in jobs {
        let (newer, state, _) = granted(&other, &id, 2).await;
        assert!(newer.fence > claim.fence);
        assert_eq!(number(&state), SAVES);
        let late = ledger.save(&claim, new_save(&waiting(99, at(9)), Lease::Renew, at(3))).await;
        assert!(matches!(late, Err(Error::Superseded(_))), "{late:?}");
    }
}

fn number(state: &State) -> u32 {
    match state {
        State::Waiting { execution, .. } | State::Asking { execution, .. } => execution.calls,
        State::Reporting { .. } | State::Done { .. } => panic!("{state:?}"),
    }
}

/// Waits until some more saves are confirmed.
async fn wait_for_saves(confirmed: &AtomicU32, saves: u32) {
    let (since, goal) = (Instant::now(), confirmed.load(Ordering::Relaxed) + saves);
    while confirmed.load(Ordering::Relaxed) < goal.min(31 * (SAVES - 1)) {
        assert!(since.elapsed() < LIMIT, "no more saves succeed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_under_load_loses_no_save() {
    let database = own_database().await;
    assert_survives(&database, async |confirmed| {
        for how in [Stop::Fast, Stop::Immediate] {
            wait_for_saves(confirmed, 100).await;
            database.stop(how).await.unwrap();
            database.start_again().await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_cut_under_load_are_replaced() {
    let database = own_database().await;
    let shell = database.shell().await;
    assert_survives(&database, async |confirmed| {
        for _ in 0..5 {
            wait_for_saves(confirmed, 50).await;
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE application_name = 'ticketd'";
            assert!(!shell.query(cut, &[]).await.unwrap().is_empty());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_database_is_one_clear_line_and_needs_no_worker_restart() {
    let database = own_database().await;
    let url = database.fresh();
    let ledger = open(&url).await.unwrap();
    let (claim, ..) = granted(&ledger, "a", 0).await;
    database.stop(Stop::Fast).await.unwrap();
    let state = waiting(2, at(9));
    let since = Instant::now();
    let error = ledger.save(&claim, new_save(&state, Lease::Renew, at(1))).await.unwrap_err();
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    let line = error.to_string();
    assert!(line.contains("nothing listens there; start it, or correct ledger.url"), "{line}");
    assert!(open_error(&url).await.contains("nothing listens there"));
    database.start_again().await.unwrap();
    eventually(|| ledger.save(&claim, new_save(&state, Lease::Renew, at(1)))).await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_an_error_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let since = Instant::now();
    let line = open_error(&format!("postgres://u@127.0.0.1:{port}/d")).await;
    assert!(line.contains("does not answer"), "{line}");
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
}
