//! Acks in flight when their connection ends.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::Rng;
use secrecy::ExposeSecret;
use ticketd::broker::{Broker, BrokerSettings, ExchangeName};
use ticketd::job::Kind;

use crate::broker::fixture::{body, next, soon, with_fixture};
use crate::harness::Proxy;

/// Connections that end. Without the channel watch, one in ten leaves an ack unanswered.
const ROUNDS: u32 = 60;

/// Acks in flight at once.
const ACKS: usize = 16;

/// The connection is closed within this time after the first ack.
const MAX_LIFETIME: Duration = Duration::from_micros(600);

#[tokio::test(flavor = "multi_thread")]
async fn an_ack_completes_even_if_its_connection_ends() {
    with_fixture(async |fixture| {
        let proxy = Proxy::to(fixture.settings.url.current().expose_secret()).await;
        let settings =
            BrokerSettings { url: proxy.url.as_str().into(), ..fixture.settings.clone() };
        let direct = fixture.broker().await;
        let publisher = direct.publisher();
        let start = Instant::now();
        for _ in 0..ROUNDS {
            // A new broker each time: the reconnect backoff grows for connections that end soon.
            let broker = soon("a connection", Broker::connect(&settings)).await.unwrap();
            let mut deliveries = broker.consume(&[Kind::Create], ACKS as u16);
            let mut acks = Vec::new();
            for _ in 0..ACKS {
                soon("a publish", publisher.publish(ExchangeName::Jobs, "create", &body("1")))
                    .await
                    .unwrap();
                acks.push(tokio::spawn(next(&mut deliveries).await.ack()));
            }
            let pause = MAX_LIFETIME.mul_f64(rand::rng().random());
            let begun = Instant::now();
            while begun.elapsed() < pause {
                tokio::task::yield_now().await;
            }
            proxy.cut();
            soon("every ack's answer", join_all(acks)).await;
            soon("a close", broker.close()).await;
        }
        println!("{ROUNDS} connections in {:?}", start.elapsed());
        direct.close().await;
    })
    .await;
}
