//! Everything that workers publish.

mod dead_letters;
mod events;
pub mod header;
mod scheduler;

pub use dead_letters::{DeadLetterReason, DeadLetters};
pub use events::EventPublisher;
pub use scheduler::Scheduler;
