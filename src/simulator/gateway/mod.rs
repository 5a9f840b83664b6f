//! How a request is answered: read, recognized, authenticated, perhaps hit by a fault, executed.

mod envelope;
mod xml;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use tracing::debug;

use self::envelope::ReplyEnvelope;
use super::action::{ApiAction, Vendor};
use super::faults::Fault;
use super::reply::{ErrorReply, Payload};
use super::request::{AdmittedRequest, RawRequest};
use super::server::ConnectionCloser;
use super::state::SimulatorState;

/// Time for the first half of a body to be sent before the connection is closed.
const HALF_BODY_DELAY: Duration = Duration::from_millis(20);

/// Answers one request to either provider.
pub(super) async fn answer(
    State(state): State<Arc<SimulatorState>>,
    Extension(connection): Extension<ConnectionCloser>,
    request: Request,
) -> Response {
    let request_id = state.next_request_id();
    let date = state.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut envelope = ReplyEnvelope {
        vendor: Vendor::Alibaba,
        action: None,
        json: true,
        host: String::new(),
        request_id: request_id.clone(),
        date,
    };
    let raw = match RawRequest::read(request).await {
        Ok(raw) => raw,
        Err(error) => return envelope.error(&error),
    };
    envelope.vendor = raw.vendor();
    envelope.json = raw.wants_json();
    envelope.host = raw.header("host").unwrap_or_default().to_owned();
    envelope.action = raw.action();
    let Some(action) = envelope.action else {
        return envelope.error(&unknown_action(envelope.vendor));
    };
    state.count(action, |count| count.received += 1);
    match state.admit(action, &raw) {
        Ok(caller) => {
            let request = Arc::new(AdmittedRequest { action, raw, caller, request_id });
            respond(state, request, envelope, connection).await
        }
        Err(error) => {
            state.count(action, |count| count.refused += 1);
            envelope.error(&error)
        }
    }
}

async fn respond(
    state: Arc<SimulatorState>,
    request: Arc<AdmittedRequest>,
    envelope: ReplyEnvelope,
    connection: ConnectionCloser,
) -> Response {
    let Some(fault) = state.next_fault(&request) else {
        return reply(&envelope, state.execute(&request));
    };
    state.count(request.action, |count| count.faulted += 1);
    debug!(action = request.action.full_name(), ?fault, "fault injected");
    match fault {
        Fault::Slow { delay } => {
            let result = state.execute(&request);
            tokio::time::sleep(delay).await;
            reply(&envelope, result)
        }
        Fault::Refuse { status, code, message } => {
            envelope.error(&ErrorReply::new(status, &code, message))
        }
        Fault::Throttle { retry_after } => {
            envelope.error(&ErrorReply { retry_after, ..throttled(request.action) })
        }
        Fault::ErrorBefore { status } => envelope.error(&server_error(envelope.vendor, status)),
        Fault::ErrorAfter { status } => {
            let _lost = state.execute(&request);
            envelope.error(&server_error(envelope.vendor, status))
        }
        Fault::CutBefore => connection.close().await,
        Fault::CutAfter => {
            let _lost = state.execute(&request);
            connection.close().await
        }
        Fault::Late { delay } => {
            state.execute_later(request, delay);
            connection.close().await
        }
        Fault::Garbage => {
            let _lost = state.execute(&request);
            envelope.garbage()
        }
        Fault::CutBody => truncated(reply(&envelope, state.execute(&request))).await,
        Fault::Backwards => reply(&envelope, state.execute_one_stage_earlier(&request)),
    }
}

fn reply(envelope: &ReplyEnvelope, result: Result<Payload, ErrorReply>) -> Response {
    match result {
        Ok(payload) => envelope.success(payload),
        Err(error) => envelope.error(&error),
    }
}

fn unknown_action(vendor: Vendor) -> ErrorReply {
    match vendor {
        Vendor::Alibaba => ErrorReply::new(
            404,
            "InvalidAction.NotFound",
            "Specified api is not found, please check your url and method.",
        ),
        Vendor::Huawei => ErrorReply::new(
            404,
            "APIGW.0101",
            "The API does not exist or has not been published in the environment",
        ),
    }
}

fn throttled(action: ApiAction) -> ErrorReply {
    let message = "Request was denied due to user flow control.";
    match action.full_name().split_once('.') {
        Some(("dms", _)) => ErrorReply::new(400, "Throttling.User", message),
        Some(("dataworks", _)) => ErrorReply::new(429, "Throttling.User", message),
        Some(_) | None => ErrorReply::new(
            429,
            "APIGW.0308",
            "The throttling threshold has been reached: policy user over ratelimit,limit:10,time:1 \
             second",
        ),
    }
}

fn server_error(vendor: Vendor, status: u16) -> ErrorReply {
    match (vendor, status) {
        (Vendor::Alibaba, 502..=504) => ErrorReply::new(
            status,
            "ServiceUnavailable",
            "The request has failed due to a temporary failure of the server.",
        ),
        (Vendor::Alibaba, _) => ErrorReply::new(
            status,
            "InternalError",
            "The request processing has failed due to some unknown error.",
        ),
        (Vendor::Huawei, _) => ErrorReply::new(status, "APIGW.0201", "Backend unavailable"),
    }
}

/// The same response, cut in the middle of its body.
async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    let half = body.slice(..body.len() / 2);
    let end = stream::once(async {
        tokio::time::sleep(HALF_BODY_DELAY).await;
        Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionAborted))
    });
    let chunks = stream::once(async { Ok(half) }).chain(end);
    Response::from_parts(parts, Body::from_stream(chunks))
}
