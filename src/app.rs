//! The only place that builds the real parts and joins them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::broker::Broker;
use crate::cloud::http::{Https, Transport};
use crate::cloud::{Clouds, operations};
use crate::config::{LedgerUrl, Settings};
use crate::job::Kind;
use crate::job::message::Rules;
use crate::ledger::{Ledger, SqliteLedger};
use crate::worker::{Drained, Parts, Pool, Reporter, Runner, Sweeper};

/// How long closing the broker's connections may take.
const FAREWELL: Duration = Duration::from_secs(2);

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
}

impl Worker {
    /// A worker with the real parts that the settings name.
    pub fn new(settings: Settings, kinds: Vec<Kind>) -> Result<Self> {
        let ledger = open_ledger(&settings.ledger.url)?;
        let transport = Arc::new(Https::new(settings.http)?);
        Ok(Self { settings, kinds, ledger, transport })
    }

    /// Works until `stopping`, then drains.
    pub async fn run(self, stopping: CancellationToken) -> Result<Drained> {
        let Self { settings, kinds, ledger, transport } = self;
        let connected = stopping.run_until_cancelled(Broker::connect(&settings.broker)).await;
        let Some(broker) = connected.transpose()? else { return Ok(Drained::Clean) };
        let publisher = broker.publisher();
        let accounts: BTreeMap<_, _> = settings
            .accounts
            .iter()
            .map(|account| (account.name.clone(), account.provider))
            .collect();
        info!(
            broker = broker.address(),
            kinds = ?kinds,
            accounts = accounts.len(),
            "ready for jobs"
        );
        let sweeper = Sweeper {
            ledger: ledger.clone(),
            publisher: publisher.clone(),
            interval: settings.ledger.lease,
            retention: settings.ledger.retention,
        };
        let sweeping = tokio::spawn(sweeper.run(stopping.clone()));
        let max_bytes = settings.broker.max_message_bytes;
        let reporter = Reporter::new(publisher.clone(), settings.events.source, settings.broker);
        let rules = Rules { catalogue: operations::catalogue(), accounts, max_bytes };
        let runner = Runner::new(Parts {
            rules,
            policies: settings.policies,
            clouds: Clouds::new(settings.accounts, operations::protocols(), transport),
            ledger,
            lease: settings.ledger.lease,
            publisher,
            reporter,
            stopping,
        });
        let concurrency = settings.worker.concurrency;
        let deliveries = broker.consume(&kinds, concurrency);
        let pool = Pool::new(runner, concurrency.into());
        let drained = pool.run(deliveries, settings.worker.grace).await;
        sweeping.await.context("the sweeper ended by a panic")?;
        // Everything is settled; a broker that does not answer is not waited for.
        let _ = tokio::time::timeout(FAREWELL, broker.close()).await;
        Ok(drained)
    }
}

fn open_ledger(url: &LedgerUrl) -> Result<Arc<dyn Ledger>> {
    match url {
        LedgerUrl::Sqlite(path) => Ok(Arc::new(SqliteLedger::open(path)?)),
        LedgerUrl::Postgres(_) => {
            bail!("ledger.url: PostgreSQL is not built into this version; use sqlite:PATH")
        }
    }
}
