//! A prefix of its own on the test broker, with a connection to inspect and change it.

use std::time::Duration;

use lapin::{Channel, Connection, ConnectionProperties};
use ticketd::broker::topology;
use ticketd::broker::{Broker, BrokerSettings, Deliveries, Delivery, TopologyMode};

use crate::harness;

/// Limit of every wait in these tests.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct BrokerFixture {
    pub settings: BrokerSettings,
    pub probe: Connection,
}

impl BrokerFixture {
    pub(crate) async fn new() -> Self {
        let url = harness::broker().await.url.clone();
        let probe = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        let settings = BrokerSettings {
            url: url.into(),
            prefix: harness::prefix(),
            topology: TopologyMode::Apply,
            ca: None,
            client_certificate: None,
            require_user: false,
            reply_allowed: vec!["*".into()],
            max_message_bytes: 1 << 20,
            unrouted_max: 1_000,
        };
        Self { settings, probe }
    }

    /// A new broker with the same prefix.
    pub(crate) async fn broker(&self) -> Broker {
        Broker::connect(&self.settings).await.unwrap()
    }

    pub(crate) async fn channel(&self) -> Channel {
        self.probe.create_channel().await.unwrap()
    }

    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}.{rest}", self.settings.prefix)
    }

    /// Deletes everything that the test has declared.
    pub(crate) async fn clear(self) {
        topology::remove(&self.settings).await.unwrap();
        self.probe.close(200, "done".into()).await.unwrap();
    }
}

/// Runs a test with a fixture and clears the fixture afterwards, also if the test fails.
pub(crate) async fn with_fixture<T, F>(test: T)
where
    T: FnOnce(std::sync::Arc<BrokerFixture>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let fixture = std::sync::Arc::new(BrokerFixture::new().await);
    let outcome = tokio::spawn(test(fixture.clone())).await;
    let fixture = std::sync::Arc::into_inner(fixture);
    fixture.unwrap().clear().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic.into_panic());
    }
}

pub(crate) async fn soon<F: Future>(what: &str, wanted: F) -> F::Output {
    match tokio::time::timeout(LIMIT, wanted).await {
        Ok(found) => found,
        Err(_) => panic!("{what} did not happen within {LIMIT:?}"),
    }
}

pub(crate) async fn next(deliveries: &mut Deliveries) -> Delivery {
    soon("a delivery", deliveries.next()).await.unwrap()
}

pub(crate) fn body(text: &str) -> ticketd::broker::Message {
    ticketd::broker::Message { body: text.into(), ..Default::default() }
}
