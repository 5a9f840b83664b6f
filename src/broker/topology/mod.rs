//! The exchanges and queues that ticketd needs: declares, verifies and deletes them.
//!
//! Every exchange has an alternate exchange, so that a message without a matching binding is kept.
//! Every queue is a quorum queue, and dead-letters at least once where messages move on to another
//! queue.

mod declare;
mod mismatch;
mod objects;

use std::time::Duration;

use lapin::Connection;

pub use objects::{Argument, Binding, Exchange, ExchangeKind, Queue, TopologyObject, describe};

use super::endpoint::Endpoint;
use super::error::Error;
use super::settings::{BrokerSettings, TopologyMode};

/// How long a clean close may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The name of the connections that this module opens.
const PURPOSE: &str = "topology";

/// The topology, and whether to declare or only to verify it.
pub(super) struct TopologySpec {
    mode: TopologyMode,
    prefix: String,
    objects: Vec<TopologyObject>,
}

impl TopologySpec {
    pub(super) fn new(settings: &BrokerSettings, mode: TopologyMode) -> Self {
        Self {
            mode,
            prefix: settings.prefix.clone(),
            objects: describe(&settings.prefix, settings.unrouted_max),
        }
    }

    /// The first part of every exchange and queue name.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Declares or verifies, according to the mode. Every problem is in one [`Error::Topology`].
    pub(super) async fn enforce(&self, connection: &Connection) -> Result<(), Error> {
        let problems = match self.mode {
            TopologyMode::Apply => declare::apply(connection, &self.objects).await?,
            TopologyMode::Check => declare::check(connection, &self.objects).await?,
        };
        if problems.is_empty() { Ok(()) } else { Err(Error::Topology(problems)) }
    }
}

/// Declares what is missing. Every difference is in one [`Error::Topology`].
pub async fn apply(settings: &BrokerSettings) -> Result<(), Error> {
    enforce_once(settings, TopologyMode::Apply).await
}

/// Verifies without changing anything. Everything that is missing or differs is in one
/// [`Error::Topology`]. Bindings can't be read over AMQP and are not verified.
pub async fn check(settings: &BrokerSettings) -> Result<(), Error> {
    enforce_once(settings, TopologyMode::Check).await
}

/// Deletes exactly the exchanges and queues that [`describe`] names, with their messages. It is no
/// error if one does not exist.
pub async fn remove(settings: &BrokerSettings) -> Result<(), Error> {
    let connection = Endpoint::read(settings)?.dial(PURPOSE).await?;
    declare::remove(&connection, &describe(&settings.prefix, settings.unrouted_max)).await?;
    close(connection).await;
    Ok(())
}

async fn enforce_once(settings: &BrokerSettings, mode: TopologyMode) -> Result<(), Error> {
    ensure(&Endpoint::read(settings)?, &TopologySpec::new(settings, mode)).await
}

/// Enforces a topology and checks the feature flag, on a connection of its own: the broker may
/// close the connection over the check.
pub(super) async fn ensure(endpoint: &Endpoint, topology: &TopologySpec) -> Result<(), Error> {
    let connection = endpoint.dial(PURPOSE).await?;
    topology.enforce(&connection).await?;
    let flag_off = declare::missing_flag(&connection, &topology.prefix)
        .await
        .map_err(|error| Error::lost("check feature flags", error))?;
    close(connection).await;
    flag_off.map_or(Ok(()), |problem| Err(Error::Topology(vec![problem])))
}

/// The broker has answered every request, so the result of the close is ignored. The library may
/// never complete it while a channel of the connection closes as well.
async fn close(connection: Connection) {
    let closed = connection.close(200, "done".into());
    tokio::time::timeout(CLOSE_TIMEOUT, closed).await.ok();
}
