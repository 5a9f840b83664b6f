//! Concurrent claims and saves.

use std::sync::Arc;

use tokio::task::JoinSet;

use ticketd::job::State;
use ticketd::ledger::{CrashCount, Error, Lease, Ledger};

use super::{at, granted, new_save, waiting};

pub(crate) async fn concurrent_saves_are_all_stored(ledger: Arc<dyn Ledger>) {
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let ledger = Arc::clone(&ledger);
        tasks.spawn(async move {
            let id = format!("job-{task}");
            let (claim, ..) = granted(&*ledger, &id, 0).await;
            for save in 2..=20 {
                let state = waiting(save, at(task));
                ledger.save(&claim, new_save(&state, Lease::Renew, at(1))).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    for task in 0..64 {
        let (claim, state, crashes) = granted(&*ledger, &format!("job-{task}"), 2).await;
        assert_eq!((claim.fence, state), (2, waiting(20, at(task))));
        assert_eq!(crashes, CrashCount::default());
    }
}

pub(crate) async fn concurrent_claims_of_one_job_never_both_save(ledger: Arc<dyn Ledger>) {
    claims_through_ledgers_never_both_save(vec![ledger; 8]).await;
}

/// Tasks take one job from each other, through ledgers of the same store. Each task reads a number
/// from the state and saves the next one. If a save could pass the fence, two tasks would save the
/// same number.
pub(crate) async fn claims_through_ledgers_never_both_save(ledgers: Vec<Arc<dyn Ledger>>) {
    let mut tasks = JoinSet::new();
    for ledger in ledgers {
        tasks.spawn(async move {
            let mut saved = 0;
            for _ in 0..50 {
                let (claim, state, _) = granted(&*ledger, "job", 0).await;
                let next = waiting(number(&state) + 1, at(0));
                match ledger.save(&claim, new_save(&next, Lease::Renew, at(0))).await {
                    Ok(()) => saved += 1,
                    Err(Error::Superseded(_)) => {}
                    Err(error @ Error::Store { .. }) => panic!("{error}: {error:?}"),
                }
            }
            (saved, ledger)
        });
    }
    let results = tasks.join_all().await;
    let saved: u32 = results.iter().map(|(saved, _)| saved).sum();
    let (_, state, _) = granted(&*results[0].1, "job", 1).await;
    assert_eq!(number(&state), 1 + saved);
    assert!(saved > 0);
}

fn number(state: &State) -> u32 {
    match state {
        State::Waiting { execution, .. } | State::Asking { execution, .. } => execution.calls,
        State::Reporting { .. } | State::Done { .. } => panic!("unexpected {state:?}"),
    }
}
