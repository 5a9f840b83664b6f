//! `ticketd worker`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::app::Worker;
use crate::config::Settings;
use crate::job::Kind;
use crate::worker::Drained;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The kinds of jobs to run, separated by commas: create, publish, deploy
    #[arg(
        long,
        value_name = "KIND,…",
        value_delimiter = ',',
        default_value = "create,publish,deploy"
    )]
    kinds: Vec<Kind>,
}

/// Runs until SIGTERM or SIGINT. A second signal, or the end of the grace period, interrupts jobs.
pub(super) async fn run(arguments: Arguments, settings: Settings) -> Result<ExitCode> {
    let mut kinds = arguments.kinds;
    kinds.sort();
    kinds.dedup();
    let stopping = CancellationToken::new();
    let signals = stop_signals(stopping.clone())?;
    let worker = Worker::new(settings, kinds).await?;
    let drained = tokio::select! {
        drained = worker.run(stopping) => drained?,
        () = signals => {
            warn!("second signal: stopped without finishing jobs");
            return Ok(ExitCode::FAILURE);
        }
    };
    match drained {
        Drained::Clean => {
            info!("stopped; every job in progress was finished");
            Ok(ExitCode::SUCCESS)
        }
        Drained::CutOff(jobs) => {
            warn!(jobs, "grace period over: jobs were interrupted and will be resumed by a worker");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Cancels `stopping` at the first signal and completes at the second.
fn stop_signals(stopping: CancellationToken) -> Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("cannot install a signal handler");
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        for signal in 1..=2 {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            if signal == 1 {
                info!("stopping: no new jobs are taken");
                stopping.cancel();
            }
        }
    })
}
