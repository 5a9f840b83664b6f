//! `ticketd submit`.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tracing::{Instrument, info_span};

use super::show::{Line, OUTCOMES, in_colour, plain};
use crate::broker::{Broker, EventStream, ExchangeName, Message, Properties, SourceQueue};
use crate::config::Settings;
use crate::job::{Catalogue, Kind, Trace};
use crate::telemetry::traces;

/// What `ticketd submit` can be told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The jobs: an object, an array, or JSON lines; - reads standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Show progress until every job has its outcome; exit 0 only if all succeeded
    #[arg(long)]
    wait: bool,
    /// Write JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// A job to send.
struct Order {
    id: String,
    kind: Kind,
    message: Message,
}

/// Sends all jobs, or none if one of them can't be sent.
pub async fn run(
    arguments: Arguments,
    settings: Settings,
    catalogue: &Catalogue,
) -> Result<ExitCode> {
    let mut orders = Vec::new();
    for (number, job) in jobs(&read(&arguments.file)?)?.into_iter().enumerate() {
        let order = order(job, catalogue);
        orders.push(order.with_context(|| format!("{}: job {}", arguments.file, number + 1))?);
    }
    let broker = Broker::connect(&settings.broker).await?;
    // Listening before sending: an outcome may come at once.
    let feed = if arguments.wait { Some(broker.follow_events("#").await?) } else { None };
    let exchange = ExchangeName::Jobs.full_name(&settings.broker.prefix);
    send(&broker, &exchange, &orders, arguments.json).await?;
    let code = match feed {
        None => ExitCode::SUCCESS,
        Some(feed) => wait(feed, orders, arguments.json).await?,
    };
    broker.close().await;
    Ok(code)
}

fn read(file: &str) -> Result<String> {
    if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input can't be read")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("{file} can't be read"))
}

/// The jobs in a text: objects one after the other, or in arrays.
fn jobs(text: &str) -> Result<Vec<Value>> {
    let mut jobs = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter() {
        match value.context("the jobs are not JSON")? {
            Value::Array(several) => jobs.extend(several),
            one => jobs.push(one),
        }
    }
    if jobs.is_empty() {
        bail!("there are no jobs in it");
    }
    Ok(jobs)
}

/// What a worker will say of the job is for the worker to say; here only its way is looked up.
fn order(job: Value, catalogue: &Catalogue) -> Result<Order> {
    if !job.is_object() {
        bail!("is not a JSON object");
    }
    let Some(name) = job["operation"].as_str() else {
        bail!("has no operation");
    };
    let Some(operation) = catalogue.get(name) else {
        match catalogue.suggest(name) {
            Some(meant) => bail!("{name:?} is not an operation (did you mean {meant:?}?)"),
            None => bail!("{name:?} is not an operation"),
        }
    };
    let id = match job["id"].as_str() {
        Some(id) => id.to_owned(),
        None => format!("job-{:016x}", rand::random::<u64>()),
    };
    let message = Message {
        body: job.to_string().into_bytes(),
        properties: Properties {
            content_type: Some("application/json".to_owned()),
            message_id: Some(id.clone()),
            correlation_id: Some(format!("submit-{:016x}", rand::random::<u64>())),
            ..Properties::default()
        },
    };
    Ok(Order { id, kind: operation.kind, message })
}

async fn send(broker: &Broker, exchange: &str, orders: &[Order], json: bool) -> Result<()> {
    let (publisher, user_id) = (broker.publisher(), broker.user().map(str::to_owned));
    for Order { id, kind, message } in orders {
        let span = info_span!(
            "send",
            otel.name = format!("send {}", SourceQueue::Job(*kind).name()),
            otel.kind = "producer",
            messaging.system = "rabbitmq",
            messaging.message.id = id,
        );
        let trace = span.in_scope(|| traces::outgoing(&Trace::default()));
        let headers = trace.headers().map(|(name, value)| (name.to_owned(), value.clone()));
        let mut message = message.clone();
        message.properties.headers = headers.collect();
        message.properties.user_id = user_id.clone();
        publisher
            .publish_mandatory(exchange, kind.as_str(), &message)
            .instrument(span)
            .await
            .with_context(|| format!("job {id} was not sent"))?;
        if json {
            println!("{}", json!({ "sent": id, "kind": kind }));
        } else {
            println!("sent {id} ({kind})");
        }
    }
    Ok(())
}

async fn wait(mut feed: EventStream, orders: Vec<Order>, json: bool) -> Result<ExitCode> {
    let mut open: BTreeMap<String, String> = orders
        .into_iter()
        .filter_map(|order| Some((order.message.properties.correlation_id?, order.id)))
        .collect();
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    while !open.is_empty() {
        let published = tokio::select! {
            published = feed.next() => published?,
            _ = tokio::signal::ctrl_c() => bail!("interrupted; the jobs go on"),
        };
        let event: Value = serde_json::from_slice(&published.body).unwrap_or_default();
        let correlation = published.properties.correlation_id.unwrap_or_default();
        let Some(key) = whose(&open, &event, &correlation).map(str::to_owned) else {
            continue;
        };
        if json {
            println!("{}", plain(&event.to_string()));
        } else {
            println!("{}", Line::of(&event).written(in_colour()));
        }
        if let Some(end) = OUTCOMES.iter().find(|outcome| event["data"]["state"] == **outcome) {
            *ends.entry(end).or_default() += 1;
            open.remove(&key);
        }
    }
    if !json {
        println!("{}", tally(&ends));
    }
    let all_succeeded = ends.keys().all(|end| *end == "succeeded");
    Ok(if all_succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Which of the open jobs, ids by what was sent with them, an event is about. A job whose id was
/// known before tells of itself with what was first sent with it, so its id counts too; but a
/// rejection is about a message, and may be somebody else's that bears our id.
fn whose<'a>(
    open: &'a BTreeMap<String, String>,
    event: &Value,
    correlation: &str,
) -> Option<&'a str> {
    let by_id = |id: &String| event["data"]["state"] != "rejected" && event["subject"] == **id;
    let ours = open.get_key_value(correlation).or_else(|| open.iter().find(|(_, id)| by_id(id)));
    ours.map(|(sent, _)| sent.as_str())
}

/// How many jobs ended how: `3 jobs: 2 succeeded, 1 failed`.
fn tally(ends: &BTreeMap<&str, usize>) -> String {
    let counts: Vec<String> = OUTCOMES
        .iter()
        .filter_map(|outcome| Some(format!("{} {outcome}", ends.get(outcome)?)))
        .collect();
    let jobs: usize = ends.values().sum();
    format!("{jobs} job{}: {}", if jobs == 1 { "" } else { "s" }, counts.join(", "))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::cloud::operations;

    #[test]
    fn jobs_come_as_an_object_an_array_or_lines() {
        for (text, expected) in [
            (r#"{"id":"a"}"#, 1),
            (r#"[{"id":"a"},{"id":"b"}]"#, 2),
            ("{\"id\":\"a\"}\n{\"id\":\"b\"}\n\n{\"id\":\"c\"}\n", 3),
        ] {
            assert_eq!(jobs(text).unwrap().len(), expected, "{text}");
        }
        assert!(jobs("").is_err());
        assert!(jobs("{]").is_err());
    }

    #[test]
    fn a_job_goes_by_the_kind_of_its_operation_under_its_own_id() {
        let job = json!({ "id": "chg-1", "operation": "dataworks.DeployDISyncTask" });
        let order = order(job, &operations::catalogue()).unwrap();
        assert_eq!((order.id.as_str(), order.kind), ("chg-1", Kind::Deploy));
    }

    #[test]
    fn somebody_elses_bad_message_with_our_id_is_not_our_outcome() {
        let open = [("submit-1", "a"), ("submit-2", "b"), ("submit-3", "b")]
            .map(|(sent, id)| (sent.to_owned(), id.to_owned()))
            .into();
        let whose = |state: &str, subject: &str, correlation: &str| {
            let event = json!({ "subject": subject, "data": { "state": state } });
            super::whose(&open, &event, correlation).map(str::to_owned)
        };
        for (state, subject, correlation, expected) in [
            ("rejected", "a", "theirs", None),
            ("rejected", "a", "", None),
            ("rejected", "a", "submit-1", Some("submit-1")),
            ("rejected", "rejection-77", "submit-1", Some("submit-1")),
            ("succeeded", "a", "theirs", Some("submit-1")),
            ("started", "a", "", Some("submit-1")),
            ("succeeded", "b", "submit-3", Some("submit-3")),
            ("succeeded", "c", "theirs", None),
        ] {
            assert_eq!(
                whose(state, subject, correlation).as_deref(),
                expected,
                "{state} {subject}"
            );
        }
    }

    #[test]
    fn the_tally_counts_every_outcome_and_names_the_good_one_first() {
        assert_eq!(tally(&[("succeeded", 1)].into()), "1 job: 1 succeeded");
        let mixed = [("failed", 1), ("rejected", 1), ("succeeded", 2)].into();
        assert_eq!(tally(&mixed), "4 jobs: 2 succeeded, 1 failed, 1 rejected");
    }

    #[test]
    fn a_misspelt_operation_is_not_sent() {
        let job = json!({ "operation": "dms.CreateOrdr" });
        let error = order(job, &operations::catalogue()).err().unwrap();
        assert!(error.to_string().contains("did you mean \"dms.CreateOrder\""), "{error}");
    }
}
