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
    milestones: Family<MilestoneLabels, Counter>,
    outcomes: Family<OutcomeLabels, Counter>,
    durations: Family<OperationLabel, Histogram, fn() -> Histogram>,
    attempts: Family<OperationLabel, Histogram, fn() -> Histogram>,
    running: Gauge,
    internal_errors: Counter,
    dead_letters: Family<ReasonLabel, Counter>,
    replies_dropped: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MilestoneLabels {
    operation: String,
    milestone: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
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
            milestones: Family::default(),
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
    /// Creates the series of every operation as 0: Prometheus sees an increase only of a series that
    /// exists.
    pub fn init(&self, operations: impl IntoIterator<Item = &'static str>) {
        for operation in operations.into_iter().map(str::to_owned) {
            for milestone in Milestone::ALL.map(Milestone::as_str) {
                let labels = MilestoneLabels { operation: operation.clone(), milestone };
                drop(self.milestones.get_or_create(&labels));
            }
            for outcome in OutcomeKind::ALL.map(OutcomeKind::as_str) {
                let labels = OutcomeLabels { operation: operation.clone(), outcome };
                drop(self.outcomes.get_or_create(&labels));
            }
        }
    }

    /// Creates the series of dead letters as 0.
    pub(super) fn init_dead_letters(&self, reasons: impl IntoIterator<Item = &'static str>) {
        for reason in reasons {
            drop(self.dead_letters.get_or_create(&ReasonLabel { reason }));
        }
    }

    /// Registers all metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "job_milestones",
            "Milestones of jobs: started, retrying, submitted, progress, doubtful",
            self.milestones.clone(),
        );
        registry.register(
            "job_outcomes",
            "Jobs that ended, by outcome: succeeded, failed, unknown, expired, cancelled, rejected",
            self.outcomes.clone(),
        );
        registry.register_with_unit(
            "job_duration",
            "Time from the first delivery of a job to its outcome",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("job_attempts", "Calls per job that ended", self.attempts.clone());
        registry.register("jobs_running", "Jobs in progress", self.running.clone());
        registry.register(
            "job_internal_errors",
            "Times a job was retried because of an error of ticketd's own: ledger, broker or panic",
            self.internal_errors.clone(),
        );
        registry.register(
            "dead_letters",
            "Messages that became dead letters, by reason: invalid, unreadable, poison",
            self.dead_letters.clone(),
        );
        registry.register(
            "replies_dropped",
            "Replies dropped because their reply_to queue is not allowed or did not accept them",
            self.replies_dropped.clone(),
        );
    }

    pub(super) fn milestone(&self, job: &Job, milestone: Milestone) {
        let (operation, milestone) = (job.operation.clone(), milestone.as_str());
        let labels = MilestoneLabels { operation, milestone };
        self.milestones.get_or_create(&labels).inc();
    }

    pub(super) fn outcome(&self, job: &Job, outcome: &Outcome) {
        let operation = job.operation.clone();
        let labels = OutcomeLabels { operation: operation.clone(), outcome: outcome.kind.as_str() };
        self.outcomes.get_or_create(&labels).inc();
        let labels = OperationLabel { operation };
        if let Some(at) = outcome.times.ended {
            let took = at.duration_since(job.received_at).as_secs_f64();
            self.durations.get_or_create(&labels).observe(took.max(0.0));
        }
        self.attempts.get_or_create(&labels).observe(outcome.attempts.into());
    }

    /// `operation` must be one of the catalogue or `unknown`: a message can name anything.
    pub(super) fn rejected(&self, operation: &str) {
        let outcome = OutcomeKind::Rejected.as_str();
        let labels = OutcomeLabels { operation: operation.to_owned(), outcome };
        self.outcomes.get_or_create(&labels).inc();
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
