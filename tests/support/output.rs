//! Runs commands.

use std::process::{Command, Stdio};

use anyhow::ensure;

/// Runs a command and returns its output.
pub(super) async fn output(command: Command) -> anyhow::Result<String> {
    let shown = format!("{command:?}");
    let mut command = tokio::process::Command::from(command);
    let output = command.stdin(Stdio::null()).output().await?;
    let said = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    ensure!(output.status.success(), "{shown} failed: {out} {err}");
    Ok(out)
}
