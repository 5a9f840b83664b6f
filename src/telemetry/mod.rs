//! Sets up logs and traces. Each folder has its own metrics; [`crate::admin`] serves them.

mod logs;
pub mod traces;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use logs::LogFormat;
pub use traces::ExportGuard;

/// Logs to standard error and exports spans if the environment names a collector. The guard exports
/// the last spans when it is dropped.
pub fn start(format: LogFormat, level: &str) -> ExportGuard {
    let (guard, spans) = traces::layer();
    let lines = logs::layer(format, level);
    // If a program that embeds us has already set up logging, its set-up stays.
    let _ = tracing_subscriber::registry().with(spans).with(lines).try_init();
    guard
}
