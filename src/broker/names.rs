//! The names of our exchanges and queues. On the broker each begins with `broker.prefix`; metrics
//! and spans leave the prefix out.

use lapin::types::ShortString;

use crate::job::Kind;

/// The routing key of cancel requests. Every other routing key of the jobs exchange is a kind.
pub const CANCEL_KEY: &str = "cancel";

/// A queue that workers consume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceQueue {
    /// Jobs, as producers sent them.
    Job(Kind),
    /// Wake-ups, and messages that were postponed.
    Wake(Kind),
    /// Requests to cancel a job.
    Cancel,
}

impl SourceQueue {
    /// Without the prefix, for metrics and spans.
    pub fn name(self) -> String {
        match self {
            SourceQueue::Job(kind) => format!("jobs.{kind}"),
            SourceQueue::Wake(kind) => format!("wake.{kind}"),
            SourceQueue::Cancel => format!("jobs.{CANCEL_KEY}"),
        }
    }

    /// As it is on the broker.
    pub fn full_name(self, prefix: &str) -> String {
        format!("{prefix}.{}", self.name())
    }
}

/// An exchange of ours. All but `Unrouted` have `Unrouted` as their alternate exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeName {
    /// New jobs, with their kind as routing key, and cancel requests.
    Jobs,
    /// Result events.
    Events,
    /// Wake-ups that are not due yet.
    Delay,
    /// Wake-ups that are due.
    Wake,
    /// Dead letters. The queue behind it has the same name.
    Dead,
    /// Messages that no queue is bound for. The queue behind it has the same name.
    Unrouted,
}

impl ExchangeName {
    /// Without the prefix, for metrics and spans.
    pub fn name(self) -> &'static str {
        match self {
            ExchangeName::Jobs => "jobs",
            ExchangeName::Events => "events",
            ExchangeName::Delay => "delay",
            ExchangeName::Wake => "wake",
            ExchangeName::Dead => "dead",
            ExchangeName::Unrouted => "unrouted",
        }
    }

    /// As it is on the broker.
    pub fn full_name(self, prefix: &str) -> String {
        format!("{prefix}.{}", self.name())
    }
}

pub(super) fn delay_queue(prefix: &str, seconds: u32) -> String {
    format!("{prefix}.delay.{seconds}s")
}

/// A text as an AMQP short string. The library's own conversion panics above 255 bytes.
pub(super) fn short(text: &str) -> lapin::Result<ShortString> {
    ShortString::try_new(text).map_err(|error| std::io::Error::other(error).into())
}
