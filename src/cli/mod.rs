//! The command line: one file per subcommand.

pub mod config;
mod dead;
mod demo;
mod doctor;
mod events;
mod jobs;
mod output;
mod schema;
mod shell;
mod simulate;
mod submit;
mod topology;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

pub use crate::app::install_tls_provider;
use crate::cloud::operations;
use crate::config::{EX_CONFIG, Settings, load, process_environment};
use crate::error_chain::chain;
use crate::telemetry::{self, LogFormat};

/// An event-driven queue worker: ticket jobs from RabbitMQ, calls on cloud APIs, result events
/// back. It loses nothing and makes nothing twice.
#[derive(Debug, Parser)]
#[command(name = "ticketd", version = env!("BUILD_VERSION"), max_term_width = 100)]
pub struct Cli {
    /// A configuration file; can be given several times, later files override earlier ones
    #[arg(long = "config", value_name = "FILE", global = true)]
    configs: Vec<PathBuf>,
    /// The format of log lines
    #[arg(long, value_enum, default_value_t, global = true)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a worker replica until a signal stops it
    Worker(worker::Arguments),
    /// Send jobs to the queue
    Submit(submit::Arguments),
    /// Follow result events as they are published
    Events(events::Arguments),
    /// List, show, cancel and resolve jobs
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// List, show, replay and drop dead letters
    #[command(subcommand)]
    Dead(dead::Command),
    /// Declare, verify or print exchanges and queues
    #[command(subcommand)]
    Topology(topology::Command),
    /// Check or print the configuration; secrets are never printed
    #[command(subcommand)]
    Config(config::Command),
    /// Check everything a worker needs, including access to every account
    Doctor(doctor::Arguments),
    /// Simulate both clouds, with fault injection
    Simulate(simulate::Arguments),
    /// Run sample jobs of all operations against the simulator
    Demo,
    /// Print the JSON Schemas and the AsyncAPI document of messages and events
    #[command(subcommand)]
    Schema(schema::Command),
    /// Print a completion script for a shell
    Completions(shell::Completions),
    /// Write manual pages
    Man(shell::Man),
}

impl Cli {
    /// Runs the subcommand. An error goes to standard error and ends in exit code 1.
    pub async fn run(self) -> ExitCode {
        self.execute().await.unwrap_or_else(|error| {
            output::print_error(format!("ticketd: {}", chain(error.as_ref())));
            ExitCode::FAILURE
        })
    }

    async fn execute(self) -> Result<ExitCode> {
        let Self { configs, log_format, command } = self;
        let level = match command {
            Command::Worker(_) | Command::Simulate(_) => "info",
            // The demo shows the injected faults itself; warnings about them would be noise.
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
            // The doctor prints what is wrong itself.
            Command::Doctor(_) => "off",
        };
        // A closed pipe, as of `head`, ends a short command without an error. A command that keeps
        // running must survive it.
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
            Command::Completions(arguments) => Ok(shell::completions(arguments, Self::command())),
            Command::Man(arguments) => shell::man(arguments, Self::command()),
        }
    }
}

/// Runs a command with the settings, or prints every problem of the configuration.
async fn with<F: Future<Output = Result<ExitCode>>>(
    settings: std::result::Result<Settings, crate::config::ConfigProblems>,
    command: impl FnOnce(Settings) -> F,
) -> Result<ExitCode> {
    match settings {
        Ok(settings) => command(settings).await,
        Err(problems) => {
            output::print_error(problems);
            Ok(ExitCode::from(EX_CONFIG))
        }
    }
}
