//! Accounts, jobs and operations. They are created once, because an operation compiles its schema,
//! which is too slow for every input.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde_json::{Value, json};
use ticketd::clock::Clock;
use ticketd::cloud::account::{Account, Credentials, ProviderSettings};
use ticketd::cloud::http::Transport;
use ticketd::cloud::operations::{
    Operation, OperationContext, OperatorInput, PollResult, ProbeResult, Replay, Replayed,
};
use ticketd::cloud::service::{Service, default_endpoints};
use ticketd::cloud::{Providers, operations};
use ticketd::job::machine::Capabilities;
use ticketd::job::message::MessageValidator;
use ticketd::job::{Accepted, AccessPolicy, Job, Kind, OperationSpec, Provider, Trace, Until};
use tokio::runtime::{Builder, Runtime};

/// The secrets of the accounts.
const SECRETS: [&str; 4] = ["key-secret-A", "key-secret-H", "pass-secret-I", "token-secret-T"];

/// Whether a text contains a secret of an account.
pub(super) fn contains_secret(text: &str, account: &str) -> bool {
    let secrets = match account {
        "ali" => &[SECRETS[0], SECRETS[3]][..],
        "hw" => &[SECRETS[1], SECRETS[3]],
        _ => &[SECRETS[2]],
    };
    secrets.iter().any(|secret| text.contains(secret))
}

thread_local! {
    pub static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().unwrap();
}

/// An Alibaba account, a Huawei one, and one of an IAM user.
pub(super) static ACCOUNTS: LazyLock<[Account; 3]> = LazyLock::new(|| {
    let key = |secret: &str| Credentials::Key {
        id: "an-access-key".into(),
        secret: secret.into(),
        security_token: Some(SECRETS[3].into()),
    };
    let ali = Account {
        name: "ali".into(),
        region: "cn-hangzhou".into(),
        credentials: key(SECRETS[0]),
        endpoints: default_endpoints(Provider::Alibaba, "cn-hangzhou").unwrap(),
        provider: ProviderSettings::Alibaba { marker: true, redeploy_in_doubt: true },
        rate_limit: None,
        rate_limit_shared: false,
        allowed_users: None,
        max_concurrent: None,
    };
    let hw = Account {
        name: "hw".into(),
        region: "cn-north-4".into(),
        credentials: key(SECRETS[1]),
        endpoints: default_endpoints(Provider::Huawei, "cn-north-4").unwrap(),
        provider: ProviderSettings::Huawei {
            project_id: "b384b9e9ab9b4ee8994c8633aabc9505".into(),
            workspace: None,
            publish_type: None,
        },
        ..ali.clone()
    };
    let user = Account {
        name: "user".into(),
        credentials: Credentials::Iam {
            user: "worker".into(),
            domain: "acme".into(),
            password: SECRETS[2].into(),
            endpoint: Service::Iam.default_endpoint("cn-north-4").unwrap().unwrap(),
        },
        ..hw.clone()
    };
    [ali, hw, user]
});

/// There is only one Huawei account, so that jobs may omit it.
pub(super) static VALIDATOR: LazyLock<MessageValidator> = LazyLock::new(|| MessageValidator {
    catalogue: operations::catalogue(),
    accounts: BTreeMap::from([
        ("ali".to_owned(), Provider::Alibaba),
        ("hw".to_owned(), Provider::Huawei),
    ]),
    users: AccessPolicy::default(),
    max_bytes: 1 << 20,
});

/// An operation's side of its conversations, its name and its kind.
type Side = (Box<dyn Operation>, &'static str, Kind);

static PROTOCOLS: LazyLock<Vec<Side>> = LazyLock::new(|| {
    let named = |protocol: Box<dyn Operation>| {
        let OperationSpec { name, kind, .. } = protocol.spec();
        (protocol, name, kind)
    };
    operations::operations().into_iter().map(named).collect()
});

/// One of the operations, without a check of its parameters.
struct Known(usize);

/// All accounts and operations, over a transport. Every input needs new ones, because clients have a
/// state.
pub(super) fn providers(transport: Arc<dyn Transport>) -> Providers {
    let known = |index| Box::new(Known(index)) as Box<dyn Operation>;
    let operations = (0..PROTOCOLS.len()).map(known).collect();
    Providers::new(ACCOUNTS.to_vec(), operations, transport, Clock::default())
}

/// A job of an operation, until finished.
pub(super) fn job(operation: &str, account: &str, params: Value) -> Job {
    let (_, name, kind) = PROTOCOLS.iter().find(|(_, name, _)| *name == operation).unwrap();
    Job {
        id: "chg-1".parse().unwrap(),
        operation: (*name).to_owned(),
        kind: *kind,
        account: account.to_owned(),
        params,
        until: Until::Finished,
        not_before: None,
        deadline: None,
        metadata: None,
        correlation_id: None,
        reply_to: None,
        trace: Trace::default(),
        received_at: Timestamp::UNIX_EPOCH,
    }
}

impl Operation for Known {
    fn spec(&self) -> OperationSpec {
        let (_, name, kind) = &PROTOCOLS[self.0];
        OperationSpec::new(name, *kind, Provider::Alibaba, Until::Finished, json!(true))
    }

    fn capabilities(&self, account: &Account) -> Capabilities {
        PROTOCOLS[self.0].0.capabilities(account)
    }

    fn baseline(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Value> {
        PROTOCOLS[self.0].0.baseline(cx, http)
    }

    fn call(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Accepted> {
        PROTOCOLS[self.0].0.call(cx, http)
    }

    fn probe(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<ProbeResult> {
        PROTOCOLS[self.0].0.probe(cx, http)
    }

    fn poll(
        &self,
        cx: &OperationContext<'_>,
        handle: &Value,
        http: &mut Replay<'_>,
    ) -> Replayed<PollResult> {
        PROTOCOLS[self.0].0.poll(cx, handle, http)
    }

    fn adopt(&self, job: &Job, input: OperatorInput<'_>) -> Result<Accepted, String> {
        PROTOCOLS[self.0].0.adopt(job, input)
    }
}
