//! Services that are away. After some failures in a row nothing is asked of one for a while, and
//! then one request at a time goes to see whether it is back. So an outage costs no job its
//! attempts, and what has waited does not fall upon a service that is just getting up.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// The first pause, and what it doubles up to.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(2);

/// The share of a pause, up or down, that chance decides: replicas should not ask together.
const JITTER: f64 = 0.2;

/// How much later than at the end of a pause the last of those held back come, as a share of it.
const SPREAD: f64 = 0.5;

/// The earliest that one comes back who meets a trial under way.
const TRIAL: SignedDuration = SignedDuration::from_secs(1);

/// What is known of one service's health, by those who ask it.
#[derive(Debug)]
pub(super) struct Breaker {
    /// Failures in a row that open it.
    patience: u32,
    circuit: Mutex<Circuit>,
}

#[derive(Debug)]
enum Circuit {
    /// It works, as far as we know; so many failures in a row.
    Closed(u32),
    /// It is away.
    Open { since: Timestamp, pause: SignedDuration, over: Timestamp, trial: bool },
}

/// The right to send one request; its end has to be told. A trial that is dropped untold, since
/// its worker stops, leaves the next one to another.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    trial: bool,
}

/// What a failure leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Nothing yet.
    Tolerated,
    /// It was one too many: nothing more is sent before that time.
    Opened(Timestamp),
    /// It was away before; the same.
    Still(Timestamp),
}

impl Breaker {
    /// One that opens after so many failures in a row.
    pub fn new(patience: u32) -> Self {
        Self { patience, circuit: Mutex::new(Circuit::Closed(0)) }
    }

    /// Lets a request through, or says when to come back. `random` is uniform in 0..1.
    pub fn admit(&self, now: Timestamp, random: f64) -> Result<Pass<'_>, Timestamp> {
        let mut circuit = self.circuit();
        let held = held_back(&circuit, now, random);
        match (&mut *circuit, held) {
            (_, Some(until)) => Err(until),
            (Circuit::Closed(_), None) => Ok(Pass { breaker: self, trial: false }),
            (Circuit::Open { trial, .. }, None) => {
                *trial = true;
                Ok(Pass { breaker: self, trial: true })
            }
        }
    }

    /// Until when a request would be held back, if it would.
    pub fn holds_back(&self, now: Timestamp, random: f64) -> Option<Timestamp> {
        held_back(&self.circuit(), now, random)
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The service answered, whatever it said. Returns since when it was away, if it was.
    pub fn answered(self) -> Option<Timestamp> {
        match std::mem::replace(&mut *self.breaker.circuit(), Circuit::Closed(0)) {
            Circuit::Open { since, .. } => Some(since),
            Circuit::Closed(_) => None,
        }
    }

    /// The service could not be reached, or broke down.
    pub fn failed(self, now: Timestamp, random: f64) -> Broken {
        let mut circuit = self.breaker.circuit();
        match &mut *circuit {
            Circuit::Closed(failures) => {
                *failures = failures.saturating_add(1);
                if *failures < self.breaker.patience {
                    return Broken::Tolerated;
                }
                let over = end(now, FIRST_PAUSE, random);
                *circuit = Circuit::Open { since: now, pause: FIRST_PAUSE, over, trial: false };
                Broken::Opened(spread(over, FIRST_PAUSE, random))
            }
            Circuit::Open { pause, over, .. } => {
                // Others were under way when it opened, and only say the same once more.
                if self.trial {
                    *pause = (*pause * 2).min(LONGEST_PAUSE);
                    *over = end(now, *pause, random);
                }
                Broken::Still(spread(*over, *pause, random))
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Circuit::Open { trial, .. } = &mut *self.breaker.circuit()
            && self.trial
        {
            *trial = false;
        }
    }
}

fn held_back(circuit: &Circuit, now: Timestamp, random: f64) -> Option<Timestamp> {
    match circuit {
        Circuit::Closed(_) => None,
        Circuit::Open { pause, over, .. } if now < *over => Some(spread(*over, *pause, random)),
        Circuit::Open { pause, trial: true, .. } => Some(spread(now + TRIAL, *pause, random)),
        Circuit::Open { trial: false, .. } => None,
    }
}

fn end(now: Timestamp, pause: SignedDuration, random: f64) -> Timestamp {
    now + pause.mul_f64(1.0 + JITTER * (2.0 * random - 1.0))
}

fn spread(from: Timestamp, pause: SignedDuration, random: f64) -> Timestamp {
    from + pause.mul_f64(SPREAD * random)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn after(seconds: i64) -> Timestamp {
        START + SignedDuration::from_secs(seconds)
    }

    /// Opened by the third failure in a row, at the start, with no jitter and no spread.
    fn opened() -> Breaker {
        let breaker = Breaker::new(3);
        for _ in 0..2 {
            assert_eq!(breaker.admit(START, 0.5).unwrap().failed(START, 0.5), Broken::Tolerated);
        }
        let last = breaker.admit(START, 0.5).unwrap().failed(START, 0.5);
        assert_eq!(last, Broken::Opened(after(5) + SignedDuration::from_millis(1250)));
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_not_after_as_many_with_an_answer_between() {
        let breaker = Breaker::new(3);
        for failed in [true, true, false, true, true] {
            let pass = breaker.admit(START, 0.5).unwrap();
            if failed {
                assert_eq!(pass.failed(START, 0.5), Broken::Tolerated);
            } else {
                assert_eq!(pass.answered(), None);
            }
        }
        let last = breaker.admit(START, 0.5).unwrap();
        assert!(matches!(last.failed(START, 0.5), Broken::Opened(_)));
    }

    #[test]
    fn nothing_passes_while_it_is_open_and_then_one_trial_at_a_time() {
        let breaker = opened();
        assert!(breaker.admit(after(4), 0.5).is_err());
        let trial = breaker.admit(after(5), 0.5).unwrap();
        assert!(breaker.holds_back(after(5), 0.5).is_some());
        assert!(breaker.admit(after(60), 0.0).is_err_and(|until| until == after(61)));
        assert_eq!(trial.answered(), Some(START));
        let all = [breaker.admit(after(60), 0.5).unwrap(), breaker.admit(after(60), 0.5).unwrap()];
        assert!(all.iter().all(|pass| !pass.trial));
    }

    #[test]
    fn pauses_double_with_every_failed_trial_up_to_the_longest() {
        let breaker = opened();
        let mut now = after(5);
        for pause in [10, 20, 40, 80, 120, 120] {
            let Broken::Still(until) = breaker.admit(now, 0.5).unwrap().failed(now, 0.0) else {
                panic!("it was open before");
            };
            assert_eq!(until.duration_since(now), SignedDuration::from_secs(pause).mul_f64(0.8));
            assert!(breaker.admit(until - SignedDuration::from_millis(1), 0.5).is_err());
            now = until;
        }
    }

    #[test]
    fn a_trial_that_is_given_up_leaves_the_next_to_another() {
        let breaker = opened();
        drop(breaker.admit(after(5), 0.5).unwrap());
        assert!(breaker.admit(after(5), 0.5).unwrap().trial);
    }

    #[test]
    fn what_was_under_way_when_it_opened_makes_no_pause_longer_and_ends_it_with_an_answer() {
        let breaker = Breaker::new(1);
        let [first, second, third] = [0; 3].map(|_| breaker.admit(START, 0.5).unwrap());
        assert_eq!(first.failed(START, 0.0), Broken::Opened(after(4)));
        assert_eq!(second.failed(after(3), 0.0), Broken::Still(after(4)));
        assert_eq!(third.answered(), Some(START));
        assert_eq!(breaker.holds_back(after(3), 0.5), None);
    }

    #[test]
    fn those_held_back_do_not_come_back_at_one_moment() {
        let breaker = opened();
        let until = |random| breaker.holds_back(after(1), random).unwrap();
        assert_eq!(
            (until(0.0), until(1.0)),
            (after(5), after(7) + SignedDuration::from_millis(500))
        );
    }
}
