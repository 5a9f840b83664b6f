//! Waits for many jobs, and reports those that do not end.

use std::time::{Duration, Instant};

use ticketd::ledger::{Filter, Ledger};

/// Waits until so many jobs are done and no other job is open. Panics with the open jobs at the limit.
pub async fn all_done(ledger: &dyn Ledger, jobs: usize, limit: Duration) {
    let since = Instant::now();
    loop {
        let counts = ledger.counts().await.unwrap();
        if (counts.open, counts.done) == (0, jobs as u64) {
            return;
        }
        if since.elapsed() > limit {
            let left = left(ledger).await.join("\n");
            panic!("of {jobs} jobs {} are done after {limit:?}; left are:\n{left}", counts.done);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn left(ledger: &dyn Ledger) -> Vec<String> {
    let mut left = Vec::new();
    for job in ledger.list(&Filter::default()).await.unwrap() {
        // Only open jobs have a due time.
        if job.due.is_some() && left.len() < 5 {
            left.push(format!("{:#?}", ledger.find(&job.id).await.unwrap()));
        }
    }
    left
}
