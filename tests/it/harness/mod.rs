//! What every test starts from: the run's broker, and names that no other test uses.

mod broker;
mod container;
mod handshake;
mod keeper;
mod node;
mod queue;
pub mod samples;
mod stage;

pub use broker::{broker, own_broker};
pub use queue::{Queue, header};
pub use stage::{LIMIT, Stage, Troupe, is_outcome, until, until_within};

/// A random prefix for exchanges and queues, so that tests share a broker without meeting.
pub fn prefix() -> String {
    format!("ticketd-it-{:08x}", rand::random::<u32>())
}
