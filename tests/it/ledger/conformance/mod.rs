//! The promises of [`Ledger`] as tests that every store runs.

mod claims;
mod contention;
mod reads;
mod upkeep;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use ticketd::job::{Job, State};
use ticketd::ledger::{
    Claim, ClaimRequest, Claimed, CrashCount, Error, Filter, Lease, Ledger, Save,
};

pub(super) use self::{claims::*, contention::*, reads::*, upkeep::*};

/// Makes a test of each promise. The expression makes a new ledger, and a value that the test keeps
/// until its end.
macro_rules! every_promise {
    ($new_ledger:expr) => {
        $crate::ledger::conformance::each_promise! { $new_ledger;
            a_new_job_is_granted_with_its_first_state
            a_second_claim_is_held_until_the_lease_ends
            a_takeover_makes_the_former_claims_saves_fail
            a_job_with_an_expired_lease_can_be_claimed
            a_save_renews_the_lease
            a_released_job_can_be_claimed_at_once
            other_content_under_the_same_id_is_a_conflict
            crashes_are_counted_until_a_claim_makes_progress
            exclusive_crashes_are_counted_separately
            a_released_claim_is_not_counted_as_a_crash
            a_superseded_claim_can_not_release_the_newer_one
            a_done_job_is_granted_again_with_its_outcome
            the_first_stored_job_and_state_stay
            a_superseded_save_changes_nothing
            a_save_of_a_purged_job_is_superseded
            overdue_jobs_are_sorted_by_due_time
            an_overdue_job_has_its_saved_state
            postponed_jobs_do_not_starve_the_others
            only_jobs_that_are_still_overdue_are_postponed
            claimed_and_done_jobs_are_not_overdue
            a_reporting_job_is_overdue_at_once
            purge_deletes_the_oldest_done_jobs_only
            a_done_job_that_is_claimed_again_is_not_purged
            the_longest_lease_never_ends
            a_cancelled_job_is_returned_as_a_wakeup
            a_job_can_be_cancelled_before_it_is_stored
            a_cancelled_done_job_is_not_woken
            an_old_cancel_request_is_purged
            find_returns_everything_stored_about_a_job
            only_the_newest_history_entries_are_kept
            a_superseded_save_adds_no_history_entry
            jobs_are_listed_last_changed_first
            only_jobs_that_match_the_filter_are_listed
            open_and_unknown_jobs_are_counted_by_status
            concurrent_saves_are_all_stored
            concurrent_claims_of_one_job_never_both_save
        }
    };
}
macro_rules! each_promise {
    ($new_ledger:expr; $($promise:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let (ledger, _guard) = $new_ledger;
                $crate::ledger::conformance::$promise(ledger).await;
            }
        )+
    };
}
pub(crate) use {each_promise, every_promise};

pub(super) const LEASE: Duration = Duration::from_secs(120);

/// A time, in seconds from the start of the test.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn job(id: &str) -> Job {
    serde_json::from_value(json!({
        "id": id, "operation": "dms.CreateOrder", "kind": "create", "account": "dms-prod",
        "params": { "Comment": "close stale carts", "PluginType": "DC_COMMON" },
        "until": "accepted", "received_at": at(0),
    }))
    .unwrap()
}

/// A state that a test recognizes by its number.
pub(super) fn waiting(number: u32, due: Timestamp) -> State {
    let execution = json!({ "request": "call", "calls": number });
    serde_json::from_value(json!({ "phase": "waiting", "execution": execution, "due": due }))
        .unwrap()
}

/// The state during a request to the provider.
fn asking() -> State {
    let execution = json!({ "request": "call", "calls": 1 });
    serde_json::from_value(json!({ "phase": "asking", "execution": execution, "since": at(0) }))
        .unwrap()
}

fn reporting() -> State {
    with_outcome("reporting", "succeeded")
}

pub(super) fn done() -> State {
    ended("succeeded")
}

/// Done with some kind of outcome.
fn ended(kind: &str) -> State {
    with_outcome("done", kind)
}

fn with_outcome(phase: &str, kind: &str) -> State {
    let outcome =
        json!({ "kind": kind, "attempts": 1, "result": { "order_ids": [42] }, "times": {} });
    serde_json::from_value(json!({ "phase": phase, "outcome": outcome })).unwrap()
}

/// Requests a claim of the job that has this id.
pub(super) async fn claim(ledger: &dyn Ledger, id: &str, now: i64, take_over: bool) -> Claimed {
    let (job, state) = (job(id), waiting(1, at(0)));
    let request = ClaimRequest {
        job: &job,
        fingerprint: "f1",
        state: &state,
        take_over,
        exclusive: false,
        lease: LEASE,
        now: at(now),
    };
    ledger.claim(request).await.unwrap()
}

/// Claims a job, from another claim if there is one. Returns the claim, the job's state, and the
/// crashes before the claim.
pub(super) async fn granted(ledger: &dyn Ledger, id: &str, now: i64) -> (Claim, State, CrashCount) {
    match claim(ledger, id, now, true).await {
        Claimed::Granted { claim, state, crashes, .. } => (claim, *state, crashes),
        other @ (Claimed::Held { .. } | Claimed::Conflict) => panic!("{id} was {other:?}"),
    }
}

/// A save without a history entry.
pub(super) fn new_save(state: &State, lease: Lease, now: Timestamp) -> Save<'_> {
    Save { state, lease, entry: None, now }
}

/// Claims a job, saves a state and releases the claim.
async fn store(ledger: &dyn Ledger, id: &str, state: &State, now: i64) {
    let (claim, ..) = granted(ledger, id, now).await;
    ledger.save(&claim, new_save(state, Lease::Release, at(now))).await.unwrap();
}

/// Numbers of jobs that are not done, and that are done.
async fn open_and_done(ledger: &dyn Ledger) -> (usize, usize) {
    let jobs = ledger.list(&Filter::default()).await.unwrap();
    let open = jobs.iter().filter(|job| job.due.is_some()).count();
    (open, jobs.len() - open)
}

fn assert_superseded(saved: Result<(), Error>) {
    assert!(matches!(saved, Err(Error::Superseded(_))), "{saved:?}");
}
