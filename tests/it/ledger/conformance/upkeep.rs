//! The sweeper, the purge and the job counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use ticketd::job::{JobId, Status};
use ticketd::ledger::{Lease, Ledger, StatusCount};

use super::{
    assert_superseded, at, done, ended, granted, job, new_save, open_and_done, reporting, store,
    waiting,
};

async fn overdue(ledger: &dyn Ledger, before: i64, now: i64, limit: u32) -> Vec<String> {
    let found = ledger.overdue(at(before), at(now), limit).await.unwrap();
    found.into_iter().map(|overdue| overdue.job.id.to_string()).collect()
}

pub(crate) async fn overdue_jobs_are_sorted_by_due_time(ledger: Arc<dyn Ledger>) {
    for (id, due) in [("b", 20), ("d", 10), ("a", 40), ("c", 30)] {
        store(&*ledger, id, &waiting(2, at(due)), 1).await;
    }
    assert_eq!(overdue(&*ledger, 40, 50, 10).await, ["d", "b", "c"]);
}

pub(crate) async fn an_overdue_job_has_its_saved_state(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "d", &waiting(2, at(10)), 1).await;
    let first = ledger.overdue(at(11), at(50), 1).await.unwrap().remove(0);
    assert_eq!(
        (first.job, first.fingerprint, first.state),
        (job("d"), "f1".to_owned(), waiting(2, at(10)))
    );
}

pub(crate) async fn postponed_jobs_do_not_starve_the_others(ledger: Arc<dyn Ledger>) {
    for (id, due) in [("a", 10), ("b", 20), ("c", 30)] {
        store(&*ledger, id, &waiting(2, at(due)), 1).await;
    }
    let woken = async |now: i64| {
        let found = ledger.overdue(at(now - 1), at(now), 2).await.unwrap();
        let ids: Vec<JobId> = found.into_iter().map(|overdue| overdue.job.id).collect();
        ledger.postpone(&ids, at(now - 1), at(now), at(now + 100)).await.unwrap();
        ids.iter().map(JobId::to_string).collect::<BTreeSet<_>>()
    };
    let jobs = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    assert_eq!(woken(50).await, jobs(&["a", "b"]));
    assert_eq!(woken(52).await, jobs(&["c"]));
    assert!(woken(100).await.is_empty());
    // They were not saved since, so they are overdue again, with the same states.
    assert_eq!(woken(152).await, jobs(&["a", "b"]));
    assert_eq!(granted(&*ledger, "a", 201).await.1, waiting(2, at(10)));
    store(&*ledger, "b", &waiting(3, at(210)), 202).await;
    assert_eq!(woken(220).await, jobs(&["b", "c"]), "the save did not make b due");
    assert_eq!(open_and_done(&*ledger).await, (3, 0));
}

pub(crate) async fn only_jobs_that_are_still_overdue_are_postponed(ledger: Arc<dyn Ledger>) {
    for id in ["left", "saved", "claimed"] {
        store(&*ledger, id, &waiting(2, at(10)), 1).await;
    }
    store(&*ledger, "saved", &waiting(3, at(60)), 20).await;
    granted(&*ledger, "claimed", 20).await;
    let ids = ["left", "saved", "claimed"].map(|id| job(id).id);
    ledger.postpone(&ids, at(15), at(21), at(500)).await.unwrap();
    assert_eq!(overdue(&*ledger, 400, 400, 10).await, ["claimed", "saved"]);
    assert_eq!(overdue(&*ledger, 501, 501, 10).await, ["claimed", "saved", "left"]);
}

pub(crate) async fn claimed_and_done_jobs_are_not_overdue(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "done", &done(), 1).await;
    granted(&*ledger, "claimed", 1).await;
    assert!(overdue(&*ledger, 1000, 120, 10).await.is_empty());
    assert_eq!(overdue(&*ledger, 1000, 121, 10).await, ["claimed"]);
}

pub(crate) async fn a_reporting_job_is_overdue_at_once(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "a", &reporting(), 5).await;
    assert_eq!(overdue(&*ledger, 6, 6, 10).await, ["a"]);
}

pub(crate) async fn purge_deletes_the_oldest_done_jobs_only(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "open", &waiting(2, at(0)), 1).await;
    for (id, now) in [("c", 30), ("a", 10), ("d", 40), ("b", 20)] {
        store(&*ledger, id, &done(), now).await;
    }
    assert_eq!(ledger.purge(at(40), 2).await.unwrap(), 2);
    assert_eq!(open_and_done(&*ledger).await, (1, 2));
    assert_eq!(ledger.purge(at(30), 10).await.unwrap(), 0, "c was deleted before a or b");
    assert_eq!(granted(&*ledger, "d", 41).await.0.fence, 2);
    assert_eq!(ledger.purge(at(40), 10).await.unwrap(), 1);
    assert_eq!(open_and_done(&*ledger).await, (1, 1));
    assert_eq!(granted(&*ledger, "open", 41).await.0.fence, 2);
}

pub(crate) async fn a_done_job_that_is_claimed_again_is_not_purged(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "a", &done(), 1).await;
    let (again, ..) = granted(&*ledger, "a", 100).await;
    assert_eq!(ledger.purge(at(50), 10).await.unwrap(), 0);
    ledger.save(&again, new_save(&done(), Lease::Release, at(101))).await.unwrap();
    assert_eq!(ledger.purge(at(102), 10).await.unwrap(), 1);
}

pub(crate) async fn a_save_of_a_purged_job_is_superseded(ledger: Arc<dyn Ledger>) {
    let (claim, ..) = granted(&*ledger, "a", 0).await;
    ledger.save(&claim, new_save(&done(), Lease::Release, at(1))).await.unwrap();
    assert_eq!(ledger.purge(at(2), 10).await.unwrap(), 1);
    assert_superseded(ledger.save(&claim, new_save(&done(), Lease::Release, at(3))).await);
    assert_eq!(open_and_done(&*ledger).await, (0, 0));
}

pub(crate) async fn open_and_unknown_jobs_are_counted_by_status(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "a", &waiting(0, at(30)), 1).await;
    store(&*ledger, "b", &waiting(0, at(20)), 1).await;
    store(&*ledger, "c", &waiting(2, at(40)), 1).await;
    store(&*ledger, "d", &done(), 1).await;
    store(&*ledger, "e", &ended("unknown"), 1).await;
    ledger.ping().await.unwrap();
    let mut count_by_status = ledger.count_by_status().await.unwrap();
    count_by_status.sort_by_key(|status_count| status_count.status);
    let operation = job("a").operation;
    let expected = [
        (Status::Waiting, 2, Some(at(20))),
        (Status::Retrying, 1, Some(at(40))),
        (Status::Unknown, 1, None),
    ]
    .map(|(status, jobs, first_due)| {
        let operation = operation.clone();
        StatusCount { operation, status, jobs, first_due }
    });
    assert_eq!(count_by_status, expected);
}
