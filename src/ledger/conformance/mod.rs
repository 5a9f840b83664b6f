//! The promises of [`super::Ledger`], as one suite that every implementation runs.

mod claims;
mod contention;
mod lookups;
mod upkeep;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

pub(crate) use self::{claims::*, contention::*, lookups::*, upkeep::*};
use super::{Claim, ClaimRequest, Claimed, CrashCount, Error, Lease, Ledger, Save};
use crate::job::{Job, State};

/// Turns each promise into a test of its own, on a fresh ledger: the expression makes one, with
/// something to keep until its test ends.
macro_rules! every_promise {
    ($fresh:expr) => {
        $crate::ledger::conformance::each_promise! { $fresh;
            a_fresh_job_is_granted_with_its_first_state
            a_second_copy_is_held_while_the_lease_runs
            a_redelivered_copy_takes_over_and_the_former_holders_save_is_refused
            an_expired_lease_can_be_claimed
            a_kept_save_renews_the_lease
            a_released_job_can_be_claimed_at_once
            other_content_under_the_same_id_is_a_conflict
            claims_without_progress_are_counted_until_one_makes_some
            claims_made_alone_are_counted_apart
            a_claim_that_was_let_go_does_not_count
            a_claim_lets_go_only_of_what_is_its_own
            a_done_job_is_granted_again_with_its_outcome
            what_was_first_stored_stands
            a_refused_save_changes_nothing
            a_save_of_a_purged_job_is_refused
            overdue_jobs_come_longest_overdue_first
            an_overdue_job_is_handed_out_as_it_was_saved
            a_job_that_is_put_off_lets_the_others_have_their_turn
            only_jobs_that_are_still_overdue_are_put_off
            claimed_and_done_jobs_are_not_overdue
            an_unended_report_is_overdue_at_once
            purging_forgets_the_oldest_done_jobs_and_keeps_open_ones
            a_done_job_that_is_told_again_is_not_purged
            a_very_long_lease_never_ends
            a_cancelled_job_wakes_as_it_stands_and_says_so
            a_job_can_be_cancelled_before_it_comes
            a_done_job_is_not_woken_to_be_cancelled
            a_wish_to_cancel_is_forgotten_with_its_time
            a_job_is_found_with_all_that_is_known_of_it
            of_a_long_history_the_newest_part_is_kept
            a_refused_save_leaves_no_note
            jobs_are_listed_last_changed_first
            only_jobs_that_fit_are_listed
            open_jobs_and_unknown_ones_are_counted_by_where_they_stand
            many_tasks_save_at_once_and_nothing_is_lost
            rivals_for_one_job_never_both_save
        }
    };
}
macro_rules! each_promise {
    ($fresh:expr; $($promise:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let (ledger, _kept) = $fresh;
                $crate::ledger::conformance::$promise(ledger).await;
            }
        )+
    };
}
pub(crate) use {each_promise, every_promise};

pub(crate) const LEASE: Duration = Duration::from_secs(120);

/// That many seconds into the test.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn job(id: &str) -> Job {
    serde_json::from_value(json!({
        "id": id, "operation": "dms.CreateOrder", "kind": "create", "account": "dms-prod",
        "params": { "Comment": "close stale carts", "PluginType": "DC_COMMON" },
        "until": "accepted", "received_at": at(0),
    }))
    .unwrap()
}

/// A state that can be told apart by its number.
pub(crate) fn waiting(number: u32, due: Timestamp) -> State {
    let execution = json!({ "request": "call", "calls": number });
    serde_json::from_value(json!({ "phase": "waiting", "execution": execution, "due": due }))
        .unwrap()
}

/// A request may be on its way.
fn asking() -> State {
    let execution = json!({ "request": "call", "calls": 1 });
    serde_json::from_value(json!({ "phase": "asking", "execution": execution, "since": at(0) }))
        .unwrap()
}

/// Done, with this verdict.
fn ended(kind: &str) -> State {
    let outcome = json!({ "kind": kind, "attempts": 1, "result": {}, "times": {} });
    serde_json::from_value(json!({ "phase": "done", "outcome": outcome })).unwrap()
}

fn ending(phase: &str) -> State {
    let outcome = json!({
        "kind": "succeeded", "attempts": 1, "result": { "order_ids": [42] }, "times": {},
    });
    serde_json::from_value(json!({ "phase": phase, "outcome": outcome })).unwrap()
}

pub(crate) fn done() -> State {
    ending("done")
}

/// Claims with content and first state that follow from the id.
pub(crate) async fn claim(ledger: &dyn Ledger, id: &str, now: i64, take_over: bool) -> Claimed {
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

/// A save without a note.
pub(crate) fn bare(state: &State, hold: Lease, now: Timestamp) -> Save<'_> {
    Save { state, hold, note: None, now }
}

/// Claims a job that must be granted: the claim, the state and the deaths before it.
pub(crate) async fn granted(ledger: &dyn Ledger, id: &str, now: i64) -> (Claim, State, CrashCount) {
    match claim(ledger, id, now, true).await {
        Claimed::Granted { claim, state, crashes, .. } => (claim, *state, crashes),
        other @ (Claimed::Held { .. } | Claimed::Conflict) => panic!("{id} was {other:?}"),
    }
}

/// Stores a job, saves a state and lets go.
async fn put(ledger: &dyn Ledger, id: &str, state: &State, now: i64) {
    let (claim, ..) = granted(ledger, id, now).await;
    ledger.save(&claim, bare(state, Lease::Release, at(now))).await.unwrap();
}

fn assert_superseded(saved: Result<(), Error>) {
    assert!(matches!(saved, Err(Error::Superseded(_))), "{saved:?}");
}
