//! Random lives of jobs: workers crash between any two steps, answers are lost, effects come late,
//! wake-ups are doubled; jobs are cancelled and condemned, and people settle what is unknown.
//! Whatever happens: at most one effect, one outcome, a true one, and an end.
//!
//! The same lives against a sabotaged worker must show the damage, or they would prove nothing.

use std::collections::HashMap;
use std::time::Duration;

use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::policy::Policy;
use super::super::{Job, OutcomeKind, State, Until};
use super::Capabilities;
use super::fixture::{NOW, job, policy};
use worker::{Told, Worker};
use world::World;

mod worker;
mod world;

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

/// What a life left behind.
#[derive(Debug)]
struct Life {
    effects: usize,
    told: Vec<Told>,
    ended: bool,
    may_repeat: bool,
}

impl Life {
    /// The promise it broke, if any.
    fn broken(&self) -> Option<&'static str> {
        if !self.ended {
            return Some("it never ended");
        }
        let Some(last) = self.told.last() else {
            return Some("no outcome was told");
        };
        if self.told.windows(2).any(|told| {
            let settled = told[0].kind == OutcomeKind::Unknown
                && told[1].resolutions == told[0].resolutions + 1;
            told[0] != told[1] && !settled
        }) {
            return Some("two outcomes were told");
        }
        if self.effects > 1 && !self.may_repeat {
            return Some("the effect happened twice");
        }
        let nothing_claimed = match last.kind {
            OutcomeKind::Failed => !["ticket", "resolved"].contains(&last.class.as_str()),
            OutcomeKind::Expired | OutcomeKind::Cancelled => !last.has_handle,
            OutcomeKind::Rejected => true,
            OutcomeKind::Succeeded | OutcomeKind::Unknown => false,
        };
        if nothing_claimed && self.effects > 0 {
            return Some("something exists and the outcome denies it");
        }
        if last.kind == OutcomeKind::Succeeded && self.effects == 0 {
            return Some("success was told and nothing exists");
        }
        None
    }
}

fn live(seed: u64, sabotage: Sabotage) -> Life {
    let mut random = StdRng::seed_from_u64(seed);
    let capabilities = match random.random_range(0..6) {
        0 => Capabilities { baseline: false, probe: false, may_repeat_lost_call: false },
        1 => Capabilities { baseline: false, probe: false, may_repeat_lost_call: true },
        2 => Capabilities { baseline: true, probe: true, may_repeat_lost_call: false },
        _ => Capabilities { baseline: false, probe: true, may_repeat_lost_call: false },
    };
    let mut policy: Policy = policy();
    policy.retry.max_attempts = random.random_range(2..8);
    policy.probe.tries = random.random_range(1..4);
    policy.probe.interval = Duration::from_secs(1);
    let job = Job {
        until: if random.random_bool(0.3) { Until::Accepted } else { Until::Finished },
        not_before: random.random_bool(0.2).then(|| NOW + SignedDuration::from_secs(20)),
        deadline: random
            .random_bool(0.2)
            .then(|| NOW + SignedDuration::from_secs(random.random_range(1..200))),
        ..job()
    };
    let mut world = World {
        now: NOW,
        settle: policy.probe.settle,
        effects: Vec::new(),
        polls_left: random.random_range(0..6),
        ticket_fails: random.random_bool(0.2),
        random,
    };
    if sabotage == Sabotage::NoSettle {
        policy.probe.settle = Duration::ZERO;
    }
    let mut worker = Worker {
        job: &job,
        policy: &policy,
        capabilities,
        saved: State::first(&job, capabilities),
        told: Vec::new(),
        steps: 0,
        sabotage,
    };
    while worker.steps < ENDLESS && !worker.take_up(&mut world) {}
    Life {
        effects: world.effects.len(),
        told: worker.told,
        ended: worker.steps < ENDLESS,
        may_repeat: capabilities.may_repeat_lost_call,
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
    let mut verdicts = HashMap::new();
    for seed in first..first + LIVES {
        let life = live(seed, Sabotage::None);
        assert_eq!(life.broken(), None, "seed {seed}: {life:?}");
        *verdicts.entry(life.told[life.told.len() - 1].kind).or_insert(0_u64) += 1;
    }
    // Lives that all end alike would prove little.
    for kind in [
        OutcomeKind::Succeeded,
        OutcomeKind::Failed,
        OutcomeKind::Unknown,
        OutcomeKind::Expired,
        OutcomeKind::Cancelled,
    ] {
        assert!(verdicts.get(&kind).is_some_and(|n| *n > LIVES / 200), "{verdicts:?}");
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
