//! Brokers that misbehave, and whole workers that get all their jobs done none the less: every one,
//! each once.

mod alarm;
mod cluster;
mod load;
mod meddling;
mod outage;
mod revoking;
mod silence;
