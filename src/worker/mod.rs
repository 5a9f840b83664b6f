//! Carries out. Takes deliveries, lets the machine decide, saves, and does what the state says.

mod copy;
mod pool;
mod reporter;
mod roster;
mod runner;
mod sweeper;
mod trouble;

pub use pool::{Drained, Pool};
pub use reporter::{Reporter, header};
pub use runner::{Parts, Runner};
pub use sweeper::Sweeper;
pub use trouble::Trouble;
