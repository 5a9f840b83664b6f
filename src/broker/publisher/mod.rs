//! Publishes messages and reports whether the broker has them.

mod mandatory;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation};
use tokio::sync::Mutex;

use super::connection::SupervisedConnection;
use super::delay;
use super::error::PublishError;
use super::message::{Message, RouteResult};
use super::metrics::{PublishTimer, result};
use super::names::{ExchangeName, short};
use crate::job::Kind;
use mandatory::MandatoryChannels;

/// How long a publish waits for a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the broker may take to confirm.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(60);

/// Publishes persistent messages with confirms. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    connection: Arc<SupervisedConnection>,
    prefix: String,
    // One long-lived channel keeps the order of what is sent on it.
    ordered_channel: Mutex<Option<Channel>>,
    mandatory_channels: MandatoryChannels,
}

impl Publisher {
    pub(super) fn new(connection: Arc<SupervisedConnection>, prefix: &str) -> Self {
        let mandatory_channels = MandatoryChannels::new(connection.clone(), CONNECTION_TIMEOUT);
        let (prefix, ordered_channel) = (prefix.to_owned(), Mutex::new(None));
        let shared = Shared { connection, prefix, ordered_channel, mandatory_channels };
        Self { shared: Arc::new(shared) }
    }

    /// Publishes to an exchange of ours and waits for the broker's confirm.
    pub async fn publish(
        &self,
        exchange: ExchangeName,
        routing_key: &str,
        message: &Message,
    ) -> Result<(), PublishError> {
        self.send(exchange, routing_key, message).await?.await
    }

    /// Sends the message and returns the broker's confirm, to be awaited later. Messages that one
    /// caller sends one after the other arrive in that order, if all are confirmed.
    pub async fn send(
        &self,
        exchange: ExchangeName,
        routing_key: &str,
        message: &Message,
    ) -> Result<Confirm, PublishError> {
        let timer = self.shared.connection.metrics().start_publish(exchange.name());
        match self.send_in_order(exchange, routing_key, message).await {
            Ok(confirmation) => Ok(Confirm::new(confirmation, timer, drop)),
            Err(error) => {
                timer.finish(result_label(Err(&error)));
                Err(error)
            }
        }
    }

    async fn send_in_order(
        &self,
        exchange: ExchangeName,
        routing_key: &str,
        message: &Message,
    ) -> Result<impl Future<Output = Result<RouteResult, PublishError>> + use<>, PublishError> {
        // One time-out covers the lock and the connection: callers wait for both together.
        let opened = tokio::time::timeout(CONNECTION_TIMEOUT, async {
            let mut guard = self.shared.ordered_channel.lock().await;
            let channel = self.open_channel(&mut guard).await?;
            Ok((guard, channel))
        });
        let (guard, channel) =
            opened.await.unwrap_or(Err(PublishError::Unreachable(CONNECTION_TIMEOUT)))?;
        let exchange = exchange.full_name(&self.shared.prefix);
        let mut publish = publish_on(channel, &exchange, routing_key, message, false)?;
        // The first poll gives the message its sequence number and its place in the order; only
        // that needs the lock. The rest may wait for the socket, and is part of the confirm.
        let first = futures_util::poll!(publish.as_mut());
        drop(guard);
        Ok(async move {
            let confirm = match first {
                Poll::Ready(confirm) => confirm,
                Poll::Pending => publish.await,
            };
            route_result(confirm?.await)
        })
    }

    /// Publishes a wake-up and waits for the broker's confirm. The wake-up reaches the wake queue
    /// of its kind after the longest rung of the delay ladder that does not exceed `wait`, or at
    /// once if `wait` is below a second.
    pub async fn wake_after(
        &self,
        kind: Kind,
        wait: Duration,
        message: &Message,
    ) -> Result<(), PublishError> {
        let (exchange, seconds) = match delay::rung(wait) {
            Some(seconds) => (ExchangeName::Delay, seconds),
            None => (ExchangeName::Wake, 0),
        };
        self.publish(exchange, &format!("{seconds}.{kind}"), message).await
    }

    /// Publishes to any exchange (empty: the default exchange, which routes to the queue named by
    /// the routing key) and returns whether a queue got the message. An exchange that does not
    /// exist is [`PublishError::Lost`].
    pub async fn publish_mandatory(
        &self,
        exchange: &str,
        routing_key: &str,
        message: &Message,
    ) -> Result<RouteResult, PublishError> {
        let mut pooled = self.shared.mandatory_channels.get().await?;
        let publish = publish_on(pooled.channel.clone(), exchange, routing_key, message, true)?;
        let label = if exchange.is_empty() { "default" } else { "other" };
        let timer = self.shared.connection.metrics().start_publish(label);
        // If this future is dropped half-way, the channel is not used again: its return would be
        // attributed to the next publish.
        pooled.in_use = true;
        let confirmation = async move { route_result(publish.await?.await) };
        let routed = Confirm::new(confirmation, timer, |routed| routed).await;
        pooled.in_use = matches!(routed, Err(PublishError::ConfirmTimeout(_)));
        routed
    }

    async fn open_channel(&self, current: &mut Option<Channel>) -> Result<Channel, PublishError> {
        if let Some(channel) = current.as_ref().filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let opened = self.shared.connection.confirm_channel().await;
        let channel = opened.map_err(|error| PublishError::Lost(Some(error.into())))?;
        *current = Some(channel.clone());
        Ok(channel)
    }
}

type PublishFuture = BoxFuture<'static, lapin::Result<lapin::PublisherConfirm>>;

fn publish_on(
    channel: Channel,
    exchange: &str,
    routing_key: &str,
    message: &Message,
    mandatory: bool,
) -> Result<PublishFuture, PublishError> {
    let exchange = short(exchange).map_err(|_| PublishError::TooLong("exchange"))?;
    let routing_key = short(routing_key).map_err(|_| PublishError::TooLong("routing key"))?;
    let properties = message.properties.to_amqp()?;
    let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
    let body = message.body.clone();
    Ok(Box::pin(async move {
        channel.basic_publish(exchange, routing_key, options, &body, properties).await
    }))
}

fn route_result(confirmation: lapin::Result<Confirmation>) -> Result<RouteResult, PublishError> {
    match confirmation? {
        Confirmation::Ack(None) => Ok(RouteResult::Routed),
        Confirmation::Ack(Some(_)) => Ok(RouteResult::Unroutable),
        Confirmation::Nack(_) => Err(PublishError::Nacked),
        // The channel is not in confirm mode, so nothing is known.
        Confirmation::NotRequested => Err(PublishError::Lost(None)),
    }
}

fn result_label(outcome: Result<RouteResult, &PublishError>) -> &'static str {
    match outcome {
        Ok(RouteResult::Routed) => result::CONFIRMED,
        Ok(RouteResult::Unroutable) => result::UNROUTABLE,
        Err(PublishError::Nacked) => result::NACKED,
        Err(PublishError::ConfirmTimeout(_)) => result::TIMEOUT,
        Err(PublishError::Unreachable(_) | PublishError::Lost(_) | PublishError::TooLong(_)) => {
            result::LOST
        }
    }
}

/// The broker's confirm of a sent message. Dropping it does not recall the message.
#[must_use = "a message is not published before its confirm says so"]
pub struct Confirm<T = ()> {
    confirmation: BoxFuture<'static, Result<T, PublishError>>,
}

impl<T: Send + 'static> Confirm<T> {
    fn new(
        confirmation: impl Future<Output = Result<RouteResult, PublishError>> + Send + 'static,
        timer: PublishTimer,
        map: fn(RouteResult) -> T,
    ) -> Self {
        let limited = tokio::time::timeout(CONFIRM_TIMEOUT, confirmation);
        Self {
            confirmation: Box::pin(async move {
                let elapsed = Err(PublishError::ConfirmTimeout(CONFIRM_TIMEOUT));
                let routed = limited.await.unwrap_or(elapsed);
                timer.finish(result_label(routed.as_ref().copied()));
                routed.map(map)
            }),
        }
    }
}

impl<T> Future for Confirm<T> {
    type Output = Result<T, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.confirmation.as_mut().poll(context)
    }
}
