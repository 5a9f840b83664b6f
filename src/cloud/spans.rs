//! Spans of what providers are asked.

use tracing::field::Empty;
use tracing::{Span, info_span};
use url::Url;

use super::account::Account;
use super::protocol::Request;
use crate::job::{ExecutionState, Failure, Job};

/// A question and all the requests that it takes.
pub(super) fn ask(job: &Job, execution: &ExecutionState) -> Span {
    info_span!(
        "request",
        otel.name = format!("{} {}", job.operation, execution.request.as_str()),
        ticketd.attempt = execution.calls,
    )
}

/// A request, named as OpenTelemetry's conventions for HTTP have it. Of its address only the host is
/// told: a query may hold a producer's data.
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

/// The request we are in was answered.
pub(super) fn answered(status: u16) {
    Span::current().record("http.response.status_code", status);
}

/// A request failed.
pub(super) fn failed(span: &Span, failure: &Failure) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", failure.code.as_str());
}
