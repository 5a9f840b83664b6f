//! Messages: every message is parsed, or rejected with all its problems.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use ticketd::job::message::{Envelope, Rejection};
use ticketd::job::{CloudEvent, ExecutionState, Job, Kind, RequestKind, Submission, Trace};

use super::fixtures::{ACCOUNTS, RUNTIME, VALIDATOR, providers};
use super::replies::{ScriptedProvider, parts};

/// Limits of the problems in a rejection, and of the characters in one problem.
const MAX_PROBLEMS: usize = 51;
const MAX_PROBLEM_LENGTH: usize = 2_000;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The first part of the input has the kind and the properties, one per line. The rest is the body.
pub(crate) fn message(bytes: &[u8]) {
    let parts = parts(bytes);
    let (head, body) = match parts[..] {
        [head, ref rest @ ..] if !rest.is_empty() => (head, rest.join(super::SEPARATOR)),
        _ => (&b""[..], bytes.to_vec()),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let kind = match lines.next() {
        Some("publish") => Kind::Publish,
        Some("deploy") => Kind::Deploy,
        _ => Kind::Create,
    };
    let mut properties = Map::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        properties.insert(name.to_owned(), json!(value));
    }
    let property = |name: &str| properties.get(name).and_then(Value::as_str);
    let trace = Trace {
        traceparent: property("traceparent").map(str::to_owned),
        tracestate: property("tracestate").map(str::to_owned),
    };
    let envelope = Envelope {
        body: &body,
        content_type: property("content_type"),
        content_encoding: property("content_encoding"),
        message_id: property("message_id"),
        correlation_id: property("correlation_id"),
        reply_to: property("reply_to"),
        user_id: property("user_id"),
        trace,
    };
    match VALIDATOR.read(kind, &envelope, NOW) {
        Ok(submission) => {
            check_round_trip(&submission);
            check_requests(&submission.job);
        }
        Err(rejection) => check_rejection(&rejection),
    }
}

/// A parsed job can be stored, and sent again as a message, without a change.
fn check_round_trip(submission: &Submission) {
    let Submission { job, fingerprint } = submission;
    let saved = json!(job).to_string();
    assert_eq!(serde_json::from_str::<Job>(&saved).expect("a stored job can be read"), *job);
    let fields = [
        ("id", json!(job.id)),
        ("operation", json!(job.operation)),
        ("account", json!(job.account)),
        ("params", job.params.clone()),
        ("until", json!(job.until)),
        ("not_before", json!(job.not_before)),
        ("deadline", json!(job.deadline)),
        ("metadata", json!(job.metadata)),
    ];
    let given = fields.into_iter().filter(|(_, value)| !value.is_null());
    let body = Value::Object(given.map(|(name, value)| (name.to_owned(), value)).collect());
    let body = body.to_string();
    let envelope = Envelope {
        body: body.as_bytes(),
        content_type: Some("application/json"),
        content_encoding: None,
        message_id: None,
        correlation_id: job.correlation_id.as_deref(),
        reply_to: job.reply_to.as_ref().map(|reply_to| reply_to.queue.as_str()),
        user_id: None,
        trace: job.trace.clone(),
    };
    let read = VALIDATOR.read(job.kind, &envelope, NOW).expect("a job can be parsed again");
    // Null metadata means no metadata.
    let metadata = job.metadata.clone().filter(|metadata| !metadata.is_null());
    assert_eq!(read.job, Job { metadata: metadata.clone(), ..job.clone() });
    if metadata == job.metadata {
        assert_eq!(read.fingerprint, *fingerprint);
    }
}

/// Requests go only to the endpoints of the job's account, with legal headers.
fn check_requests(job: &Job) {
    let account = ACCOUNTS.iter().find(|account| account.name == job.account).unwrap();
    for kind in [RequestKind::Baseline, RequestKind::Call, RequestKind::Probe] {
        let provider = Arc::new(ScriptedProvider::new(&[], false));
        let providers = providers(provider.clone());
        let execution = ExecutionState { calls: 1, ..ExecutionState::first(kind) };
        RUNTIME.with(|runtime| runtime.block_on(providers.ask(job, &execution)));
        for request in provider.sent() {
            let known = |url: &url::Url| url.host() == request.url.host();
            assert!(account.endpoints.values().any(known), "sent to {}", request.url);
            for (name, value) in &request.headers {
                let legal = |c: char| !c.is_control();
                assert!(value.chars().all(legal) && name.chars().all(legal), "{name}: {value:?}");
            }
        }
        if execution.request == RequestKind::Call {
            assert_eq!(provider.count(), 1, "a valid job sends one call");
        }
    }
}

/// A rejection names places and problems, is bounded, and can be published.
fn check_rejection(rejection: &Rejection) {
    let problems = &rejection.problems;
    assert!(!problems.is_empty() && problems.len() <= MAX_PROBLEMS, "{}", problems.len());
    for problem in problems {
        let length = problem.to_string().chars().count();
        assert!(length <= MAX_PROBLEM_LENGTH, "{length} characters: {problem}");
        let known = ["$", "content_type", "content_encoding", "message_id", "reply_to"];
        assert!(known.iter().any(|path| problem.path.starts_with(path)), "{problem}");
        assert!(!problem.message.is_empty());
    }
    let event = CloudEvent::rejected("/fuzz", rejection);
    assert_eq!(event.subject, event.data.job_id);
    assert!(serde_json::to_string(&event).is_ok());
}
