//! Claims: who may change a job, and how crashes are counted.

use std::sync::Arc;
use std::time::Duration;

use ticketd::ledger::{Claim, ClaimRequest, Claimed, CrashCount, Lease, Ledger};

use super::{
    LEASE, asking, assert_superseded, at, claim, done, granted, job, new_save, open_and_done,
    reporting, store, waiting,
};

pub(crate) async fn a_new_job_is_granted_with_its_first_state(ledger: Arc<dyn Ledger>) {
    let expected = Claimed::Granted {
        claim: Claim { job: job("a").id, fence: 1 },
        job: Box::new(job("a")),
        state: Box::new(waiting(1, at(0))),
        crashes: CrashCount::default(),
        cancelled: None,
    };
    assert_eq!(claim(&*ledger, "a", 0, false).await, expected);
}

pub(crate) async fn a_second_claim_is_held_until_the_lease_ends(ledger: Arc<dyn Ledger>) {
    let (first, ..) = granted(&*ledger, "a", 0).await;
    assert_eq!(claim(&*ledger, "a", 119, false).await, Claimed::Held { until: at(120) });
    ledger.save(&first, new_save(&waiting(2, at(9)), Lease::Renew, at(119))).await.unwrap();
}

pub(crate) async fn a_takeover_makes_the_former_claims_saves_fail(ledger: Arc<dyn Ledger>) {
    let (former, ..) = granted(&*ledger, "a", 0).await;
    let (newer, ..) = granted(&*ledger, "a", 1).await;
    assert!(newer.fence > former.fence);
    assert_superseded(
        ledger.save(&former, new_save(&waiting(2, at(9)), Lease::Renew, at(2))).await,
    );
    ledger.save(&newer, new_save(&waiting(3, at(9)), Lease::Renew, at(2))).await.unwrap();
}

pub(crate) async fn a_job_with_an_expired_lease_can_be_claimed(ledger: Arc<dyn Ledger>) {
    let (former, ..) = granted(&*ledger, "a", 0).await;
    let second = claim(&*ledger, "a", 120, false).await;
    assert!(matches!(second, Claimed::Granted { .. }), "{second:?}");
    assert_superseded(ledger.save(&former, new_save(&done(), Lease::Release, at(121))).await);
}

pub(crate) async fn a_save_renews_the_lease(ledger: Arc<dyn Ledger>) {
    let (first, ..) = granted(&*ledger, "a", 0).await;
    ledger.save(&first, new_save(&waiting(2, at(9)), Lease::Renew, at(100))).await.unwrap();
    assert_eq!(claim(&*ledger, "a", 219, false).await, Claimed::Held { until: at(220) });
}

pub(crate) async fn a_released_job_can_be_claimed_at_once(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "a", &waiting(2, at(9)), 1).await;
    match claim(&*ledger, "a", 1, false).await {
        Claimed::Granted { claim, state, crashes, .. } => {
            assert_eq!((claim.fence, *state), (2, waiting(2, at(9))));
            assert_eq!(crashes, CrashCount::default());
        }
        other @ (Claimed::Held { .. } | Claimed::Conflict) => panic!("{other:?}"),
    }
}

pub(crate) async fn other_content_under_the_same_id_is_a_conflict(ledger: Arc<dyn Ledger>) {
    let (first, ..) = granted(&*ledger, "a", 0).await;
    let (job, state) = (job("a"), waiting(1, at(0)));
    let other = |now| ClaimRequest {
        job: &job,
        fingerprint: "f2",
        state: &state,
        take_over: true,
        exclusive: false,
        lease: LEASE,
        now,
    };
    assert_eq!(ledger.claim(other(at(1))).await.unwrap(), Claimed::Conflict);
    ledger.save(&first, new_save(&done(), Lease::Release, at(2))).await.unwrap();
    assert_eq!(ledger.claim(other(at(3))).await.unwrap(), Claimed::Conflict);
}

/// Claims a job and does nothing with it, as a crashed worker does.
async fn crash(ledger: &dyn Ledger, exclusive: bool) -> CrashCount {
    let (job, state) = (job("a"), waiting(1, at(0)));
    let request = ClaimRequest {
        job: &job,
        fingerprint: "f1",
        state: &state,
        take_over: true,
        exclusive,
        lease: LEASE,
        now: at(0),
    };
    match ledger.claim(request).await.unwrap() {
        Claimed::Granted { crashes, .. } => crashes,
        other @ (Claimed::Held { .. } | Claimed::Conflict) => panic!("{other:?}"),
    }
}

pub(crate) async fn crashes_are_counted_until_a_claim_makes_progress(ledger: Arc<dyn Ledger>) {
    for before in 0..4 {
        assert_eq!(crash(&*ledger, false).await, CrashCount { shared: before, exclusive: 0 });
    }
    // A request that is not granted is no claim.
    claim(&*ledger, "a", 1, false).await;
    let (last, _, crashes) = granted(&*ledger, "a", 1).await;
    assert_eq!(crashes, CrashCount { shared: 4, exclusive: 0 });
    // The state before a request to the provider is no progress.
    ledger.save(&last, new_save(&asking(), Lease::Renew, at(2))).await.unwrap();
    let (last, _, crashes) = granted(&*ledger, "a", 3).await;
    assert_eq!(crashes, CrashCount { shared: 5, exclusive: 0 });
    ledger.save(&last, new_save(&waiting(2, at(9)), Lease::Renew, at(3))).await.unwrap();
    assert_eq!(granted(&*ledger, "a", 4).await.2, CrashCount::default());
    assert_eq!(granted(&*ledger, "a", 5).await.2, CrashCount { shared: 1, exclusive: 0 });
}

pub(crate) async fn exclusive_crashes_are_counted_separately(ledger: Arc<dyn Ledger>) {
    assert_eq!(crash(&*ledger, true).await, CrashCount::default());
    assert_eq!(crash(&*ledger, false).await, CrashCount { shared: 0, exclusive: 1 });
    assert_eq!(crash(&*ledger, true).await, CrashCount { shared: 1, exclusive: 1 });
    let (last, _, crashes) = granted(&*ledger, "a", 1).await;
    assert_eq!(crashes, CrashCount { shared: 1, exclusive: 2 });
    ledger.save(&last, new_save(&reporting(), Lease::Renew, at(2))).await.unwrap();
    assert_eq!(granted(&*ledger, "a", 3).await.2, CrashCount::default());
}

pub(crate) async fn a_released_claim_is_not_counted_as_a_crash(ledger: Arc<dyn Ledger>) {
    for _ in 0..5 {
        let (claim, ..) = granted(&*ledger, "a", 0).await;
        ledger.release(&claim).await.unwrap();
    }
    // The lease ends with the release.
    let again = claim(&*ledger, "a", 0, false).await;
    let Claimed::Granted { crashes, .. } = again else { panic!("{again:?}") };
    assert_eq!(crashes, CrashCount::default());
    crash(&*ledger, true).await;
    let (last, ..) = granted(&*ledger, "a", 1).await;
    ledger.release(&last).await.unwrap();
    assert_eq!(granted(&*ledger, "a", 2).await.2, CrashCount { shared: 1, exclusive: 1 });
}

pub(crate) async fn a_superseded_claim_can_not_release_the_newer_one(ledger: Arc<dyn Ledger>) {
    let (former, ..) = granted(&*ledger, "a", 0).await;
    let (newer, ..) = granted(&*ledger, "a", 1).await;
    assert_superseded(ledger.release(&former).await);
    assert_eq!(claim(&*ledger, "a", 2, false).await, Claimed::Held { until: at(121) });
    ledger.save(&newer, new_save(&waiting(2, at(9)), Lease::Renew, at(3))).await.unwrap();
    ledger.release(&newer).await.unwrap();
    assert_eq!(granted(&*ledger, "a", 4).await.2, CrashCount::default());
}

pub(crate) async fn a_done_job_is_granted_again_with_its_outcome(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "a", &done(), 1).await;
    let (again, state, _) = granted(&*ledger, "a", 2).await;
    assert_eq!(state, done());
    ledger.save(&again, new_save(&done(), Lease::Release, at(3))).await.unwrap();
}

pub(crate) async fn the_first_stored_job_and_state_stay(ledger: Arc<dyn Ledger>) {
    store(&*ledger, "a", &waiting(2, at(9)), 1).await;
    let mut late = job("a");
    late.received_at = at(50);
    let request = ClaimRequest {
        job: &late,
        fingerprint: "f1",
        state: &waiting(7, at(50)),
        take_over: false,
        exclusive: false,
        lease: LEASE,
        now: at(50),
    };
    match ledger.claim(request).await.unwrap() {
        Claimed::Granted { job: stored, state, .. } => {
            assert_eq!((*stored, *state), (job("a"), waiting(2, at(9))));
        }
        other @ (Claimed::Held { .. } | Claimed::Conflict) => panic!("{other:?}"),
    }
}

pub(crate) async fn a_superseded_save_changes_nothing(ledger: Arc<dyn Ledger>) {
    let (former, ..) = granted(&*ledger, "a", 0).await;
    let (newer, ..) = granted(&*ledger, "a", 1).await;
    ledger.save(&newer, new_save(&waiting(2, at(9)), Lease::Renew, at(2))).await.unwrap();
    assert_superseded(ledger.save(&former, new_save(&done(), Lease::Release, at(3))).await);
    assert_eq!(claim(&*ledger, "a", 3, false).await, Claimed::Held { until: at(122) });
    assert_eq!(granted(&*ledger, "a", 4).await.1, waiting(2, at(9)));
    assert_eq!(open_and_done(&*ledger).await, (1, 0));
}

pub(crate) async fn the_longest_lease_never_ends(ledger: Arc<dyn Ledger>) {
    let (job, state) = (job("a"), waiting(1, at(0)));
    let request = |now| ClaimRequest {
        job: &job,
        fingerprint: "f1",
        state: &state,
        take_over: false,
        exclusive: false,
        lease: Duration::MAX,
        now,
    };
    let Claimed::Granted { claim, .. } = ledger.claim(request(at(0))).await.unwrap() else {
        panic!("the new job was not granted");
    };
    ledger.save(&claim, new_save(&state, Lease::Renew, at(1))).await.unwrap();
    let later = ledger.claim(request(at(1_000_000_000))).await.unwrap();
    assert!(matches!(later, Claimed::Held { .. }), "{later:?}");
}
