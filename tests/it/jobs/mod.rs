//! What happens to a job, from its message to its outcome.

mod crash_points;
mod crashes;
mod deadlines;
mod happy_path;
mod idempotency;
mod long_polling;
mod operations;
mod parking;
mod poison;
mod poison_worker;
pub(crate) mod tickets;
