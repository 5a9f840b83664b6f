//! What operators and their tools look at: metrics, and whether a replica is alive and ready. Read
//! only, without a secret, and on this machine alone unless the configuration says otherwise.

mod backlog;
mod health;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::broker::Broker;
use crate::ledger::Ledger;
use crate::worker::Heartbeat;
use backlog::BacklogCollector;
use health::{Health, Report};

/// What scrapers are told that they get.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The address can't be listened on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else listens there.
    #[error(
        "another process, perhaps another worker, listens on admin.address {0}: choose another \
         one for this worker (TICKETD_ADMIN__ADDRESS=127.0.0.1:0 takes any that is free), or \"off\""
    )]
    Taken(SocketAddr),
    /// This machine has no such address, or we may not listen there.
    #[error("admin.address {address} can't be listened on: choose another one")]
    Unusable {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Takes an address before there is anything to tell.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::Taken(address),
        _ => Error::Unusable { address, source },
    })
}

/// What is told of a replica.
pub struct AdminSources {
    /// Everything that is counted; the census adds to it.
    pub registry: Registry,
    /// The loop's sign of life.
    pub heartbeat: Arc<Heartbeat>,
    /// Where jobs are remembered.
    pub ledger: Arc<dyn Ledger>,
    /// Where jobs come from.
    pub broker: Broker,
    /// Whether the replica is stopping.
    pub stopping: CancellationToken,
}

struct AdminState {
    registry: Registry,
    backlog: BacklogCollector,
    health: Health,
}

/// Answers until `closed`.
pub async fn serve(listener: TcpListener, sources: AdminSources, closed: CancellationToken) {
    let AdminSources { mut registry, heartbeat, ledger, broker, stopping } = sources;
    let backlog = BacklogCollector::new(ledger.clone(), broker.clone(), &mut registry);
    let health = Health { heartbeat, ledger, broker, stopping };
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state(Arc::new(AdminState { registry, backlog, health }));
    let serving = axum::serve(listener, router).into_future();
    // Whoever is in the middle of reading is cut off: the process ends.
    if let Some(Err(error)) = closed.run_until_cancelled(serving).await {
        warn!(%error, "nothing is told on admin.address any more");
    }
}

async fn metrics(State(state): State<Arc<AdminState>>) -> Response {
    state.backlog.take().await;
    let mut text = String::new();
    match encode(&mut text, &state.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(std::fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn alive(State(state): State<Arc<AdminState>>) -> Response {
    answer(state.health.alive())
}

async fn ready(State(state): State<Arc<AdminState>>) -> Response {
    answer(state.health.ready().await)
}

fn answer(report: Report) -> Response {
    let code = if report.good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(report)).into_response()
}
