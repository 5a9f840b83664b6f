//! A broker in a container.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

use super::child_guard;
use super::output::output;

/// Limit until the node in a container answers.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) struct Container {
    container: ContainerAsync<GenericImage>,
    name: String,
    port: u16,
    _remover: Child,
}

impl Container {
    pub(super) async fn start(image: &str) -> anyhow::Result<Self> {
        let (repository, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
        let name = super::prefix();
        let remover = child_guard::spawn(
            Command::new("sh")
                .args(["-c", r#"cat >/dev/null; docker rm -f -v "$0""#, &name])
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let port = free_port()?;
        let container = GenericImage::new(repository, tag)
            .with_wait_for(WaitFor::message_on_either_std("Server startup complete"))
            .with_mapped_port(port, 5672.tcp())
            .with_startup_timeout(STARTUP_TIMEOUT)
            .with_container_name(name.as_str())
            .start()
            .await
            .with_context(|| format!("a container of {image} could not be started"))?;
        Ok(Self { container, name, port, _remover: remover })
    }

    pub(super) async fn url(&self) -> anyhow::Result<String> {
        let host = self.container.get_host().await?;
        Ok(format!("amqp://guest:guest@{host}:{}/%2f", self.port))
    }

    pub(super) async fn stop(&self) -> anyhow::Result<()> {
        Ok(self.container.stop().await?)
    }

    pub(super) async fn kill(&self) -> anyhow::Result<()> {
        self.docker(&["kill", &self.name]).await.map(drop)
    }

    /// Does not wait for the node: its log still holds the line of the first start.
    pub(super) async fn start_again(&self) -> anyhow::Result<()> {
        Ok(self.container.start().await?)
    }

    pub(super) async fn control(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.docker(&[&["exec", &self.name, "rabbitmqctl"], arguments].concat()).await
    }

    async fn docker(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut docker = Command::new("docker");
        docker.args(arguments);
        output(docker).await
    }
}

/// Chosen here, because a port chosen by Docker would change on restart.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
