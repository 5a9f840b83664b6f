//! A client that signs its requests, and the requests that tests send.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::app::install_tls_provider;
use crate::cloud::account::Account;
use crate::cloud::http::{HttpSettings, Https, RawReply, Signed, Transport, TransportError};
use crate::cloud::request::{Body, Method, Request};
use crate::cloud::service::Service;
use crate::cloud::{alibaba, huawei};
use crate::job::Provider;
use crate::simulator::{RunningSimulator, Simulator, SimulatorSettings};

/// Longer than any wait of a test.
const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) async fn start_simulator(pace_ms: u64) -> RunningSimulator {
    let pace = Duration::from_millis(pace_ms);
    Simulator::start_locally(SimulatorSettings { pace, ..SimulatorSettings::default() })
        .await
        .unwrap()
}

pub(super) struct TestClient {
    pub account: Account,
    https: Https,
}

impl TestClient {
    pub(super) fn new(account: Account) -> Self {
        install_tls_provider();
        let settings = HttpSettings { connect_timeout: TIMEOUT, timeout: TIMEOUT };
        Self { account, https: Https::new(settings).unwrap() }
    }

    pub(super) fn of_alibaba(simulator: &RunningSimulator) -> Self {
        Self::new(simulator.alibaba("alibaba", false).unwrap())
    }

    pub(super) fn of_huawei(simulator: &RunningSimulator) -> Self {
        Self::new(simulator.huawei("huawei", false).unwrap())
    }

    pub(super) fn signed(&self, request: &Request, now: Timestamp, nonce: &str) -> Signed {
        match self.account.provider() {
            Provider::Alibaba => alibaba::signed(request, &self.account, now, nonce).unwrap(),
            Provider::Huawei => huawei::signed(request, &self.account, now, None).unwrap(),
        }
    }

    pub(super) async fn send_signed(&self, signed: Signed) -> Result<RawReply, TransportError> {
        self.https.send(signed).await
    }

    /// Signs a request with a new nonce and sends it.
    pub(super) async fn try_send(&self, request: &Request) -> Result<RawReply, TransportError> {
        let nonce = format!("{:032x}", rand::random::<u128>());
        self.send_signed(self.signed(request, Timestamp::now(), &nonce)).await
    }

    /// Sends a request that must be answered, and returns status and body.
    pub(super) async fn send(&self, request: &Request) -> (u16, Value) {
        read(self.try_send(request).await.unwrap())
    }

    /// Sends a request until its reply fulfils the condition.
    pub(super) async fn send_until(
        &self,
        request: &Request,
        condition: impl Fn(&Value) -> bool,
    ) -> Value {
        let sending = async {
            loop {
                let (_, body) = self.send(request).await;
                if condition(&body) {
                    return body;
                }
            }
        };
        tokio::time::timeout(TIMEOUT, sending).await.unwrap()
    }
}

pub(super) fn read(reply: RawReply) -> (u16, Value) {
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

/// Waits until a condition is fulfilled.
pub(super) async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, waiting).await.unwrap();
}

fn pairs(params: &[(&str, &str)]) -> Vec<(String, String)> {
    params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(super) fn dms(action: &'static str, query: &[(&str, &str)]) -> Request {
    rpc(Service::Dms, action, query)
}

pub(super) fn rpc(service: Service, action: &'static str, query: &[(&str, &str)]) -> Request {
    let query = pairs(query);
    Request { service, action, method: Method::Post, path: "/".into(), query, body: Body::Empty }
}

/// CreateOrder for a small lock-free change.
pub(super) fn create_order(comment: &str) -> Request {
    let param = json!({"execSQL": "delete from t", "dbItemList": [{"dbId": 17, "logic": false}]});
    create_order_of("DC_CHUNK", comment, &param)
}

pub(super) fn create_order_of(plugin_type: &str, comment: &str, param: &Value) -> Request {
    let query = [("Comment", comment), ("PluginType", plugin_type)];
    let body = Body::Form(pairs(&[("PluginParam", &param.to_string())]));
    Request { body, ..dms("CreateOrder", &query) }
}

pub(super) fn base_info(order: i64) -> Request {
    dms("GetOrderBaseInfo", &[("OrderId", &order.to_string())])
}

pub(super) fn order_id(body: &Value) -> i64 {
    body["CreateOrderResult"]["OrderIds"][0].as_i64().unwrap()
}

pub(super) fn get(service: Service, path: String) -> Request {
    let (method, query) = (Method::Get, Vec::new());
    Request { service, action: "", method, path, query, body: Body::Empty }
}

pub(super) fn post(service: Service, path: String, body: Value) -> Request {
    Request { method: Method::Post, body: Body::Json(body), ..get(service, path) }
}
