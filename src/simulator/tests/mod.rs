//! The simulator as its clients see it: over HTTP, with requests signed by the real signers.

mod admission;
mod client;
mod dataarts;
mod faults;
mod operations;
mod tickets;
