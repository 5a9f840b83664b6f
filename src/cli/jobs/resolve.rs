//! `ticketd jobs resolve`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use serde_json::json;

use crate::app;
use crate::broker::Broker;
use crate::config::Settings;
use crate::job::{JobId, State};
use crate::ledger::Ledger;
use crate::worker::ResolveRequest;

/// What was found at the provider.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The job's id
    id: JobId,
    #[command(flatten)]
    finding: What,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// It is there, under this id (an order id, a package id …) or an event's data.handle
    #[arg(long, value_name = "HANDLE")]
    adopt: Option<String>,
    /// It is not there: make the call again
    #[arg(long)]
    absent: bool,
    /// Let the job end as failed, for this reason
    #[arg(long, value_name = "REASON")]
    fail: Option<String>,
}

impl From<What> for ResolveRequest {
    fn from(what: What) -> Self {
        match what {
            What { adopt: Some(handle), .. } => ResolveRequest::Adopt(handle),
            What { fail: Some(reason), .. } => ResolveRequest::Fail(reason),
            What { adopt: None, fail: None, absent: _ } => ResolveRequest::Absent,
        }
    }
}

/// Settles a job whose outcome is unknown. A worker goes on with it.
pub async fn run(
    arguments: Arguments,
    ledger: Arc<dyn Ledger>,
    settings: Settings,
) -> Result<ExitCode> {
    let Arguments { id, finding, json } = arguments;
    let broker = Broker::connect(&settings.broker).await?;
    let resolver = app::resolver(settings, ledger, broker.publisher())?;
    let state = resolver.resolve(&id, finding.into()).await?;
    broker.close().await;
    if json {
        println!("{}", json!({ "resolved": id, "status": state.status() }));
    } else {
        println!("{id} {}", what_follows(&state));
    }
    Ok(ExitCode::SUCCESS)
}

fn what_follows(state: &State) -> String {
    match state {
        State::Waiting { .. } | State::Asking { .. } => {
            format!("goes on: it is {}", state.status())
        }
        State::Reporting { outcome } | State::Done { outcome } => {
            format!("ends as {}", outcome.kind.as_str())
        }
    }
}
