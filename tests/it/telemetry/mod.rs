//! Metrics, health and traces.

mod admin;
mod tracing;
