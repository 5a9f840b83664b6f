//! Decides: what a job is, what may happen to it, and what follows.
//!
//! Pure: no input or output, no clock, no random numbers. Time and randomness are arguments, so that
//! a test reaches every path of a job by function calls.

#![warn(missing_docs)]

pub mod access;
pub mod advice;
pub mod backoff;
pub mod cloud_event;
pub mod failure;
pub mod history;
pub mod machine;
pub mod message;
pub mod milestone;
pub mod model;
pub mod policy;
pub mod spec;
pub mod state;
pub mod status;
pub mod suggest;
pub mod wakeup;

pub use access::AccessPolicy;
pub use advice::OutcomeError;
pub use cloud_event::CloudEvent;
pub use failure::{Failure, FailureClass};
pub use history::HistoryEntry;
pub use message::Submission;
pub use milestone::Milestone;
pub use model::{AccountName, Job, JobId, Kind, Provider, ReplyTo, Trace, Until};
pub use spec::{Catalogue, OperationSpec, Problem};
pub use state::{
    Accepted, Answer, Answered, Ended, ExecutionState, Outcome, OutcomeKind, ProviderReply,
    RequestKind, Running, State,
};
pub use status::Status;
pub use wakeup::WakeUp;
