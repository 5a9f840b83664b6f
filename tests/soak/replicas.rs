//! The replicas: worker processes that are started again whenever they end.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::{self, Child};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::counters::{Counters, increment};
use crate::jobs::Group;
use crate::worker_config::GRACE;

/// Pause before a replica that exited by itself is started again.
const RESTART_INTERVAL: Duration = Duration::from_millis(1_500);

/// Time that a replica may take beyond its grace period, on a busy machine.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// Exit code of a Rust program that panicked.
const PANIC_EXIT_CODE: i32 = 101;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    /// SIGKILL; a new process starts at once.
    Kill,
    /// SIGTERM; a new process starts when it has stopped.
    Stop,
    /// SIGSTOP, then SIGCONT after this time.
    Freeze(Duration),
    /// SIGTERM, without a new process.
    End,
}

/// How the replicas of a group are started.
#[derive(Clone, Debug)]
pub(crate) struct LaunchSpec {
    pub group: Group,
    pub program: PathBuf,
    pub configuration: PathBuf,
    pub broker: String,
    pub ledger: String,
    /// The folder of the logs.
    pub folder: PathBuf,
}

/// A replica, with the task that keeps it running.
pub(crate) struct Replica {
    pub group: Group,
    commands: mpsc::UnboundedSender<Command>,
    task: JoinHandle<Result<()>>,
}

impl LaunchSpec {
    /// The program with its configuration, without a subcommand.
    pub(crate) fn command(&self) -> process::Command {
        let mut command = process::Command::new(&self.program);
        command
            .arg("--config")
            .arg(&self.configuration)
            .env("TICKETD_BROKER__URL", &self.broker)
            .env("TICKETD_LEDGER__URL", &self.ledger)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Declares the group's exchanges and queues.
    pub(crate) async fn declare_topology(&self) -> Result<()> {
        let output = self.command().args(["topology", "apply"]).output().await?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "topology apply failed: {}", stderr.trim());
        Ok(())
    }
}

impl Replica {
    /// Starts a replica with a log of this name.
    pub(crate) fn start(spec: LaunchSpec, name: &str, counters: Arc<Counters>) -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the soak sends few commands")]
        let (commands, received) = mpsc::unbounded_channel();
        let log = File::create(spec.folder.join(format!("{name}.log")))?;
        let group = spec.group;
        let task = tokio::spawn(keep_running(spec, log, received, counters));
        Ok(Self { group, commands, task })
    }

    /// Sends a command, which is executed after the earlier ones.
    pub(crate) fn send(&self, command: Command) {
        // The receiver is gone only if the replica could not be started; `end` returns that error.
        self.commands.send(command).ok();
    }

    pub(crate) async fn end(mut self) -> Result<()> {
        self.send(Command::End);
        (&mut self.task).await?
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_running(
    spec: LaunchSpec,
    log: File,
    mut commands: mpsc::UnboundedReceiver<Command>,
    counters: Arc<Counters>,
) -> Result<()> {
    loop {
        let mut command = spec.command();
        command.arg("worker").stdout(log.try_clone()?).stderr(log.try_clone()?);
        let program = spec.program.display();
        let mut child = command.spawn().with_context(|| format!("{program} cannot be run"))?;
        loop {
            let next = tokio::select! {
                status = child.wait() => {
                    record_exit(status?, &counters);
                    sleep(RESTART_INTERVAL).await;
                    break;
                }
                next = commands.recv() => next,
            };
            match next {
                Some(Command::Kill) => {
                    child.kill().await?;
                    increment(&counters.kills);
                    break;
                }
                Some(Command::Stop) => {
                    increment(&counters.stops);
                    if !stop(&mut child, &counters).await? {
                        increment(&counters.unclean_stops);
                    }
                    break;
                }
                Some(Command::Freeze(pause)) => {
                    signal(&child, "STOP").await?;
                    sleep(pause).await;
                    signal(&child, "CONT").await?;
                }
                Some(Command::End) | None => {
                    if !stop(&mut child, &counters).await? {
                        increment(&counters.unclean_ends);
                    }
                    return Ok(());
                }
            }
        }
    }
}

fn record_exit(status: ExitStatus, counters: &Counters) {
    increment(&counters.own_exits);
    if status.code() == Some(PANIC_EXIT_CODE) || status.signal().is_some() {
        increment(&counters.crashes);
    }
}

/// Returns whether the replica had no job in progress at the end.
async fn stop(child: &mut Child, counters: &Counters) -> Result<bool> {
    signal(child, "TERM").await?;
    if let Ok(status) = timeout(GRACE + STOP_MARGIN, child.wait()).await {
        return Ok(status?.success());
    }
    increment(&counters.hung_stops);
    child.kill().await?;
    Ok(false)
}

/// Sends a signal, unless the process has just ended.
async fn signal(child: &Child, name: &str) -> Result<()> {
    if let Some(id) = child.id() {
        let mut kill = process::Command::new("kill");
        kill.args(["-s", name, &id.to_string()]).stderr(Stdio::null()).status().await?;
    }
    Ok(())
}
