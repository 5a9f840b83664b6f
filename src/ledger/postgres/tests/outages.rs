//! Databases that go away and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::database::{Stop, TestDatabase, own_database};
use super::{LIMIT, in_the_end, open, refusal};
use crate::job::{JobId, State};
use crate::ledger::conformance::{LEASE, at, bare, granted, job, waiting};
use crate::ledger::{ClaimRequest, Claimed, Error, Lease, Ledger, PostgresLedger};

/// Saves that a job makes under one claim, while the database comes and goes.
const SAVES: u32 = 40;

async fn claim_in_the_end(ledger: &PostgresLedger, id: &str) -> crate::ledger::Claim {
    let (job, state) = (job(id), waiting(1, at(0)));
    let claimed = in_the_end(|| {
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

/// Many jobs make their saves while `trouble` happens; each has to find its last one at the end,
/// and none may ever see an older state than the last that was confirmed.
async fn survives(database: &TestDatabase, trouble: impl AsyncFnOnce(&AtomicU32)) {
    let url = database.fresh();
    let ledger = Arc::new(open(&url).await.unwrap());
    let confirmed = Arc::new(AtomicU32::new(0));
    let mut jobs = JoinSet::new();
    for number in 0..32 {
        let (ledger, confirmed) = (Arc::clone(&ledger), Arc::clone(&confirmed));
        jobs.spawn(async move {
            let id = format!("job-{number}");
            let claim = claim_in_the_end(&ledger, &id).await;
            for save in 2..=SAVES {
                let state = waiting(save, at(9));
                in_the_end(|| ledger.save(&claim, bare(&state, Lease::Renew, at(1)))).await;
                confirmed.fetch_add(1, Ordering::Relaxed);
                let id: JobId = id.parse().unwrap();
                let found = in_the_end(|| ledger.find(&id)).await.unwrap();
                assert_eq!(found.state, state);
            }
            (id, claim)
        });
    }
    trouble(&confirmed).await;
    let jobs = jobs.join_all().await;
    let other = open(&url).await.unwrap();
    for (id, claim) in jobs {
        let (newer, state, _) = granted(&other, &id, 2).await;
        assert!(newer.fence > claim.fence);
        assert_eq!(number(&state), SAVES);
        let late = ledger.save(&claim, bare(&waiting(99, at(9)), Lease::Renew, at(3))).await;
        assert!(matches!(late, Err(Error::Superseded(_))), "{late:?}");
    }
}

fn number(state: &State) -> u32 {
    match state {
        State::Waiting { execution, .. } | State::Asking { execution, .. } => execution.calls,
        State::Reporting { .. } | State::Done { .. } => panic!("{state:?}"),
    }
}

/// Waits until so many more saves are confirmed.
async fn more(confirmed: &AtomicU32, saves: u32) {
    let (since, goal) = (Instant::now(), confirmed.load(Ordering::Relaxed) + saves);
    while confirmed.load(Ordering::Relaxed) < goal.min(31 * (SAVES - 1)) {
        assert!(since.elapsed() < LIMIT, "the saves do not go on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_under_load_loses_nothing() {
    let database = own_database().await;
    survives(&database, async |confirmed| {
        for how in [Stop::Fast, Stop::Immediate] {
            more(confirmed, 100).await;
            database.stop(how).await.unwrap();
            database.start_again().await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_under_load_are_made_again() {
    let database = own_database().await;
    let shell = database.shell().await;
    survives(&database, async |confirmed| {
        for _ in 0..5 {
            more(confirmed, 50).await;
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE application_name = 'ticketd'";
            assert!(!shell.query(cut, &[]).await.unwrap().is_empty());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_one_clear_line_and_needs_no_restart_of_ours() {
    let database = own_database().await;
    let url = database.fresh();
    let ledger = open(&url).await.unwrap();
    let (claim, ..) = granted(&ledger, "a", 0).await;
    database.stop(Stop::Fast).await.unwrap();
    let state = waiting(2, at(9));
    let since = Instant::now();
    let error = ledger.save(&claim, bare(&state, Lease::Renew, at(1))).await.unwrap_err();
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    let line = error.to_string();
    assert!(line.contains("nothing listens there; start it, or correct ledger.url"), "{line}");
    assert!(refusal(&url).await.contains("nothing listens there"));
    database.start_again().await.unwrap();
    in_the_end(|| ledger.save(&claim, bare(&state, Lease::Renew, at(1)))).await;
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let since = Instant::now();
    let line = refusal(&format!("postgres://u@127.0.0.1:{port}/d")).await;
    assert!(line.contains("does not answer"), "{line}");
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
}
