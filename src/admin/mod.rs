//! Serves metrics and health over HTTP. Read only and without secrets. Local by default.

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
use health::{Health, HealthReport};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why the admin address can't be listened on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "another process, perhaps another worker, listens on admin.address {0}: choose another \
         address for this worker (TICKETD_ADMIN__ADDRESS=127.0.0.1:0 picks a free port), or \"off\""
    )]
    InUse(SocketAddr),
    #[error("admin.address {address} can't be listened on: choose another address")]
    Unusable { address: SocketAddr, source: io::Error },
}

/// Binds the address. Called first, so that an address in use is an error at start-up.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::InUse(address),
        _ => Error::Unusable { address, source },
    })
}

/// Where metrics and health come from.
pub struct AdminSources {
    /// The metrics of the other parts. The backlog's are added to it.
    pub registry: Registry,
    pub heartbeat: Arc<Heartbeat>,
    pub ledger: Arc<dyn Ledger>,
    pub broker: Broker,
    /// Cancelled once the worker stops.
    pub stopping: CancellationToken,
}

struct AdminState {
    registry: Registry,
    backlog: BacklogCollector,
    health: Health,
}

/// Serves until `closed` is cancelled.
pub async fn serve(listener: TcpListener, sources: AdminSources, closed: CancellationToken) {
    let AdminSources { mut registry, heartbeat, ledger, broker, stopping } = sources;
    let backlog = BacklogCollector::new(ledger.clone(), broker.clone(), &mut registry);
    let health = Health { heartbeat, ledger, broker, stopping };
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(Arc::new(AdminState { registry, backlog, health }));
    let serving = axum::serve(listener, router).into_future();
    // Requests in progress are cut off: the process is about to exit.
    if let Some(Err(error)) = closed.run_until_cancelled(serving).await {
        warn!(%error, "the admin server stopped; metrics and health are unavailable");
    }
}

async fn metrics(State(state): State<Arc<AdminState>>) -> Response {
    state.backlog.collect().await;
    let mut text = String::new();
    match encode(&mut text, &state.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(std::fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn healthz(State(state): State<Arc<AdminState>>) -> Response {
    respond(state.health.liveness())
}

async fn readyz(State(state): State<Arc<AdminState>>) -> Response {
    respond(state.health.readiness().await)
}

fn respond(report: HealthReport) -> Response {
    let code = if report.is_ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(report)).into_response()
}
