//! How fast it is, beside a file on the same machine.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::database::database;
use super::open;
use crate::ledger::conformance::{at, bare, done, granted, waiting};
use crate::ledger::{Lease, Ledger, SqliteLedger};

/// Jobs in progress at once, as in a worker by default.
const WORKERS: usize = 64;

const JOBS: usize = 100;

/// Jobs a second, each with a claim and three saves.
async fn pace(ledger: Arc<dyn Ledger>) -> f64 {
    let (mut workers, begun) = (JoinSet::new(), Instant::now());
    for worker in 0..WORKERS {
        let ledger = Arc::clone(&ledger);
        workers.spawn(async move {
            for job in 0..JOBS {
                let (claim, ..) = granted(&*ledger, &format!("job-{worker}-{job}"), 0).await;
                for state in [waiting(2, at(9)), waiting(3, at(9))] {
                    ledger.save(&claim, bare(&state, Lease::Renew, at(1))).await.unwrap();
                }
                ledger.save(&claim, bare(&done(), Lease::Release, at(2))).await.unwrap();
            }
        });
    }
    workers.join_all().await;
    (WORKERS * JOBS) as f64 / begun.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement; run it with --ignored --nocapture"]
async fn jobs_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteLedger::open(folder.path().join("ticketd.db")).unwrap();
    println!("SQLite: {:.0} jobs a second", pace(Arc::new(file)).await);
    let server = open(&database().await.fresh()).await.unwrap();
    println!("PostgreSQL: {:.0} jobs a second", pace(Arc::new(server)).await);
}
