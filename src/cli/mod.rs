//! The command line: one file per subcommand.

pub mod config;
mod dead;
mod demo;
mod doctor;
mod events;
mod jobs;
mod schema;
mod shell;
mod show;
mod simulate;
mod submit;
mod topology;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

pub use crate::app::install_tls_provider;
use crate::cloud::operations;
use crate::config::{EX_CONFIG, Settings, load, process_environment};
use crate::telemetry::{self, LogFormat};

/// An event-driven queue worker: ticket jobs from RabbitMQ, calls on cloud APIs, result events
/// back. It loses nothing and makes nothing twice.
#[derive(Debug, Parser)]
#[command(name = "ticketd", version = env!("BUILD_VERSION"), max_term_width = 100)]
pub struct Cli {
    /// A configuration file; may be given several times, later ones win
    #[arg(long = "config", value_name = "FILE", global = true)]
    configs: Vec<PathBuf>,
    /// How log lines look
    #[arg(long, value_enum, default_value_t, global = true)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a worker replica until it is told to stop
    Worker(worker::Arguments),
    /// Put jobs on the queue
    Submit(submit::Arguments),
    /// Follow result events as they come
    Events(events::Arguments),
    /// Look after jobs: list, show and end them
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Look after dead letters: list, show, replay and drop them
    #[command(subcommand)]
    Dead(dead::Command),
    /// Declare, verify or show exchanges and queues
    #[command(subcommand)]
    Topology(topology::Command),
    /// Look at the configuration; secrets are never printed
    #[command(subcommand)]
    Config(config::Command),
    /// Look at everything a worker needs, accounts included, and say what is right and wrong
    Doctor(doctor::Arguments),
    /// Stand in for both clouds, with fault injection
    Simulate(simulate::Arguments),
    /// Watch sample jobs of all operations run against the simulator
    Demo,
    /// Print the JSON Schemas and the AsyncAPI document of what goes in and comes out
    #[command(subcommand)]
    Schema(schema::Command),
    /// Print a script that completes commands and options in a shell
    Completions(shell::Completions),
    /// Write manual pages
    Man(shell::Man),
}

impl Cli {
    /// Runs the subcommand.
    pub async fn run(self) -> Result<ExitCode> {
        let Self { configs, log_format, command } = self;
        let level = match command {
            Command::Worker(_) | Command::Simulate(_) => "info",
            // What goes wrong on order is shown as it happens; the rest would be noise among it.
            Command::Demo => "error",
            Command::Submit(_)
            | Command::Events(_)
            | Command::Jobs(_)
            | Command::Dead(_)
            | Command::Topology(_)
            | Command::Config(_)
            | Command::Schema(_)
            | Command::Completions(_)
            | Command::Man(_) => "warn",
            // It says itself what is wrong.
            Command::Doctor(_) => "off",
        };
        // Whoever reads no further than `head` does gets no complaint. What runs on has none to
        // write to, and must not end by one that hangs up.
        if !matches!(command, Command::Worker(_) | Command::Simulate(_) | Command::Demo) {
            sigpipe::reset();
        }
        let _exporting = telemetry::start(log_format, level);
        let catalogue = operations::catalogue();
        let names: Vec<&str> = catalogue.iter().map(|operation| operation.name).collect();
        let settings = || load(&configs, process_environment(), &names);
        match command {
            Command::Config(command) => config::run(&command, &configs, &names),
            Command::Simulate(arguments) => simulate::run(arguments).await,
            Command::Demo => demo::run(&configs, operations::catalogue()).await,
            Command::Schema(command) => schema::run(command, &catalogue, settings),
            Command::Topology(command) => with(settings(), |s| topology::run(command, s)).await,
            Command::Worker(arguments) => with(settings(), |s| worker::run(arguments, s)).await,
            Command::Submit(arguments) => {
                with(settings(), |s| submit::run(arguments, s, &catalogue)).await
            }
            Command::Events(arguments) => with(settings(), |s| events::run(arguments, s)).await,
            Command::Jobs(command) => with(settings(), |s| jobs::run(command, s)).await,
            Command::Dead(command) => with(settings(), |s| dead::run(command, s)).await,
            Command::Doctor(arguments) => with(settings(), |s| doctor::run(arguments, s)).await,
            Command::Completions(arguments) => Ok(shell::completions(arguments)),
            Command::Man(arguments) => shell::man(arguments),
        }
    }
}

/// An error and its causes, in a line. Libraries repeat a cause in what they say themselves.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

/// Runs a command on the settings, or shows all that is wrong with them.
async fn with<F: Future<Output = Result<ExitCode>>>(
    settings: std::result::Result<Settings, crate::config::Problems>,
    command: impl FnOnce(Settings) -> F,
) -> Result<ExitCode> {
    match settings {
        Ok(settings) => command(settings).await,
        Err(problems) => {
            eprintln!("{problems}");
            Ok(ExitCode::from(EX_CONFIG))
        }
    }
}
