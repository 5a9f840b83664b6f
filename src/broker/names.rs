//! The names of our exchanges and queues.

use crate::job::Kind;

/// The routing key of wishes that a job ends, beside the kinds of jobs.
pub(super) const CANCEL: &str = "cancel";

#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub(super) fn jobs(&self) -> String {
        self.of("jobs")
    }

    pub(super) fn delay(&self) -> String {
        self.of("delay")
    }

    pub(super) fn wake(&self) -> String {
        self.of("wake")
    }

    pub(super) fn events(&self) -> String {
        self.of("events")
    }

    /// The exchange and the queue.
    pub(super) fn unrouted(&self) -> String {
        self.of("unrouted")
    }

    /// The exchange and the queue.
    pub(super) fn dead(&self) -> String {
        self.of("dead")
    }

    pub(super) fn job_queue(&self, kind: Kind) -> String {
        self.of(&format!("jobs.{kind}"))
    }

    pub(super) fn cancel_queue(&self) -> String {
        self.of(&format!("jobs.{CANCEL}"))
    }

    pub(super) fn wake_queue(&self, kind: Kind) -> String {
        self.of(&format!("wake.{kind}"))
    }

    pub(super) fn delay_queue(&self, seconds: u32) -> String {
        self.of(&format!("delay.{seconds}s"))
    }

    pub(super) fn of(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }
}
