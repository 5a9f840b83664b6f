//! What is counted of requests to providers.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::client::RequestLabels;
use super::health::Party;
use crate::job::{AccountName, Failure};

/// From an answer out of a cache to the longest time-out anybody sets, in seconds.
const LATENCIES: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0];

/// What is counted. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Request, Histogram, fn() -> Histogram>,
    up: Family<Service, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    account: AccountName,
    operation: String,
    request: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Service {
    account: AccountName,
    service: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let latencies: fn() -> Histogram = || Histogram::new(LATENCIES);
        Self { requests: Family::new_with_constructor(latencies), up: Family::default() }
    }
}

impl Metrics {
    /// Makes them known.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "provider_request_duration",
            "Requests to providers: how long each took, and whether it was answered ok or failed \
             as retryable, permanent or ambiguous",
            Unit::Seconds,
            self.requests.clone(),
        );
        registry.register(
            "provider_up",
            "1 while a service of an account answers, 0 while its jobs wait for it to come back",
            self.up.clone(),
        );
    }

    pub(super) fn request(
        &self,
        account: &AccountName,
        errand: &RequestLabels<'_>,
        failure: Option<&Failure>,
        took: Duration,
    ) {
        let labels = Request {
            account: account.clone(),
            operation: errand.operation.to_owned(),
            request: errand.ask.as_str(),
            result: failure.map_or("ok", |failure| failure.meaning.as_str()),
        };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(super) fn up(&self, account: &AccountName, party: Party, up: bool) {
        let labels = Service { account: account.clone(), service: party.to_string() };
        self.up.get_or_create(&labels).set(up.into());
    }
}
