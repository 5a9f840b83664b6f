//! `ticketd jobs resolve`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use serde_json::json;

use crate::app;
use crate::broker::Broker;
use crate::cli::output::print_line;
use crate::config::Settings;
use crate::job::{JobId, State};
use crate::ledger::Ledger;
use crate::worker::ResolveRequest;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The id of the job
    id: JobId,
    #[command(flatten)]
    options: ResolveOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct ResolveOptions {
    /// The call took effect: continue with this order id, package id or other id, or with the
    /// data.handle of an event
    #[arg(long, value_name = "HANDLE")]
    adopt: Option<String>,
    /// The call took no effect: make it again
    #[arg(long)]
    absent: bool,
    /// End the job as failed, with this reason
    #[arg(long, value_name = "REASON")]
    fail: Option<String>,
}

impl From<ResolveOptions> for ResolveRequest {
    fn from(options: ResolveOptions) -> Self {
        match options {
            ResolveOptions { adopt: Some(handle), .. } => ResolveRequest::Adopt(handle),
            ResolveOptions { fail: Some(reason), .. } => ResolveRequest::Fail(reason),
            ResolveOptions { adopt: None, fail: None, absent: _ } => ResolveRequest::Absent,
        }
    }
}

pub(super) async fn run(
    arguments: Arguments,
    ledger: Arc<dyn Ledger>,
    settings: Settings,
) -> Result<ExitCode> {
    let Arguments { id, options, json } = arguments;
    let broker = Broker::connect(&settings.broker).await?;
    let resolver = app::resolver(settings, ledger, broker.publisher())?;
    let state = resolver.resolve(&id, options.into()).await?;
    broker.close().await;
    if json {
        println!("{}", json!({ "resolved": id, "status": state.status() }));
    } else {
        print_line(format!("{id} {}", describe_next(&state)));
    }
    Ok(ExitCode::SUCCESS)
}

fn describe_next(state: &State) -> String {
    match state {
        State::Waiting { .. } | State::Asking { .. } => {
            format!("continues: it is {}", state.status())
        }
        State::Reporting { outcome } | State::Done { outcome } => {
            format!("ends as {}", outcome.kind.as_str())
        }
    }
}
