//! The exchanges and queues that ticketd needs: what they are, and whether the broker has them.
//!
//! Every exchange has an alternate exchange, so nothing we publish to our own is lost for want of
//! a binding. Every queue is a quorum queue; where messages go on from one queue to another, they
//! do so at least once.

mod declare;
mod flag;
mod mismatch;
mod objects;
mod removal;

use std::fmt;

use lapin::Connection;
use serde::Serialize;

pub use objects::{Argument, Binding, Exchange, ExchangeKind, Object, Queue, describe};

use super::connection::lost;
use super::endpoint::Endpoint;
use super::error::Error;
use super::settings::{BrokerSettings, TopologyMode};

/// Something about the broker's topology that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum Problem {
    /// It does not exist.
    Missing {
        /// For example `queue ticketd.jobs.create`.
        object: String,
    },
    /// It exists and is another.
    Differs {
        /// For example `queue ticketd.jobs.create`.
        object: String,
        /// For example `argument x-delivery-limit`.
        property: String,
        /// What the broker has; `None` if it has no such argument.
        broker: Option<String>,
        /// What we need; `None` if we need that it has no such argument.
        ours: Option<String>,
    },
    /// The broker refused for another reason.
    Refused {
        /// For example `queue ticketd.jobs.create`.
        object: String,
        /// What the broker said.
        reason: String,
    },
    /// A feature of the broker that we need is switched off.
    FlagOff {
        /// The feature flag.
        flag: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_unset = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".into());
        match self {
            Problem::Missing { object } => {
                write!(f, "{object} is missing: run `ticketd topology apply`")
            }
            Problem::Differs { object, property, broker, ours } => write!(
                f,
                "{object}: {property} is {} on the broker, ours is {}: delete it when it is empty \
                 and run `ticketd topology apply`, or choose another broker.prefix",
                or_unset(broker),
                or_unset(ours)
            ),
            Problem::Refused { object, reason } => write!(f, "{object}: {reason}"),
            Problem::FlagOff { flag } => write!(
                f,
                "the feature flag {flag} is off, without which waiting jobs can be lost: run \
                 `rabbitmqctl enable_feature_flag {flag}`"
            ),
        }
    }
}

/// What is done about the topology whenever a connection is new.
pub(super) struct TopologySpec {
    mode: TopologyMode,
    prefix: String,
    objects: Vec<Object>,
}

impl TopologySpec {
    pub(super) fn new(settings: &BrokerSettings, mode: TopologyMode) -> Self {
        Self {
            mode,
            prefix: settings.prefix.clone(),
            objects: describe(&settings.prefix, settings.unrouted_max),
        }
    }

    pub(super) async fn enforce(&self, connection: &Connection) -> Result<(), Error> {
        let problems = match self.mode {
            TopologyMode::Apply => declare::apply(connection, &self.objects).await?,
            TopologyMode::Check => declare::check(connection, &self.objects).await?,
        };
        if problems.is_empty() { Ok(()) } else { Err(Error::Topology(problems)) }
    }
}

/// Declares what is missing. All that does not fit is one [`Error::Topology`].
pub async fn apply(settings: &BrokerSettings) -> Result<(), Error> {
    on_its_own_connection(settings, TopologyMode::Apply).await
}

/// Verifies without changing anything. All that is missing or does not fit is one
/// [`Error::Topology`]. Bindings can't be seen over AMQP and are taken on trust.
pub async fn check(settings: &BrokerSettings) -> Result<(), Error> {
    on_its_own_connection(settings, TopologyMode::Check).await
}

/// Deletes every exchange and queue that [`describe`] names, with what is in them, and nothing
/// else. What is not there is no trouble. For those who have chosen the prefix for themselves.
pub async fn remove(settings: &BrokerSettings) -> Result<(), Error> {
    let connection = Endpoint::read(settings)?.dial("topology").await?;
    removal::remove(&connection, &describe(&settings.prefix, settings.unrouted_max)).await?;
    // They are deleted; how the connection ends changes nothing.
    connection.close(200, "done".into()).await.ok();
    Ok(())
}

async fn on_its_own_connection(settings: &BrokerSettings, mode: TopologyMode) -> Result<(), Error> {
    ensure(&Endpoint::read(settings)?, &TopologySpec::new(settings, mode)).await
}

/// Carries a plan out on a connection of its own, which the question after the flag may cost.
pub(super) async fn ensure(endpoint: &Endpoint, plan: &TopologySpec) -> Result<(), Error> {
    let connection = endpoint.dial("topology").await?;
    plan.enforce(&connection).await?;
    let missing = flag::missing(&connection, &plan.prefix)
        .await
        .map_err(|error| lost("look for flags", error))?;
    // The broker has answered all we asked; how the connection ends changes nothing.
    connection.close(200, "done".into()).await.ok();
    missing.map_or(Ok(()), |problem| Err(Error::Topology(vec![problem])))
}
