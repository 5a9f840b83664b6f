//! Metrics of jobs.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::job::{Job, Milestone, Outcome, OutcomeKind};

/// Buckets in seconds, from a call that is answered at once to a ticket that waits for a person all
/// week.
const DURATIONS: [f64; 11] =
    [0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0, 604_800.0];

/// Buckets for the calls of a job.
const ATTEMPTS: [f64; 7] = [0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0];

/// Metrics of jobs. All clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    steps: Family<StepLabel, Counter>,
    outcomes: Family<OutcomeLabel, Counter>,
    durations: Family<OperationLabel, Histogram, fn() -> Histogram>,
    attempts: Family<OperationLabel, Histogram, fn() -> Histogram>,
    running: Gauge,
    internal_errors: Counter,
    dead_letters: Family<ReasonLabel, Counter>,
    replies_dropped: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabel {
    operation: String,
    step: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    operation: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let durations: fn() -> Histogram = || Histogram::new(DURATIONS);
        let attempts: fn() -> Histogram = || Histogram::new(ATTEMPTS);
        Self {
            steps: Family::default(),
            outcomes: Family::default(),
            durations: Family::new_with_constructor(durations),
            attempts: Family::new_with_constructor(attempts),
            running: Gauge::default(),
            internal_errors: Counter::default(),
            dead_letters: Family::default(),
            replies_dropped: Counter::default(),
        }
    }
}

impl Metrics {
    /// Starts the counters of every operation at 0. Prometheus does not see an increase of a counter
    /// that did not exist before.
    pub fn init(&self, operations: impl IntoIterator<Item = &'static str>) {
        for operation in operations.into_iter().map(str::to_owned) {
            for step in Milestone::ALL.map(Milestone::as_str).map(str::to_owned) {
                drop(self.steps.get_or_create(&StepLabel { operation: operation.clone(), step }));
            }
            for outcome in OutcomeKind::ALL.map(OutcomeKind::as_str) {
                let label = OutcomeLabel { operation: operation.clone(), outcome };
                drop(self.outcomes.get_or_create(&label));
            }
        }
    }

    /// Starts the counters of dead letters at 0.
    pub(super) fn init_dead_letters(&self, reasons: impl IntoIterator<Item = &'static str>) {
        for reason in reasons {
            drop(self.dead_letters.get_or_create(&ReasonLabel { reason }));
        }
    }

    /// Registers all metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "job_steps",
            "Milestones that jobs reached: started, retrying, submitted, progress, doubtful",
            self.steps.clone(),
        );
        registry.register(
            "job_outcomes",
            "Jobs that ended: succeeded, failed, unknown, expired, cancelled, rejected",
            self.outcomes.clone(),
        );
        registry.register_with_unit(
            "job_duration",
            "Time from the first reading of a job's message to its outcome",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "job_attempts",
            "Calls that a job took until its outcome",
            self.attempts.clone(),
        );
        registry.register("jobs_running", "Jobs in progress", self.running.clone());
        registry.register(
            "job_internal_errors",
            "Internal errors (ledger, broker, a panic) after which a job was tried again",
            self.internal_errors.clone(),
        );
        registry.register(
            "dead_letters",
            "Messages kept as dead letters: invalid, unreadable, poison",
            self.dead_letters.clone(),
        );
        registry.register(
            "replies_dropped",
            "Copies of outcomes that a reply_to queue did not accept or was not allowed to get",
            self.replies_dropped.clone(),
        );
    }

    pub(super) fn step(&self, job: &Job, step: &str) {
        let label = StepLabel { operation: job.operation.clone(), step: step.to_owned() };
        self.steps.get_or_create(&label).inc();
    }

    pub(super) fn outcome(&self, job: &Job, outcome: &Outcome) {
        let operation = job.operation.clone();
        let label = OutcomeLabel { operation: operation.clone(), outcome: outcome.kind.as_str() };
        self.outcomes.get_or_create(&label).inc();
        let label = OperationLabel { operation };
        if let Some(at) = outcome.times.ended {
            let took = at.duration_since(job.received_at).as_secs_f64();
            self.durations.get_or_create(&label).observe(took.max(0.0));
        }
        self.attempts.get_or_create(&label).observe(outcome.attempts.into());
    }

    /// `operation` must be one of the catalogue or `unknown`: a message can name anything.
    pub(super) fn rejected(&self, operation: &str) {
        let outcome = OutcomeKind::Rejected.as_str();
        let label = OutcomeLabel { operation: operation.to_owned(), outcome };
        self.outcomes.get_or_create(&label).inc();
    }

    /// Counts a job as running until the guard is dropped.
    pub(super) fn running(&self) -> RunningGuard {
        self.running.inc();
        RunningGuard(self.running.clone())
    }

    pub(super) fn internal_error(&self) {
        self.internal_errors.inc();
    }

    pub(super) fn dead_letter(&self, reason: &'static str) {
        self.dead_letters.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub(super) fn reply_dropped(&self) {
        self.replies_dropped.inc();
    }
}

/// Counts a job as running.
pub(super) struct RunningGuard(Gauge);

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
