//! `ticketd`: an event-driven queue worker. Producers put ticket jobs on RabbitMQ; `ticketd` makes
//! the calls on cloud APIs that they ask for, follows what those start, and publishes the results.
//! It loses nothing and makes nothing twice.
//!
//! # Layout
//!
//! - [`job`] decides: what a job is, what may happen to it, what follows. Pure.
//! - [`cloud`] asks providers: operations describe requests and read replies.
//! - [`broker`] talks to RabbitMQ: connections, topology, deliveries, confirmed publishes.
//! - [`ledger`] stores every job's state, and decides which worker may change it.
//! - [`worker`] carries out: takes deliveries, steps the machine, saves, acts.
//! - [`admin`] shows metrics and health.
//! - [`clock`] is the clock that jobs run by.
//! - [`secret`] keeps what must not be shown, and notices when it changes.
//! - [`config`] turns files and environment variables into checked settings.
//! - [`app`] builds the real parts and joins them.
//! - [`cli`] is the command line; [`telemetry`] its logs.
//! - [`simulator`] stands in for both clouds, for trying things out and for tests.
//!
//! # The way of one job
//!
//! A delivery comes from [`broker::Deliveries`] into [`worker::Pool`]. [`job::message`] reads it;
//! [`ledger::Ledger::claim`] gives the right to it and the state to go on from.
//! [`worker::Runner`] has [`job::machine::step`] decide, saves the new state, and does what that
//! says: asks a provider through [`cloud::Providers`], parks the job in the delay ladder, or has
//! [`worker::EventPublisher`] publish the outcome. When the broker has confirmed, the delivery is acked.

pub mod admin;
pub mod app;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod cloud;
pub mod config;
pub mod error_chain;
pub mod job;
pub mod ledger;
pub mod secret;
pub mod simulator;
pub mod telemetry;
pub mod worker;
