//! Carries out. Takes deliveries, lets the machine decide, saves, and does what the state says.

mod chronicle;
mod clock;
mod copy;
mod course;
mod metrics;
mod parts;
mod pool;
mod pulse;
mod reporter;
mod resolve;
mod roster;
mod runner;
mod spans;
mod suspicion;
mod sweeper;
mod trouble;

pub use clock::Clock;
pub use metrics::Metrics;
pub use parts::Parts;
pub use pool::{Drained, Pool};
pub use pulse::Pulse;
pub use reporter::{Reporter, header};
pub use resolve::{Finding, Resolver, Unresolved};
pub use runner::Runner;
pub use sweeper::Sweeper;
pub use trouble::Trouble;
