//! A `ticketd worker` process.

use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::harness::{LIMIT, TestEnv};

/// A running worker. It is killed on drop.
pub(crate) struct Process {
    child: Child,
    lines: UnboundedReceiver<String>,
}

impl Process {
    /// Starts a worker and waits until it consumes jobs.
    pub(crate) async fn ready(env: &TestEnv) -> Self {
        let mut process = Self::start(env.process());
        process.says("ready for jobs").await;
        process
    }

    /// Starts a worker.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        #[expect(clippy::disallowed_methods, reason = "a process logs few lines")]
        let (said, lines) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                said.send(line).ok();
            }
        });
        Self { child, lines }
    }

    /// Waits for a log line that contains these words, and returns it.
    pub(crate) async fn says(&mut self, words: &str) -> String {
        self.says_either([words]).await
    }

    /// Waits for a log line that contains one of these words.
    pub(crate) async fn says_either<const N: usize>(&mut self, words: [&str; N]) -> String {
        let mut said = Vec::new();
        let waiting = async {
            while let Some(line) = self.lines.recv().await {
                if words.iter().any(|words| line.contains(words)) {
                    return Some(line);
                }
                said.push(line);
            }
            None
        };
        let heard = tokio::time::timeout(LIMIT, waiting).await.ok().flatten();
        heard
            .unwrap_or_else(|| panic!("the worker never said {words:?}, but:\n{}", said.join("\n")))
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().await.unwrap();
        assert!(status.success());
    }

    /// The resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Waits for the end of the process. Also returns the log lines that were not read yet.
    pub(crate) async fn end(mut self) -> (ExitStatus, Vec<String>) {
        let status = tokio::time::timeout(LIMIT, self.child.wait()).await;
        let status = status.expect("the worker ended within the limit").unwrap();
        let mut said = Vec::new();
        while let Some(line) = self.lines.recv().await {
            said.push(line);
        }
        (status, said)
    }
}
