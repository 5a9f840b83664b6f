//! Carries out. Takes deliveries, lets the machine decide, saves, and does what the state says.

mod clock;
mod copy;
mod course;
mod parts;
mod pool;
mod reporter;
mod resolve;
mod roster;
mod runner;
mod suspicion;
mod sweeper;
mod trouble;

pub use clock::Clock;
pub use parts::Parts;
pub use pool::{Drained, Pool};
pub use reporter::{Reporter, header};
pub use resolve::{Finding, Resolver, Unresolved};
pub use runner::Runner;
pub use sweeper::Sweeper;
pub use trouble::Trouble;
