//! Several ledgers in one database, as replicas have them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::database::database;
use super::open;
use crate::job::JobId;
use crate::ledger::conformance::{at, bare, granted, rivals_never_both_save, waiting};
use crate::ledger::{Error, Lease, Ledger};

#[tokio::test(flavor = "multi_thread")]
async fn two_ledgers_in_one_database_fence_each_other() {
    let url = database().await.fresh();
    let ledgers = [open(&url).await.unwrap(), open(&url).await.unwrap()];
    let [one, two] = ledgers.map(|ledger| Arc::new(ledger) as Arc<dyn Ledger>);
    rivals_never_both_save([vec![one; 4], vec![two; 4]].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_replicas_make_the_tables_at_once() {
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
async fn replicas_take_many_jobs_from_each_other_without_a_deadlock() {
    let url = database().await.fresh();
    let mut rivals = JoinSet::new();
    for replica in 0..3 {
        let ledger = Arc::new(open(&url).await.unwrap());
        for job in 0..40 {
            // Not in the same order everywhere: what is queued together differs.
            let id = format!("job-{}", (job * 7 + replica * 13) % 40);
            let ledger = Arc::clone(&ledger);
            rivals.spawn(async move {
                for number in 1..20 {
                    let (claim, ..) = granted(&*ledger, &id, 0).await;
                    let state = waiting(number, at(9));
                    match ledger.save(&claim, bare(&state, Lease::Renew, at(1))).await {
                        Ok(()) | Err(Error::Superseded(_)) => {}
                        Err(error @ Error::Store { .. }) => panic!("{error}: {error:?}"),
                    }
                }
            });
        }
    }
    rivals.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_kept_by_all_replicas_together() {
    const PER: Duration = Duration::from_millis(20);
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
                    match ledger.take_turn("dms-prod", PER, BURST).await.unwrap() {
                        None => taken += 1,
                        Some(wait) => {
                            assert!(wait <= PER * BURST, "{wait:?}");
                            tokio::time::sleep(wait).await;
                        }
                    }
                }
                taken
            });
        }
    }
    let taken: u32 = takers.join_all().await.into_iter().sum();
    let most = begun.elapsed().as_micros() / PER.as_micros() + u128::from(BURST);
    assert!(u128::from(taken) <= most, "{taken} turns, and at most {most} are allowed");
    // Who waits as told gets a turn, even on a machine that is busy.
    assert!(taken > 3 * BURST, "{taken} turns of {most}");
}

#[tokio::test]
async fn accounts_have_limits_of_their_own() {
    let ledger = open(&database().await.fresh()).await.unwrap();
    let take = |account| ledger.take_turn(account, Duration::from_secs(3600), 2);
    assert_eq!(take("a").await.unwrap(), None);
    assert_eq!(take("a").await.unwrap(), None);
    let wait = take("a").await.unwrap().unwrap();
    assert!((Duration::from_secs(3500)..=Duration::from_secs(3600)).contains(&wait), "{wait:?}");
    assert_eq!(take("b").await.unwrap(), None);
}

#[tokio::test]
async fn a_save_that_was_given_up_as_lost_can_not_undo_a_later_one() {
    let url = database().await.fresh();
    let ledger = open(&url).await.unwrap();
    let (claim, ..) = granted(&ledger, "a", 0).await;
    // The numbers are given when the saves are made; the first one arrives last.
    let states = [waiting(2, at(9)), waiting(3, at(9))];
    let late = ledger.save_of(&claim, &bare(&states[0], Lease::Renew, at(1))).unwrap();
    ledger.save(&claim, bare(&states[1], Lease::Renew, at(2))).await.unwrap();
    assert!(!ledger.saves.run(late).await.unwrap());
    let id: JobId = "a".parse().unwrap();
    assert_eq!(ledger.find(&id).await.unwrap().unwrap().state, states[1]);
}
