//! What operators read, and cancel requests.

use std::sync::Arc;

use ticketd::job::{HistoryEntry, Kind, Status, WakeUp};
use ticketd::ledger::{
    ClaimRequest, Claimed, CrashCount, Filter, JobRecord, JobSummary, Lease, Ledger,
    MAX_HISTORY_ENTRIES, Save,
};

use super::{LEASE, assert_superseded, at, claim, done, granted, job, new_save, store, waiting};

fn cancel_reason(claimed: &Claimed) -> Option<&str> {
    match claimed {
        Claimed::Granted { cancelled, .. } => cancelled.as_deref(),
        other @ (Claimed::Held { .. } | Claimed::Conflict) => panic!("{other:?}"),
    }
}

pub(crate) async fn a_cancelled_job_is_returned_as_a_wakeup(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "a", &waiting(2, at(900)), 1).await;
    store(&*ledger, "b", &waiting(2, at(900)), 1).await;
    assert_eq!(cancel_reason(&claim(&*ledger, "a", 2, false).await), None);
    // A claim does not matter: its worker reads the request at the next claim.
    for (now, reason) in [(3, "wrong table"), (4, "again")] {
        let wakeup = ledger.cancel(&job("a").id, reason, at(now)).await.unwrap().unwrap();
        assert_eq!((wakeup.job, wakeup.fingerprint.as_str()), (job("a"), "f1"));
        assert_eq!((wakeup.state, wakeup.cancelled), (waiting(2, at(900)), true));
    }
    assert_eq!(cancel_reason(&claim(&*ledger, "a", 200, false).await), Some("wrong table"));
    assert_eq!(cancel_reason(&claim(&*ledger, "b", 200, false).await), None);
    let overdue = ledger.overdue(at(1000), at(1000), 2).await.unwrap();
    let cancelled = |wakeup: &WakeUp| (wakeup.job.id.to_string(), wakeup.cancelled);
    let mut overdue: Vec<_> = overdue.iter().map(cancelled).collect();
    overdue.sort();
    assert_eq!(overdue, [("a".to_owned(), true), ("b".to_owned(), false)]);
}

pub(crate) async fn a_job_can_be_cancelled_before_it_is_stored(ledger: Arc<dyn Ledger>) {
    assert_eq!(ledger.cancel(&job("a").id, "", at(0)).await.unwrap(), None);
    assert_eq!(cancel_reason(&claim(&*ledger, "a", 1, false).await), Some(""));
    assert_eq!(cancel_reason(&claim(&*ledger, "b", 1, false).await), None);
}

pub(crate) async fn a_cancelled_done_job_is_not_woken(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "a", &done(), 1).await;
    assert_eq!(ledger.cancel(&job("a").id, "", at(2)).await.unwrap(), None);
    assert_eq!(granted(&*ledger, "a", 3).await.1, done());
}

pub(crate) async fn an_old_cancel_request_is_purged(ledger: Arc<dyn Ledger>) {
    ledger.cancel(&job("old").id, "", at(0)).await.unwrap();
    ledger.cancel(&job("new").id, "", at(10)).await.unwrap();
    ledger.purge(at(5), 10).await.unwrap();
    assert_eq!(cancel_reason(&claim(&*ledger, "old", 20, false).await), None);
    assert_eq!(cancel_reason(&claim(&*ledger, "new", 20, false).await), Some(""));
}

pub(crate) async fn find_returns_everything_stored_about_a_job(ledger: Arc<dyn Ledger>) {
    assert_eq!(ledger.find(&job("a").id).await.unwrap(), None);
    let (first, ..) = granted(&*ledger, "a", 0).await;
    let notes = [
        HistoryEntry::new(at(1), "started", ""),
        HistoryEntry::new(at(2), "retrying", "Slow\u{0}: é"),
    ];
    for (note, now) in notes.iter().zip([1, 2]) {
        let state = waiting(now, at(300));
        let save =
            Save { state: &state, lease: Lease::Renew, entry: Some(note), now: at(now.into()) };
        ledger.save(&first, save).await.unwrap();
    }
    granted(&*ledger, "a", 3).await;
    let found = ledger.find(&job("a").id).await.unwrap();
    let expected = JobRecord {
        job: job("a"),
        fingerprint: "f1".to_owned(),
        state: waiting(2, at(300)),
        held_until: Some(at(3) + jiff::SignedDuration::try_from(LEASE).unwrap()),
        due: Some(at(300)),
        crashes: CrashCount { shared: 1, exclusive: 0 },
        cancelled: false,
        history: notes.to_vec(),
    };
    assert_eq!(found, Some(expected));
    store(&*ledger, "a", &done(), 4).await;
    ledger.cancel(&job("a").id, "", at(5)).await.unwrap();
    let found = ledger.find(&job("a").id).await.unwrap().unwrap();
    assert_eq!((found.held_until, found.due, found.cancelled), (None, None, true));
}

pub(crate) async fn only_the_newest_history_entries_are_kept(ledger: Arc<dyn Ledger>) {
    let (first, ..) = granted(&*ledger, "a", 0).await;
    let state = waiting(1, at(300));
    let last = MAX_HISTORY_ENTRIES as i64 + 3;
    for number in 1..=last {
        let note = HistoryEntry::new(at(number), "progress", number.to_string());
        let save = Save { state: &state, lease: Lease::Renew, entry: Some(&note), now: at(number) };
        ledger.save(&first, save).await.unwrap();
    }
    let history = ledger.find(&job("a").id).await.unwrap().unwrap().history;
    assert_eq!(history.len(), MAX_HISTORY_ENTRIES);
    assert_eq!((history[0].at, history[MAX_HISTORY_ENTRIES - 1].at), (at(4), at(last)));
}

pub(crate) async fn a_superseded_save_adds_no_history_entry(ledger: Arc<dyn Ledger>) {
    let (former, ..) = granted(&*ledger, "a", 0).await;
    granted(&*ledger, "a", 1).await;
    let (state, note) = (waiting(2, at(9)), HistoryEntry::new(at(2), "retrying", "late"));
    let save = Save { state: &state, lease: Lease::Renew, entry: Some(&note), now: at(2) };
    assert_superseded(ledger.save(&former, save).await);
    assert!(ledger.find(&job("a").id).await.unwrap().unwrap().history.is_empty());
}

async fn listed(ledger: &dyn Ledger, filter: Filter) -> Vec<String> {
    let found = ledger.list(&filter).await.unwrap();
    found.into_iter().map(|summary| summary.id.to_string()).collect()
}

pub(crate) async fn jobs_are_listed_last_changed_first(ledger: Arc<dyn Ledger>) {
    for (id, now) in [("b", 20), ("a", 20), ("c", 30), ("d", 10)] {
        store(&*ledger, id, &waiting(2, at(300)), now).await;
    }
    assert_eq!(listed(&*ledger, Filter::default()).await, ["c", "a", "b", "d"]);
    let two = Filter { limit: Some(2), ..Filter::default() };
    assert_eq!(listed(&*ledger, two).await, ["c", "a"]);
    let expected = JobSummary {
        id: job("c").id,
        operation: "dms.CreateOrder".to_owned(),
        kind: Kind::Create,
        account: "dms-prod".to_owned(),
        status: Status::Retrying,
        due: Some(at(300)),
        changed_at: at(30),
    };
    assert_eq!(ledger.list(&Filter::default()).await.unwrap()[0], expected);
}

pub(crate) async fn only_jobs_that_match_the_filter_are_listed(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "waiting", &waiting(0, at(300)), 4).await;
    store(&*ledger, "done", &done(), 3).await;
    let mut other = job("other");
    other.operation = "dataworks.DeployDISyncTask".to_owned();
    (other.kind, other.account) = (Kind::Deploy, "works".to_owned());
    let request = ClaimRequest {
        job: &other,
        fingerprint: "f1",
        state: &waiting(1, at(0)),
        take_over: false,
        exclusive: false,
        lease: LEASE,
        now: at(2),
    };
    let Claimed::Granted { claim: theirs, .. } = ledger.claim(request).await.unwrap() else {
        panic!("the new job was not granted");
    };
    ledger.save(&theirs, new_save(&waiting(1, at(9)), Lease::Release, at(2))).await.unwrap();
    let all = Filter::default();
    for (filter, expected) in [
        (all.clone(), vec!["waiting", "done", "other"]),
        (Filter { statuses: vec![Status::Waiting], ..all.clone() }, vec!["waiting"]),
        (
            Filter { statuses: vec![Status::Succeeded, Status::Retrying], ..all.clone() },
            vec!["done", "other"],
        ),
        (Filter { statuses: vec![Status::Polling], ..all.clone() }, vec![]),
        (
            Filter { operation: Some("dms.CreateOrder".into()), ..all.clone() },
            vec!["waiting", "done"],
        ),
        (Filter { kind: Some(Kind::Deploy), ..all.clone() }, vec!["other"]),
        (Filter { account: Some("works".into()), ..all.clone() }, vec!["other"]),
        (Filter { account: Some("works' OR 1=1".into()), ..all.clone() }, vec![]),
        (
            Filter { kind: Some(Kind::Create), statuses: vec![Status::Succeeded], ..all.clone() },
            vec!["done"],
        ),
    ] {
        assert_eq!(listed(&*ledger, filter.clone()).await, expected, "{filter:?}");
    }
}
