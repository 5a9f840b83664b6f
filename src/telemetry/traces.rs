//! Traces: W3C trace context in and out, and spans to a collector.
//!
//! The environment says where spans go, in OpenTelemetry's own variables
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>): they are exported exactly where
//! `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set. Where nothing is
//! exported a message's trace context is passed on as it came.

use std::collections::HashMap;
use std::env;
use std::time::Duration;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::job::Trace;

/// Where spans go, by OpenTelemetry's names.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// How long the last spans may take at the end of the process.
const FAREWELL: Duration = Duration::from_secs(3);

/// Spans are exported as long as this lives, if they are; then the last of them are sent.
#[derive(Debug)]
pub struct Exporting(Option<SdkTracerProvider>);

impl Drop for Exporting {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(|spans| spans.shutdown_with_timeout(FAREWELL)) {
            warn!(%error, "the last spans were not exported");
        }
    }
}

pub(super) fn layer<S>() -> (Exporting, Option<impl Layer<S>>)
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(provider) = provider() else { return (Exporting(None), None) };
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("ticketd"))
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_filter(filter_fn(|about| about.is_span() && about.target().starts_with("ticketd")));
    (Exporting(Some(provider)), Some(spans))
}

fn provider() -> Option<SdkTracerProvider> {
    let set = |name: &str| env::var(name).is_ok_and(|value| !value.is_empty());
    if !ENDPOINTS.into_iter().any(set) || env::var(DISABLED).is_ok_and(|value| value == "true") {
        return None;
    }
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build();
    let exporter = match exporter {
        Ok(exporter) => exporter,
        Err(error) => {
            // Before there is a log.
            eprintln!("ticketd: no spans are exported: {error}; correct {}", ENDPOINTS[0]);
            return None;
        }
    };
    let mut resource = Resource::builder();
    if !set(SERVICE_NAME) {
        resource = resource.with_service_name("ticketd");
    }
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.build())
        .build();
    Some(provider)
}

/// Makes a span part of the trace that a message belongs to.
pub fn follow(span: &Span, trace: &Trace) {
    let headers = trace.headers().map(|(name, value)| (name.to_owned(), value.clone()));
    let carrier: HashMap<String, String> = headers.collect();
    if !carrier.is_empty() && !span.is_disabled() {
        // It fails for a span that has begun already, or that nobody exports.
        span.set_parent(TraceContextPropagator::new().extract(&carrier)).ok();
    }
}

/// The trace context to pass on: that of the span we are in, or `given` where nothing is exported.
pub fn passed_on(given: &Trace) -> Trace {
    let context = Span::current().context();
    if !context.span().span_context().is_valid() {
        return given.clone();
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    let mut header = |name: &str| carrier.remove(name).filter(|value| !value.is_empty());
    Trace { traceparent: header("traceparent"), tracestate: header("tracestate") }
}
