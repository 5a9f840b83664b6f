//! A provider with scripted replies, and an operation that reads pages until there are no more.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::account::{Credentials, ProviderSettings};
use super::super::http::{RawReply, Signed, TransportError};
use super::super::operations::{PollResult, ProbeResult, Replay, Replayed};
use super::super::request::{Body, Method, Request};
use super::super::service::{Service, default_endpoints};
use super::super::*;
use crate::job::{Kind, OperationSpec, Provider, Trace, Until};

pub(super) type RawResult = Result<RawReply, TransportError>;

pub(super) fn ok(body: Value) -> RawResult {
    Ok(RawReply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() })
}

/// An error reply in the forms of both providers.
pub(super) fn refused(status: u16, code: &str, message: &str) -> RawResult {
    let body =
        json!({ "Code": code, "Message": message, "error_code": code, "error_msg": message });
    Ok(RawReply { status, headers: Vec::new(), body: body.to_string().into_bytes() })
}

pub(super) fn lost() -> RawResult {
    Err(TransportError::Lost { host: "h".into(), cause: "timed out".into() })
}

pub(super) fn with_header(raw: RawResult, name: &str, value: String) -> RawResult {
    raw.map(|mut reply| {
        reply.headers.push((name.to_owned(), value));
        reply
    })
}

/// Replies in order, and records the requests.
pub(super) struct ScriptedProvider {
    replies: Mutex<VecDeque<RawResult>>,
    forever: Option<Value>,
    seen: Mutex<Vec<Signed>>,
    pub in_flight: AtomicUsize,
    pub max_in_flight: AtomicUsize,
}

impl ScriptedProvider {
    pub(super) fn new(replies: impl IntoIterator<Item = RawResult>) -> Arc<Self> {
        Self::make(replies.into_iter().collect(), None)
    }

    pub(super) fn endless(reply: Value) -> Arc<Self> {
        Self::make(VecDeque::new(), Some(reply))
    }

    fn make(replies: VecDeque<RawResult>, forever: Option<Value>) -> Arc<Self> {
        Arc::new(Self {
            replies: Mutex::new(replies),
            forever,
            seen: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            max_in_flight: AtomicUsize::new(0),
        })
    }

    /// Adds replies before the remaining ones.
    pub(super) fn reply_first(&self, replies: impl IntoIterator<Item = RawResult>) {
        let mut coming = self.replies.lock().unwrap();
        let rest = std::mem::take(&mut *coming);
        coming.extend(replies.into_iter().chain(rest));
    }

    pub(super) fn sent(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|signed| signed.url.path().to_owned()).collect()
    }

    pub(super) fn bodies(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().iter().map(|signed| signed.body.clone()).collect()
    }

    /// The values of a header, over all requests that had it.
    pub(super) fn headers(&self, wanted: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let headers = seen.iter().flat_map(|signed| &signed.headers);
        headers
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.clone())
            .collect()
    }
}

#[async_trait]
impl Transport for ScriptedProvider {
    async fn send(&self, request: Signed) -> RawResult {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.max_in_flight.fetch_max(now, Ordering::SeqCst);
        self.seen.lock().unwrap().push(request);
        // Lets other requests run, so that requests overlap where they can.
        tokio::task::yield_now().await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        let scripted = self.replies.lock().unwrap().pop_front();
        scripted.unwrap_or_else(|| match &self.forever {
            Some(reply) => ok(reply.clone()),
            None => panic!("an unexpected request"),
        })
    }
}

/// Reads pages while a reply says `More`, and fails with the first failure.
#[derive(Default)]
pub(super) struct Pages {
    pub polled: Arc<AtomicI64>,
    pub huawei: bool,
}

impl Pages {
    /// How many pages there are.
    fn read(&self, http: &mut Replay<'_>) -> Replayed<i64> {
        let mut page = 1;
        while http.send(self.page(page))?.body["More"] == true {
            page += 1;
        }
        Ok(page)
    }

    fn page(&self, page: i64) -> Request {
        Request {
            service: if self.huawei { Service::Factory } else { Service::Dms },
            action: "ListOrders",
            method: Method::Post,
            path: "/".into(),
            query: vec![("PageNumber".into(), page.to_string())],
            body: Body::Empty,
        }
    }
}

impl Operation for Pages {
    fn spec(&self) -> OperationSpec {
        let provider = if self.huawei { Provider::Huawei } else { Provider::Alibaba };
        OperationSpec::new("dms.CreateOrder", Kind::Create, provider, Until::Accepted, json!({}))
    }

    fn capabilities(&self, _: &Account) -> Capabilities {
        Capabilities { baseline: true, probe: true, may_repeat_lost_call: false }
    }

    fn baseline(&self, _: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Value> {
        Ok(json!(self.read(http)?))
    }

    fn call(&self, _: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Accepted> {
        Ok(Accepted { handle: json!(self.read(http)?), result: Value::Null })
    }

    fn probe(&self, _: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<ProbeResult> {
        Ok(ProbeResult::Undecided(format!("{} replies", self.read(http)?)))
    }

    fn poll(
        &self,
        _: &OperationContext<'_>,
        handle: &Value,
        http: &mut Replay<'_>,
    ) -> Replayed<PollResult> {
        self.polled.store(handle.as_i64().unwrap_or_default(), Ordering::SeqCst);
        self.read(http)?;
        Ok(PollResult::Succeeded { result: Value::Null })
    }

    fn adopt(&self, _: &Job, _: OperatorInput<'_>) -> Result<Accepted, String> {
        Err("nothing to adopt".to_owned())
    }
}

pub(super) fn providers<const N: usize>(
    accounts: [Account; N],
    script: &Arc<ScriptedProvider>,
) -> Providers {
    let huawei = accounts.iter().any(|account| account.provider() == Provider::Huawei);
    let operation = Pages { huawei, ..Pages::default() };
    with_operation(accounts.to_vec(), operation, script.clone())
}

/// All accounts and one operation.
pub(super) fn with_operation(
    accounts: Vec<Account>,
    operation: impl Operation + 'static,
    transport: Arc<dyn Transport>,
) -> Providers {
    Providers::new(accounts, vec![Box::new(operation)], transport, Clock::default())
}

/// The account of the Alibaba vectors.
pub(crate) fn alibaba() -> Account {
    Account {
        name: "dms".into(),
        region: "cn-hangzhou".into(),
        credentials: Credentials::Key {
            id: "LTAI5tFakeAccessKeyId001".into(),
            secret: "FakeSecret/With+Plus=And~Tilde0123".into(),
            security_token: None,
        },
        endpoints: default_endpoints(Provider::Alibaba, "cn-hangzhou").unwrap(),
        provider: ProviderSettings::Alibaba { marker: true, redeploy_in_doubt: false },
        rate_limit: None,
        rate_limit_shared: false,
        allowed_users: None,
        max_concurrent: None,
    }
}

/// The account of the Huawei vectors, with a key or an IAM user.
pub(crate) fn huawei(iam: bool) -> Account {
    let key = Credentials::Key {
        id: "FAKEAK0HWTESTVECTOR1".into(),
        secret: "FakeHuaweiSecretKey0123456789abcdefghijklmn".into(),
        security_token: None,
    };
    let user = Credentials::Iam {
        user: "worker".into(),
        domain: "acme".into(),
        password: "pass-word".into(),
        endpoint: Service::Iam.default_endpoint("cn-north-4").unwrap().unwrap(),
    };
    Account {
        region: "cn-north-4".into(),
        credentials: if iam { user } else { key },
        endpoints: default_endpoints(Provider::Huawei, "cn-north-4").unwrap(),
        provider: ProviderSettings::Huawei {
            project_id: "b384b9e9ab9b4ee8994c8633aabc9505".into(),
            workspace: Some("ws1".into()),
            publish_type: None,
        },
        ..alibaba()
    }
}

pub(super) fn job(account: &str) -> Job {
    Job {
        id: "chg-1".parse().unwrap(),
        operation: "dms.CreateOrder".into(),
        kind: Kind::Create,
        account: account.into(),
        params: json!({}),
        until: Until::Accepted,
        not_before: None,
        deadline: None,
        metadata: None,
        correlation_id: None,
        reply_to: None,
        trace: Trace::default(),
        received_at: Timestamp::UNIX_EPOCH,
    }
}

pub(super) fn execution(request: RequestKind) -> ExecutionState {
    ExecutionState { calls: 1, ..ExecutionState::first(request) }
}
