//! A client for tests.

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
use crate::simulator::{Running, Settings, Simulator};

/// Longer than anything a test waits for.
const LIMIT: Duration = Duration::from_secs(20);

/// A simulator that goes through its stages fast.
pub async fn simulator(pace_ms: u64) -> Running {
    let pace = Duration::from_millis(pace_ms);
    Simulator::start_locally(Settings { pace, ..Settings::default() }).await.unwrap()
}

/// Somebody with an account, who sends requests.
pub struct Visitor {
    pub account: Account,
    https: Https,
}

impl Visitor {
    pub fn new(account: Account) -> Self {
        let waits = HttpSettings { connect_timeout: LIMIT, timeout: LIMIT };
        install_tls_provider();
        Self { account, https: Https::new(waits).unwrap() }
    }

    pub fn of_alibaba(running: &Running) -> Self {
        Self::new(running.alibaba("alibaba", false).unwrap())
    }

    pub fn of_huawei(running: &Running) -> Self {
        Self::new(running.huawei("huawei", false).unwrap())
    }

    pub fn signed(&self, request: &Request, now: Timestamp, nonce: &str) -> Signed {
        match self.account.provider() {
            Provider::Alibaba => alibaba::signed(request, &self.account, now, nonce).unwrap(),
            Provider::Huawei => huawei::signed(request, &self.account, now, None).unwrap(),
        }
    }

    pub async fn send(&self, signed: Signed) -> Result<RawReply, TransportError> {
        self.https.send(signed).await
    }

    /// Signs and sends, with a nonce of its own.
    pub async fn try_ask(&self, request: &Request) -> Result<RawReply, TransportError> {
        let nonce = format!("{:032x}", rand::random::<u128>());
        self.send(self.signed(request, Timestamp::now(), &nonce)).await
    }

    /// Signs and sends what must get a whole answer: its status and its body.
    pub async fn ask(&self, request: &Request) -> (u16, Value) {
        read(self.try_ask(request).await.unwrap())
    }

    /// Asks until the reply is as wanted.
    pub async fn ask_until(&self, request: &Request, wanted: impl Fn(&Value) -> bool) -> Value {
        let asking = async {
            loop {
                let (_, body) = self.ask(request).await;
                if wanted(&body) {
                    return body;
                }
            }
        };
        tokio::time::timeout(LIMIT, asking).await.unwrap()
    }
}

pub fn read(reply: RawReply) -> (u16, Value) {
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

/// Waits until something holds.
pub async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.unwrap();
}

fn pairs(params: &[(&str, &str)]) -> Vec<(String, String)> {
    params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub fn dms(action: &'static str, query: &[(&str, &str)]) -> Request {
    rpc(Service::Dms, action, query)
}

pub fn rpc(service: Service, action: &'static str, query: &[(&str, &str)]) -> Request {
    let query = pairs(query);
    Request { service, action, method: Method::Post, path: "/".into(), query, body: Body::Empty }
}

/// CreateOrder of a small lock-free change.
pub fn create_order(comment: &str) -> Request {
    let param = json!({"execSQL": "delete from t", "dbItemList": [{"dbId": 17, "logic": false}]});
    create_order_of("DC_CHUNK", comment, &param)
}

pub fn create_order_of(plugin_type: &str, comment: &str, param: &Value) -> Request {
    let query = [("Comment", comment), ("PluginType", plugin_type)];
    let body = Body::Form(pairs(&[("PluginParam", &param.to_string())]));
    Request { body, ..dms("CreateOrder", &query) }
}

pub fn base_info(order: i64) -> Request {
    dms("GetOrderBaseInfo", &[("OrderId", &order.to_string())])
}

pub fn order_id(body: &Value) -> i64 {
    body["CreateOrderResult"]["OrderIds"][0].as_i64().unwrap()
}

pub fn get(service: Service, path: String) -> Request {
    let (method, query) = (Method::Get, Vec::new());
    Request { service, action: "", method, path, query, body: Body::Empty }
}

pub fn post(service: Service, path: String, body: Value) -> Request {
    Request { method: Method::Post, body: Body::Json(body), ..get(service, path) }
}
