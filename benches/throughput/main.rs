//! ticketd beside the least that any queue worker does, in one run on one broker.
//!
//! The floor takes a job, publishes one confirmed message and acks: no HTTP, no ledger. ticketd
//! does `dms.CreateOrder` until accepted, with everything real but the provider, which answers at
//! once in this process. Their rounds alternate, so that whatever else the machine does hits both.
//! Jobs are in their queue before a round begins, and a round ends when the last one is acked.
//!
//! `BENCH_JOBS` and `BENCH_ROUNDS` make it shorter or longer.

mod floor;
#[path = "../../tests/it/harness/handshake.rs"]
#[expect(dead_code, reason = "tests wait for brokers, too")]
mod handshake;
mod machine;
mod provider;
mod queues;
mod ticketd;

use std::env;
use std::time::Duration;

use ::ticketd::broker::topology;
use anyhow::{Context, Result, ensure};

use queues::Queues;

/// How long the broker is left alone between rounds, to write out what it still holds.
const REST: Duration = Duration::from_secs(1);

/// What a round came to.
struct Round {
    jobs: usize,
    took: Duration,
    /// Processor time of this process, without the broker's.
    cpu: Duration,
}

impl Round {
    fn rate(&self) -> f64 {
        self.jobs as f64 / self.took.as_secs_f64()
    }

    fn line(&self, name: &str) -> String {
        let cpu = self.cpu.as_secs_f64() * 1e6 / self.jobs as f64;
        format!("{name:8} {:6.0} jobs/s   {cpu:4.0} µs of processor time a job", self.rate())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let jobs = number("BENCH_JOBS", 20_000)?;
    let rounds = number("BENCH_ROUNDS", 3)?;
    ensure!(jobs > 0 && rounds > 0, "there is nothing to do");
    let url = env::var("TICKETD_BROKER__URL").context("TICKETD_BROKER__URL names no broker")?;
    let prefix = format!("ticketd-bench-{:08x}", rand::random::<u32>());
    let version = handshake::version(&url).await?;
    println!("RabbitMQ {version}; {}", machine::description()?);
    println!("{rounds} rounds of {jobs} jobs each");

    let queues = Queues::open(&url, &prefix).await?;
    let measured = tokio::select! {
        measured = measure(&queues, &url, &prefix, jobs, rounds) => measured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    queues.clear(&topology::describe(&prefix, 1)).await?;
    let (floor, ours) = measured?;
    println!("bench: floor {floor:.0} jobs/s, ticketd {ours:.0} jobs/s, ratio {:.2}", ours / floor);
    Ok(())
}

/// The rates of both, each the middle one of its rounds.
async fn measure(
    queues: &Queues,
    url: &str,
    prefix: &str,
    jobs: usize,
    rounds: usize,
) -> Result<(f64, f64)> {
    let (mut floor, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let round = floor::round(queues, url, jobs).await?;
        println!("{}", round.line("floor"));
        floor.push(round.rate());
        tokio::time::sleep(REST).await;
        let round = ticketd::round(queues, url, prefix, jobs).await?;
        println!("{}", round.line("ticketd"));
        ours.push(round.rate());
        tokio::time::sleep(REST).await;
    }
    Ok((median(floor), median(ours)))
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    let middle = rates.len() / 2;
    if rates.len() % 2 == 1 { rates[middle] } else { (rates[middle - 1] + rates[middle]) / 2.0 }
}

fn number(name: &str, default: usize) -> Result<usize> {
    match env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is {text:?}, not a number")),
        Err(_) => Ok(default),
    }
}
