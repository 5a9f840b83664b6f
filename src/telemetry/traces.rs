//! Reads and writes W3C trace context, and exports spans to a collector.
//!
//! OpenTelemetry's own environment variables configure the export
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>). Spans are exported only if
//! `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set. Without export, the
//! trace context of a message is forwarded unchanged.

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

const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// How long exporting the last spans may take when the process exits.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Keeps the export running. Dropped, it exports the last spans.
#[derive(Debug)]
pub struct ExportGuard(Option<SdkTracerProvider>);

impl Drop for ExportGuard {
    fn drop(&mut self) {
        let Some(provider) = self.0.take() else { return };
        if let Err(error) = provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT) {
            warn!(%error, "the last spans were not exported");
        }
    }
}

pub(super) fn layer<S>() -> (ExportGuard, Option<impl Layer<S>>)
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(provider) = provider() else { return (ExportGuard(None), None) };
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("ticketd"))
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_filter(filter_fn(|metadata| {
            metadata.is_span() && metadata.target().starts_with("ticketd")
        }));
    (ExportGuard(Some(provider)), Some(spans))
}

fn provider() -> Option<SdkTracerProvider> {
    let is_set = |name: &str| env::var(name).is_ok_and(|value| !value.is_empty());
    if !ENDPOINTS.into_iter().any(is_set) || env::var(DISABLED).is_ok_and(|value| value == "true") {
        return None;
    }
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build();
    let exporter = match exporter {
        Ok(exporter) => exporter,
        Err(error) => {
            // Logging is not set up yet.
            eprintln!("ticketd: no spans are exported: {error}; correct {}", ENDPOINTS[0]);
            return None;
        }
    };
    let mut resource = Resource::builder();
    if !is_set(SERVICE_NAME) {
        resource = resource.with_service_name("ticketd");
    }
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.build())
        .build();
    Some(provider)
}

/// Makes a span part of a message's trace.
pub fn set_parent(span: &Span, trace: &Trace) {
    let headers = trace.headers().map(|(name, value)| (name.to_owned(), value.clone()));
    let carrier: HashMap<String, String> = headers.collect();
    if !carrier.is_empty() && !span.is_disabled() {
        // Fails for a span that has already started, and for one that is not exported.
        span.set_parent(TraceContextPropagator::new().extract(&carrier)).ok();
    }
}

/// The trace context to send: that of the current span, or `received` if nothing is exported.
pub fn outgoing(received: &Trace) -> Trace {
    let context = Span::current().context();
    if !context.span().span_context().is_valid() {
        return received.clone();
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    let mut header = |name: &str| carrier.remove(name).filter(|value| !value.is_empty());
    Trace { traceparent: header("traceparent"), tracestate: header("tracestate") }
}
