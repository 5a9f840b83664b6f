//! The checks. They change nothing, except that opening a ledger updates its schema.

use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;

use super::check_result::CheckResult;
use crate::admin;
use crate::app::open_ledger;
use crate::broker::{self, Broker, TopologyMode, topology};
use crate::clock::Clock;
use crate::cloud::http::Https;
use crate::cloud::{AccessCheck, Providers, operations};
use crate::config::{LedgerUrl, Settings};
use crate::error_chain::chain;
use crate::job::Status;
use crate::ledger::Ledger;

/// Seconds after its due time from which a job counts as late.
const LATE_AFTER: f64 = 300.0;

pub(super) fn configuration(settings: &Settings) -> CheckResult {
    let accounts = match settings.accounts.len() {
        0 => {
            return CheckResult::warning(
                "configuration",
                "no account is configured: no job can run",
            );
        }
        1 => "1 account".to_owned(),
        several => format!("{several} accounts"),
    };
    CheckResult::ok("configuration", accounts)
}

/// The connection, the exchanges and queues, and the messages that need a person.
pub(super) async fn broker(settings: &Settings) -> Vec<CheckResult> {
    let topology = match topology::check(&settings.broker).await {
        Err(broker::Error::Topology(problems)) => return topology_results(settings, &problems),
        Err(error) => return vec![CheckResult::error("broker", chain(&error))],
        Ok(()) => CheckResult::ok("broker topology", "as required"),
    };
    let checking =
        broker::BrokerSettings { topology: TopologyMode::Check, ..settings.broker.clone() };
    match Broker::connect(&checking).await {
        Ok(broker) => {
            let address = CheckResult::ok("broker", broker.address());
            let messages = dead_and_unrouted(&broker).await;
            broker.close().await;
            vec![address, topology, messages]
        }
        Err(error) => vec![CheckResult::error("broker", chain(&error)), topology],
    }
}

fn topology_results(settings: &Settings, problems: &[broker::TopologyProblem]) -> Vec<CheckResult> {
    let declares = settings.broker.topology == TopologyMode::Apply;
    let missing = |problem: &_| matches!(problem, broker::TopologyProblem::Missing { .. });
    if declares && problems.iter().all(missing) {
        let message = format!("{} objects are missing: a worker declares them", problems.len());
        return vec![CheckResult::warning("broker topology", message)];
    }
    let error = |problem: &broker::TopologyProblem| {
        CheckResult::error("broker topology", problem.to_string())
    };
    problems.iter().map(error).collect()
}

async fn dead_and_unrouted(broker: &Broker) -> CheckResult {
    let name = "dead and unrouted";
    match broker.dead_and_unrouted().await {
        Ok(broker::QueueDepths { dead: 1.., unrouted }) => {
            let message =
                format!("dead letters: `ticketd dead list`; {unrouted} unrouted messages");
            CheckResult::warning(name, message)
        }
        Ok(broker::QueueDepths { dead: 0, unrouted: unrouted @ 1.. }) => {
            let message = format!(
                "{unrouted} unrouted messages: is a queue bound to the events exchange? See \
                 section TicketdUnrouted of the runbook"
            );
            CheckResult::warning(name, message)
        }
        Ok(_) => CheckResult::ok(name, "no dead letters, no unrouted messages"),
        Err(error) => CheckResult::error(name, chain(&error)),
    }
}

/// The ledger, and the jobs that need a person.
pub(super) async fn ledger(settings: &Settings) -> Vec<CheckResult> {
    if let LedgerUrl::Sqlite(path) = &settings.ledger.url
        && !path.exists()
    {
        let message = format!("{} does not exist: the first worker creates it", path.display());
        return vec![CheckResult::warning("ledger", message)];
    }
    let ledger = match open_ledger(&settings.ledger.url).await {
        Ok(ledger) => ledger,
        Err(error) => return vec![CheckResult::error("ledger", format!("{error:#}"))],
    };
    if let Err(error) = ledger.ping().await {
        return vec![CheckResult::error("ledger", chain(&error))];
    }
    vec![CheckResult::ok("ledger", "answers"), jobs(&ledger).await]
}

async fn jobs(ledger: &Arc<dyn Ledger>) -> CheckResult {
    let counts = match ledger.count_by_status().await {
        Ok(counts) => counts,
        Err(error) => return CheckResult::error("jobs", chain(&error)),
    };
    let count = |unknown: bool| -> u64 {
        let counted = counts.iter().filter(|count| (count.status == Status::Unknown) == unknown);
        counted.map(|count| count.jobs).sum()
    };
    let (open, unknown) = (count(false), count(true));
    let first = counts.iter().filter_map(|count| count.first_due).min();
    let late = first.map_or(0.0, |due| Timestamp::now().duration_since(due).as_secs_f64());
    if unknown > 0 {
        let message =
            format!("{open} open, {unknown} unknown: `ticketd jobs list --status unknown`");
        return CheckResult::warning("jobs", message);
    }
    if late > LATE_AFTER {
        let message = format!("{open} open, the oldest is {late:.0} s late: is a worker running?");
        return CheckResult::warning("jobs", message);
    }
    CheckResult::ok("jobs", format!("{open} open"))
}

/// Whether a worker could listen on the address.
pub(super) async fn admin(settings: &Settings) -> CheckResult {
    let name = "admin address";
    let Some(address) = settings.admin else {
        return CheckResult::ok(name, "off");
    };
    match admin::listen(address).await {
        Ok(_) => CheckResult::ok(name, format!("{address} is free")),
        Err(admin::Error::InUse(address)) => {
            let message = format!("{address} is in use: if not by a worker, none can start here");
            CheckResult::warning(name, message)
        }
        Err(error) => CheckResult::error(name, chain(&error)),
    }
}

/// Sends one signed read to every service of every account.
pub(super) async fn accounts(settings: &Settings) -> Result<Vec<CheckResult>> {
    let (accounts, operations) = (settings.accounts.clone(), operations::operations());
    let transport = Arc::new(Https::new(settings.http)?);
    let providers = Providers::new(accounts, operations, transport, Clock::default());
    let result = |check: AccessCheck| {
        let name = format!("{} {}", check.account, check.service.key());
        match check.outcome {
            Ok(()) => CheckResult::ok(name, "accepts our signature"),
            Err(failure) => CheckResult::error(name, failure.to_string()),
        }
    };
    Ok(providers.check_access().await.into_iter().map(result).collect())
}
