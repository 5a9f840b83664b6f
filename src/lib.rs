//! `ticketd`: an event-driven queue worker. Producers put ticket jobs on RabbitMQ. Worker replicas make
//! the calls on cloud APIs, poll the tasks that these calls start, and publish the results as events.
//! No job is lost, and no call takes effect twice.
//!
//! # Map
//!
//! - [`job`] decides: what a job is, what may happen to it, what follows. Pure functions.
//! - [`cloud`] calls providers: operations describe requests and interpret replies.
//! - [`broker`] talks to RabbitMQ: connections, topology, deliveries, confirmed publishes.
//! - [`ledger`] stores every job's state, and who may change it.
//! - [`worker`] executes: takes deliveries, steps the machine, saves, acts.
//! - [`admin`] serves metrics and health.
//! - [`config`] turns files and environment variables into validated settings.
//! - [`secret`] holds secrets and detects when they change.
//! - [`telemetry`] sets up logs and traces.
//! - [`app`] builds the real dependencies and connects them.
//! - [`cli`] is the command line.
//! - [`simulator`] simulates both clouds, for demos and tests.
//!
//! Imports go in one direction: `cli` → `app` → `admin` → `worker` → { `cloud`, `broker`, `ledger` } →
//! `job`. `tests/architecture` enforces it.
//!
//! # The way of a job
//!
//! 1. [`broker::Deliveries`] hands a delivery to [`worker::Pool`], which limits the jobs in flight.
//! 2. [`worker::Runner`] decodes it. An invalid message becomes a `rejected` event and a dead letter.
//! 3. [`ledger::Ledger::claim`] stores a new job and returns a claim with a fence, and the job's state.
//! 4. [`job::machine::step`] decides the next state from the state and an input. The state is saved, then
//!    acted on: [`cloud::Providers`] sends a request, the job is parked on the delay ladder, or
//!    [`worker::EventPublisher`] publishes the outcome.
//! 5. The delivery is acked once the broker has confirmed the outcome, the wake-up or the dead letter.
//!
//! # Glossary
//!
//! One word has one meaning, in code, logs, metrics and documents.
//!
//! - **account**: a name in the configuration with provider, region, credentials and limits
//!   ([`cloud::account::Account`]).
//! - **ack**: the confirmation that a delivery is done; without it RabbitMQ redelivers it.
//! - **adopt**: treat what a probe or a person found at the provider as the effect of a lost call.
//! - **attempt**: one call made, counted per job.
//! - **backoff**: the growing pause between repeats ([`job::backoff::Backoff`]).
//! - **baseline**: a read before the call, which a later probe compares with.
//! - **call**: the request that changes something at the provider.
//! - **circuit breaker**: stops requests to a service of an account after repeated failures. *Open*: no
//!   requests. *Half-open*: one trial request.
//! - **claim**: the right to change a job's state, until a newer claim exists ([`ledger::Claim`]).
//! - **crash count**: claims of a job that ended without progress ([`ledger::CrashCount`]).
//! - **dead letter**: a message kept for a person, with the reason ([`broker::DeadLetter`]).
//! - **delay ladder**: queues with fixed TTLs of 1, 2, 4 … seconds, on which parked jobs wait.
//! - **delivery**: a message handed to this worker by RabbitMQ ([`broker::Delivery`]).
//! - **doubt**: a call may have taken effect, and nothing has decided it yet ([`job::state::Doubt`]).
//! - **event**: a CloudEvent about a job: a milestone or its outcome ([`job::CloudEvent`]).
//! - **fence**: the number of a claim. A save under an older fence is refused.
//! - **handle**: what polls need to find at the provider what a call started.
//! - **heartbeat**: the sign that the loop of the pool is not stuck ([`worker::Heartbeat`]).
//! - **in flight**: being processed by this worker now.
//! - **job**: one valid ticket message ([`job::Job`]).
//! - **kind**: `create`, `publish` or `deploy`; the routing key of an operation ([`job::Kind`]).
//! - **lease**: how long a claim holds without a save.
//! - **ledger**: the store of jobs, SQLite or PostgreSQL ([`ledger::Ledger`]).
//! - **marker**: a short text at the end of a ticket's comment, by which a probe finds it.
//! - **milestone**: an event before the outcome ([`job::Milestone`]).
//! - **operation**: one of the provider's calls that ticketd knows ([`job::OperationSpec`]).
//! - **outcome**: how a job ended, exactly one per job ([`job::Outcome`]).
//! - **park**: save a waiting job, publish its wake-up to the delay ladder, and ack the delivery.
//! - **poison**: a job that crashes workers.
//! - **poll**: a read that asks how far the started task is.
//! - **probe**: a read that asks whether a lost call took effect.
//! - **quarantine**: a job suspected of crashing workers runs alone.
//! - **replica**: one worker process among several that share a ledger.
//! - **request**: anything sent to a provider: baseline, call, probe or poll ([`job::RequestKind`]).
//! - **settle**: the pause before the first probe, in which a slow call can still take effect.
//! - **sweeper**: re-publishes wake-ups that are overdue, and purges old jobs ([`worker::Sweeper`]).
//! - **topology**: the exchanges, queues and bindings on RabbitMQ.
//! - **wake-up**: the message that brings a parked job back ([`job::WakeUp`]).

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
