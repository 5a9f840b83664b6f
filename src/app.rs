//! The only place that builds the real parts and joins them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::admin;
use crate::broker::{Broker, Publisher};
use crate::cloud::http::{Https, Transport};
use crate::cloud::shared_limit::{LimitUnavailable, SharedLimit};
use crate::cloud::{Providers, operations};
use crate::config::{LedgerUrl, Settings};
use crate::job::message::MessageValidator;
use crate::job::{AccessPolicy, Kind};
use crate::ledger::{Ledger, PostgresLedger, SqliteLedger};
use crate::worker::{
    Clock, Dependencies, Drained, EventPublisher, Heartbeat, Metrics, Pool, Resolver, Runner,
    Sweeper,
};

/// How long closing the broker's connections may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A worker replica, not yet started. Its parts can be replaced, by tests and benchmarks.
pub struct Worker {
    /// The configuration.
    pub settings: Settings,
    /// The kinds of jobs it takes.
    pub kinds: Vec<Kind>,
    /// Where it remembers jobs.
    pub ledger: Arc<dyn Ledger>,
    /// What carries its requests to providers.
    pub transport: Arc<dyn Transport>,
    /// The time by which its jobs run.
    pub clock: Clock,
    /// What keeps the limits that it shares with other replicas.
    pub shared_limit: Option<Arc<dyn SharedLimit>>,
}

impl Worker {
    /// A worker with the real parts that the settings name.
    pub async fn new(settings: Settings, kinds: Vec<Kind>) -> Result<Self> {
        let transport = Arc::new(Https::new(settings.http)?);
        let (ledger, shared_limit) = open_stores(&settings.ledger.url).await?;
        let clock = Clock::default();
        Ok(Self { settings, kinds, ledger, transport, shared_limit, clock })
    }

    /// Works until `stopping`, then drains.
    pub async fn run(self, stopping: CancellationToken) -> Result<Drained> {
        let Self { settings, kinds, ledger, transport, shared_limit, clock } = self;
        let state = match settings.admin {
            Some(address) => Some(admin::listen(address).await?),
            None => None,
        };
        let connected = stopping.run_until_cancelled(Broker::connect(&settings.broker)).await;
        let Some(broker) = connected.transpose()? else { return Ok(Drained::Clean) };
        let publisher = broker.publisher();
        let accounts: BTreeMap<_, _> = settings
            .accounts
            .iter()
            .map(|account| (account.name.clone(), account.provider))
            .collect();
        let users = AccessPolicy {
            required: settings.broker.require_user,
            allowed: settings
                .accounts
                .iter()
                .filter_map(|account| Some((account.name.clone(), account.allowed_users.clone()?)))
                .collect(),
        };
        let (metrics, heartbeat) = (Metrics::default(), Arc::new(Heartbeat::default()));
        let catalogue = operations::catalogue();
        metrics.begin(catalogue.iter().map(|operation| operation.name));
        let mut providers = Providers::new(settings.accounts, operations::operations(), transport);
        if let Some(limit) = &shared_limit {
            providers = providers.sharing(limit);
        }
        let closed = CancellationToken::new();
        let _closed_at_last = closed.clone().drop_guard();
        let address = state.as_ref().and_then(|listener| listener.local_addr().ok());
        if let Some(listener) = state {
            let sources = admin::AdminSources {
                registry: registry(&metrics, &providers, &broker, ledger.as_ref()),
                heartbeat: heartbeat.clone(),
                ledger: ledger.clone(),
                broker: broker.clone(),
                stopping: stopping.clone(),
            };
            tokio::spawn(admin::serve(listener, sources, closed));
        }
        info!(
            broker = broker.address(),
            kinds = ?kinds,
            accounts = accounts.len(),
            admin = address.map(tracing::field::display),
            "ready for jobs"
        );
        let sweeper = Sweeper {
            ledger: ledger.clone(),
            publisher: publisher.clone(),
            interval: settings.ledger.lease,
            retention: settings.ledger.retention,
            clock: clock.clone(),
        };
        let sweeping = tokio::spawn(sweeper.run(stopping.clone()));
        let max_bytes = settings.broker.max_message_bytes;
        let source = settings.event_source;
        let events =
            EventPublisher::new(publisher.clone(), source, settings.broker, metrics.clone());
        let rules = MessageValidator { catalogue, accounts, users, max_bytes };
        let runner = Runner::new(Dependencies {
            rules,
            policies: settings.policies,
            providers,
            ledger,
            lease: settings.ledger.lease,
            publisher,
            events,
            metrics,
            clock,
            stopping,
        });
        let concurrency = settings.worker.concurrency;
        let deliveries = broker.consume(&kinds, concurrency);
        let pool = Pool::new(runner, concurrency.into(), heartbeat);
        let drained = pool.run(deliveries, settings.worker.grace).await;
        sweeping.await.context("the sweeper ended by a panic")?;
        // Everything is settled; a broker that does not answer is not waited for.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, broker.close()).await;
        Ok(drained)
    }
}

/// Everything that is counted, under the name it is shown by.
fn registry(
    metrics: &Metrics,
    providers: &Providers,
    broker: &Broker,
    ledger: &dyn Ledger,
) -> Registry {
    let mut registry = Registry::with_prefix("ticketd");
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The version that runs", build);
    metrics.register(&mut registry);
    providers.metrics().register(&mut registry);
    broker.metrics().register(&mut registry);
    ledger.metrics().register(&mut registry);
    registry
}

/// What settles jobs whose outcome is unknown. It asks the providers nothing.
pub fn resolver(
    settings: Settings,
    ledger: Arc<dyn Ledger>,
    publisher: Publisher,
) -> Result<Resolver> {
    let transport = Arc::new(Https::new(settings.http)?);
    let providers = Providers::new(settings.accounts, operations::operations(), transport);
    Ok(Resolver { ledger, publisher, providers, policies: settings.policies })
}

/// Opens the ledger that the settings name.
pub async fn open_ledger(url: &LedgerUrl) -> Result<Arc<dyn Ledger>> {
    open_stores(url).await.map(|(ledger, _)| ledger)
}

/// Opens the ledger, and what keeps the limits that replicas share, where it can.
async fn open_stores(url: &LedgerUrl) -> Result<(Arc<dyn Ledger>, Option<Arc<dyn SharedLimit>>)> {
    Ok(match url {
        LedgerUrl::Sqlite(path) => (Arc::new(SqliteLedger::open(path)?), None),
        LedgerUrl::Postgres(settings) => {
            let ledger = Arc::new(PostgresLedger::connect(settings).await?);
            (ledger.clone(), Some(ledger))
        }
    })
}

/// The clouds and the ledger don't know each other; here they meet.
#[async_trait]
impl SharedLimit for PostgresLedger {
    async fn take_turn(
        &self,
        account: &str,
        per: Duration,
        burst: u32,
    ) -> Result<Option<Duration>, LimitUnavailable> {
        let taken = PostgresLedger::take_turn(self, account, per, burst).await;
        taken.map_err(|error| LimitUnavailable(Box::new(error)))
    }
}
