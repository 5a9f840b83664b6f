//! Random lives of jobs. Workers crash between any two steps, answers are lost, effects come late,
//! wake-ups come twice, jobs are cancelled or poison, and people resolve unknown outcomes. In every
//! life there is at most one effect, one true outcome, and an end.
//!
//! The same lives must show the damage that a sabotaged worker does. Otherwise they prove nothing.

use std::collections::HashMap;
use std::time::Duration;

use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::{Capabilities, start};
use super::fixtures::{NOW, POLICY, job};
use crate::job::{Job, OutcomeKind, Until};
use provider::FakeProvider;
use worker::{PublishedOutcome, SimulatedWorker};

mod provider;
mod worker;

/// Lives in one run, each different.
const LIVES: u64 = 100_000;

/// Steps after which a life counts as endless.
const MAX_STEPS: u32 = 5_000;

/// A way to break the worker.
#[derive(Clone, Copy, PartialEq)]
enum Sabotage {
    None,
    /// The first probe is sent at once.
    NoSettle,
    /// A lost answer is treated as a refusal.
    NoDoubt,
    /// A request is sent before its state is saved.
    ActBeforeSave,
}

/// What is left of a life.
#[derive(Debug)]
struct Life {
    effects: usize,
    published: Vec<PublishedOutcome>,
    ended: bool,
    may_repeat: bool,
    slept_long: bool,
    acknowledged_early: bool,
}

impl Life {
    /// The promise that was broken, if any.
    fn broken(&self) -> Option<&'static str> {
        if !self.ended {
            return Some("it never ended");
        }
        let Some(last) = self.published.last() else {
            return Some("no outcome was published");
        };
        if self.published.windows(2).any(|pair| {
            let resolved = pair[0].kind == OutcomeKind::Unknown
                && pair[1].resolutions == pair[0].resolutions + 1;
            pair[0] != pair[1] && !resolved
        }) {
            return Some("two outcomes were published");
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
            return Some("success was published and nothing exists");
        }
        if self.slept_long {
            return Some("a claim was kept during a long wait");
        }
        if self.acknowledged_early {
            return Some("a message was acknowledged before its outcome was published");
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
    let mut policy = POLICY;
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
    let mut provider = FakeProvider {
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
    let mut worker = SimulatedWorker {
        job: &job,
        policy: &policy,
        capabilities,
        saved: start(&job, capabilities),
        cancelled: false,
        published: Vec::new(),
        steps: 0,
        sabotage,
        slept_long: false,
        acknowledged_early: false,
    };
    while worker.steps < MAX_STEPS && !worker.run(&mut provider) {}
    Life {
        effects: provider.effects.len(),
        published: worker.published,
        ended: worker.steps < MAX_STEPS,
        may_repeat: capabilities.may_repeat_lost_call,
        slept_long: worker.slept_long,
        acknowledged_early: worker.acknowledged_early,
    }
}

/// A new seed for every run, printed so that a failing run can be repeated.
fn first_seed() -> u64 {
    let seed = rand::random::<u32>().into();
    println!("first seed: {seed}");
    seed
}

#[test]
fn every_life_has_at_most_one_effect_and_one_true_outcome() {
    let first = first_seed();
    let mut counts = HashMap::new();
    for seed in first..first + LIVES {
        let life = live(seed, Sabotage::None);
        assert_eq!(life.broken(), None, "seed {seed}: {life:?}");
        *counts.entry(life.published[life.published.len() - 1].kind).or_insert(0_u64) += 1;
    }
    // Lives that all end the same way would prove little.
    for kind in [
        OutcomeKind::Succeeded,
        OutcomeKind::Failed,
        OutcomeKind::Unknown,
        OutcomeKind::Expired,
        OutcomeKind::Cancelled,
    ] {
        assert!(counts.get(&kind).is_some_and(|n| *n > LIVES / 200), "{counts:?}");
    }
}

fn damaged_lives(sabotage: Sabotage) -> usize {
    let first = first_seed();
    (first..first + LIVES / 10).filter(|seed| live(*seed, sabotage).broken().is_some()).count()
}

#[test]
fn lives_without_the_settle_pause_show_damage() {
    assert!(damaged_lives(Sabotage::NoSettle) > 0);
}

#[test]
fn lives_without_doubt_show_damage() {
    assert!(damaged_lives(Sabotage::NoDoubt) > 0);
}

#[test]
fn lives_that_send_before_saving_show_damage() {
    assert!(damaged_lives(Sabotage::ActBeforeSave) > 0);
}
