//! Takes connections. A loop of our own, because a connection must sometimes be closed without a
//! word, and a server library answers every request it has read.

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

/// Until the next try to take a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Closes the connection a request came on.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(CancellationToken);

impl Cut {
    /// Closes it. The request's own future is dropped with it, so this never returns.
    pub(super) async fn now(&self) -> axum::response::Response {
        self.0.cancel();
        std::future::pending().await
    }
}

/// Takes connections until told to stop; then drops them all.
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
                connections.spawn(converse(stream, Arc::clone(&router), stop.clone()));
            }
            // Out of file handles, or a peer gone before it was taken: neither ends the server.
            Err(error) => {
                debug!(%error, "no connection taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

async fn converse(stream: TcpStream, router: Arc<Router>, stop: CancellationToken) {
    // Small replies must not wait for the peer's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "no_delay not set");
    }
    let cut = Cut::default();
    let extension = cut.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(extension.clone());
        TowerToHyperService::new((*router).clone()).call(request.map(Body::new))
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = stop.cancelled() => {}
        () = cut.0.cancelled() => {}
        ended = connection => if let Err(error) = ended {
            debug!(%error, "connection ended");
        }
    }
}
