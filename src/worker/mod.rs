//! Runs jobs: takes deliveries, asks the machine what to do, saves the state, and does it.
//!
//! ```text
//! pool ─► runner ─► incoming      decode the message
//!                   admission     once per process, and quarantine for jobs that crash workers
//!                   execution     the loop: decide, save, act
//!                   └─► outgoing  events, replies, dead letters, wake-ups
//! ```

mod admission;
mod dependencies;
mod error;
mod execution;
mod heartbeat;
mod incoming;
mod metrics;
mod observe;
mod outgoing;
mod pool;
mod resolver;
mod runner;
mod sweeper;

pub use crate::clock::Clock;
pub use dependencies::Dependencies;
pub use error::Error;
pub use heartbeat::Heartbeat;
pub use metrics::Metrics;
pub use outgoing::{DeadLetterReason, DeadLetters, EventPublisher, Scheduler, header};
pub use pool::{Drained, Pool};
pub use resolver::{ResolveError, ResolveRequest, Resolver};
pub use runner::Runner;
pub use sweeper::Sweeper;
