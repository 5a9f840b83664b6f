//! What the worker promises, held against real processes: killed, stopped, outnumbered, cut off.

mod forgetting;
mod hiccups;
mod killing;
mod mortal;
mod outage;
mod process;
mod queues;
mod sharing;
mod stopping;
mod tickets;
mod waiting;
