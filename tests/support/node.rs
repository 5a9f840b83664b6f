//! A private RabbitMQ node, alone or in a cluster.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};

use super::child_guard;
use super::output::output;

/// Which `rabbitmq-server` a node runs.
#[derive(Clone, Debug)]
pub(crate) enum Software {
    /// The installed one.
    Installed,
    /// The one of an image. The node uses this machine's network and the test's folder.
    Image(String),
}

/// A private RabbitMQ node. A test can put files into its folder.
pub(crate) struct Node {
    /// `amqp://` with user and password.
    pub url: String,
    /// The folder with its files.
    pub folder: PathBuf,
    container: Option<String>,
    _holder: Child,
}

impl Node {
    /// Starts a node in a folder. Blocks until it answers.
    pub(crate) fn start(
        software: &Software,
        folder: PathBuf,
        peer: Option<&Node>,
    ) -> anyhow::Result<Self> {
        let (mut command, container) = match software {
            Software::Installed => (Command::new(script()), None),
            Software::Image(image) => {
                let name = super::prefix();
                (container(image, &name, &folder)?, Some(name))
            }
        };
        command.arg("hold").arg(&folder).args(peer.map(|peer| &peer.folder));
        let mut holder = child_guard::spawn(command.stdout(Stdio::piped()))?;
        let stdout = holder.stdout.take().context("its output is not piped")?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url)?;
        ensure!(!url.is_empty(), "a private node could not be started, see its message above");
        Ok(Self { url: url.trim().to_owned(), folder, container, _holder: holder })
    }

    /// Runs `rabbitmqctl` and returns its output.
    pub(crate) async fn control(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.run("control", arguments).await
    }

    /// The Erlang name.
    pub(crate) fn name(&self) -> String {
        let port = self.url.rsplit(':').next().unwrap_or_default();
        format!("ticketd-{}@localhost", port.trim_end_matches("/%2f"))
    }

    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        self.run("stop", &[]).await.map(drop)
    }

    pub(crate) async fn kill(&self) -> anyhow::Result<()> {
        self.run("kill", &[]).await.map(drop)
    }

    /// Starts it again with the same data at the same URL.
    pub(crate) async fn start_again(&self) -> anyhow::Result<()> {
        self.run("start", &[]).await.map(drop)
    }

    async fn run(&self, command: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command_line = match &self.container {
            None => Command::new(script()),
            Some(name) => {
                let mut docker = Command::new("docker");
                docker.args(["exec", name]).arg(script());
                docker
            }
        };
        command_line.arg(command).arg(&self.folder).args(arguments);
        output(command_line).await
    }
}

/// The script that starts nodes, in a container, with our user id.
fn container(image: &str, name: &str, folder: &Path) -> anyhow::Result<Command> {
    let shared = folder.parent().context("a node's folder has no parent")?;
    let owner = std::fs::metadata(shared)?;
    let mut docker = Command::new("docker");
    docker
        .args(["run", "--interactive", "--rm", "--network", "host", "--name", name])
        .arg("--user")
        .arg(format!("{}:{}", owner.uid(), owner.gid()))
        .arg("--volume")
        .arg(format!("{0}:{0}:ro", child_guard::SCRIPTS))
        .arg("--volume")
        .arg(format!("{0}:{0}", shared.display()))
        .arg("--entrypoint")
        .arg(script())
        .arg(image);
    Ok(docker)
}

fn script() -> PathBuf {
    Path::new(child_guard::SCRIPTS).join("private-node")
}
