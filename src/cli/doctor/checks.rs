//! What is looked at. Nothing is changed, except that a ledger is opened as a worker opens it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;

use super::Finding;
use super::OutcomeKind::{Look, Ok as Fine, Wrong};
use crate::admin;
use crate::app::open_ledger;
use crate::broker::{self, Broker, TopologyMode, topology};
use crate::cli::chain;
use crate::clock::Clock;
use crate::cloud::http::Https;
use crate::cloud::{AccessCheck, Providers, operations};
use crate::config::{Admin, LedgerUrl, Settings};
use crate::job::Status;
use crate::ledger::Ledger;

/// How late a job may be before a person should know.
const LATE: f64 = 300.0;

pub(super) fn configuration(settings: &Settings) -> Finding {
    let accounts = match settings.accounts.len() {
        0 => return Finding::new(Look, "configuration", "no account: jobs can't name any"),
        1 => "1 account".to_owned(),
        several => format!("{several} accounts"),
    };
    Finding::new(Fine, "configuration", accounts)
}

/// The way to the broker, what it has of ours, and what waits there for a person.
pub(super) async fn broker(settings: &Settings) -> Vec<Finding> {
    let topology = topology::check(&settings.broker).await;
    let mut findings = Vec::new();
    match &topology {
        Err(broker::Error::Topology(problems)) => {
            let declares = settings.broker.topology == TopologyMode::Apply;
            let missing = |problem: &_| matches!(problem, broker::TopologyProblem::Missing { .. });
            if declares && problems.iter().all(missing) {
                let said = format!("{} objects are missing: a worker makes them", problems.len());
                findings.push(Finding::new(Look, "broker topology", said));
                return findings;
            }
            let wrong = |problem: &broker::TopologyProblem| {
                Finding::new(Wrong, "broker topology", problem.to_string())
            };
            findings.extend(problems.iter().map(wrong));
            return findings;
        }
        Err(error) => return vec![Finding::new(Wrong, "broker", chain(error))],
        Ok(()) => findings.push(Finding::new(Fine, "broker topology", "as it should be")),
    }
    let checking =
        broker::BrokerSettings { topology: TopologyMode::Check, ..settings.broker.clone() };
    match Broker::connect(&checking).await {
        Ok(broker) => {
            findings.insert(0, Finding::new(Fine, "broker", broker.address()));
            findings.push(left_over(&broker).await);
            broker.close().await;
        }
        Err(error) => findings.insert(0, Finding::new(Wrong, "broker", chain(&error))),
    }
    findings
}

async fn left_over(broker: &Broker) -> Finding {
    match broker.dead_and_unrouted().await {
        Ok(broker::QueueDepths { dead: 1.., unrouted }) => {
            let said = format!("dead letters: `ticketd dead list`; {unrouted} unrouted messages");
            Finding::new(Look, "broker left-overs", said)
        }
        Ok(broker::QueueDepths { dead: 0, unrouted: unrouted @ 1.. }) => {
            let said = format!(
                "{unrouted} unrouted messages: is a queue bound to the events exchange? The \
                 runbook's section TicketdUnrouted tells more"
            );
            Finding::new(Look, "broker left-overs", said)
        }
        Ok(_) => Finding::new(Fine, "broker left-overs", "no dead letters, nothing unrouted"),
        Err(error) => Finding::new(Wrong, "broker left-overs", chain(&error)),
    }
}

/// The ledger, and the jobs in it that need somebody.
pub(super) async fn ledger(settings: &Settings) -> Vec<Finding> {
    if let LedgerUrl::Sqlite(path) = &settings.ledger.url
        && !path.exists()
    {
        let said = format!("{} is not there yet: the first worker makes it", path.display());
        return vec![Finding::new(Look, "ledger", said)];
    }
    let ledger = match open_ledger(&settings.ledger.url).await {
        Ok(ledger) => ledger,
        Err(error) => return vec![Finding::new(Wrong, "ledger", format!("{error:#}"))],
    };
    if let Err(error) = ledger.ping().await {
        return vec![Finding::new(Wrong, "ledger", chain(&error))];
    }
    let mut findings = vec![Finding::new(Fine, "ledger", "answers")];
    findings.push(jobs(&ledger).await);
    findings
}

async fn jobs(ledger: &Arc<dyn Ledger>) -> Finding {
    let count_by_status = match ledger.count_by_status().await {
        Ok(count_by_status) => count_by_status,
        Err(error) => return Finding::new(Wrong, "jobs", chain(&error)),
    };
    let count = |unknown: bool| -> u64 {
        let these = count_by_status.iter().filter(|it| (it.status == Status::Unknown) == unknown);
        these.map(|status_count| status_count.jobs).sum()
    };
    let (open, unknown) = (count(false), count(true));
    let first = count_by_status.iter().filter_map(|status_count| status_count.first_due).min();
    let late = first.map_or(0.0, |due| Timestamp::now().duration_since(due).as_secs_f64());
    if unknown > 0 {
        let said = format!("{open} open, {unknown} unknown: `ticketd jobs list --status unknown`");
        return Finding::new(Look, "jobs", said);
    }
    if late > LATE {
        let said = format!("{open} open, the oldest is {late:.0} s late: is a worker running?");
        return Finding::new(Look, "jobs", said);
    }
    Finding::new(Fine, "jobs", format!("{open} open"))
}

/// The address that a worker would show itself on.
pub(super) async fn admin(settings: &Settings) -> Finding {
    let Admin(Some(address)) = settings.admin else {
        return Finding::new(Fine, "admin address", "off");
    };
    match admin::listen(address).await {
        Ok(_) => Finding::new(Fine, "admin address", format!("{address} is free")),
        Err(admin::Error::InUse(address)) => taken(address),
        Err(error) => Finding::new(Wrong, "admin address", chain(&error)),
    }
}

fn taken(address: SocketAddr) -> Finding {
    let said = format!("{address} is taken: by a worker, or another one can't start here");
    Finding::new(Look, "admin address", said)
}

/// Every service of every account, by a signed read.
pub(super) async fn accounts(settings: &Settings) -> Result<Vec<Finding>> {
    let transport = Arc::new(Https::new(settings.http)?);
    let (accounts, operations) = (settings.accounts.clone(), operations::operations());
    let providers = Providers::new(accounts, operations, transport, Clock::default());
    let finding = |visited: AccessCheck| {
        let what = format!("{} {}", visited.account, visited.service.key());
        match visited.outcome {
            Ok(()) => Finding::new(Fine, what, "takes our signature"),
            Err(failure) => Finding::new(Wrong, what, failure.to_string()),
        }
    };
    Ok(providers.check_access().await.into_iter().map(finding).collect())
}
