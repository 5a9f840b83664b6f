//! Decides. What a job is, what may happen to it, and what follows.
//!
//! Nothing here does input or output, reads a clock or rolls dice: time and chance are arguments,
//! so every path a job can take is an ordinary function call in a test.

#![warn(missing_docs)]

pub mod event;
pub mod failure;
pub mod history;
pub mod machine;
pub mod message;
pub mod milestone;
pub mod model;
pub mod operation;
pub mod pattern;
pub mod policy;
pub mod report;
pub mod retry;
pub mod state;
pub mod status;
pub mod users;
pub mod wakeup;
pub mod wording;

pub use event::Event;
pub use failure::{Failure, Meaning};
pub use history::Note;
pub use message::Submission;
pub use milestone::Milestone;
pub use model::{AccountName, Job, JobId, Kind, Provider, ReplyTo, Trace, Until};
pub use operation::{Catalogue, Operation, Problem};
pub use report::{Outcome, Trouble, Verdict};
pub use state::{Accepted, Answer, Answered, Ask, Ended, Facts, Running, State, Turn};
pub use status::Status;
pub use users::Users;
pub use wakeup::WakeUp;
