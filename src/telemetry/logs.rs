//! Log lines: one for each thing that happened, to standard error.

use std::io::IsTerminal;

use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

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

/// Of the tracing library, trouble alone is worth a line.
const QUIET: &str = "opentelemetry=warn,opentelemetry_sdk=warn,opentelemetry_otlp=warn";

/// Writes lines; `level` counts where `RUST_LOG` does not say what is logged. Spans are for traces:
/// what a line is about stands in its own fields.
pub(super) fn layer<S>(format: LogFormat, level: &str) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| level.to_owned());
    let filter = EnvFilter::new(format!("{QUIET},{wanted},{NEVER}"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Human => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    lines.with_filter(filter.and(filter_fn(|about| about.is_event())))
}
