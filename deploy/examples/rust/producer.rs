//! Sends one job to ticketd, waits for its outcome, and exits 0 only if it succeeded:
//!
//! ```sh
//! cargo run --example producer -- [JOB.json [KIND]]
//! ```

use std::collections::HashSet;
use std::env;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use serde_json::Value;

const JOB: &[u8] = br#"
{ "operation": "dms.CreateOrder",
  "params": { "Comment": "close stale carts", "PluginType": "DC_CHUNK", "PluginParam": {
    "execSQL": "delete from carts where seen < '2026-01-01'",
    "dbItemList": [{ "dbId": 1860, "logic": false }] } } }
"#;
const PERSISTENT: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("producer: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool> {
    let body = match env::args().nth(1) {
        Some(file) => std::fs::read(&file).map_err(|error| anyhow!("{file}: {error}"))?,
        None => JOB.to_vec(),
    };
    let kind = env::args().nth(2).unwrap_or_else(|| "create".to_owned());
    let seconds = setting("TIME_LIMIT", "60").parse();
    let seconds = seconds.map_err(|_| anyhow!("TIME_LIMIT is a number of seconds"))?;
    let outcome = outcome_of(&body, &kind);
    let event = tokio::time::timeout(Duration::from_secs(seconds), outcome).await;
    let event = event.map_err(|_| {
        anyhow!("no outcome within {seconds} s; to hear of it later, send it again")
    })??;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = &event["data"];
    println!("{} (event {})", text(&data["state"]), text(&event["id"]));
    match &data["error"] {
        Value::Null => println!("{}", data["result"]),
        error => println!("{} {}", text(&error["message"]), text(&error["advice"])),
    }
    Ok(data["state"] == "succeeded")
}

async fn outcome_of(body: &[u8], kind: &str) -> Result<Value> {
    let job: Value = serde_json::from_slice(body).map_err(|error| anyhow!("the job: {error}"))?;
    // A job without an id uses the message_id.
    let id = job["id"].as_str().map_or_else(|| format!("example-{}", random(16)), str::to_owned);
    let message_id = ShortString::try_new(id.as_str());
    let message_id = message_id.map_err(|_| anyhow!("the job's id is too long for AMQP"))?;

    let broker = setting("TICKETD_BROKER__URL", "amqp://guest:guest@127.0.0.1:5672/%2f");
    let exchange = setting("TICKETD_BROKER__PREFIX", "ticketd") + ".jobs";
    let uri = broker.parse::<AMQPUri>();
    let uri = uri.map_err(|error| anyhow!("TICKETD_BROKER__URL: {error}"))?;
    let user = uri.authority.userinfo.username.clone();
    let connection = Connection::connect_uri(uri, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;

    // An exclusive queue named by the broker, deleted with the connection. A missed outcome is not
    // lost: the same job, sent again, gets the same outcome again.
    let options = QueueDeclareOptions::exclusive();
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?;
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let (name, tag) = (queue.name().clone(), "".into());
    let replies = channel.basic_consume(name, tag, options, FieldTable::default()).await?;

    let correlation_id = random(16);
    let traceparent = format!("00-{}-{}-01", random(16), random(8));
    let mut headers = FieldTable::default();
    headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.into()));
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(message_id)
        .with_correlation_id(correlation_id.as_str().into())
        .with_reply_to(queue.name().clone())
        // The broker accepts only the name of the logged-in user.
        .with_user_id(user.into())
        .with_headers(headers);
    publish(&channel, &exchange, kind, body, properties).await?;
    println!("sent {id} ({kind})");
    let event = reply(replies, &correlation_id).await?;
    connection.close(200, "done".into()).await?;
    Ok(event)
}

async fn publish(
    channel: &Channel,
    exchange: &str,
    kind: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let sent = channel.basic_publish(exchange.into(), kind.into(), options, body, properties);
    match sent.await?.await? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) => bail!("no queue takes {kind} jobs from {exchange}"),
        Confirmation::Nack(_) => bail!("the broker refused the job: send it again later"),
        Confirmation::NotRequested => bail!("the channel confirms nothing"),
    }
}

async fn reply(mut replies: Consumer, correlation_id: &str) -> Result<Value> {
    let mut seen = HashSet::new();
    while let Some(message) = replies.next().await {
        let message = message?;
        let event: Value = serde_json::from_slice(&message.data)?;
        // An event may arrive twice, always with the same id.
        if !seen.insert(event["id"].to_string()) {
            continue;
        }
        let answered = message.properties.correlation_id().as_ref();
        if answered.is_some_and(|answered| answered.as_str() == correlation_id) {
            return Ok(event);
        }
    }
    bail!("the reply queue was taken away: send the job again")
}

fn random(bytes: usize) -> String {
    (0..bytes).map(|_| format!("{:02x}", rand::random::<u8>())).collect()
}

fn setting(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}
