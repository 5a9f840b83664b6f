//! `ticketd simulate`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

use crate::simulator::{FaultPlan, Simulator, SimulatorSettings};

/// What `ticketd simulate` can be told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8600")]
    listen: SocketAddr,
    /// A JSON file with the simulator's settings: keys, pace, clock …
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// A JSON file with the faults to inject
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

/// Serves both clouds until told to stop.
pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let mut settings: SimulatorSettings = match &arguments.settings {
        Some(path) => read(path)?,
        None => SimulatorSettings::default(),
    };
    if let Some(path) = &arguments.faults {
        settings.faults = read::<FaultPlan>(path)?;
    }
    let keys = (settings.alibaba[0].id.clone(), settings.huawei[0].id.clone());
    let running = Simulator::start(settings, arguments.listen).await?;
    println!("both clouds at {} (a stand-in, not the real thing)", running.url());
    println!("keys: alibaba {}, huawei {}; what took effect: /_sim/effects", keys.0, keys.1);
    stop_signal().await?;
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// As an orchestrator asks, or somebody at a terminal.
async fn stop_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("signals can't be received")?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.context("signals can't be received"),
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &PathBuf) -> Result<T> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} can't be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not right", path.display()))
}
