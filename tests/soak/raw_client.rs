//! A plain AMQP client, as other teams would write one: it does not use ticketd's broker code. A lost
//! channel is opened again.

use std::time::Duration;

use anyhow::{Result, bail};
use lapin::options::{BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::time::{sleep, timeout};

/// Longer than connections are stalled.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(12);

const RECONNECT_INTERVAL: Duration = Duration::from_millis(300);

const PREFETCH: u16 = 200;

pub(crate) struct RawClient {
    url: String,
    open: Option<(Connection, Channel)>,
}

impl RawClient {
    pub(crate) fn new(url: String) -> Self {
        Self { url, open: None }
    }

    /// An open channel with publisher confirms. Waits until the broker accepts a connection.
    pub(crate) async fn channel(&mut self) -> Channel {
        loop {
            match &self.open {
                Some((_, channel)) if channel.status().connected() => return channel.clone(),
                Some(_) | None => {}
            }
            match timeout(REQUEST_TIMEOUT, connect(&self.url)).await {
                Ok(Ok(opened)) => self.open = Some(opened),
                Ok(Err(_)) | Err(_) => sleep(RECONNECT_INTERVAL).await,
            }
        }
    }

    /// Drops the channel: its state is unknown after an error.
    pub(crate) fn disconnect(&mut self) {
        self.open = None;
    }

    /// Publishes once. After an error the broker may have the message.
    pub(crate) async fn publish(
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
        match timeout(REQUEST_TIMEOUT, published).await {
            Ok(Ok(Confirmation::Ack(None))) => return Ok(()),
            Ok(Ok(Confirmation::Ack(Some(_)))) => bail!("{exchange} has no queue for {key}"),
            Ok(Ok(Confirmation::Nack(_) | Confirmation::NotRequested)) => {}
            Ok(Err(_)) | Err(_) => self.disconnect(),
        }
        bail!("the broker did not confirm the message")
    }
}

async fn connect(url: &str) -> lapin::Result<(Connection, Channel)> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    Ok((connection, channel))
}
