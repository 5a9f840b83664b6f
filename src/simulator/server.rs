//! Accepts connections. The accept loop is hand-written, because some faults close a connection
//! without a reply, and server libraries answer every request they have read.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

/// Pause after a failed accept.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Closes the connection that a request arrived on.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionCloser(CancellationToken);

impl ConnectionCloser {
    /// Never returns: the future of the request is dropped together with the connection.
    pub(super) async fn close(&self) -> axum::response::Response {
        self.0.cancel();
        std::future::pending().await
    }
}

/// Accepts connections until `stop` is cancelled, then drops them all.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let router = Arc::new(router);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, Arc::clone(&router), stop.clone()));
            }
            // No file handles left, or the peer has disconnected: neither ends the server.
            Err(error) => {
                debug!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_RETRY_INTERVAL).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

async fn serve_connection(stream: TcpStream, router: Arc<Router>, stop: CancellationToken) {
    // Small replies must not wait for the peer's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "setting no_delay failed");
    }
    let closer = ConnectionCloser::default();
    let extension = closer.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(extension.clone());
        TowerToHyperService::new((*router).clone()).call(request.map(Body::new))
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = stop.cancelled() => {}
        () = closer.0.cancelled() => {}
        ended = connection => if let Err(error) = ended {
            debug!(%error, "connection ended with an error");
        }
    }
}
