//! The way of one request: read, recognised, let in, perhaps spoilt by a fault, carried out,
//! answered.

pub(super) mod alibaba;
pub(super) mod asked;
pub(super) mod guard;
pub(super) mod huawei;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use tracing::debug;

use self::asked::Asked;
use self::guard::Caller;
use super::action::{Action, Cloud};
use super::faults::Fault;
use super::reply::{Envelope, Granted, Refusal};
use super::server::Cut;
use super::stand::Stand;

/// How long the first half of a body gets to leave before the connection is closed.
const HALF_WAY: Duration = Duration::from_millis(20);

/// A request that was let in.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) action: Action,
    pub(super) asked: Asked,
    pub(super) caller: Caller,
    pub(super) request_id: String,
}

/// Answers one request to either cloud.
pub(super) async fn answer(
    State(stand): State<Arc<Stand>>,
    Extension(cut): Extension<Cut>,
    request: Request,
) -> Response {
    let request_id = stand.next_request_id();
    let date = stand.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut envelope = Envelope {
        cloud: Cloud::Alibaba,
        action: None,
        json: true,
        host: String::new(),
        request_id: request_id.clone(),
        date,
    };
    let asked = match Asked::read(request).await {
        Ok(asked) => asked,
        Err(refusal) => return envelope.refused(&refusal),
    };
    envelope.cloud = asked.cloud();
    envelope.json = asked.wants_json();
    envelope.host = asked.header("host").unwrap_or_default().to_owned();
    envelope.action = Action::of(&asked);
    let Some(action) = envelope.action else {
        return envelope.refused(&unknown_action(&asked));
    };
    stand.count(action, |count| count.received += 1);
    match stand.admit(action, &asked) {
        Ok(caller) => {
            let visit = Arc::new(Visit { action, asked, caller, request_id });
            respond(stand, visit, envelope, cut).await
        }
        Err(refusal) => {
            stand.count(action, |count| count.refused += 1);
            envelope.refused(&refusal)
        }
    }
}

fn unknown_action(asked: &Asked) -> Refusal {
    match asked.cloud() {
        Cloud::Alibaba => Refusal::new(
            404,
            "InvalidAction.NotFound",
            "Specified api is not found, please check your url and method.",
        ),
        Cloud::Huawei => Refusal::new(
            404,
            "APIGW.0101",
            "The API does not exist or has not been published in the environment",
        ),
    }
}

async fn respond(stand: Arc<Stand>, visit: Arc<Visit>, envelope: Envelope, cut: Cut) -> Response {
    let Some(fault) = stand.next_fault(&visit) else {
        return sealed(&envelope, stand.perform(&visit));
    };
    stand.count(visit.action, |count| count.faulted += 1);
    debug!(action = visit.action.full_name(), ?fault, "a fault is done");
    match fault {
        Fault::Slow { delay } => {
            let done = stand.perform(&visit);
            tokio::time::sleep(delay).await;
            sealed(&envelope, done)
        }
        Fault::Refuse { status, code, message } => {
            envelope.refused(&Refusal::new(status, &code, message))
        }
        Fault::Throttle { retry_after } => {
            envelope.refused(&Refusal { retry_after, ..throttled(visit.action) })
        }
        Fault::ErrorBefore { status } => envelope.refused(&server_error(envelope.cloud, status)),
        Fault::ErrorAfter { status } => {
            let _answer_lost = stand.perform(&visit);
            envelope.refused(&server_error(envelope.cloud, status))
        }
        Fault::CutBefore => cut.now().await,
        Fault::CutAfter => {
            let _answer_lost = stand.perform(&visit);
            cut.now().await
        }
        Fault::Late { delay } => {
            stand.perform_later(visit, delay);
            cut.now().await
        }
        Fault::Garbage => {
            let _answer_lost = stand.perform(&visit);
            envelope.garbage()
        }
        Fault::CutBody => halved(sealed(&envelope, stand.perform(&visit))).await,
        Fault::Backwards => sealed(&envelope, stand.perform_one_stage_back(&visit)),
    }
}

fn sealed(envelope: &Envelope, done: Result<Granted, Refusal>) -> Response {
    match done {
        Ok(granted) => envelope.granted(granted),
        Err(refusal) => envelope.refused(&refusal),
    }
}

fn throttled(action: Action) -> Refusal {
    let message = "Request was denied due to user flow control.";
    match action.full_name().split_once('.') {
        Some(("dms", _)) => Refusal::new(400, "Throttling.User", message),
        Some(("dataworks", _)) => Refusal::new(429, "Throttling.User", message),
        Some(_) | None => Refusal::new(
            429,
            "APIGW.0308",
            "The throttling threshold has been reached: policy user over ratelimit,limit:10,time:1 \
             second",
        ),
    }
}

fn server_error(cloud: Cloud, status: u16) -> Refusal {
    match (cloud, status) {
        (Cloud::Alibaba, 502..=504) => Refusal::new(
            status,
            "ServiceUnavailable",
            "The request has failed due to a temporary failure of the server.",
        ),
        (Cloud::Alibaba, _) => Refusal::new(
            status,
            "InternalError",
            "The request processing has failed due to some unknown error.",
        ),
        (Cloud::Huawei, _) => Refusal::new(status, "APIGW.0201", "Backend unavailable"),
    }
}

/// The same reply, ending in the middle of its body.
async fn halved(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, whole.len().into());
    let half = whole.slice(..whole.len() / 2);
    let end = stream::once(async {
        tokio::time::sleep(HALF_WAY).await;
        Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionAborted))
    });
    let pieces = stream::once(async { Ok(half) }).chain(end);
    Response::from_parts(parts, Body::from_stream(pieces))
}
