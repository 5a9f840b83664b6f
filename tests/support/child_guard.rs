//! Stops brokers when the test program ends, even if it is killed.
//!
//! Statics are not dropped, so each broker has a guard process that reads a pipe from the test program.
//! When the test program ends, the pipe closes, and the guard stops the broker.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

/// The folder of the scripts for local brokers.
pub(crate) const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/local");

/// Starts a guard process. It has its own process group, so that Ctrl-C ends the tests and the guard
/// can still clean up.
pub(crate) fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("{} cannot be run", command.get_program().display()))
}
