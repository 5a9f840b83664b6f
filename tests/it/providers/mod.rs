//! Providers that fail, lag, refuse or limit.

mod failing_reads;
mod faults;
mod limits;
mod lost_answers;
mod outages;
mod unreachable;
