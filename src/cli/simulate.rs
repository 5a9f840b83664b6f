//! `ticketd simulate`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

use super::output::print_line;
use crate::simulator::{FaultPlan, Simulator, SimulatorSettings};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:8600")]
    listen: SocketAddr,
    /// A JSON file with the simulator's settings: keys, pace, clock and so on
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// A JSON file with the faults to inject
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

/// Serves both clouds until SIGTERM or SIGINT.
pub(super) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let mut settings: SimulatorSettings = match &arguments.settings {
        Some(path) => read(path)?,
        None => SimulatorSettings::default(),
    };
    if let Some(path) = &arguments.faults {
        settings.faults = read::<FaultPlan>(path)?;
    }
    let keys = (settings.alibaba[0].id.clone(), settings.huawei[0].id.clone());
    let running = Simulator::start(settings, arguments.listen).await?;
    print_line(format!("both clouds at {} (simulated)", running.url()));
    print_line(format!("keys: alibaba {}, huawei {}; effects: /_sim/effects", keys.0, keys.1));
    stop_signal().await?;
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn stop_signal() -> Result<()> {
    let mut terminate =
        signal(SignalKind::terminate()).context("cannot install a signal handler")?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot install a signal handler"),
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &PathBuf) -> Result<T> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not valid", path.display()))
}
