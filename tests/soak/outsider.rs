//! RabbitMQ as producers and consumers have it, without a line of our own broker code: a channel
//! that is opened again whenever it was lost.

use std::time::Duration;

use anyhow::{Result, bail};
use lapin::options::{BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::time::{sleep, timeout};

/// How long one request may take. Longer than connections stand still.
const PATIENCE: Duration = Duration::from_secs(12);

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(300);

/// Messages lent at once.
const PREFETCH: u16 = 200;

/// Somebody who uses the broker.
pub struct Outsider {
    url: String,
    open: Option<(Connection, Channel)>,
}

impl Outsider {
    pub fn new(url: String) -> Self {
        Self { url, open: None }
    }

    /// The channel; waits until there is one. It confirms what is published.
    pub async fn channel(&mut self) -> Channel {
        loop {
            match &self.open {
                Some((_, channel)) if channel.status().connected() => return channel.clone(),
                Some(_) | None => {}
            }
            match timeout(PATIENCE, connect(&self.url)).await {
                Ok(Ok(opened)) => self.open = Some(opened),
                Ok(Err(_)) | Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Gives the channel up: after an error nobody knows what it still does.
    pub fn hang_up(&mut self) {
        self.open = None;
    }

    /// Publishes once. After an error the broker may have the message or not.
    pub async fn publish(
        &mut self,
        exchange: &str,
        key: &str,
        body: &[u8],
        with: BasicProperties,
    ) -> Result<()> {
        let channel = self.channel().await;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let published = async {
            let sent = channel.basic_publish(exchange.into(), key.into(), options, body, with);
            sent.await?.await
        };
        match timeout(PATIENCE, published).await {
            Ok(Ok(Confirmation::Ack(None))) => return Ok(()),
            Ok(Ok(Confirmation::Ack(Some(_)))) => bail!("{exchange} routed {key} nowhere"),
            Ok(Ok(Confirmation::Nack(_) | Confirmation::NotRequested)) => {}
            Ok(Err(_)) | Err(_) => self.hang_up(),
        }
        bail!("not confirmed")
    }
}

async fn connect(url: &str) -> lapin::Result<(Connection, Channel)> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    Ok((connection, channel))
}
