//! One trace from the producer to the outcome.

use opentelemetry_proto::tonic::trace::v1::Span;
use ticketd::broker::{Message, Properties};
use ticketd::job::Kind;
use tokio::process::Command;

use crate::harness::{Collector, TestEnv, attribute, until};
use crate::jobs::tickets::{id, ticket};
use crate::replicas::process::Process;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PRODUCER: &str = "00f067aa0ba902b7";

/// Poll intervals that park the job.
const PARKING: &str = "[poll]\ninterval = \"2s\"\nmax_interval = \"2s\"";

fn hexed(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

fn exporting(mut command: Command, collector: &Collector) -> Command {
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint);
    command
}

fn text(spans: &[Span]) -> String {
    let line = |span: &Span| {
        let [trace, id, parent] =
            [&span.trace_id, &span.span_id, &span.parent_span_id].map(|bytes| hexed(bytes));
        format!("{trace} {parent:16} {id} {}\n", span.name)
    };
    spans.iter().map(line).collect()
}

/// The span with this name; there is one.
fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    let [span] = found.as_slice() else { panic!("{} of {name} in\n{}", found.len(), text(spans)) };
    span
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_runs_from_the_producer_through_the_calls_to_the_outcome() {
    let collector = Collector::start().await;
    let mut env = TestEnv::new(PARKING).await;
    let worker = Process::start(exporting(env.process(), &collector));
    let traceparent = format!("00-{TRACE}-{PRODUCER}-01");
    let headers = [("traceparent", traceparent.as_str()), ("tracestate", "vendor=1")];
    let message = Message {
        body: ticket(1, "").to_string().into(),
        properties: Properties {
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..Properties::default()
        },
    };
    env.send(Kind::Create, &message).await;
    let outcome = env.outcome(&id(1)).await;
    let started = env.state(&id(1), "started").await;
    worker.signal("TERM").await;
    assert!(worker.end().await.0.success());
    let published = |spans: &[Span]| spans.iter().any(|it| it.name.ends_with("succeeded"));
    until(async || published(&collector.spans())).await;

    let spans = collector.spans();
    assert!(spans.iter().all(|span| hexed(&span.trace_id) == TRACE), "{}", text(&spans));
    let first = only(&spans, "process jobs.create");
    assert_eq!(hexed(&first.parent_span_id), PRODUCER);
    assert_eq!(attribute(first, "messaging.message.id"), id(1));
    let asked = only(&spans, "dms.CreateOrder call");
    assert_eq!(asked.parent_span_id, first.span_id);
    let request = spans.iter().find(|span| span.parent_span_id == asked.span_id).unwrap();
    assert_eq!(request.name, "POST");
    assert_eq!(attribute(request, "http.response.status_code"), "200");
    assert_eq!(attribute(request, "server.address"), "127.0.0.1");
    assert_eq!(attribute(request, "ticketd.action"), "CreateOrder");

    // Later runs of a parked job belong to the same trace.
    let polled = spans.iter().find(|span| span.name == "dms.CreateOrder poll").unwrap();
    let woken = spans.iter().find(|span| span.span_id == polled.parent_span_id).unwrap();
    assert_eq!(woken.name, "process wake.create");
    assert_eq!(hexed(&woken.parent_span_id), PRODUCER);

    // An event has the context of the span that published it.
    for (event, name) in
        [(started, "publish ticketd.job.started"), (outcome, "publish ticketd.job.succeeded")]
    {
        let span = only(&spans, name);
        let expected = format!("00-{TRACE}-{}-01", hexed(&span.span_id));
        assert_eq!(event["traceparent"], expected.as_str());
        assert_eq!(event["tracestate"], "vendor=1");
        let of = |id: &[u8]| spans.iter().find(|span| span.span_id == id).unwrap();
        assert!(of(&span.parent_span_id).name.starts_with("process "));
    }

    // A request has the context of its span. Spans contain nothing of the job's params.
    let seen = env.simulator.effects()[0].traceparent.clone();
    assert_eq!(seen, Some(format!("00-{TRACE}-{}-01", hexed(&request.span_id))));
    assert!(!format!("{spans:?}").contains("delete from t"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_a_trace_gets_one_for_all_its_runs() {
    let collector = Collector::start().await;
    let mut env = TestEnv::new(PARKING).await;
    let worker = Process::start(exporting(env.process(), &collector));
    env.submit(Kind::Create, &ticket(1, "")).await;
    let outcome = env.outcome(&id(1)).await;
    worker.signal("TERM").await;
    assert!(worker.end().await.0.success());
    let published = |spans: &[Span]| spans.iter().any(|it| it.name.ends_with("succeeded"));
    until(async || published(&collector.spans())).await;
    let spans = collector.spans();
    let first = only(&spans, "process jobs.create");
    assert!(first.parent_span_id.is_empty());
    let later: Vec<&Span> =
        spans.iter().filter(|span| span.name == "process wake.create").collect();
    assert!(!later.is_empty() && later.iter().all(|span| span.trace_id == first.trace_id));
    assert!(spans.iter().all(|span| span.trace_id == first.trace_id), "{}", text(&spans));
    let traceparent = outcome["traceparent"].as_str().unwrap();
    assert!(traceparent.contains(&hexed(&first.trace_id)), "{traceparent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unavailable_collector_delays_no_job() {
    let mut env = TestEnv::new("").await;
    let mut command = env.process();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let worker = Process::start(command);
    env.submit(Kind::Create, &ticket(1, "")).await;
    assert_eq!(env.outcome(&id(1)).await["data"]["state"], "succeeded");
    worker.signal("TERM").await;
    let (status, said) = worker.end().await;
    assert!(status.success());
    assert!(said.iter().any(|line| line.contains("Export")), "{said:#?}");
}
