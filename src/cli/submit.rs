//! `ticketd submit`.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tracing::{Instrument, info_span};

use super::output::{LineWidth, OUTCOMES, OutputRow, escape, print_line};
use crate::broker::{Broker, EventStream, ExchangeName, Message, Properties, SourceQueue};
use crate::config::Settings;
use crate::job::{Catalogue, Kind, Trace};
use crate::telemetry::traces;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A file with jobs: a JSON object, an array or JSON lines; - reads standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Print events until every job has its outcome; exit 0 only if all succeeded
    #[arg(long)]
    wait: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

struct OutgoingJob {
    id: String,
    kind: Kind,
    message: Message,
}

/// Sends all jobs, or none if one of them is not valid.
pub(super) async fn run(
    arguments: Arguments,
    settings: Settings,
    catalogue: &Catalogue,
) -> Result<ExitCode> {
    let mut outgoing = Vec::new();
    for (index, job) in parse_jobs(&read(&arguments.file)?)?.into_iter().enumerate() {
        let job = prepare(job, catalogue);
        outgoing.push(job.with_context(|| format!("{}: job {}", arguments.file, index + 1))?);
    }
    let broker = Broker::connect(&settings.broker).await?;
    // The subscription comes first: an outcome can follow its job immediately.
    let stream = if arguments.wait { Some(broker.follow_events("#").await?) } else { None };
    let exchange = ExchangeName::Jobs.full_name(&settings.broker.prefix);
    send(&broker, &exchange, &outgoing, arguments.json).await?;
    let code = match stream {
        None => ExitCode::SUCCESS,
        Some(stream) => wait(stream, outgoing, arguments.json).await?,
    };
    broker.close().await;
    Ok(code)
}

fn read(file: &str) -> Result<String> {
    if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))
}

/// Reads objects and arrays of objects, one after the other.
fn parse_jobs(text: &str) -> Result<Vec<Value>> {
    let mut jobs = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter() {
        match value.context("the jobs are not JSON")? {
            Value::Array(several) => jobs.extend(several),
            one => jobs.push(one),
        }
    }
    if jobs.is_empty() {
        bail!("the input contains no jobs");
    }
    Ok(jobs)
}

/// Looks up the routing key of a job. A worker validates the rest.
fn prepare(job: Value, catalogue: &Catalogue) -> Result<OutgoingJob> {
    if !job.is_object() {
        bail!("it is not a JSON object");
    }
    let Some(name) = job["operation"].as_str() else {
        bail!("it has no operation");
    };
    let Some(operation) = catalogue.get(name) else {
        match catalogue.suggest(name) {
            Some(close) => bail!("{name:?} is not an operation (did you mean {close:?}?)"),
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
    Ok(OutgoingJob { id, kind: operation.kind, message })
}

async fn send(broker: &Broker, exchange: &str, jobs: &[OutgoingJob], json: bool) -> Result<()> {
    let (publisher, user_id) = (broker.publisher(), broker.user().map(str::to_owned));
    for OutgoingJob { id, kind, message } in jobs {
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
            print_line(format!("sent {id} ({kind})"));
        }
    }
    Ok(())
}

async fn wait(mut stream: EventStream, jobs: Vec<OutgoingJob>, json: bool) -> Result<ExitCode> {
    // Ids by the correlation id that was sent with the job.
    let mut open: BTreeMap<String, String> = jobs
        .into_iter()
        .filter_map(|job| Some((job.message.properties.correlation_id?, job.id)))
        .collect();
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    while !open.is_empty() {
        let message = tokio::select! {
            message = stream.next() => message?,
            _ = tokio::signal::ctrl_c() => bail!("interrupted; the jobs continue"),
        };
        let event: Value = serde_json::from_slice(&message.body).unwrap_or_default();
        let correlation = message.properties.correlation_id.unwrap_or_default();
        let Some(key) = find_job(&open, &event, &correlation).map(str::to_owned) else {
            continue;
        };
        if json {
            println!("{}", escape(&event.to_string()));
        } else {
            let row = OutputRow::from_event(&event).render(LineWidth::of_stdout());
            anstream::println!("{row}");
        }
        if let Some(outcome) = OUTCOMES.iter().find(|state| event["data"]["state"] == **state) {
            *outcomes.entry(outcome).or_default() += 1;
            open.remove(&key);
        }
    }
    if !json {
        println!("{}", format_counts(&outcomes));
    }
    let all_succeeded = outcomes.keys().all(|outcome| *outcome == "succeeded");
    Ok(if all_succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The key of the open job that an event is about.
///
/// A job that was sent before publishes events with the correlation id of the first message, so
/// the job's id counts too. A rejection is about a message, and another producer's message may have
/// the same id, so there only the correlation id counts.
fn find_job<'a>(
    open: &'a BTreeMap<String, String>,
    event: &Value,
    correlation: &str,
) -> Option<&'a str> {
    let by_id = |id: &String| event["data"]["state"] != "rejected" && event["subject"] == **id;
    let found = open.get_key_value(correlation).or_else(|| open.iter().find(|(_, id)| by_id(id)));
    found.map(|(key, _)| key.as_str())
}

/// For example `3 jobs: 2 succeeded, 1 failed`.
fn format_counts(outcomes: &BTreeMap<&str, usize>) -> String {
    let counts: Vec<String> = OUTCOMES
        .iter()
        .filter_map(|outcome| Some(format!("{} {outcome}", outcomes.get(outcome)?)))
        .collect();
    let jobs: usize = outcomes.values().sum();
    format!("{jobs} job{}: {}", if jobs == 1 { "" } else { "s" }, counts.join(", "))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::cloud::operations;

    #[test]
    fn jobs_are_read_from_an_object_an_array_or_lines() {
        for (text, expected) in [
            (r#"{"id":"a"}"#, 1),
            (r#"[{"id":"a"},{"id":"b"}]"#, 2),
            ("{\"id\":\"a\"}\n{\"id\":\"b\"}\n\n{\"id\":\"c\"}\n", 3),
        ] {
            assert_eq!(parse_jobs(text).unwrap().len(), expected, "{text}");
        }
        assert!(parse_jobs("").is_err());
        assert!(parse_jobs("{]").is_err());
    }

    #[test]
    fn a_job_has_the_kind_of_its_operation_and_its_own_id() {
        let job = json!({ "id": "chg-1", "operation": "dataworks.DeployDISyncTask" });
        let job = prepare(job, &operations::catalogue()).unwrap();
        assert_eq!((job.id.as_str(), job.kind), ("chg-1", Kind::Deploy));
    }

    #[test]
    fn a_rejection_of_another_producers_message_is_not_our_outcome() {
        let open = [("submit-1", "a"), ("submit-2", "b"), ("submit-3", "b")]
            .map(|(sent, id)| (sent.to_owned(), id.to_owned()))
            .into();
        let find_job = |state: &str, subject: &str, correlation: &str| {
            let event = json!({ "subject": subject, "data": { "state": state } });
            super::find_job(&open, &event, correlation).map(str::to_owned)
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
                find_job(state, subject, correlation).as_deref(),
                expected,
                "{state} {subject}"
            );
        }
    }

    #[test]
    fn counts_name_every_outcome_and_successes_first() {
        assert_eq!(format_counts(&[("succeeded", 1)].into()), "1 job: 1 succeeded");
        let mixed = [("failed", 1), ("rejected", 1), ("succeeded", 2)].into();
        assert_eq!(format_counts(&mixed), "4 jobs: 2 succeeded, 1 failed, 1 rejected");
    }

    #[test]
    fn a_misspelt_operation_is_not_sent() {
        let job = json!({ "operation": "dms.CreateOrdr" });
        let error = prepare(job, &operations::catalogue()).err().unwrap();
        assert!(error.to_string().contains("did you mean \"dms.CreateOrder\""), "{error}");
    }
}
