//! Logs and traces: set-up and form. Metrics are counted where things happen; see
//! [`crate::admin`].

mod logs;
pub mod traces;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use logs::LogFormat;
pub use traces::Exporting;

/// Starts logging to standard error and, where the environment names a collector, exporting spans.
/// What is returned sends the last of them when it is dropped.
pub fn start(format: LogFormat, level: &str) -> Exporting {
    let (exporting, spans) = traces::layer();
    let lines = logs::layer(format, level);
    // A program that embeds us may have set up logging of its own, which then stands.
    let _ = tracing_subscriber::registry().with(spans).with(lines).try_init();
    exporting
}
