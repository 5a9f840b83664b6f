//! Several ledgers in one database, as replicas have.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ticketd::job::JobId;
use ticketd::ledger::{Error, Lease, Ledger};
use tokio::task::JoinSet;

use super::{open, shell};
use crate::harness::database;
use crate::ledger::conformance::{
    at, claims_through_ledgers_never_both_save, granted, new_save, waiting,
};

#[tokio::test(flavor = "multi_thread")]
async fn two_ledgers_in_one_database_fence_each_other() {
    let url = database().await.fresh();
    let ledgers = [open(&url).await.unwrap(), open(&url).await.unwrap()];
    let [one, two] = ledgers.map(|ledger| Arc::new(ledger) as Arc<dyn Ledger>);
    claims_through_ledgers_never_both_save([vec![one; 4], vec![two; 4]].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_replicas_can_create_the_tables_at_once() {
    let url = database().await.fresh();
    let mut replicas = JoinSet::new();
    for _ in 0..8 {
        let url = url.clone();
        replicas.spawn(async move { open(&url).await.map(drop) });
    }
    for opened in replicas.join_all().await {
        opened.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_take_over_many_jobs_without_a_deadlock() {
    let url = database().await.fresh();
    let mut tasks = JoinSet::new();
    for replica in 0..3 {
        let ledger = Arc::new(open(&url).await.unwrap());
        for job in 0..40 {
            // A different order in each replica, so that their batches differ.
            let id = format!("job-{}", (job * 7 + replica * 13) % 40);
            let ledger = Arc::clone(&ledger);
            tasks.spawn(async move {
                for number in 1..20 {
                    let (claim, ..) = granted(&*ledger, &id, 0).await;
                    let state = waiting(number, at(9));
                    match ledger.save(&claim, new_save(&state, Lease::Renew, at(1))).await {
                        Ok(()) | Err(Error::Superseded(_)) => {}
                        Err(error @ Error::Store { .. }) => panic!("{error}: {error:?}"),
                    }
                }
            });
        }
    }
    tasks.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_replicas_together_keep_a_rate_limit() {
    const INTERVAL: Duration = Duration::from_millis(20);
    const BURST: u32 = 5;
    let url = database().await.fresh();
    let (mut takers, begun) = (JoinSet::new(), Instant::now());
    for _ in 0..3 {
        let ledger = Arc::new(open(&url).await.unwrap());
        for _ in 0..4 {
            let ledger = Arc::clone(&ledger);
            takers.spawn(async move {
                let mut taken = 0_u32;
                while begun.elapsed() < Duration::from_secs(2) {
                    match ledger.take_slot("dms-prod", INTERVAL, BURST).await.unwrap() {
                        None => taken += 1,
                        Some(wait) => {
                            assert!(wait <= INTERVAL * BURST, "{wait:?}");
                            tokio::time::sleep(wait).await;
                        }
                    }
                }
                taken
            });
        }
    }
    let taken: u32 = takers.join_all().await.into_iter().sum();
    let most = begun.elapsed().as_micros() / INTERVAL.as_micros() + u128::from(BURST);
    assert!(u128::from(taken) <= most, "{taken} slots, and at most {most} are allowed");
    // Callers that wait as long as they are told get slots, even on a busy machine.
    assert!(taken > 3 * BURST, "{taken} slots of {most}");
}

#[tokio::test]
async fn each_account_has_its_own_rate_limit() {
    let ledger = open(&database().await.fresh()).await.unwrap();
    let take = |account| ledger.take_slot(account, Duration::from_secs(3600), 2);
    assert_eq!(take("a").await.unwrap(), None);
    assert_eq!(take("a").await.unwrap(), None);
    let wait = take("a").await.unwrap().unwrap();
    assert!((Duration::from_secs(3500)..=Duration::from_secs(3600)).contains(&wait), "{wait:?}");
    assert_eq!(take("b").await.unwrap(), None);
}

#[tokio::test]
async fn a_save_that_arrives_after_a_later_one_changes_nothing() {
    let url = database().await.fresh();
    let ledger = open(&url).await.unwrap();
    let (claim, ..) = granted(&ledger, "a", 0).await;
    let states = [waiting(2, at(9)), waiting(3, at(9))];
    ledger.save(&claim, new_save(&states[0], Lease::Renew, at(1))).await.unwrap();
    // Saves are numbered in the order they are made; the next one is older than the stored one.
    let later = "UPDATE jobs SET last_save = last_save + 10";
    shell(database().await, &url).await.batch_execute(later).await.unwrap();
    let late = ledger.save(&claim, new_save(&states[1], Lease::Renew, at(2))).await;
    assert!(matches!(late, Err(Error::Superseded(_))), "{late:?}");
    let id: JobId = "a".parse().unwrap();
    assert_eq!(ledger.find(&id).await.unwrap().unwrap().state, states[0]);
}
