//! Metrics of requests to providers.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// From a cached answer to the longest configurable timeout, in seconds.
const LATENCIES: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0];

/// Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<RequestLabel, Histogram, fn() -> Histogram>,
    up: Family<ServiceLabel, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabel {
    account: String,
    operation: String,
    request: String,
    result: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabel {
    account: String,
    service: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let latencies: fn() -> Histogram = || Histogram::new(LATENCIES);
        Self { requests: Family::new_with_constructor(latencies), up: Family::default() }
    }
}

impl Metrics {
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "provider_request_duration",
            "Duration of requests to providers, by result: ok, or the class of the failure \
             (retryable, permanent, ambiguous)",
            Unit::Seconds,
            self.requests.clone(),
        );
        registry.register(
            "provider_up",
            "1 while a service of an account answers, 0 while its jobs wait because it is \
             unavailable",
            self.up.clone(),
        );
    }

    pub(super) fn request(
        &self,
        account: &str,
        operation: &str,
        request: &str,
        result: &str,
        took: Duration,
    ) {
        let [account, operation, request, result] =
            [account, operation, request, result].map(str::to_owned);
        let labels = RequestLabel { account, operation, request, result };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(super) fn up(&self, account: &str, service: &str, up: bool) {
        let labels = ServiceLabel { account: account.to_owned(), service: service.to_owned() };
        self.up.get_or_create(&labels).set(up.into());
    }
}
