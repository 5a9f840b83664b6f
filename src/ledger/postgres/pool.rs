//! The connections to the database.

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

use super::settings::PostgresSettings;

/// The most connections of one replica: enough for every writer and a few readers beside them, and
/// a hundred, as many as a server has when nobody changes it, are enough for a dozen replicas.
const CONNECTIONS: usize = 7;

/// How long a connection is waited for.
const WAIT: Duration = Duration::from_secs(10);

/// How long the database may take to answer a batch before its connection is given up. It has by
/// then given up itself, if it still hears us: see [`session`].
const ANSWER: Duration = Duration::from_secs(25);

/// Why a request came to nothing. What it would have changed may be changed if the answer was lost.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Failed {
    /// There is no connection.
    #[error("no connection")]
    Pool(#[source] Arc<PoolError>),
    /// The database refused, or the connection broke.
    #[error(transparent)]
    Sql(Arc<tokio_postgres::Error>),
    /// No answer came in time.
    #[error("no answer came within {} s", ANSWER.as_secs())]
    Silence,
    /// What would answer has ended.
    #[error("the ledger's writers have ended")]
    Stopped,
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Sql(Arc::new(error))
    }
}

/// Connections, made when they are needed and again when they break.
#[derive(Clone, Debug)]
pub(super) struct Pool(deadpool_postgres::Pool);

impl Pool {
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, BuildError> {
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager =
            Manager::from_connect(settings.server.clone(), Connector(settings.clone()), how);
        let session: Arc<str> = session(&settings.schema).into();
        deadpool_postgres::Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .recycle_timeout(Some(WAIT))
            .post_create(Hook::async_fn(move |client, _| {
                let session = Arc::clone(&session);
                Box::pin(
                    async move { client.batch_execute(&session).await.map_err(HookError::Backend) },
                )
            }))
            .build()
            .map(Self)
    }

    /// Lends a connection.
    pub(super) async fn lend(&self) -> Result<PooledClient, Failed> {
        let client = self.0.get().await.map_err(|error| Failed::Pool(Arc::new(error)))?;
        Ok(PooledClient { client: Some(client), answered: AtomicBool::new(false) })
    }
}

/// Makes connections as the address says by then: a password that was renewed is used for the next.
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

/// A connection on loan. It goes back only after an answer: anything else may have left it broken,
/// in the middle of a transaction, or with a server that can no longer be written to.
#[derive(Debug)]
pub(super) struct PooledClient {
    client: Option<Object>,
    answered: AtomicBool,
}

impl PooledClient {
    /// Waits for what was asked on this connection, which may be asked only once.
    pub(super) async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failed> {
        let answer = timeout(ANSWER, asked).await.map_err(|_| Failed::Silence)??;
        self.answered.store(true, Ordering::Relaxed);
        Ok(answer)
    }
}

impl Deref for PooledClient {
    type Target = ClientWrapper;

    #[expect(clippy::expect_used, reason = "it is taken when it is dropped, and not before")]
    fn deref(&self) -> &ClientWrapper {
        self.client.as_ref().expect("it is there until the end")
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

/// What every connection is told first. What is saved has to survive a crash, whatever the server's
/// default. Nothing may wait for longer than the worker does, and a worker that vanished must not
/// keep its rows locked. A plan made
/// for a table when it was empty must not be kept.
fn session(schema: &str) -> String {
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
