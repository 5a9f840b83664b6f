//! The loop the whole program is about: step, save, act, repeat.

use std::pin::pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::warn;

use super::dependencies::PARK;
use super::events::dead;
use super::incoming::JobMessage;
use super::observe;
use super::{Dependencies, Error};
use crate::broker::{Confirm, Delivery};
use crate::job::machine::{Context, Input, step};
use crate::job::{
    ExecutionState, HistoryEntry, Job, Milestone, Outcome, RequestKind, State, WakeUp,
};
use crate::ledger::{self, Claim, Lease, Save};

/// A call leaves this soon after it was saved, or not at all. A worker that stood still in between
/// may have been taken over from, and its call been looked for and not found.
const MAX_SEND_DELAY: SignedDuration = SignedDuration::from_secs(5);

/// The pause before a save that failed is tried again.
const SAVE_AGAIN: Duration = Duration::from_millis(500);

/// A job's way under one claim: until it waits for long, or is done.
pub(super) struct Execution<'a> {
    pub(super) dependencies: &'a Dependencies,
    pub(super) delivery: &'a Delivery,
    pub(super) copy: &'a JobMessage,
    pub(super) claim: &'a Claim,
    /// Nothing else runs in this process meanwhile.
    pub(super) exclusive: bool,
    /// Why somebody wants the job to end, if anybody does.
    pub(super) cancelled: Option<String>,
}

impl Execution<'_> {
    /// Takes the job on from a state, and an event to begin with.
    pub(super) async fn run(
        &self,
        job: Job,
        mut state: State,
        mut event: Input,
    ) -> Result<(), Error> {
        let known = matches!(state, State::Done { .. });
        let policy = self.dependencies.policies.of(&job.operation);
        let capabilities = self.dependencies.providers.capabilities(&job);
        let mut confirms = Vec::new();
        loop {
            let now = self.dependencies.clock.now();
            let random = rand::random();
            let context = Context { job: &job, policy, capabilities, now, random };
            let next = step(state.clone(), event, &context)?;
            let hold = self.hold(&next, now);
            if next != state || hold == Lease::Release {
                let note = HistoryEntry::between(&state, &next, now);
                self.save(&next, hold, note.as_ref()).await?;
                observe::log_transition(&self.dependencies.metrics, &job, &next, note.as_ref());
            }
            let told = self.tell(&job, &state, &next, now);
            // Side by side: telling the world is no reason for a call to leave late, or not at all.
            let (confirm, acted) = tokio::join!(told, self.act(&job, &next, hold, known));
            confirms.extend(confirm);
            state = next;
            match acted? {
                Some(what) => event = what,
                None => break,
            }
        }
        for confirm in confirms {
            if let Err(error) = confirm.await {
                warn!(job = %job.id, %error, "an event along the way may be lost");
            }
        }
        Ok(())
    }

    /// Whether the claim is needed any longer in a state.
    fn hold(&self, state: &State, now: Timestamp) -> Lease {
        match state {
            State::Waiting { .. } if self.end(state).is_some() => Lease::Renew,
            // Others wait for a suspect to be through.
            State::Waiting { due, .. } if self.exclusive || due.duration_since(now) >= PARK => {
                Lease::Release
            }
            State::Done { .. } => Lease::Release,
            State::Waiting { .. } | State::Asking { .. } | State::Reporting { .. } => Lease::Renew,
        }
    }

    /// The event that ends it in a state, if somebody wants that.
    pub(super) fn end(&self, state: &State) -> Option<Input> {
        let reason = self.cancelled.as_ref().filter(|_| state.ends_when_cancelled())?;
        Some(Input::Cancelled(reason.clone()))
    }

    /// Does what the state says. Returns what came of it, or nothing when the job is left to a
    /// wake-up or done.
    async fn act(
        &self,
        job: &Job,
        state: &State,
        hold: Lease,
        known: bool,
    ) -> Result<Option<Input>, Error> {
        if let Some(end) = self.end(state) {
            return Ok(Some(end));
        }
        match state {
            State::Waiting { due, .. } if hold == Lease::Release => {
                let cancelled = self.cancelled.is_some();
                let wakeup = WakeUp { state: state.clone(), cancelled, ..self.copy.wakeup.clone() };
                self.dependencies.park(&wakeup, *due).await?;
                Ok(None)
            }
            State::Waiting { due, .. } => self.sit_out(*due).await.map(Some),
            State::Asking { execution, since } => {
                self.holding(state, self.ask(job, execution, *since)).await.map(Some)
            }
            State::Reporting { outcome } => self.report(job, outcome).await.map(Some),
            State::Done { outcome } => {
                if known && self.copy.expects_reply(job) {
                    self.dependencies
                        .events
                        .outcome(&self.copy.with_own_reply_to(job), outcome)
                        .await?;
                }
                Ok(None)
            }
        }
    }

    async fn ask(&self, job: &Job, execution: &ExecutionState, since: Timestamp) -> Input {
        let now = self.dependencies.clock.now();
        if execution.request == RequestKind::Call && now.duration_since(since) > MAX_SEND_DELAY {
            return Input::Deferred(now);
        }
        self.dependencies.providers.ask(job, execution).await
    }

    /// Renews the claim until something is over: a conversation of many requests may outlast it.
    async fn holding<T>(
        &self,
        state: &State,
        with_own_reply_to: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let mut with_own_reply_to = pin!(with_own_reply_to);
        loop {
            match tokio::time::timeout(self.dependencies.lease / 3, &mut with_own_reply_to).await {
                Ok(answer) => return Ok(answer),
                Err(_) => self.renew(state).await?,
            }
        }
    }

    /// A store that is busy for a moment is tried again at the next renewal.
    async fn renew(&self, state: &State) -> Result<(), Error> {
        let save =
            Save { state, lease: Lease::Renew, entry: None, now: self.dependencies.clock.now() };
        match self.dependencies.ledger.save(self.claim, save).await {
            Err(error @ ledger::Error::Store { .. }) => {
                warn!(job = %self.claim.job, %error, "a claim was not renewed");
                Ok(())
            }
            renewed => Ok(renewed?),
        }
    }

    /// Tells the outcome. What is poison is kept besides, for a person to look into; last, so that
    /// it is kept twice only if the worker stops just then.
    async fn report(&self, job: &Job, outcome: &Outcome) -> Result<Input, Error> {
        let events = &self.dependencies.events;
        events.outcome(job, outcome).await?;
        if self.copy.has_other_reply_to(job) {
            events.outcome(&self.copy.with_own_reply_to(job), outcome).await?;
        }
        if let Some(poison) = outcome.error.as_ref().filter(|error| error.is_poison()) {
            events
                .dead_letter(
                    self.delivery,
                    dead::POISON,
                    &poison.message,
                    self.dependencies.clock.now(),
                )
                .await?;
        }
        Ok(Input::Published)
    }

    /// Saves a state. What was learned must not be lost to a store that is busy for a moment, so a
    /// failed save is tried again while the claim is sure to hold.
    async fn save(
        &self,
        state: &State,
        hold: Lease,
        note: Option<&HistoryEntry>,
    ) -> Result<(), Error> {
        let since = Instant::now();
        loop {
            let save = Save { state, lease: hold, entry: note, now: self.dependencies.clock.now() };
            match self.dependencies.ledger.save(self.claim, save).await {
                Err(error @ ledger::Error::Store { .. })
                    if since.elapsed() < self.dependencies.lease / 2
                        && !self.dependencies.stopping.is_cancelled() =>
                {
                    warn!(job = %self.claim.job, %error, "a save failed; trying again");
                    tokio::time::sleep(SAVE_AGAIN).await;
                }
                saved => return Ok(saved?),
            }
        }
    }

    /// Sends an event if the step is worth one; the broker's confirm is awaited later.
    async fn tell(
        &self,
        job: &Job,
        before: &State,
        after: &State,
        now: Timestamp,
    ) -> Option<Confirm> {
        let milestone = Milestone::between(before, after)?;
        let (State::Waiting { execution, .. } | State::Asking { execution, .. }) = after else {
            return None;
        };
        match self.dependencies.events.milestone(job, execution, milestone, now).await {
            Ok(confirm) => Some(confirm),
            Err(error) => {
                warn!(job = %job.id, %error, "an event along the way is lost");
                None
            }
        }
    }

    /// Waits in place, unless the worker stops.
    async fn sit_out(&self, due: Timestamp) -> Result<Input, Error> {
        let wait = due
            .duration_since(self.dependencies.clock.now())
            .max(SignedDuration::ZERO)
            .unsigned_abs();
        self.dependencies.unless_stopping(tokio::time::sleep(wait)).await?;
        Ok(Input::Resumed)
    }
}
