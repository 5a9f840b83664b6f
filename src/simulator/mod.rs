//! A stand-in for both clouds on one port, for trying things out and for tests.
//!
//! It checks what the real ones check (signatures, nonces, clocks, parameters), keeps tickets,
//! publish records and packages that move with time, breaks down on order, and knows the truth:
//! what really took effect, whatever it answered. Where a provider's behaviour is not documented it
//! takes the side that is harder on a client. It is not the real thing, and proves nothing about it.
//!
//! The way of a request: [`server`] takes the connection, [`gateway`] reads it, lets it in and
//! spoils it if a [fault](faults) is due, [`stand`] carries it out in [`dms`], [`dataworks`],
//! [`factory`] or [`iam`], which change the [`world`]; [`reply`] puts the answer in its envelope.
//! [`admin`] is the door for tests.

mod accounts;
mod action;
mod admin;
mod dataworks;
mod dms;
mod factory;
mod faults;
mod gateway;
mod iam;
mod reply;
mod server;
mod settings;
mod stand;
mod truth;
mod world;
mod xml;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use self::dataworks::FileFate;
pub use self::dms::ticket::Fate;
pub use self::factory::PackageFate;
pub use self::faults::{Fault, FaultPlan, Rule};
pub use self::settings::{Settings, TestKey, TestUser};
use self::stand::Stand;
pub use self::truth::{Count, Counts, Effect, Target};
pub use self::world::Steer;

/// Why a simulator can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("the simulator cannot listen on {address}; choose another address, or port 0")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The fault plan contradicts itself.
    #[error("the simulator's fault plan cannot be followed: {0}")]
    Faults(String),
}

/// Starts simulators.
#[derive(Debug)]
pub struct Simulator;

/// A simulator that runs. It stops when this is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stand: Arc<Stand>,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts one; port 0 takes any free port. Needs a tokio runtime.
    pub async fn start(settings: Settings, address: SocketAddr) -> Result<Running, StartError> {
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let stop = CancellationToken::new();
        let stand = Stand::new(settings, stop.clone()).map_err(StartError::Faults)?;
        let stand = Arc::new(stand);
        let router = Router::new()
            .merge(admin::routes())
            .fallback(gateway::answer)
            .with_state(Arc::clone(&stand));
        let server = Some(tokio::spawn(server::serve(listener, router, stop.clone())));
        Ok(Running { address, stand, stop, server })
    }

    /// Starts one for tests, on any free port of this machine.
    pub async fn start_locally(settings: Settings) -> Result<Running, StartError> {
        Self::start(settings, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }
}

impl Running {
    /// Where it is: the endpoint of every service of both clouds.
    pub fn url(&self) -> Url {
        let text = format!("http://{}", self.address);
        Url::parse(&text).unwrap_or_else(|never| unreachable!("{text}: {never}"))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What really took effect so far, oldest first.
    pub fn effects(&self) -> Vec<Effect> {
        self.stand.effects()
    }

    /// Requests so far, by action.
    pub fn requests(&self) -> Counts {
        self.stand.counts()
    }

    /// Puts another fault plan in place of the one under way.
    pub fn set_faults(&self, plan: FaultPlan) -> Result<(), String> {
        self.stand.set_faults(plan)
    }

    /// Sets how far its clock is ahead of this machine's, in milliseconds; may be negative.
    pub fn set_clock_offset(&self, milliseconds: i64) {
        self.stand.set_clock_offset(milliseconds);
    }

    /// Tells one thing what becomes of it; says why when it can't.
    pub fn steer(&self, order: Steer) -> Result<(), String> {
        self.stand.steer(order).map(|_| ())
    }

    /// Stops it: every connection is closed, and what was to take effect later does not.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take()
            && let Err(error) = server.await
        {
            tracing::error!(%error, "the simulator's server broke down");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
