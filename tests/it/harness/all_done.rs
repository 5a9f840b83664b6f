//! Waits for many jobs, and reports those that do not end.

use std::time::{Duration, Instant};

use ticketd::ledger::{Filter, Ledger};

/// Number of jobs that are not done.
pub(crate) async fn open_jobs(ledger: &dyn Ledger) -> u64 {
    let counts = ledger.count_by_status().await.unwrap();
    counts.iter().filter(|count| count.first_due.is_some()).map(|count| count.jobs).sum()
}

/// Waits until `jobs` jobs are done and no other exists. After the limit, panics with jobs that are
/// not done.
pub(crate) async fn all_done(ledger: &dyn Ledger, jobs: usize, limit: Duration) {
    let since = Instant::now();
    loop {
        let open = open_jobs(ledger).await;
        if open == 0 && ledger.list(&Filter::default()).await.unwrap().len() == jobs {
            return;
        }
        if since.elapsed() > limit {
            let left = left(ledger).await.join("\n");
            panic!("of {jobs} jobs {open} are not done after {limit:?}, among them:\n{left}");
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
