//! Publishes, and tells for certain whether the broker has it.

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
use super::mandatory::Channels;
use super::message::{Message, short};
use super::metrics::Publishing;
use super::names::Names;
use crate::job::Kind;

/// How long a publish waits for the connection to come back.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the broker may take to confirm.
const CONFIRM: Duration = Duration::from_secs(60);

/// An exchange of ours. Its alternate exchange keeps what no queue is bound for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeName {
    /// New jobs, the routing key is their kind; and with `cancel` wishes that one ends.
    Jobs,
    /// Result events.
    Events,
    /// Wake-ups to be held back; see [`Publisher::send_wake`].
    Delay,
    /// Wake-ups that are due.
    Wake,
    /// What is kept for people.
    Dead,
}

impl ExchangeName {
    fn as_str(self) -> &'static str {
        match self {
            ExchangeName::Jobs => "jobs",
            ExchangeName::Events => "events",
            ExchangeName::Delay => "delay",
            ExchangeName::Wake => "wake",
            ExchangeName::Dead => "dead",
        }
    }
}

/// Where a message that may come back went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteResult {
    /// To a queue, at least one.
    Routed,
    /// To none; the broker has dropped it.
    Unroutable,
}

/// Publishes; cheap to clone. Every message is persistent and confirmed.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    link: Arc<SupervisedConnection>,
    names: Names,
    // One long-lived channel keeps the order of what is sent on it.
    stream: Mutex<Option<Channel>>,
    singles: Channels,
}

impl Publisher {
    pub(super) fn new(link: Arc<SupervisedConnection>, names: Names) -> Self {
        let singles = Channels::new(link.clone(), PATIENCE);
        Self { shared: Arc::new(Shared { link, names, stream: Mutex::new(None), singles }) }
    }

    /// Publishes to an exchange of ours and waits until the broker has the message.
    pub async fn publish(
        &self,
        exchange: ExchangeName,
        routing_key: &str,
        message: &Message,
    ) -> Result<(), PublishError> {
        self.send(exchange, routing_key, message).await?.await
    }

    /// Puts the message on its way and returns the broker's confirm, to be awaited later. What one
    /// caller sends after another arrives after it, as long as both are confirmed.
    pub async fn send(
        &self,
        exchange: ExchangeName,
        routing_key: &str,
        message: &Message,
    ) -> Result<Confirm, PublishError> {
        let publishing = self.shared.link.metrics().publish(exchange.as_str());
        match self.send_in_order(exchange, routing_key, message).await {
            Ok(word) => Ok(Confirm::new(word, publishing, drop)),
            Err(error) => {
                publishing.ended(Err(&error));
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
        let names = &self.shared.names;
        let exchange = match exchange {
            ExchangeName::Jobs => names.jobs(),
            ExchangeName::Events => names.events(),
            ExchangeName::Delay => names.delay(),
            ExchangeName::Wake => names.wake(),
            ExchangeName::Dead => names.dead(),
        };
        // One limit for waiting in line and for the connection: those in line wait together.
        let open = tokio::time::timeout(PATIENCE, async {
            let mut stream = self.shared.stream.lock().await;
            let channel = self.opened(&mut stream).await?;
            Ok((stream, channel))
        });
        let (stream, channel) = open.await.unwrap_or(Err(PublishError::Unreachable(PATIENCE)))?;
        let mut published = publish_on(channel, &exchange, routing_key, message, false)?;
        // The first poll gives the message its number and its place; only that has to be done in
        // turn. What follows may wait for the socket, and is part of the confirm.
        let first = futures_util::poll!(published.as_mut());
        drop(stream);
        Ok(async move {
            let confirm = match first {
                Poll::Ready(confirm) => confirm,
                Poll::Pending => published.await,
            };
            outcome(confirm.map_err(lost)?.await)
        })
    }

    /// Sends a wake-up that reaches the wake queue of its kind after the longest rung of the
    /// ladder that is not longer than the wait, or at once if the wait is below a second.
    pub async fn send_wake(
        &self,
        kind: Kind,
        wait: Duration,
        message: &Message,
    ) -> Result<Confirm, PublishError> {
        match delay::rung(wait) {
            Some(seconds) => {
                self.send(ExchangeName::Delay, &format!("{seconds}.{kind}"), message).await
            }
            None => self.send(ExchangeName::Wake, &format!("0.{kind}"), message).await,
        }
    }

    /// As [`send_wake`](Self::send_wake), and waits until the broker has the message.
    pub async fn wake_after(
        &self,
        kind: Kind,
        wait: Duration,
        message: &Message,
    ) -> Result<(), PublishError> {
        self.send_wake(kind, wait, message).await?.await
    }

    /// Publishes to an exchange that need not be ours (empty: to the queue that the routing key
    /// names) and says whether any queue took the message. An exchange that does not exist is
    /// [`PublishError::Lost`].
    pub async fn publish_mandatory(
        &self,
        exchange: &str,
        routing_key: &str,
        message: &Message,
    ) -> Result<RouteResult, PublishError> {
        let mut single = self.shared.singles.take().await?;
        let channel = single.channel.clone();
        let published = publish_on(channel, exchange, routing_key, message, true)?;
        let target = if exchange.is_empty() { "replies" } else { "others" };
        let publishing = self.shared.link.metrics().publish(target);
        // Given up half-way, the channel is not used again: its return would go to the next.
        single.occupied = true;
        let word = async move { outcome(published.await.map_err(lost)?.await) };
        let routed = Confirm::new(word, publishing, |routed| routed).await;
        single.occupied = matches!(routed, Err(PublishError::Unconfirmed(_)));
        routed
    }

    async fn opened(&self, stream: &mut Option<Channel>) -> Result<Channel, PublishError> {
        if let Some(channel) = stream.as_ref().filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let opened = self.shared.link.confirm_channel().await;
        let channel = opened.map_err(|error| PublishError::Lost(Some(error.into())))?;
        *stream = Some(channel.clone());
        Ok(channel)
    }
}

type Published = BoxFuture<'static, lapin::Result<lapin::PublisherConfirm>>;

fn publish_on(
    channel: Channel,
    exchange: &str,
    routing_key: &str,
    message: &Message,
    mandatory: bool,
) -> Result<Published, PublishError> {
    let exchange = short("exchange", exchange)?;
    let routing_key = short("routing key", routing_key)?;
    let properties = message.properties()?;
    let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
    let body = message.body.clone();
    Ok(Box::pin(async move {
        channel.basic_publish(exchange, routing_key, options, &body, properties).await
    }))
}

fn outcome(confirm: lapin::Result<Confirmation>) -> Result<RouteResult, PublishError> {
    match confirm.map_err(lost)? {
        Confirmation::Ack(None) => Ok(RouteResult::Routed),
        Confirmation::Ack(Some(_)) => Ok(RouteResult::Unroutable),
        Confirmation::Nack(_) => Err(PublishError::Refused),
        // The channel is not in confirm mode, so nothing is known.
        Confirmation::NotRequested => Err(PublishError::Lost(None)),
    }
}

fn lost(error: lapin::Error) -> PublishError {
    PublishError::Lost(Some(error.into()))
}

/// The broker's word on a message that was sent. Dropped, the message is still on its way.
#[must_use = "a message is not published before its confirm says so"]
pub struct Confirm<T = ()> {
    word: BoxFuture<'static, Result<T, PublishError>>,
}

impl<T: Send + 'static> Confirm<T> {
    fn new(
        word: impl Future<Output = Result<RouteResult, PublishError>> + Send + 'static,
        publishing: Publishing,
        told: fn(RouteResult) -> T,
    ) -> Self {
        let limit = tokio::time::timeout(CONFIRM, word);
        Self {
            word: Box::pin(async move {
                let routed = limit.await.unwrap_or(Err(PublishError::Unconfirmed(CONFIRM)));
                publishing.ended(routed.as_ref().copied());
                routed.map(told)
            }),
        }
    }
}

impl<T> Future for Confirm<T> {
    type Output = Result<T, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.word.as_mut().poll(context)
    }
}
