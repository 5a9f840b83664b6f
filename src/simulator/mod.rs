//! A simulator of both providers on one port, for the demo and for tests.
//!
//! It checks what the real providers check (signatures, nonces, clocks, parameters), keeps tickets,
//! publish records and packages whose status changes with time, injects faults on request, and
//! records what took effect, whatever it replied. Where a provider's behaviour is not documented,
//! the simulator behaves in the way that is harder for a client. It proves nothing about the real
//! providers.
//!
//! A request passes through these modules: `server` accepts the connection; `gateway` reads the
//! request, has it authenticated by `auth`, injects a fault if [`faults`] has one for it, and formats
//! the reply; `state` executes the request in `dms`, `dataworks`, `dataarts` or `auth::iam`, which
//! read and change the `store`. `admin` has the routes for tests.
//!
//! Imports go in one direction: gateway and admin → state → auth, overrides, and the handlers of
//! dms, dataworks and dataarts → store → tickets, publish tasks, files and packages → request →
//! settings, action, reply, effects, faults.

mod accounts;
mod action;
mod admin;
mod auth;
mod dataarts;
mod dataworks;
mod dms;
mod effects;
mod faults;
mod gateway;
mod overrides;
mod reply;
mod request;
mod server;
mod settings;
mod state;
mod store;

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

pub use self::dataarts::package::ForcedPackageOutcome;
pub use self::dataworks::file::ForcedFileOutcome;
pub use self::dms::ticket::ForcedOutcome;
pub use self::effects::{Effect, EffectTarget, RequestCount, RequestCounts};
pub use self::faults::{Fault, FaultPlan, FaultRule};
pub use self::overrides::Override;
pub use self::settings::{AccessKeyPair, SimulatorSettings, TestUser};
use self::state::SimulatorState;

/// Why a simulator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the simulator cannot listen on {address}; choose another address, or port 0")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the simulator's fault plan is invalid: {0}")]
    Faults(String),
}

/// Starts simulators.
#[derive(Debug)]
pub struct Simulator;

/// A running simulator. It stops when it is dropped.
#[derive(Debug)]
pub struct RunningSimulator {
    address: SocketAddr,
    state: Arc<SimulatorState>,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts a simulator; port 0 takes any free port. Needs a tokio runtime.
    pub async fn start(
        settings: SimulatorSettings,
        address: SocketAddr,
    ) -> Result<RunningSimulator, StartError> {
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let stop = CancellationToken::new();
        let state = SimulatorState::new(settings, stop.clone()).map_err(StartError::Faults)?;
        let state = Arc::new(state);
        let router = Router::new()
            .merge(admin::routes())
            .fallback(gateway::answer)
            .with_state(Arc::clone(&state));
        let server = Some(tokio::spawn(server::serve(listener, router, stop.clone())));
        Ok(RunningSimulator { address, state, stop, server })
    }

    /// Starts a simulator for tests, on any free port of this machine.
    pub async fn start_locally(
        settings: SimulatorSettings,
    ) -> Result<RunningSimulator, StartError> {
        Self::start(settings, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }
}

impl RunningSimulator {
    /// The endpoint of every service of both providers.
    pub fn url(&self) -> Url {
        let text = format!("http://{}", self.address);
        Url::parse(&text).unwrap_or_else(|never| unreachable!("{text}: {never}"))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What took effect so far, oldest first.
    pub fn effects(&self) -> Vec<Effect> {
        self.state.effects()
    }

    /// How many requests there were, by action.
    pub fn requests(&self) -> RequestCounts {
        self.state.counts()
    }

    /// Replaces the fault plan; its counts start at zero.
    pub fn set_faults(&self, plan: FaultPlan) -> Result<(), String> {
        self.state.set_faults(plan)
    }

    /// Sets how far its clock is ahead of the machine's clock; may be negative.
    pub fn set_clock_offset(&self, milliseconds: i64) {
        self.state.set_clock_offset(milliseconds);
    }

    /// Overrides the outcome of one ticket, task, file or package. The error says why that is not possible.
    pub fn apply(&self, change: Override) -> Result<(), String> {
        self.state.apply(change).map(|_| ())
    }

    /// Closes every connection and drops effects that are still delayed.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take()
            && let Err(error) = server.await
        {
            tracing::error!(%error, "the simulator's server failed");
        }
    }
}

impl Drop for RunningSimulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
