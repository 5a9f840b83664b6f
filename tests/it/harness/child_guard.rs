//! Brokers end with the tests, however those end.
//!
//! A test program has no last moment of its own: statics are not dropped, and it may be killed.
//! So each broker is kept by a small process that reads a pipe from us. When we are gone the pipe
//! ends, and that process takes the broker away.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

/// Where the scripts for local brokers are.
pub const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/local");

/// Starts a child_guard. Its process group is its own, so that Ctrl-C ends the tests and leaves it the
/// time to clean up.
pub fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("{} can't be run", command.get_program().display()))
}
