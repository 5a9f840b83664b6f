//! The workers of random lives, who die between any two steps.

use std::time::Duration;

use rand::Rng;

use super::super::{Capabilities, Context, Input, step};
use super::world::World;
use super::{ENDLESS, Sabotage};
use crate::job::policy::Policy;
use crate::job::{Failure, Job, OutcomeKind, State};

/// An outcome as the world hears it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) resolutions: u32,
    pub(super) kind: OutcomeKind,
    pub(super) class: String,
    pub(super) has_handle: bool,
}

/// All workers there ever are for one job: what they share is what is saved.
pub(super) struct Worker<'a> {
    pub(super) job: &'a Job,
    pub(super) policy: &'a Policy,
    pub(super) capabilities: Capabilities,
    pub(super) saved: State,
    pub(super) told: Vec<Told>,
    pub(super) steps: u32,
    pub(super) sabotage: Sabotage,
}

impl Worker<'_> {
    /// Takes the job up from what is saved, until it is done (true), or waits, or the worker dies.
    pub(super) fn take_up(&mut self, world: &mut World) -> bool {
        let mut event = if world.chance(0.01) { Input::Poisoned } else { Input::Resumed };
        loop {
            self.steps += 1;
            let random = world.random.random_range(0.0..1.0);
            let context = Context {
                job: self.job,
                policy: self.policy,
                capabilities: self.capabilities,
                now: world.now,
                random,
            };
            let Ok(next) = step(self.saved.clone(), event, &context) else {
                return true; // told by the missing outcome
            };
            let mut early = None;
            if self.sabotage == Sabotage::ActBeforeSave
                && let State::Asking { execution, .. } = &next
            {
                early = Some(world.answer(&execution.request));
            }
            if world.chance(0.05) || self.steps > ENDLESS {
                return false; // died before the save
            }
            self.saved = next.clone();
            if world.chance(0.05) {
                // Died after the save; the request may still be on its way from a stalled worker.
                if let State::Asking { execution, .. } = &next
                    && world.chance(0.3)
                {
                    let started = world.now;
                    world.answer(&execution.request);
                    world.now = started;
                }
                return false;
            }
            event = match next {
                State::Waiting { due, .. } => {
                    if world.chance(0.05) {
                        Input::Cancelled(String::new())
                    } else {
                        // A wake-up is early when it is doubled or the ladder has no such rung.
                        if world.chance(0.7) {
                            world.now = world.now.max(due);
                        }
                        world.pass(Duration::from_secs(2));
                        return false;
                    }
                }
                State::Asking { execution, .. } => {
                    early.take().unwrap_or_else(|| world.answer(&execution.request))
                }
                State::Reporting { outcome } => {
                    self.told.push(Told {
                        resolutions: outcome.resolutions,
                        kind: outcome.kind,
                        class: outcome.error.map(|error| error.class).unwrap_or_default(),
                        has_handle: outcome.handle.is_some(),
                    });
                    Input::Published
                }
                State::Done { outcome } => match world.resolution(&outcome) {
                    Some(resolution) => Input::Resolved(resolution),
                    None => return true,
                },
            };
            if world.chance(0.05) {
                return false; // died after acting: what was read is lost
            }
            if self.sabotage == Sabotage::NoDoubt
                && let Input::Failed(failure) = event
            {
                event = Input::Failed(Failure::retryable(failure.code, failure.message));
            }
        }
    }
}
