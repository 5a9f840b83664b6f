//! Decides. What a job is, what may happen to it, and what follows.
//!
//! Nothing here does input or output, reads a clock or rolls dice: time and chance are arguments,
//! so every path a job can take is an ordinary function call in a test.

pub mod advice;
pub mod backoff;
pub mod cloud_event;
pub mod failure;
pub mod history;
pub mod machine;
pub mod message;
pub mod milestone;
pub mod model;
pub mod pattern;
pub mod policy;
pub mod spec;
pub mod state;
pub mod status;
pub mod suggest;
pub mod users;
pub mod wakeup;

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
pub use users::AccessPolicy;
pub use wakeup::WakeUp;
