//! The loop the whole program is about: step, save, act, repeat.

use std::pin::pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::warn;

use super::chronicle;
use super::copy::Copy;
use super::parts::PARK;
use super::reporter::dead;
use super::{Parts, Trouble};
use crate::broker::{Confirm, Delivery};
use crate::job::machine::{Context, Event, step};
use crate::job::{Ask, Job, Milestone, Note, Outcome, State, Turn, WakeUp};
use crate::ledger::{self, Claim, Hold, Save};

/// A call leaves this soon after it was saved, or not at all. A worker that stood still in between
/// may have been taken over from, and its call been looked for and not found.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(5);

/// The pause before a save that failed is tried again.
const SAVE_AGAIN: Duration = Duration::from_millis(500);

/// A job's way under one claim: until it waits for long, or is done.
pub(super) struct Course<'a> {
    pub(super) parts: &'a Parts,
    pub(super) delivery: &'a Delivery,
    pub(super) copy: &'a Copy,
    pub(super) claim: &'a Claim,
    /// Nothing else runs in this process meanwhile.
    pub(super) alone: bool,
    /// Why somebody wants the job to end, if anybody does.
    pub(super) cancelled: Option<String>,
}

impl Course<'_> {
    /// Takes the job on from a state, and an event to begin with.
    pub(super) async fn run(
        &self,
        job: Job,
        mut state: State,
        mut event: Event,
    ) -> Result<(), Trouble> {
        let known = matches!(state, State::Done { .. });
        let policy = self.parts.policies.of(&job.operation);
        let abilities = self.parts.clouds.abilities(&job);
        let mut confirms = Vec::new();
        loop {
            let now = self.parts.clock.now();
            let dice = rand::random();
            let context = Context { job: &job, policy, abilities, now, dice };
            let next = step(state.clone(), event, &context)?;
            let hold = self.hold(&next, now);
            if next != state || hold == Hold::Release {
                let note = Note::between(&state, &next, now);
                self.save(&next, hold, note.as_ref()).await?;
                chronicle::tell(&self.parts.metrics, &job, &next, note.as_ref());
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
    fn hold(&self, state: &State, now: Timestamp) -> Hold {
        match state {
            State::Waiting { .. } if self.end(state).is_some() => Hold::Keep,
            // Others wait for a suspect to be through.
            State::Waiting { due, .. } if self.alone || due.duration_since(now) >= PARK => {
                Hold::Release
            }
            State::Done { .. } => Hold::Release,
            State::Waiting { .. } | State::Asking { .. } | State::Reporting { .. } => Hold::Keep,
        }
    }

    /// The event that ends it in a state, if somebody wants that.
    pub(super) fn end(&self, state: &State) -> Option<Event> {
        let reason = self.cancelled.as_ref().filter(|_| state.ends_when_cancelled())?;
        Some(Event::Cancelled(reason.clone()))
    }

    /// Does what the state says. Returns what came of it, or nothing when the job is left to a
    /// wake-up or done.
    async fn act(
        &self,
        job: &Job,
        state: &State,
        hold: Hold,
        known: bool,
    ) -> Result<Option<Event>, Trouble> {
        if let Some(end) = self.end(state) {
            return Ok(Some(end));
        }
        match state {
            State::Waiting { due, .. } if hold == Hold::Release => {
                let cancelled = self.cancelled.is_some();
                let wakeup = WakeUp { state: state.clone(), cancelled, ..self.copy.wakeup.clone() };
                self.parts.park(&wakeup, *due).await?;
                Ok(None)
            }
            State::Waiting { due, .. } => self.sit_out(*due).await.map(Some),
            State::Asking { turn, since } => {
                self.holding(state, self.ask(job, turn, *since)).await.map(Some)
            }
            State::Reporting { outcome } => self.report(job, outcome).await.map(Some),
            State::Done { outcome } => {
                if known && self.copy.wants_answer(job) {
                    self.parts.reporter.outcome(&self.copy.asking(job), outcome).await?;
                }
                Ok(None)
            }
        }
    }

    async fn ask(&self, job: &Job, turn: &Turn, since: Timestamp) -> Event {
        let now = self.parts.clock.now();
        if turn.ask == Ask::Call && now.duration_since(since) > AT_ONCE {
            return Event::Deferred(now);
        }
        self.parts.clouds.ask(job, turn).await
    }

    /// Renews the claim until something is over: a conversation of many requests may outlast it.
    async fn holding<T>(
        &self,
        state: &State,
        asking: impl Future<Output = T>,
    ) -> Result<T, Trouble> {
        let mut asking = pin!(asking);
        loop {
            match tokio::time::timeout(self.parts.lease / 3, &mut asking).await {
                Ok(answer) => return Ok(answer),
                Err(_) => self.renew(state).await?,
            }
        }
    }

    /// A store that is busy for a moment is tried again at the next renewal.
    async fn renew(&self, state: &State) -> Result<(), Trouble> {
        let save = Save { state, hold: Hold::Keep, note: None, now: self.parts.clock.now() };
        match self.parts.ledger.save(self.claim, save).await {
            Err(error @ ledger::Error::Store { .. }) => {
                warn!(job = %self.claim.job, %error, "a claim was not renewed");
                Ok(())
            }
            renewed => Ok(renewed?),
        }
    }

    /// Tells the outcome. What is poison is kept besides, for a person to look into; last, so that
    /// it is kept twice only if the worker stops just then.
    async fn report(&self, job: &Job, outcome: &Outcome) -> Result<Event, Trouble> {
        let reporter = &self.parts.reporter;
        reporter.outcome(job, outcome).await?;
        if self.copy.asks_elsewhere(job) {
            reporter.outcome(&self.copy.asking(job), outcome).await?;
        }
        if let Some(poison) = outcome.error.as_ref().filter(|error| error.is_poison()) {
            reporter
                .bury(self.delivery, dead::POISON, &poison.message, self.parts.clock.now())
                .await?;
        }
        Ok(Event::Published)
    }

    /// Saves a state. What was learned must not be lost to a store that is busy for a moment, so a
    /// failed save is tried again while the claim is sure to hold.
    async fn save(&self, state: &State, hold: Hold, note: Option<&Note>) -> Result<(), Trouble> {
        let since = Instant::now();
        loop {
            let save = Save { state, hold, note, now: self.parts.clock.now() };
            match self.parts.ledger.save(self.claim, save).await {
                Err(error @ ledger::Error::Store { .. })
                    if since.elapsed() < self.parts.lease / 2
                        && !self.parts.stopping.is_cancelled() =>
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
        let (State::Waiting { turn, .. } | State::Asking { turn, .. }) = after else {
            return None;
        };
        match self.parts.reporter.milestone(job, turn, milestone, now).await {
            Ok(confirm) => Some(confirm),
            Err(trouble) => {
                warn!(job = %job.id, %trouble, "an event along the way is lost");
                None
            }
        }
    }

    /// Waits in place, unless the worker stops.
    async fn sit_out(&self, due: Timestamp) -> Result<Event, Trouble> {
        let wait =
            due.duration_since(self.parts.clock.now()).max(SignedDuration::ZERO).unsigned_abs();
        self.parts.unless_stopping(tokio::time::sleep(wait)).await?;
        Ok(Event::Resumed)
    }
}
