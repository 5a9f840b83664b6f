//! Jobs that a person cancels or resolves.

mod cancel;
mod resolve;
