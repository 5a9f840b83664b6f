//! Acks that are on their way when their connection ends.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::Rng;
use secrecy::ExposeSecret;
use ticketd::broker::{Broker, BrokerSettings, ExchangeName};
use ticketd::job::Kind;

use crate::broker::fixture::{body, next, soon, with_fixture};
use crate::harness::Proxy;

/// Connections that end; one in ten leaves an ack without an answer, if nobody looks after it.
const ROUNDS: u32 = 60;

/// Acks on their way at once.
const ACKS: usize = 16;

/// The longest a connection lasts after its acks were begun.
const SHORTLY: Duration = Duration::from_micros(600);

#[tokio::test(flavor = "multi_thread")]
async fn an_ack_is_answered_even_if_its_connection_ends_meanwhile() {
    with_fixture(async |bench| {
        let proxy = Proxy::to(bench.settings.url.current().expose_secret()).await;
        let settings = BrokerSettings { url: proxy.url.as_str().into(), ..bench.settings.clone() };
        let direct = bench.broker().await;
        let publisher = direct.publisher();
        let start = Instant::now();
        for _ in 0..ROUNDS {
            // A new one each time: connections that end soon are replaced ever more slowly.
            let broker = soon("a connection", Broker::connect(&settings)).await.unwrap();
            let mut deliveries = broker.consume(&[Kind::Create], ACKS as u16);
            let mut acks = Vec::new();
            for _ in 0..ACKS {
                soon("a publish", publisher.publish(ExchangeName::Jobs, "create", &body("1")))
                    .await
                    .unwrap();
                acks.push(tokio::spawn(next(&mut deliveries).await.ack()));
            }
            let pause = SHORTLY.mul_f64(rand::rng().random());
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
