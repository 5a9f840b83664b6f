//! `ticketd jobs cancel`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use crate::broker::{Broker, CANCEL_KEY, ExchangeName, Message, Properties};
use crate::cli::output::print_line;
use crate::config::Settings;
use crate::job::JobId;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The id of the job
    id: JobId,
    /// The reason, for the outcome
    #[arg(long)]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Sends a cancel request. A worker applies it after the provider's answer to a call in progress.
pub(super) async fn run(arguments: Arguments, settings: Settings) -> Result<ExitCode> {
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
        .with_context(|| format!("the request to cancel job {id} was not sent"))?;
    broker.close().await;
    if json {
        println!("{}", json!({ "cancel_requested": id }));
    } else {
        print_line(format!(
            "cancel requested for {id}; `ticketd jobs show {id}` shows the outcome"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
