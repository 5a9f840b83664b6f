//! Log lines, one for each event, to standard error.

use std::io::IsTerminal;

use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Human,
    /// One JSON object a line
    Json,
}

/// Never logged: the AMQP library logs returned messages with their bodies and, at its lowest level,
/// the broker's address with the password.
const SILENCED: &str = "lapin=off,amq_protocol=off,amq_protocol_tcp=off";

/// Less detail from the tracing library, unless `RUST_LOG` asks for it.
const QUIET: &str = "opentelemetry=warn,opentelemetry_sdk=warn,opentelemetry_otlp=warn";

/// Writes log lines. `RUST_LOG` takes precedence over `level`. Spans are left to traces: a line's
/// context is in its own fields.
pub(super) fn layer<S>(format: LogFormat, level: &str) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let directives = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| level.to_owned());
    let filter = EnvFilter::new(format!("{QUIET},{directives},{SILENCED}"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Human => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    lines.with_filter(filter.and(filter_fn(|metadata| metadata.is_event())))
}
