//! Connections to the database.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    BuildError, ClientWrapper, ConfigConnectImpl, Connect, Hook, HookError, Manager, ManagerConfig,
    Object, PoolError, RecyclingMethod, Runtime,
};
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::PostgresSettings;

/// Enough for every writer and a few readers. A server's default limit of 100 connections is then
/// enough for a dozen replicas.
const MAX_CONNECTIONS: usize = 7;

/// How long to wait for a free connection, and for a new one.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for an answer before the connection is closed. Longer than the server's own
/// timeouts in [`session_setup`], so that a reachable server answers with an error first.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);

/// Why a request failed. Its changes may be stored if only the answer was lost.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum QueryError {
    #[error("no connection")]
    Connection(#[source] Arc<PoolError>),
    /// The database refused the request, or the connection broke.
    #[error(transparent)]
    Database(Arc<tokio_postgres::Error>),
    #[error("no answer came within {} s", ANSWER_TIMEOUT.as_secs())]
    Timeout,
    /// The request succeeded, but a row of its result can't be decoded.
    #[error("a row can't be read: {0}")]
    Unreadable(String),
    #[error("the ledger's writers have ended")]
    Stopped,
}

impl QueryError {
    pub(super) fn unreadable(cause: impl ToString) -> Self {
        Self::Unreadable(cause.to_string())
    }
}

impl From<tokio_postgres::Error> for QueryError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// Opens connections when they are needed, and again after they break.
#[derive(Clone, Debug)]
pub(super) struct ConnectionPool(deadpool_postgres::Pool);

impl ConnectionPool {
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, BuildError> {
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager =
            Manager::from_connect(settings.server.clone(), Connector(settings.clone()), config);
        let setup: Arc<str> = session_setup(&settings.schema).into();
        deadpool_postgres::Pool::builder(manager)
            .max_size(MAX_CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECTION_TIMEOUT))
            .create_timeout(Some(CONNECTION_TIMEOUT))
            .recycle_timeout(Some(CONNECTION_TIMEOUT))
            .post_create(Hook::async_fn(move |client, _| {
                let setup = Arc::clone(&setup);
                Box::pin(
                    async move { client.batch_execute(&setup).await.map_err(HookError::Backend) },
                )
            }))
            .build()
            .map(Self)
    }

    pub(super) async fn get(&self) -> Result<PooledClient, QueryError> {
        let client = self.0.get().await.map_err(|error| QueryError::Connection(Arc::new(error)))?;
        Ok(PooledClient { client: Some(client), answered: AtomicBool::new(false) })
    }
}

/// Reads the settings anew for every connection, so that a renewed password takes effect.
struct Connector(PostgresSettings);

impl Connect for Connector {
    fn connect(
        &self,
        _: &Config,
    ) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        Box::pin(async move {
            let PostgresSettings { server, tls, .. } = self.0.renewed();
            match tls {
                Some(tls) => {
                    let tls = MakeRustlsConnect::new(tls.0);
                    ConfigConnectImpl { tls }.connect(&server).await
                }
                None => ConfigConnectImpl { tls: NoTls }.connect(&server).await,
            }
        })
    }
}

/// A connection from the pool. It returns to the pool only after an answer. Otherwise it may be
/// broken, inside a transaction, or connected to a server that has become read-only.
#[derive(Debug)]
pub(super) struct PooledClient {
    client: Option<Object>,
    answered: AtomicBool,
}

impl PooledClient {
    /// Waits for the answer to this connection's only request.
    pub(super) async fn answer<T, E: Into<QueryError>>(
        &self,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, QueryError> {
        let answer = timeout(ANSWER_TIMEOUT, request).await.map_err(|_| QueryError::Timeout)?;
        let answer = answer.map_err(E::into);
        if matches!(answer, Ok(_) | Err(QueryError::Unreadable(_))) {
            self.answered.store(true, Ordering::Relaxed);
        }
        answer
    }
}

impl Deref for PooledClient {
    type Target = ClientWrapper;

    #[expect(clippy::expect_used, reason = "only drop takes the client")]
    fn deref(&self) -> &ClientWrapper {
        self.client.as_ref().expect("the client is there until it is dropped")
    }
}

impl Drop for PooledClient {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && !self.answered.load(Ordering::Relaxed)
        {
            drop(Object::take(client));
        }
    }
}

/// The first statements on every connection.
///
/// - A save has to survive a crash, whatever the server's default for `synchronous_commit`.
/// - The server has to give up before the worker does. It must not keep rows locked for a worker
///   that has vanished.
/// - A plan that was made for an empty table must not be kept.
fn session_setup(schema: &str) -> String {
    format!(
        "SET search_path = \"{schema}\";
         SET default_transaction_isolation = 'read committed';
         SET statement_timeout = '20s';
         SET lock_timeout = '3s';
         SET idle_in_transaction_session_timeout = '10s';
         SET client_min_messages = warning;
         SET plan_cache_mode = force_custom_plan;
         SELECT set_config('synchronous_commit', 'on', false)
         WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write');"
    )
}
