//! What the worker promises, held against real processes: killed, stopped, outnumbered, cut off.

mod forgetting;
mod hiccups;
mod killing;
mod lethal;
mod mortal;
mod outage;
mod poison;
pub mod process;
pub mod queues;
mod replacing;
mod replicas;
mod sharing;
mod stopping;
pub mod tickets;
mod waiting;
mod week;
