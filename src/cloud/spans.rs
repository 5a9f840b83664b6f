//! Spans of requests to providers.

use tracing::field::Empty;
use tracing::{Span, info_span};
use url::Url;

use super::account::Account;
use super::request::Request;
use crate::job::{ExecutionState, Failure, Job};

/// A step of an operation, with all requests that it takes.
pub(super) fn operation(job: &Job, execution: &ExecutionState) -> Span {
    info_span!(
        "operation",
        otel.name = format!("{} {}", job.operation, execution.request.as_str()),
        ticketd.attempt = execution.calls,
    )
}

/// One request, named by OpenTelemetry's conventions for HTTP. Of its address only the host is
/// recorded, because a query may contain a producer's data.
pub(super) fn request(account: &Account, request: &Request) -> Span {
    let method = request.method.as_str();
    info_span!(
        "request",
        otel.name = method,
        otel.kind = "client",
        otel.status_code = Empty,
        error.type = Empty,
        http.request.method = method,
        http.response.status_code = Empty,
        server.address = account.endpoints.get(&request.service).and_then(Url::host_str),
        ticketd.account = account.name,
        ticketd.service = request.service.key(),
        ticketd.action = request.action,
    )
}

/// Records the status on the span of the current request.
pub(super) fn record_status(status: u16) {
    Span::current().record("http.response.status_code", status);
}

pub(super) fn record_failure(span: &Span, failure: &Failure) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", failure.code.as_str());
}
