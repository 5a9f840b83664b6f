//! Many at once.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{at, bare, granted, waiting};
use crate::job::State;
use crate::ledger::{CrashCount, Error, Lease, Ledger};

pub(crate) async fn many_tasks_save_at_once_and_nothing_is_lost(ledger: Arc<dyn Ledger>) {
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let ledger = Arc::clone(&ledger);
        tasks.spawn(async move {
            let id = format!("job-{task}");
            let (claim, ..) = granted(&*ledger, &id, 0).await;
            for save in 2..=20 {
                let state = waiting(save, at(task));
                ledger.save(&claim, bare(&state, Lease::Renew, at(1))).await.unwrap();
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

pub(crate) async fn rivals_for_one_job_never_both_save(ledger: Arc<dyn Ledger>) {
    rivals_never_both_save(vec![ledger; 8]).await;
}

/// Rivals take one job from each other, again and again, through ledgers of the same store. Each
/// reads a number from the state and saves the next one; a save that slipped past the fence would
/// make two of them save the same number.
pub(crate) async fn rivals_never_both_save(ledgers: Vec<Arc<dyn Ledger>>) {
    let mut rivals = JoinSet::new();
    for ledger in ledgers {
        rivals.spawn(async move {
            let mut saved = 0;
            for _ in 0..50 {
                let (claim, state, _) = granted(&*ledger, "contested", 0).await;
                let next = waiting(number(&state) + 1, at(0));
                match ledger.save(&claim, bare(&next, Lease::Renew, at(0))).await {
                    Ok(()) => saved += 1,
                    Err(Error::Superseded(_)) => {}
                    Err(error @ Error::Store { .. }) => panic!("{error}: {error:?}"),
                }
            }
            (saved, ledger)
        });
    }
    let results = rivals.join_all().await;
    let saved: u32 = results.iter().map(|(saved, _)| saved).sum();
    let (_, state, _) = granted(&*results[0].1, "contested", 1).await;
    assert_eq!(number(&state), 1 + saved);
    assert!(saved > 0);
}

fn number(state: &State) -> u32 {
    match state {
        State::Waiting { execution, .. } | State::Asking { execution, .. } => execution.calls,
        State::Reporting { .. } | State::Done { .. } => panic!("unexpected {state:?}"),
    }
}
