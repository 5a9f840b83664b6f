//! ticketd with all its parts except the provider's HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use ticketd::app::Worker;
use ticketd::broker::Broker;
use ticketd::cloud::operations;
use ticketd::config::{self, Layer, Settings};
use ticketd::job::Kind;
use ticketd::ledger::{Filter, Ledger, SqliteLedger};
use ticketd::worker::{Clock, Drained};
use tokio_util::sync::CancellationToken;

use crate::provider::Provider;
use crate::queues::Queues;
use crate::{Round, machine};

/// Concurrency and prefetch of both consumers: ticketd's default.
pub(crate) const CONCURRENCY: u16 = 64;

/// How often the end of a round is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// The jobs of a round.
pub(crate) fn jobs(round: &str, count: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |number| {
        json!({
            "id": format!("bench-{round}-{number}"), "operation": "dms.CreateOrder",
            "until": "accepted",
            "params": {
                "Comment": "close stale carts", "PluginType": "NDDL",
                "PluginParam": { "title": "t", "description": "d", "dbId": 1, "logic": false },
            },
        })
        .to_string()
        .into_bytes()
    })
}

/// Runs a round of jobs with a new ledger.
pub(crate) async fn round(queues: &Queues, url: &str, prefix: &str, count: usize) -> Result<Round> {
    let folder = TempDir::new()?;
    let path = folder.path().join("ledger.db");
    let settings = settings(url, prefix, &path.display().to_string())?;
    ensure!(
        settings.worker.concurrency == CONCURRENCY,
        "both consumers must have the same prefetch"
    );
    Broker::connect(&settings.broker).await?.close().await;
    queues.bind(&queues.events(), &format!("{prefix}.events")).await?;
    queues.fill(&format!("{prefix}.jobs.create"), jobs("ticketd", count)).await?;

    let (cpu, start) = (machine::cpu()?, Instant::now());
    let ledger = Arc::new(SqliteLedger::open(&path)?);
    let provider = Arc::new(Provider::default());
    let worker = Worker {
        settings,
        kinds: vec![Kind::Create],
        ledger: ledger.clone(),
        transport: provider.clone(),
        clock: Clock::default(),
        shared_limit: None,
    };
    let stopping = CancellationToken::new();
    let mut working = tokio::spawn(worker.run(stopping.clone()));
    loop {
        tokio::select! {
            ended = &mut working => {
                ended??;
                anyhow::bail!("the worker stopped by itself");
            }
            () = tokio::time::sleep(CHECK_INTERVAL) => {}
        }
        if provider.tickets() >= count && ledger.count_by_status().await?.is_empty() {
            break;
        }
    }
    stopping.cancel();
    let drained = working.await??;
    let round = Round { jobs: count, duration: start.elapsed(), cpu: machine::cpu()? - cpu };

    ensure!(drained == Drained::Clean, "the worker stopped with jobs in progress");
    ensure!(provider.tickets() == count, "{} tickets for {count} jobs", provider.tickets());
    let jobs = ledger.list(&Filter::default()).await?.len();
    ensure!(jobs == count, "the ledger has {jobs} jobs instead of {count}");
    queues.check_and_purge(&format!("{prefix}.jobs.create"), 0).await?;
    // A milestone and the outcome of each job.
    queues.check_and_purge(&queues.events(), 2 * count).await?;
    Ok(round)
}

fn settings(url: &str, prefix: &str, ledger: &str) -> Result<Settings> {
    let toml = format!(
        r#"
        [broker]
        prefix = "{prefix}"
        [admin]
        address = "off"
        [ledger]
        url = "sqlite:{ledger}"
        [accounts.bench]
        provider = "alibaba"
        region = "cn-hangzhou"
        access_key_id = {{ env = "KEY_ID" }}
        access_key_secret = {{ env = "KEY_SECRET" }}
        "#
    );
    let environment = [
        ("TICKETD_BROKER__URL", url),
        ("KEY_ID", "LTAI5tBenchBenchBench"),
        ("KEY_SECRET", "bench-secret-bench-secret-0000"),
    ];
    let environment: BTreeMap<String, String> =
        environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let catalogue = operations::catalogue();
    let names: Vec<&str> = catalogue.iter().map(|operation| operation.name).collect();
    let layer = Layer::Text { name: "bench".into(), toml };
    let report = config::load_with_report(&[layer], environment, &names);
    report.settings.context("the settings of the benchmark are invalid")
}
