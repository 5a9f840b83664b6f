//! The loop of a claimed job: decide, save, act.

use std::pin::pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::warn;

use super::incoming::JobMessage;
use super::{DeadLetterReason, Dependencies, Error, observe};
use crate::broker::{Confirm, Delivery};
use crate::job::machine::{Action, Context, Input, Isolation, Transition, step};
use crate::job::{ExecutionState, Job, Outcome, RequestKind, State, WakeUp};
use crate::ledger::{self, Claim, Lease, Save};

/// Longest time between saving a call and sending it. If a worker stalls for longer, another may
/// have taken the job over and found no trace of the call.
const MAX_SEND_DELAY: SignedDuration = SignedDuration::from_secs(5);

/// Pause before a failed save is tried again.
const SAVE_RETRY_PAUSE: Duration = Duration::from_millis(500);

/// One run of a job under one claim, until the job is parked or done.
pub(super) struct Execution<'a> {
    pub(super) dependencies: &'a Dependencies,
    pub(super) delivery: &'a Delivery,
    pub(super) message: &'a JobMessage<'a>,
    pub(super) claim: &'a Claim,
    pub(super) isolation: Isolation,
    /// Reason of a cancel request, which may be empty.
    pub(super) cancelled: Option<String>,
}

impl Execution<'_> {
    pub(super) async fn run(
        &self,
        job: &Job,
        mut state: State,
        mut input: Input,
    ) -> Result<(), Error> {
        let mut confirms = Vec::new();
        loop {
            let next = step(&state, input, &self.context(job))?;
            self.save(job, &next).await?;
            // Together: publishing a milestone must not delay a call.
            let (confirm, performed) =
                tokio::join!(self.send_milestone(job, &next), self.perform(job, &next));
            confirms.extend(confirm);
            match performed? {
                Some(result) => input = result,
                None => break,
            }
            state = next.state;
        }
        self.await_confirms(confirms).await;
        Ok(())
    }

    fn context<'a>(&'a self, job: &'a Job) -> Context<'a> {
        let Dependencies { policies, providers, clock, .. } = self.dependencies;
        Context {
            job,
            policy: policies.of(&job.operation),
            capabilities: providers.capabilities(job),
            cancelled: self.cancelled.as_deref(),
            isolation: self.isolation,
            now: clock.now(),
            random: rand::random(),
        }
    }

    /// Performs an action. Returns its result, or nothing when the run ends.
    async fn perform(&self, job: &Job, next: &Transition) -> Result<Option<Input>, Error> {
        match next.action() {
            Action::Sleep(due) => self.sleep_until(due).await.map(Some),
            Action::Park(due) => self.park(&next.state, due).await.map(|()| None),
            Action::Request { execution, since } => {
                let request = self.request(job, execution, since);
                self.while_renewing_lease(&next.state, request).await.map(Some)
            }
            Action::PublishOutcome(outcome) => self.publish_outcome(job, outcome).await.map(Some),
            Action::AnswerAgain(outcome) => self.answer_again(job, outcome).await.map(|()| None),
            Action::Acknowledge => Ok(None),
        }
    }

    async fn sleep_until(&self, due: Timestamp) -> Result<Input, Error> {
        let wait = due.duration_since(self.dependencies.clock.now()).max(SignedDuration::ZERO);
        self.dependencies.unless_stopping(tokio::time::sleep(wait.unsigned_abs())).await?;
        Ok(Input::Resumed)
    }

    async fn park(&self, state: &State, due: Timestamp) -> Result<(), Error> {
        let WakeUp { job, fingerprint, .. } = &self.message.wakeup;
        let wakeup = WakeUp {
            job: job.clone(),
            fingerprint: fingerprint.clone(),
            state: state.clone(),
            cancelled: self.cancelled.is_some(),
        };
        self.dependencies.scheduler.park(&wakeup, due).await
    }

    async fn request(&self, job: &Job, execution: &ExecutionState, since: Timestamp) -> Input {
        let now = self.dependencies.clock.now();
        if execution.request == RequestKind::Call && now.duration_since(since) > MAX_SEND_DELAY {
            return Input::Deferred(now);
        }
        self.dependencies.providers.ask(job, execution).await
    }

    /// Renews the claim until something is done: one question may take many requests.
    async fn while_renewing_lease<T>(
        &self,
        state: &State,
        work: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(self.dependencies.lease / 3, &mut work).await {
                Ok(result) => return Ok(result),
                Err(_) => self.renew_lease(state).await?,
            }
        }
    }

    /// A ledger that is busy for a moment gets another chance at the next renewal.
    async fn renew_lease(&self, state: &State) -> Result<(), Error> {
        let now = self.dependencies.clock.now();
        let save = Save { state, lease: Lease::Renew, entry: None, now };
        match self.dependencies.ledger.save(self.claim, save).await {
            Err(error @ ledger::Error::Store { .. }) => {
                warn!(job = %self.claim.job, %error, "the lease was not renewed; trying again");
                Ok(())
            }
            renewed => Ok(renewed?),
        }
    }

    /// Publishes the outcome, and keeps the message of a poison job as a dead letter. The dead
    /// letter comes last, so that it is doubled only if the worker stops in that moment.
    async fn publish_outcome(&self, job: &Job, outcome: &Outcome) -> Result<Input, Error> {
        let Dependencies { events, dead_letters, clock, .. } = self.dependencies;
        events.publish_outcome(job, outcome).await?;
        if self.message.has_other_reply_to(job) {
            events.publish_outcome(&self.message.with_own_reply_to(job), outcome).await?;
        }
        if let Some(error) = outcome.error.as_ref().filter(|error| error.is_poison()) {
            let (reason, now) = (DeadLetterReason::Poison, clock.now());
            dead_letters.keep(self.delivery, reason, &error.message, now).await?;
        }
        Ok(Input::Published)
    }

    async fn answer_again(&self, job: &Job, outcome: &Outcome) -> Result<(), Error> {
        if !self.message.expects_reply(job) {
            return Ok(());
        }
        let job = self.message.with_own_reply_to(job);
        self.dependencies.events.publish_outcome(&job, outcome).await
    }

    /// Saves the next state, if it is new or the claim ends with it. A ledger that is busy for a
    /// moment must not cost an answer: a failed save is tried again while the claim is still valid.
    async fn save(&self, job: &Job, next: &Transition) -> Result<(), Error> {
        let Dependencies { ledger, clock, stopping, metrics, .. } = self.dependencies;
        let lease = lease_after(&next.action());
        if !next.changed && lease == Lease::Renew {
            return Ok(());
        }
        let (state, entry) = (&next.state, next.history.as_ref());
        let retry_for = self.dependencies.lease / 2;
        let started = Instant::now();
        loop {
            match ledger.save(self.claim, Save { state, lease, entry, now: clock.now() }).await {
                Err(error @ ledger::Error::Store { .. })
                    if started.elapsed() < retry_for && !stopping.is_cancelled() =>
                {
                    warn!(job = %self.claim.job, %error, "the state was not saved; trying again");
                    tokio::time::sleep(SAVE_RETRY_PAUSE).await;
                }
                saved => break saved?,
            }
        }
        observe::log_transition(metrics, job, next);
        Ok(())
    }

    async fn send_milestone(&self, job: &Job, next: &Transition) -> Option<Confirm> {
        let (milestone, execution) = (next.milestone?, next.state.execution()?);
        let events = &self.dependencies.events;
        match events.send_milestone(job, execution, milestone, next.at).await {
            Ok(confirm) => Some(confirm),
            Err(error) => {
                warn!(job = %job.id, ?milestone, %error, "the event of a milestone was not sent");
                None
            }
        }
    }

    async fn await_confirms(&self, confirms: Vec<Confirm>) {
        for confirm in confirms {
            if let Err(error) = confirm.await {
                let job = &self.claim.job;
                warn!(%job, %error, "the event of a milestone was not confirmed");
            }
        }
    }
}

/// Whether the claim is still needed during an action.
fn lease_after(action: &Action<'_>) -> Lease {
    match action {
        Action::Sleep(_) | Action::Request { .. } | Action::PublishOutcome(_) => Lease::Renew,
        Action::Park(_) | Action::Acknowledge | Action::AnswerAgain(_) => Lease::Release,
    }
}
