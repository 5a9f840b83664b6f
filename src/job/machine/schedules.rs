//! Random lives of jobs: workers crash between any two steps, answers are lost, effects come late,
//! wake-ups are doubled. Whatever happens: at most one effect, one outcome, a true one, and an end.
//!
//! The same lives against a sabotaged worker must show the damage, or they would prove nothing.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::super::policy::Policy;
use super::super::{
    Accepted, Answer, Answered, Ask, Ended, Facts, Failure, Job, Running, State, Until, Verdict,
};
use super::fixture::{NOW, job, policy};
use super::{Abilities, Context, Event, step};

/// Lives per run, all different.
const LIVES: u64 = 100_000;
/// Steps after which a life counts as endless.
const ENDLESS: u32 = 5_000;

/// A way to break the worker.
#[derive(Clone, Copy, PartialEq)]
enum Sabotage {
    None,
    /// The first look comes at once.
    NoSettle,
    /// A lost answer is taken for a refusal.
    NoDoubt,
    /// A request leaves before the state that says so is saved.
    ActBeforeSave,
}

/// The provider: the truth about effects, and a will to lose answers.
struct World {
    dice: StdRng,
    now: Timestamp,
    settle: Duration,
    effects: Vec<Timestamp>,
    polls_left: u32,
    ticket_fails: bool,
}

impl World {
    fn chance(&mut self, probability: f64) -> bool {
        self.dice.random_bool(probability)
    }

    fn pass(&mut self, longest: Duration) {
        let part = self.dice.random_range(0.0..1.0);
        self.now += SignedDuration::try_from(longest.mul_f64(part)).unwrap_or_default();
    }

    fn answer(&mut self, ask: &Ask) -> Event {
        let asked = self.now;
        // An answer takes time, but less than `settle`: that is what `settle` is for.
        self.pass(self.settle.mul_f64(0.9));
        if self.chance(0.05) {
            return Event::Deferred(self.now + SignedDuration::from_secs(2));
        }
        if self.chance(0.15) {
            return Event::Failed(Failure::retryable("Throttling", "slow down"));
        }
        if self.chance(0.01) {
            return Event::Failed(Failure::permanent("NoPermission", "no"));
        }
        let lost = self.chance(0.3).then(|| Failure::ambiguous("TimedOut", "no answer"));
        let answer = match ask {
            Ask::Call => {
                // A lost call may have had no effect, or one by now, or one shortly after.
                let late = SignedDuration::try_from(self.settle.mul_f64(0.99)).unwrap_or_default();
                match self.dice.random_range(0..3) {
                    0 if lost.is_some() => {}
                    1 if lost.is_some() => self.effects.push(asked + late),
                    _ => self.effects.push(asked),
                }
                Answer::Accepted(self.accepted())
            }
            Ask::Probe if self.effects.iter().any(|effect| *effect <= self.now) => {
                Answer::Found(self.accepted())
            }
            Ask::Probe => Answer::Absent,
            Ask::Baseline => Answer::Baseline(json!([])),
            Ask::Poll(_) if self.polls_left > 0 => {
                self.polls_left -= 1;
                let seen = format!("stage {}", self.polls_left / 2);
                let waits_for_person = self.chance(0.2);
                Answer::Running(Running { seen, waits_for_person, result: Value::Null })
            }
            Ask::Poll(_) => {
                let failure = self.ticket_fails.then(|| ("FAIL".to_owned(), "failed".to_owned()));
                Answer::Ended(Ended { result: Value::Null, failure })
            }
        };
        match lost {
            Some(failure) => Event::Failed(failure),
            None => Event::Answered(Answered { answer, facts: Facts::default() }),
        }
    }

    fn accepted(&self) -> Accepted {
        Accepted { handle: json!(7), result: json!({ "order_ids": [7] }) }
    }
}

/// What a life left behind.
#[derive(Debug)]
struct Life {
    effects: usize,
    told: Vec<(Verdict, String, bool)>,
    ended: bool,
    may_repeat: bool,
}

impl Life {
    /// The promise it broke, if any.
    fn broken(&self) -> Option<&'static str> {
        if !self.ended {
            return Some("it never ended");
        }
        let Some((verdict, class, has_handle)) = self.told.first() else {
            return Some("no outcome was told");
        };
        if self.told.iter().any(|other| other != &self.told[0]) {
            return Some("two outcomes were told");
        }
        if self.effects > 1 && !self.may_repeat {
            return Some("the effect happened twice");
        }
        let nothing_claimed = match verdict {
            Verdict::Failed => class != "ticket",
            Verdict::Expired | Verdict::Cancelled => !has_handle,
            Verdict::Rejected => true,
            Verdict::Succeeded | Verdict::Unknown => false,
        };
        if nothing_claimed && self.effects > 0 {
            return Some("something exists and the outcome denies it");
        }
        if *verdict == Verdict::Succeeded && self.effects == 0 {
            return Some("success was told and nothing exists");
        }
        None
    }
}

fn live(seed: u64, sabotage: Sabotage) -> Life {
    let mut dice = StdRng::seed_from_u64(seed);
    let abilities = match dice.random_range(0..6) {
        0 => Abilities { baseline: false, probe: false, repeat_in_doubt: false },
        1 => Abilities { baseline: false, probe: false, repeat_in_doubt: true },
        2 => Abilities { baseline: true, probe: true, repeat_in_doubt: false },
        _ => Abilities { baseline: false, probe: true, repeat_in_doubt: false },
    };
    let mut policy: Policy = policy();
    policy.retry.max_attempts = dice.random_range(2..8);
    policy.probe.tries = dice.random_range(1..4);
    policy.probe.interval = Duration::from_secs(1);
    let job = Job {
        until: if dice.random_bool(0.3) { Until::Accepted } else { Until::Finished },
        not_before: dice.random_bool(0.2).then(|| NOW + SignedDuration::from_secs(20)),
        deadline: dice
            .random_bool(0.2)
            .then(|| NOW + SignedDuration::from_secs(dice.random_range(1..200))),
        ..job()
    };
    let mut world = World {
        now: NOW,
        settle: policy.probe.settle,
        effects: Vec::new(),
        polls_left: dice.random_range(0..6),
        ticket_fails: dice.random_bool(0.2),
        dice,
    };
    if sabotage == Sabotage::NoSettle {
        policy.probe.settle = Duration::ZERO;
    }
    let mut worker = Worker {
        job: &job,
        policy: &policy,
        abilities,
        saved: State::first(&job, abilities),
        told: Vec::new(),
        steps: 0,
        sabotage,
    };
    while worker.steps < ENDLESS && !worker.take_up(&mut world) {}
    Life {
        effects: world.effects.len(),
        told: worker.told,
        ended: worker.steps < ENDLESS,
        may_repeat: abilities.repeat_in_doubt,
    }
}

/// All workers there ever are for one job: what they share is what is saved.
struct Worker<'a> {
    job: &'a Job,
    policy: &'a Policy,
    abilities: Abilities,
    saved: State,
    told: Vec<(Verdict, String, bool)>,
    steps: u32,
    sabotage: Sabotage,
}

impl Worker<'_> {
    /// Takes the job up from what is saved, until it is done (true), or waits, or the worker dies.
    fn take_up(&mut self, world: &mut World) -> bool {
        let mut event = Event::Resumed;
        loop {
            self.steps += 1;
            let dice = world.dice.random_range(0.0..1.0);
            let context = Context {
                job: self.job,
                policy: self.policy,
                abilities: self.abilities,
                now: world.now,
                dice,
            };
            let Ok(next) = step(self.saved.clone(), event, &context) else {
                return true; // told by the missing outcome
            };
            let mut early = None;
            if self.sabotage == Sabotage::ActBeforeSave
                && let State::Asking { turn, .. } = &next
            {
                early = Some(world.answer(&turn.ask));
            }
            if world.chance(0.05) || self.steps > ENDLESS {
                return false; // died before the save
            }
            self.saved = next.clone();
            if world.chance(0.05) {
                // Died after the save; the request may still be on its way from a stalled worker.
                if let State::Asking { turn, .. } = &next
                    && world.chance(0.3)
                {
                    let started = world.now;
                    world.answer(&turn.ask);
                    world.now = started;
                }
                return false;
            }
            event = match next {
                State::Waiting { due, .. } => {
                    if world.chance(0.05) {
                        Event::Cancelled
                    } else {
                        // A wake-up is early when it is doubled or the ladder has no such rung.
                        if world.chance(0.7) {
                            world.now = world.now.max(due);
                        }
                        world.pass(Duration::from_secs(2));
                        return false;
                    }
                }
                State::Asking { turn, .. } => {
                    early.take().unwrap_or_else(|| world.answer(&turn.ask))
                }
                State::Reporting { outcome } => {
                    let class = outcome.error.map(|error| error.class).unwrap_or_default();
                    self.told.push((outcome.verdict, class, outcome.handle.is_some()));
                    Event::Published
                }
                State::Done { .. } => return true,
            };
            if world.chance(0.05) {
                return false; // died after acting: what was read is lost
            }
            if self.sabotage == Sabotage::NoDoubt
                && let Event::Failed(failure) = event
            {
                event = Event::Failed(Failure::retryable(failure.code, failure.message));
            }
        }
    }
}

/// A new seed for every run, printed so that a failure can be lived again.
fn first_seed() -> u64 {
    let seed = rand::random::<u32>().into();
    println!("first seed: {seed}");
    seed
}

#[test]
fn whatever_happens_there_is_at_most_one_effect_and_exactly_one_true_outcome() {
    let first = first_seed();
    let mut verdicts = std::collections::HashMap::new();
    for seed in first..first + LIVES {
        let life = live(seed, Sabotage::None);
        assert_eq!(life.broken(), None, "seed {seed}: {life:?}");
        *verdicts.entry(life.told[0].0).or_insert(0_u64) += 1;
    }
    // Lives that all end alike would prove little.
    for verdict in [
        Verdict::Succeeded,
        Verdict::Failed,
        Verdict::Unknown,
        Verdict::Expired,
        Verdict::Cancelled,
    ] {
        assert!(verdicts.get(&verdict).is_some_and(|n| *n > LIVES / 200), "{verdicts:?}");
    }
}

fn damage(sabotage: Sabotage) -> usize {
    let first = first_seed();
    (first..first + LIVES / 10).filter(|seed| live(*seed, sabotage).broken().is_some()).count()
}

#[test]
fn without_the_settle_pause_the_damage_shows() {
    assert!(damage(Sabotage::NoSettle) > 0);
}

#[test]
fn without_the_doubt_the_damage_shows() {
    assert!(damage(Sabotage::NoDoubt) > 0);
}

#[test]
fn without_the_save_before_the_request_the_damage_shows() {
    assert!(damage(Sabotage::ActBeforeSave) > 0);
}
