//! Measures the throughput of both stores on one machine.

use std::sync::Arc;
use std::time::Instant;

use ticketd::ledger::{Lease, Ledger, SqliteLedger};
use tokio::task::JoinSet;

use super::conformance::{at, done, granted, new_save, waiting};
use super::postgres::open;
use crate::harness::database;

/// Concurrent jobs: a worker's default.
const WORKERS: usize = 64;

const JOBS: usize = 100;

/// Jobs per second, each with a claim and three saves.
async fn throughput(ledger: Arc<dyn Ledger>) -> f64 {
    let (mut workers, start) = (JoinSet::new(), Instant::now());
    for worker in 0..WORKERS {
        let ledger = Arc::clone(&ledger);
        workers.spawn(async move {
            for job in 0..JOBS {
                let (claim, ..) = granted(&*ledger, &format!("job-{worker}-{job}"), 0).await;
                for state in [waiting(2, at(9)), waiting(3, at(9))] {
                    ledger.save(&claim, new_save(&state, Lease::Renew, at(1))).await.unwrap();
                }
                ledger.save(&claim, new_save(&done(), Lease::Release, at(2))).await.unwrap();
            }
        });
    }
    workers.join_all().await;
    (WORKERS * JOBS) as f64 / start.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement; run it with --ignored --nocapture"]
async fn jobs_per_second() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteLedger::open(folder.path().join("ticketd.db")).unwrap();
    println!("SQLite: {:.0} jobs per second", throughput(Arc::new(file)).await);
    let server = open(&database().await.fresh()).await.unwrap();
    println!("PostgreSQL: {:.0} jobs per second", throughput(Arc::new(server)).await);
}
