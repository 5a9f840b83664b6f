//! One job at a time: step, save, act, repeat.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::copy::{Copy, envelope, message};
use super::roster::Roster;
use super::{Reporter, Trouble};
use crate::broker::{Confirm, Delivery, Origin, Publisher};
use crate::cloud::Clouds;
use crate::job::machine::{Context, Event, step};
use crate::job::message::Rules;
use crate::job::policy::Policies;
use crate::job::{Ask, Job, Milestone, State, Turn, WakeUp};
use crate::ledger::{self, Claim, ClaimRequest, Claimed, Hold, Ledger};

/// A wait shorter than this is sat out; a longer one is parked.
const PARK: SignedDuration = SignedDuration::from_secs(1);

/// A copy of a job that runs elsewhere looks again after this long at the latest, however long the
/// claim holds: its producer may wait for the outcome in another place.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(8);

/// A call leaves this soon after it was saved, or not at all. A worker that stood still in between
/// may have been taken over from, and its call been looked for and not found.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(5);

/// The pause before a save that failed is tried again.
const SAVE_AGAIN: Duration = Duration::from_millis(500);

/// Everything jobs need to run.
pub struct Runner {
    parts: Parts,
    roster: Roster,
}

/// What a runner is made of.
pub struct Parts {
    /// What a message is judged by.
    pub rules: Rules,
    /// How patient we are, per operation.
    pub policies: Policies,
    /// The providers.
    pub clouds: Clouds,
    /// Where states are saved.
    pub ledger: Arc<dyn Ledger>,
    /// How long a claim holds without a save.
    pub lease: Duration,
    /// Where wake-ups go.
    pub publisher: Publisher,
    /// Where events go.
    pub reporter: Reporter,
    /// Ends short waits.
    pub stopping: CancellationToken,
}

impl Runner {
    /// Joins the parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts, roster: Roster::default() }
    }

    /// Ends the taking of jobs and short waits.
    pub fn stopping(&self) -> &CancellationToken {
        &self.parts.stopping
    }

    /// Works on a delivery until it may be acknowledged.
    pub async fn run(&self, delivery: &Delivery) -> Result<(), Trouble> {
        let now = Timestamp::now();
        let copy = match delivery.origin {
            Origin::Job(_) => match self.parts.rules.read(&envelope(delivery), now) {
                Ok(submission) => {
                    let abilities = self.parts.clouds.abilities(&submission.job);
                    let state = State::first(&submission.job, abilities);
                    Copy::sent(submission, state, delivery.redelivered)
                }
                Err(rejection) => {
                    info!(problems = rejection.problems.len(), "message rejected");
                    return self.parts.reporter.rejected(delivery, &rejection).await;
                }
            },
            Origin::Wake(_) => match serde_json::from_slice::<WakeUp>(&delivery.body) {
                Ok(wakeup) => Copy::parked(wakeup, delivery.redelivered),
                Err(error) => {
                    let problem = format!("is not a wake-up that this version can read: {error}");
                    return self.parts.reporter.bury(delivery, "unreadable", &problem, now).await;
                }
            },
        };
        match copy.early(now) {
            Some(due) => self.park(&copy.wakeup, due).await,
            None => self.claim(delivery, copy).await,
        }
    }

    async fn claim(&self, delivery: &Delivery, copy: Copy) -> Result<(), Trouble> {
        let id = &copy.wakeup.job.id;
        let place = if copy.taken_over {
            // It may come back to the very process in which its first run goes on.
            tokio::select! {
                place = self.roster.wait(id) => Some(place),
                () = self.parts.stopping.cancelled() => return Err(Trouble::Stopping),
            }
        } else {
            self.roster.enter(id)
        };
        let Some(_place) = place else {
            return self.park(&copy.wakeup, Timestamp::now() + LOOK_AGAIN).await;
        };
        let request = ClaimRequest {
            job: &copy.wakeup.job,
            fingerprint: &copy.wakeup.fingerprint,
            state: &copy.wakeup.state,
            take_over: copy.taken_over,
            lease: self.parts.lease,
            now: Timestamp::now(),
        };
        match self.parts.ledger.claim(request).await? {
            Claimed::Granted { claim, job, state, .. } => {
                self.advance(&claim, *job, *state, &copy).await
            }
            Claimed::Held { until } => {
                debug!(job = %id, %until, "held elsewhere; looking again later");
                self.park(&copy.wakeup, until.min(Timestamp::now() + LOOK_AGAIN)).await
            }
            Claimed::Conflict => {
                let rejection = self.parts.rules.conflict(&envelope(delivery), copy.wakeup.job);
                self.parts.reporter.rejected(delivery, &rejection).await
            }
        }
    }

    /// The loop the whole program is about.
    async fn advance(
        &self,
        claim: &Claim,
        job: Job,
        mut state: State,
        copy: &Copy,
    ) -> Result<(), Trouble> {
        if copy.is_stale(&job, &state) {
            return self.save(claim, &state, Hold::Release).await;
        }
        let known = matches!(state, State::Done { .. });
        let policy = self.parts.policies.of(&job.operation);
        let abilities = self.parts.clouds.abilities(&job);
        let mut confirms = Vec::new();
        let mut event = Event::Resumed;
        loop {
            let now = Timestamp::now();
            let dice = rand::random();
            let context = Context { job: &job, policy, abilities, now, dice };
            let next = step(state.clone(), event, &context)?;
            let hold = hold(&next, now);
            if next != state || hold == Hold::Release {
                self.save(claim, &next, hold).await?;
            }
            let told = self.tell(&job, &state, &next, now);
            // Side by side: telling the world is no reason for a call to leave late, or not at all.
            let (confirm, acted) = tokio::join!(told, self.act(&job, &next, hold, copy, known));
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

    /// Does what the state says. Returns what came of it, or nothing when the job is left to a
    /// wake-up or done.
    async fn act(
        &self,
        job: &Job,
        state: &State,
        hold: Hold,
        copy: &Copy,
        known: bool,
    ) -> Result<Option<Event>, Trouble> {
        match state {
            State::Waiting { due, .. } if hold == Hold::Release => {
                let wakeup = WakeUp { state: state.clone(), ..copy.wakeup.clone() };
                self.park(&wakeup, *due).await?;
                Ok(None)
            }
            State::Waiting { due, .. } => self.sit_out(*due).await.map(Some),
            State::Asking { turn, since } => Ok(Some(self.ask(job, turn, *since).await)),
            State::Reporting { outcome } => {
                self.parts.reporter.outcome(job, outcome).await?;
                if copy.asks_elsewhere(job) {
                    self.parts.reporter.outcome(&copy.asking(job), outcome).await?;
                }
                Ok(Some(Event::Published))
            }
            State::Done { outcome } => {
                if known && copy.wants_answer(job) {
                    self.parts.reporter.outcome(&copy.asking(job), outcome).await?;
                }
                Ok(None)
            }
        }
    }

    async fn ask(&self, job: &Job, turn: &Turn, since: Timestamp) -> Event {
        let now = Timestamp::now();
        if turn.ask == Ask::Call && now.duration_since(since) > AT_ONCE {
            return Event::Deferred(now);
        }
        self.parts.clouds.ask(job, turn).await
    }

    /// Saves a state. What was learned must not be lost to a store that is busy for a moment, so a
    /// failed save is tried again while the claim is sure to hold.
    async fn save(&self, claim: &Claim, state: &State, hold: Hold) -> Result<(), Trouble> {
        let since = Instant::now();
        loop {
            let saved = self.parts.ledger.save(claim, state, hold, Timestamp::now()).await;
            match saved {
                Err(error @ ledger::Error::Store { .. })
                    if since.elapsed() < self.parts.lease / 2
                        && !self.parts.stopping.is_cancelled() =>
                {
                    warn!(job = %claim.job, %error, "a save failed; trying again");
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
        let (State::Waiting { turn, .. } | State::Asking { turn, .. }) = after else {
            return None;
        };
        if milestone == Milestone::Doubtful {
            warn!(job = %job.id, operation = job.operation, "an answer was lost");
        }
        match self.parts.reporter.milestone(job, turn, milestone, now).await {
            Ok(confirm) => Some(confirm),
            Err(trouble) => {
                warn!(job = %job.id, %trouble, "an event along the way is lost");
                None
            }
        }
    }

    /// Sends the job to the delay ladder; confirmed.
    async fn park(&self, wakeup: &WakeUp, due: Timestamp) -> Result<(), Trouble> {
        let wait = due.duration_since(Timestamp::now()).max(PARK);
        let message = message(wakeup)?;
        Ok(self.parts.publisher.wake_after(wakeup.job.kind, wait.unsigned_abs(), &message).await?)
    }

    /// Waits in place, unless the worker stops.
    async fn sit_out(&self, due: Timestamp) -> Result<Event, Trouble> {
        let wait = due.duration_since(Timestamp::now()).max(SignedDuration::ZERO).unsigned_abs();
        tokio::select! {
            // First, so that a wait that is over just then begins no further request.
            biased;
            () = self.parts.stopping.cancelled() => Err(Trouble::Stopping),
            () = tokio::time::sleep(wait) => Ok(Event::Resumed),
        }
    }
}

fn hold(state: &State, now: Timestamp) -> Hold {
    match state {
        State::Waiting { due, .. } if due.duration_since(now) >= PARK => Hold::Release,
        State::Done { .. } => Hold::Release,
        State::Waiting { .. } | State::Asking { .. } | State::Reporting { .. } => Hold::Keep,
    }
}
