//! Builds the parts of a worker and connects them.

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
use crate::cloud::rate_limit::{LimitUnavailable, RateSource};
use crate::cloud::{Providers, operations};
use crate::config::{LedgerUrl, Settings};
use crate::job::message::MessageValidator;
use crate::job::{AccessPolicy, Kind};
use crate::ledger::{Ledger, PostgresLedger, SqliteLedger};
use crate::worker::{
    Clock, DeadLetters, Dependencies, Drained, EventPublisher, Heartbeat, Metrics, Pool, Resolver,
    Runner, Scheduler, Sweeper,
};

/// How long closing the broker's connections may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Makes ring the TLS provider of this process. A program calls it first: without it no HTTPS
/// client can be built.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn install_tls_provider() {
    // It fails only if a provider is installed already, and that one stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A worker replica that has not started. Tests and benchmarks replace parts of it.
pub struct Worker {
    pub settings: Settings,
    /// The kinds of jobs that it consumes.
    pub kinds: Vec<Kind>,
    pub ledger: Arc<dyn Ledger>,
    /// Sends requests to providers.
    pub transport: Arc<dyn Transport>,
    pub clock: Clock,
    /// Rate limits shared with other replicas, if the ledger supports them.
    pub shared_limit: Option<Arc<dyn RateSource>>,
}

impl Worker {
    /// Opens the ledger that the settings name and uses HTTPS and the system's clock.
    pub async fn new(settings: Settings, kinds: Vec<Kind>) -> Result<Self> {
        let transport = Arc::new(Https::new(settings.http)?);
        let (ledger, shared_limit) = open_stores(&settings.ledger.url).await?;
        let clock = Clock::default();
        Ok(Self { settings, kinds, ledger, transport, shared_limit, clock })
    }

    /// Runs until `stopping` is cancelled, then drains.
    pub async fn run(self, stopping: CancellationToken) -> Result<Drained> {
        let Self { settings, kinds, ledger, transport, shared_limit, clock } = self;
        let admin_listener = match settings.admin {
            Some(address) => Some(admin::listen(address).await?),
            None => None,
        };
        let admin_address = admin_listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let connected = stopping.run_until_cancelled(Broker::connect(&settings.broker)).await;
        let Some(broker) = connected.transpose()? else { return Ok(Drained::Clean) };
        let publisher = broker.publisher();
        let validator = message_validator(&settings);
        let accounts = settings.accounts.len();
        let (metrics, heartbeat) = (Metrics::default(), Arc::new(Heartbeat::default()));
        metrics.init(validator.catalogue.iter().map(|operation| operation.name));
        let mut providers =
            Providers::new(settings.accounts, operations::operations(), transport, clock.clone());
        if let Some(limit) = &shared_limit {
            providers = providers.sharing(limit);
        }
        let closed = CancellationToken::new();
        let _close_on_return = closed.clone().drop_guard();
        if let Some(listener) = admin_listener {
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
            accounts,
            admin = admin_address.map(tracing::field::display),
            "ready for jobs"
        );
        let scheduler = Scheduler::new(publisher.clone(), clock.clone());
        let sweeper = Sweeper {
            ledger: ledger.clone(),
            scheduler: scheduler.clone(),
            interval: settings.ledger.lease,
            retention: settings.ledger.retention,
            clock: clock.clone(),
        };
        let sweeping = tokio::spawn(sweeper.run(stopping.clone()));
        let source = settings.event_source;
        let prefix = settings.broker.prefix.clone();
        let dead_letters = DeadLetters::new(publisher.clone(), prefix, metrics.clone());
        let events = EventPublisher::new(publisher, source, settings.broker, metrics.clone());
        let runner = Runner::new(Dependencies {
            validator,
            policies: settings.policies,
            providers,
            ledger,
            lease: settings.ledger.lease,
            scheduler,
            events,
            dead_letters,
            metrics,
            clock,
            stopping,
        });
        let concurrency = settings.worker.concurrency;
        let deliveries = broker.consume(&kinds, concurrency);
        let pool = Pool::new(runner, concurrency.into(), heartbeat);
        let drained = pool.run(deliveries, settings.worker.grace).await;
        sweeping.await.context("the sweeper panicked")?;
        // Every delivery is settled, so a broker that does not answer changes nothing.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, broker.close()).await;
        Ok(drained)
    }
}

fn message_validator(settings: &Settings) -> MessageValidator {
    let accounts = &settings.accounts;
    MessageValidator {
        catalogue: operations::catalogue(),
        accounts: accounts
            .iter()
            .map(|account| (account.name.clone(), account.provider()))
            .collect(),
        users: AccessPolicy {
            required: settings.broker.require_user,
            allowed: accounts
                .iter()
                .filter_map(|account| Some((account.name.clone(), account.allowed_users.clone()?)))
                .collect(),
        },
        max_bytes: settings.broker.max_message_bytes,
    }
}

/// The metrics of all parts.
fn registry(
    metrics: &Metrics,
    providers: &Providers,
    broker: &Broker,
    ledger: &dyn Ledger,
) -> Registry {
    let mut registry = Registry::with_prefix("ticketd");
    let build =
        Info::new([("version", env!("CARGO_PKG_VERSION")), ("commit", env!("BUILD_COMMIT"))]);
    registry.register("build", "The running version", build);
    metrics.register(&mut registry);
    providers.metrics().register(&mut registry);
    broker.metrics().register(&mut registry);
    ledger.metrics().register(&mut registry);
    registry
}

/// Resolves jobs whose outcome is unknown. It sends no requests to providers.
pub fn resolver(
    settings: Settings,
    ledger: Arc<dyn Ledger>,
    publisher: Publisher,
) -> Result<Resolver> {
    let transport = Arc::new(Https::new(settings.http)?);
    let operations = operations::operations();
    let providers = Providers::new(settings.accounts, operations, transport, Clock::default());
    let scheduler = Scheduler::new(publisher, Clock::default());
    Ok(Resolver { ledger, scheduler, providers, policies: settings.policies })
}

/// Opens the ledger that the settings name.
pub async fn open_ledger(url: &LedgerUrl) -> Result<Arc<dyn Ledger>> {
    open_stores(url).await.map(|(ledger, _)| ledger)
}

/// Opens the ledger, and its shared rate limits if it supports them.
async fn open_stores(url: &LedgerUrl) -> Result<(Arc<dyn Ledger>, Option<Arc<dyn RateSource>>)> {
    Ok(match url {
        LedgerUrl::Sqlite(path) => (Arc::new(SqliteLedger::open(path)?), None),
        LedgerUrl::Postgres(settings) => {
            let ledger = Arc::new(PostgresLedger::connect(settings).await?);
            (ledger.clone(), Some(ledger))
        }
    })
}

/// Connects the two folders: `cloud` and `ledger` do not import each other.
#[async_trait]
impl RateSource for PostgresLedger {
    async fn acquire(
        &self,
        account: &str,
        per: Duration,
        burst: u32,
    ) -> Result<Option<Duration>, LimitUnavailable> {
        let taken = PostgresLedger::take_slot(self, account, per, burst).await;
        taken.map_err(|error| LimitUnavailable(Box::new(error)))
    }
}
