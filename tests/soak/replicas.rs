//! The replicas: worker processes that are kept running, whatever ends them.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::configuration::GRACE;
use crate::jobs::Group;
use crate::tally::{Tally, add};

/// Until a replica that ended by itself is started again.
const PAUSE: Duration = Duration::from_millis(1_500);

/// Beyond its grace a replica may take leave of the broker, on a machine that is busy.
const LEAVE: Duration = Duration::from_secs(5);

/// Exit code of a program that panicked.
const PANICKED: i32 = 101;

/// What may be done to a replica.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Kill it with SIGKILL; the next one starts at once.
    Kill,
    /// Tell it to stop with SIGTERM; the next one starts when it has.
    Stop,
    /// Let it stand still with SIGSTOP for a while.
    Freeze(Duration),
    /// Tell it to stop, and start no other one.
    End,
}

/// How replicas of a group are started.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub group: Group,
    pub program: PathBuf,
    pub configuration: PathBuf,
    pub broker: String,
    pub ledger: String,
    /// Where their logs go.
    pub folder: PathBuf,
}

/// A replica that is kept running.
pub struct Replica {
    pub group: Group,
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<Result<()>>,
}

impl Recipe {
    /// The program with its configuration, to be told what to do.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
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
    pub async fn prepare(&self) -> Result<()> {
        let output = self.command().args(["topology", "apply"]).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "topology apply failed: {}", said.trim());
        Ok(())
    }
}

impl Replica {
    /// Keeps one running; its log has that name.
    pub fn keep(recipe: Recipe, name: &str, tally: Arc<Tally>) -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "a test sends few orders")]
        let (orders, taken) = mpsc::unbounded_channel();
        let log = File::create(recipe.folder.join(format!("{name}.log")))?;
        let group = recipe.group;
        let task = tokio::spawn(keep(recipe, log, taken, tally));
        Ok(Self { group, orders, task })
    }

    /// Has something done to it, after what it was told before.
    pub fn order(&self, order: Order) {
        // Only one that could not be started listens no more, and `end` tells why.
        self.orders.send(order).ok();
    }

    /// Ends it for good.
    pub async fn end(mut self) -> Result<()> {
        self.order(Order::End);
        (&mut self.task).await?
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(
    recipe: Recipe,
    log: File,
    mut orders: mpsc::UnboundedReceiver<Order>,
    tally: Arc<Tally>,
) -> Result<()> {
    loop {
        let mut command = recipe.command();
        command.arg("worker").stdout(log.try_clone()?).stderr(log.try_clone()?);
        let program = recipe.program.display();
        let mut child = command.spawn().with_context(|| format!("{program} can't be run"))?;
        loop {
            let order = tokio::select! {
                status = child.wait() => {
                    ended_by_itself(status?, &tally);
                    sleep(PAUSE).await;
                    break;
                }
                order = orders.recv() => order,
            };
            match order {
                Some(Order::Kill) => {
                    child.kill().await?;
                    add(&tally.kills);
                    break;
                }
                Some(Order::Stop) => {
                    add(&tally.stops);
                    if !stop(&mut child, &tally).await? {
                        add(&tally.cut_off);
                    }
                    break;
                }
                Some(Order::Freeze(pause)) => {
                    signal(&child, "STOP").await?;
                    sleep(pause).await;
                    signal(&child, "CONT").await?;
                }
                Some(Order::End) | None => {
                    if !stop(&mut child, &tally).await? {
                        add(&tally.unsettled);
                    }
                    return Ok(());
                }
            }
        }
    }
}

fn ended_by_itself(status: ExitStatus, tally: &Tally) {
    add(&tally.own_ends);
    if status.code() == Some(PANICKED) || status.signal().is_some() {
        add(&tally.crashes);
    }
}

/// Says whether it had settled everything.
async fn stop(child: &mut Child, tally: &Tally) -> Result<bool> {
    signal(child, "TERM").await?;
    if let Ok(status) = timeout(GRACE + LEAVE, child.wait()).await {
        return Ok(status?.success());
    }
    add(&tally.overstayed);
    child.kill().await?;
    Ok(false)
}

/// A signal to a process of ours. One that just ended needs none.
async fn signal(child: &Child, name: &str) -> Result<()> {
    if let Some(id) = child.id() {
        let mut kill = Command::new("kill");
        kill.args(["-s", name, &id.to_string()]).stderr(Stdio::null()).status().await?;
    }
    Ok(())
}
