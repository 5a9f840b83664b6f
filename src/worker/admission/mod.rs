//! What a job has to pass before it runs in this process.

mod in_flight;
mod quarantine;

pub(super) use in_flight::InFlight;
pub(super) use quarantine::Quarantine;
