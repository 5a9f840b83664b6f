//! Logs: set-up and form. One line per thing that happened, to standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Human,
    /// One JSON object a line
    Json,
}

/// What the AMQP library logs is never shown: returned messages whole, and, at its lowest level, the
/// broker's address with the password in it.
const NEVER: &str = "lapin=off,amq_protocol=off,amq_protocol_tcp=off";

/// Starts logging to standard error; `level` counts where `RUST_LOG` does not say what is logged.
pub fn start(format: LogFormat, level: &str) {
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| level.to_owned());
    let filter = EnvFilter::new(format!("{wanted},{NEVER}"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A program that embeds us may have set up logging of its own, which then stands.
    let _ = match format {
        LogFormat::Human => lines.with_target(false).finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
}
