//! Carries out. Takes deliveries, lets the machine decide, saves, and does what the state says.

mod dependencies;
mod error;
mod events;
mod execution;
mod heartbeat;
mod in_flight;
mod incoming;
mod metrics;
mod observe;
mod pool;
mod quarantine;
mod resolver;
mod runner;
mod spans;
mod sweeper;

pub use crate::clock::Clock;
pub use dependencies::Dependencies;
pub use error::Error;
pub use events::{EventPublisher, header};
pub use heartbeat::Heartbeat;
pub use metrics::Metrics;
pub use pool::{Drained, Pool};
pub use resolver::{ResolveError, ResolveRequest, Resolver};
pub use runner::Runner;
pub use sweeper::Sweeper;
