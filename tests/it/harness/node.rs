//! A broker that is a private node of the installed `rabbitmq-server`.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};

use super::keeper;

pub struct Node {
    pub url: String,
    folder: PathBuf,
    _holder: Child,
}

impl Node {
    /// Blocks for the seconds that a node needs.
    pub fn start() -> anyhow::Result<Self> {
        let folder = env::temp_dir().join(super::prefix());
        let mut holder = keeper::spawn(script().arg("hold").arg(&folder).stdout(Stdio::piped()))?;
        let stdout = holder.stdout.take().context("its output is not piped")?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url)?;
        ensure!(!url.is_empty(), "a private node could not be started, see its message above");
        Ok(Self { url: url.trim().to_owned(), folder, _holder: holder })
    }

    pub async fn stop(&self) -> anyhow::Result<()> {
        self.tell("stop").await
    }

    /// With the same data, at the same URL.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        self.tell("start").await
    }

    async fn tell(&self, command: &str) -> anyhow::Result<()> {
        let mut script = tokio::process::Command::from(script());
        let status = script.arg(command).arg(&self.folder).stdout(Stdio::null()).status().await?;
        ensure!(status.success(), "private-node {command} failed, see its message above");
        Ok(())
    }
}

fn script() -> Command {
    Command::new(format!("{}/private-node", keeper::SCRIPTS))
}
