//! Compares the throughput of ticketd with that of a minimal consumer, on the same broker.
//!
//! The baseline receives a job, publishes one confirmed message and acknowledges the job, without
//! HTTP and without a ledger. ticketd runs `dms.CreateOrder` until accepted; only the provider is
//! replaced, by one in this process that answers at once. Rounds alternate, so that other load on the
//! machine affects both. A round starts with all jobs in the queue and ends when the last job is
//! acknowledged.
//!
//! `BENCH_JOBS` and `BENCH_ROUNDS` set the number of jobs and rounds.

mod baseline;
mod machine;
mod provider;
mod queues;
#[path = "../../tests/support/mod.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the benchmark needs the handshake only")]
mod support;
mod ticketd;

use std::env;
use std::time::Duration;

use ::ticketd::broker::topology;
use anyhow::{Context, Result, ensure};

use queues::Queues;

/// Pause between rounds, in which the broker writes to disk.
const ROUND_PAUSE: Duration = Duration::from_secs(1);

/// The result of a round.
struct Round {
    jobs: usize,
    duration: Duration,
    /// Processor time of this process, without the broker.
    cpu: Duration,
}

impl Round {
    fn rate(&self) -> f64 {
        self.jobs as f64 / self.duration.as_secs_f64()
    }

    fn summary(&self, name: &str) -> String {
        let cpu = self.cpu.as_secs_f64() * 1e6 / self.jobs as f64;
        format!("{name:8} {:6.0} jobs/s   {cpu:4.0} µs of processor time a job", self.rate())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let jobs = number("BENCH_JOBS", 20_000)?;
    let rounds = number("BENCH_ROUNDS", 3)?;
    ensure!(jobs > 0 && rounds > 0, "BENCH_JOBS and BENCH_ROUNDS must be at least 1");
    let url = env::var("TICKETD_BROKER__URL")
        .context("set TICKETD_BROKER__URL to the URL of a broker")?;
    let prefix = format!("ticketd-bench-{:08x}", rand::random::<u32>());
    let version = support::handshake::version(&url).await?;
    println!("RabbitMQ {version}; {}", machine::description()?);
    println!("{rounds} rounds of {jobs} jobs each");

    let queues = Queues::open(&url, &prefix).await?;
    let measured = tokio::select! {
        measured = measure(&queues, &url, &prefix, jobs, rounds) => measured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    queues.delete_all(&topology::describe(&prefix, 1)).await?;
    let (baseline, ticketd) = measured?;
    println!(
        "bench: baseline {baseline:.0} jobs/s, ticketd {ticketd:.0} jobs/s, ratio {:.2}",
        ticketd / baseline
    );
    Ok(())
}

/// The median rates of the baseline and of ticketd.
async fn measure(
    queues: &Queues,
    url: &str,
    prefix: &str,
    jobs: usize,
    rounds: usize,
) -> Result<(f64, f64)> {
    let (mut baseline_rates, mut ticketd_rates) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let round = baseline::round(queues, url, jobs).await?;
        println!("{}", round.summary("baseline"));
        baseline_rates.push(round.rate());
        tokio::time::sleep(ROUND_PAUSE).await;
        let round = ticketd::round(queues, url, prefix, jobs).await?;
        println!("{}", round.summary("ticketd"));
        ticketd_rates.push(round.rate());
        tokio::time::sleep(ROUND_PAUSE).await;
    }
    Ok((median(baseline_rates), median(ticketd_rates)))
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
