//! The end of many jobs, and what is known of those that don't come to it.

use std::time::{Duration, Instant};

use ticketd::ledger::{Filter, Ledger};

/// Waits until so many jobs are done and no other is left. One that takes longer than anything may
/// is told of.
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
        // Whatever is done has no time at which it goes on.
        if job.due.is_some() && left.len() < 5 {
            left.push(format!("{:#?}", ledger.find(&job.id).await.unwrap()));
        }
    }
    left
}
