//! Runs one operation with a job, an account and scripted replies.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cloud::account::{Account, Credentials, ProviderSettings};
use crate::cloud::operations::{
    Operation, OperationContext, OperatorInput, PollResult, ProbeResult, Replay, Replayed, Suspend,
};
use crate::cloud::request::{Reply, Request};
use crate::job::{Accepted, ExecutionState, Failure, Job, Problem, Provider};

pub(crate) struct OperationHarness {
    pub(crate) operation: Box<dyn Operation>,
    pub(crate) job: Job,
    pub(crate) execution: ExecutionState,
    pub(crate) account: Account,
}

/// The requests of an operation, and its answer.
pub(crate) type Transcript<T> = (Vec<Request>, Result<T, Failure>);

impl OperationHarness {
    pub(crate) fn new(operation: impl Operation + 'static, params: Value) -> Self {
        let spec = operation.spec();
        let job = json!({
            "id": "chg-2041", "operation": spec.name, "kind": spec.kind,
            "account": "here", "params": params, "until": spec.default_until,
            "received_at": "2026-01-02T03:04:00Z",
        });
        let execution = json!({
            "request": "call", "call": 1,
            "doubt": {"called_at": "2026-01-02T03:04:05Z", "cause": "timed out"},
        });
        let account = Account {
            name: "here".into(),
            region: "cn-hangzhou".into(),
            credentials: Credentials::Key {
                id: "id".to_owned().into(),
                secret: "secret".to_owned().into(),
                security_token: None,
            },
            endpoints: BTreeMap::new(),
            provider: match spec.provider {
                Provider::Alibaba => alibaba(true, false),
                Provider::Huawei => huawei(None),
            },
            rate_limit: None,
            rate_limit_shared: false,
            allowed_users: None,
            max_concurrent: None,
        };
        Self {
            operation: Box::new(operation),
            job: serde_json::from_value(job).unwrap(),
            execution: serde_json::from_value(execution).unwrap(),
            account,
        }
    }

    /// The problems of the job's params, one line each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let line = |problem: Problem| format!("{} {}", problem.path, problem.message);
        self.operation.spec().check_params(&self.job.params).into_iter().map(line).collect()
    }

    pub(crate) fn baseline(&self, replies: &[Value]) -> Transcript<Value> {
        self.run(replies, |cx, http| self.operation.baseline(cx, http))
    }

    pub(crate) fn call(&self, reply: Value) -> Transcript<Accepted> {
        self.run(&[reply], |cx, http| self.operation.call(cx, http))
    }

    pub(crate) fn probe(&self, replies: &[Value]) -> Transcript<ProbeResult> {
        self.run(replies, |cx, http| self.operation.probe(cx, http))
    }

    pub(crate) fn poll(&self, handle: &Value, replies: &[Value]) -> Transcript<PollResult> {
        self.run(replies, |cx, http| self.operation.poll(cx, handle, http))
    }

    /// Polls, and merges the answer's fields into the result as the machine does.
    pub(crate) fn poll_and_save(&mut self, handle: &Value, replies: &[Value]) -> PollResult {
        let poll = self.poll(handle, replies).1.unwrap();
        let (PollResult::Running { result, .. }
        | PollResult::Succeeded { result }
        | PollResult::Failed { result, .. }) = &poll;
        let mut merged = self.execution.result.as_object().cloned().unwrap_or_default();
        merged.extend(result.as_object().unwrap().clone());
        self.execution.result = Value::Object(merged);
        poll
    }

    pub(crate) fn adopt(&self, text: &str) -> Result<Accepted, String> {
        self.operation.adopt(&self.job, OperatorInput::new(text))
    }

    /// Answers each request with the next reply. A reply `{"fails": code}` is a permanent failure,
    /// `{"fails_for_now": code}` a retryable one. Every reply has to be used.
    fn run<T>(
        &self,
        replies: &[Value],
        method: impl Fn(&OperationContext<'_>, &mut Replay<'_>) -> Replayed<T>,
    ) -> Transcript<T> {
        let (job, execution, account) = (&self.job, &self.execution, &self.account);
        let now = "2026-01-02T03:05:00Z".parse().unwrap();
        let cx = OperationContext { job, execution, account, now };
        let mut requests = vec![];
        let mut received = vec![];
        loop {
            match method(&cx, &mut Replay::new(&received)) {
                Err(Suspend::Send(request)) => {
                    let reply = replies.get(received.len());
                    received
                        .push(parse(reply.unwrap_or_else(|| panic!("no reply to {request:?}"))));
                    requests.push(*request);
                }
                Ok(answer) => {
                    assert_eq!(received.len(), replies.len(), "a reply was not used");
                    return (requests, Ok(answer));
                }
                Err(Suspend::Fail(failure)) => return (requests, Err(failure)),
            }
        }
    }
}

/// Settings of an Alibaba account.
pub(crate) fn alibaba(marker: bool, redeploy_in_doubt: bool) -> ProviderSettings {
    ProviderSettings::Alibaba { marker, redeploy_in_doubt }
}

/// Settings of a Huawei account.
pub(crate) fn huawei(publish_type: Option<&str>) -> ProviderSettings {
    ProviderSettings::Huawei {
        project_id: "b384b9e9ab9b4ee8994c8633aabc9505".into(),
        workspace: None,
        publish_type: publish_type.map(str::to_owned),
    }
}

fn parse(reply: &Value) -> Result<Reply, Failure> {
    match (reply["fails"].as_str(), reply["fails_for_now"].as_str()) {
        (Some(code), _) => Err(Failure::permanent(code, "refused")),
        (None, Some(code)) => Err(Failure::retryable(code, "later")),
        (None, None) => Ok(Reply { request_id: Some("R".into()), body: reply.clone() }),
    }
}

/// The request of the official client, from the capture with this name.
pub(crate) fn captured(file: &str, name: &str) -> Value {
    let path = format!("{}/tests/fixtures/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let captures: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let found = captures.as_array().unwrap().iter().find(|capture| capture["name"] == name);
    found.unwrap()["request"].clone()
}

/// A request's query in the form of the captures.
pub(crate) fn query(request: &Request) -> Value {
    request.query.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
}
