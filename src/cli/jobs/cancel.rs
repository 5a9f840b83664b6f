//! `ticketd jobs cancel`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use crate::broker::{Broker, CANCEL_KEY, ExchangeName, Message, Properties};
use crate::config::Settings;
use crate::job::JobId;

/// Which job is to end.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The job's id
    id: JobId,
    /// Why; stands in the outcome
    #[arg(long)]
    reason: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Asks the workers to end a job. They may have to wait until the provider has answered.
pub async fn run(arguments: Arguments, settings: Settings) -> Result<ExitCode> {
    let Arguments { id, reason, json } = arguments;
    let mut body = json!({ "id": id });
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    let broker = Broker::connect(&settings.broker).await?;
    let message = Message {
        body: body.to_string().into_bytes(),
        properties: Properties {
            content_type: Some("application/json".to_owned()),
            user_id: broker.user().map(str::to_owned),
            ..Properties::default()
        },
    };
    let exchange = ExchangeName::Jobs.full_name(&settings.broker.prefix);
    broker
        .publisher()
        .publish_mandatory(&exchange, CANCEL_KEY, &message)
        .await
        .with_context(|| format!("nobody was asked to end job {id}"))?;
    broker.close().await;
    if json {
        println!("{}", json!({ "asked_to_end": id }));
    } else {
        println!("asked to end {id}; `ticketd jobs show {id}` tells how it ends");
    }
    Ok(ExitCode::SUCCESS)
}
