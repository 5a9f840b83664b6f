//! What the tests of every operation need: a job, an account, and a way to talk.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cloud::account::{Account, Credentials, ProviderSettings};
use crate::cloud::protocol::{Next, Operation, OperationContext, Reply, Request};
use crate::job::{Accepted, Answer, ExecutionState, Failure, Job, Problem, Provider};

/// A job, a turn and an account for one operation.
pub(super) struct OperationHarness {
    pub(super) protocol: Box<dyn Operation>,
    pub(super) job: Job,
    pub(super) execution: ExecutionState,
    pub(super) account: Account,
}

/// What a conversation came to, with the requests that led there.
pub(super) type Transcript = (Vec<Request>, Result<Answer, Failure>);

impl OperationHarness {
    pub(super) fn of(protocol: impl Operation + 'static, params: Value) -> Self {
        let operation = protocol.operation();
        let job = json!({
            "id": "chg-2041", "operation": operation.name, "kind": operation.kind,
            "account": "here", "params": params, "until": operation.default_until,
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
            provider: match operation.provider {
                Provider::Alibaba => alibaba(true, false),
                Provider::Huawei => huawei(None),
            },
            rate_limit: None,
            rate_limit_shared: false,
            allowed_users: None,
            max_concurrent: None,
        };
        Self {
            protocol: Box::new(protocol),
            job: serde_json::from_value(job).unwrap(),
            execution: serde_json::from_value(execution).unwrap(),
            account,
        }
    }

    /// The problems with the job's params, one line each.
    pub(super) fn problems(&self) -> Vec<String> {
        let shown = |problem: Problem| format!("{} {}", problem.path, problem.message);
        self.protocol.operation().check_params(&self.job.params).into_iter().map(shown).collect()
    }

    pub(super) fn baseline(&self, replies: &[Value]) -> Transcript {
        self.play(replies, |inquiry, replies| self.protocol.baseline(inquiry, replies))
    }

    pub(super) fn call(&self, reply: Value) -> Transcript {
        self.play(&[reply], |inquiry, replies| self.protocol.call(inquiry, replies))
    }

    pub(super) fn probe(&self, replies: &[Value]) -> Transcript {
        self.play(replies, |inquiry, replies| self.protocol.probe(inquiry, replies))
    }

    pub(super) fn poll(&self, handle: &Value, replies: &[Value]) -> Transcript {
        self.play(replies, |inquiry, replies| self.protocol.poll(inquiry, handle, replies))
    }

    /// What the job goes on with after a person typed this.
    pub(super) fn adopt(&self, text: &str) -> Result<Accepted, String> {
        self.protocol.adopt(&self.job, text)
    }

    /// Plays the provider: each request gets the next reply. A reply `{"fails": code}` is a
    /// permanent failure with that code, `{"stutters": code}` a retryable one.
    fn play(
        &self,
        replies: &[Value],
        speak: impl Fn(&OperationContext<'_>, &[Result<Reply, Failure>]) -> Result<Next, Failure>,
    ) -> Transcript {
        let (job, execution, account) = (&self.job, &self.execution, &self.account);
        let now = "2026-01-02T03:05:00Z".parse().unwrap();
        let inquiry = OperationContext { job, execution, account, now };
        let mut requests = vec![];
        let mut heard = vec![];
        loop {
            match speak(&inquiry, &heard) {
                Ok(Next::Send(request)) => {
                    let reply = replies.get(heard.len());
                    heard.push(played(reply.unwrap_or_else(|| panic!("no reply to {request:?}"))));
                    requests.push(request);
                }
                Ok(Next::Tell(answer)) => {
                    assert_eq!(heard.len(), replies.len(), "replies nobody asked for");
                    return (requests, Ok(answer));
                }
                Err(failure) => return (requests, Err(failure)),
            }
        }
    }
}

/// Settings of an Alibaba account.
pub(super) fn alibaba(marker: bool, redeploy_in_doubt: bool) -> ProviderSettings {
    ProviderSettings::Alibaba { marker, redeploy_in_doubt }
}

/// Settings of a Huawei account.
pub(super) fn huawei(publish_type: Option<&str>) -> ProviderSettings {
    ProviderSettings::Huawei {
        project_id: "b384b9e9ab9b4ee8994c8633aabc9505".into(),
        workspace: None,
        publish_type: publish_type.map(str::to_owned),
    }
}

fn played(reply: &Value) -> Result<Reply, Failure> {
    match (reply["fails"].as_str(), reply["stutters"].as_str()) {
        (Some(code), _) => Err(Failure::permanent(code, "refused")),
        (None, Some(code)) => Err(Failure::retryable(code, "later")),
        (None, None) => Ok(Reply { request_id: Some("R".into()), body: reply.clone() }),
    }
}

/// The captured request of the official client with this name.
pub(super) fn captured(file: &str, name: &str) -> Value {
    let path = format!("{}/tests/fixtures/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let captures: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let found = captures.as_array().unwrap().iter().find(|capture| capture["name"] == name);
    found.unwrap()["request"].clone()
}

/// A request's query as the captures show theirs.
pub(super) fn query(request: &Request) -> Value {
    request.query.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
}
