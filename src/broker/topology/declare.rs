//! Declares, verifies and deletes the topology.

use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ErrorKind};

use super::mismatch;
use super::objects::{Argument, Exchange, ExchangeKind, Queue, TopologyObject};
use crate::broker::error::{Error, TopologyProblem};
use crate::broker::names::short;

/// What errors say we tried to do.
const VERIFY: &str = "verify the topology";
const DELETE: &str = "delete the topology";

/// Declares and binds what is missing. Returns every difference.
pub(super) async fn apply(
    connection: &Connection,
    objects: &[TopologyObject],
) -> Result<Vec<TopologyProblem>, Error> {
    let mut declarer = Declarer::open(connection).await?;
    let mut problems = Vec::new();
    for object in objects {
        let mut refusal = declarer.declare(object, DeclareMode::Active).await?;
        if refusal.is_none()
            && let TopologyObject::Queue(queue) = object
        {
            refusal = declarer.bind(queue).await?;
        }
        problems.extend(refusal.map(|refusal| refusal.about(object)));
    }
    Ok(problems)
}

/// Returns everything that is missing or differs. An object that exists is declared again to
/// compare its arguments, which changes nothing.
pub(super) async fn check(
    connection: &Connection,
    objects: &[TopologyObject],
) -> Result<Vec<TopologyProblem>, Error> {
    let mut declarer = Declarer::open(connection).await?;
    let mut problems = Vec::new();
    for object in objects {
        if let Some(refusal) = declarer.declare(object, DeclareMode::Passive).await? {
            problems.push(refusal.about(object));
            continue;
        }
        match declarer.declare(object, DeclareMode::Active).await? {
            // A user without configure permission can't compare. That is no problem.
            None | Some(DeclareRefusal::Forbidden(_)) => {}
            Some(refusal) => problems.push(refusal.about(object)),
        }
    }
    Ok(problems)
}

/// Deletes the objects, the last one first: a queue before the exchange it dead-letters to.
pub(super) async fn remove(
    connection: &Connection,
    objects: &[TopologyObject],
) -> Result<(), Error> {
    let channel = connection.create_channel().await.map_err(|error| Error::lost(DELETE, error))?;
    for object in objects.iter().rev() {
        let deleted = async {
            match object {
                TopologyObject::Exchange(exchange) => {
                    let options = ExchangeDeleteOptions::default();
                    channel.exchange_delete(short(&exchange.name)?, options).await
                }
                TopologyObject::Queue(queue) => {
                    let options = QueueDeleteOptions::default();
                    channel.queue_delete(short(&queue.name)?, options).await.map(drop)
                }
            }
        };
        deleted.await.map_err(|error| Error::request(&format!("delete {object}"), error))?;
    }
    Ok(())
}

/// Checks the broker's feature flag `stream_queue`. At-least-once dead-lettering needs it; without
/// it the broker silently falls back to at-most-once. It is on for new nodes, but may be off on one
/// that was upgraded from before 3.10.
///
/// AMQP can't read flags, so this declares a queue that no broker accepts, an exclusive stream. A
/// broker with the flag off names the flag in its refusal, and may close the connection.
pub(super) async fn missing_flag(
    connection: &Connection,
    prefix: &str,
) -> lapin::Result<Option<TopologyProblem>> {
    let channel = connection.create_channel().await?;
    let options =
        QueueDeclareOptions { durable: true, exclusive: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("stream".into()));
    let queue = short(&format!("{prefix}.flag"))?;
    let answer = channel.queue_declare(queue, options, arguments).await;
    let is_off = answer.is_err_and(|error| error.to_string().contains("feature flag is disabled"));
    Ok(is_off.then(|| TopologyProblem::FlagOff { flag: "stream_queue".into() }))
}

#[derive(Clone, Copy, PartialEq)]
enum DeclareMode {
    Passive,
    Active,
}

/// Why the broker refused a declaration and closed the channel.
enum DeclareRefusal {
    Missing,
    Differs(String),
    Forbidden(String),
    Other(String),
}

impl DeclareRefusal {
    fn about(self, object: &TopologyObject) -> TopologyProblem {
        let object = object.to_string();
        match self {
            DeclareRefusal::Missing => TopologyProblem::Missing { object },
            DeclareRefusal::Differs(message) => mismatch::problem(&object, &message),
            DeclareRefusal::Forbidden(message) | DeclareRefusal::Other(message) => {
                TopologyProblem::Refused { object, reason: format!("the broker says {message:?}") }
            }
        }
    }
}

/// Declares on a channel that is replaced after each refusal, because a refusal closes it.
struct Declarer<'a> {
    connection: &'a Connection,
    channel: Channel,
}

impl<'a> Declarer<'a> {
    async fn open(connection: &'a Connection) -> Result<Self, Error> {
        Ok(Self { connection, channel: channel(connection).await? })
    }

    async fn declare(
        &mut self,
        object: &TopologyObject,
        mode: DeclareMode,
    ) -> Result<Option<DeclareRefusal>, Error> {
        let passive = mode == DeclareMode::Passive;
        let answer = match object {
            TopologyObject::Exchange(exchange) => self.declare_exchange(exchange, passive).await,
            TopologyObject::Queue(queue) => self.declare_queue(queue, passive).await,
        };
        self.refusal(answer).await
    }

    async fn declare_exchange(&self, exchange: &Exchange, passive: bool) -> lapin::Result<()> {
        let kind = match exchange.kind {
            ExchangeKind::Topic => lapin::ExchangeKind::Topic,
            ExchangeKind::Fanout => lapin::ExchangeKind::Fanout,
        };
        let options =
            ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
        let arguments = table(&exchange.arguments);
        self.channel.exchange_declare(short(&exchange.name)?, kind, options, arguments).await
    }

    async fn declare_queue(&self, queue: &Queue, passive: bool) -> lapin::Result<()> {
        let options =
            QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
        let arguments = table(&queue.arguments);
        self.channel.queue_declare(short(&queue.name)?, options, arguments).await.map(drop)
    }

    async fn bind(&mut self, queue: &Queue) -> Result<Option<DeclareRefusal>, Error> {
        for binding in &queue.bindings {
            let answer = async {
                let (queue, exchange) = (short(&queue.name)?, short(&binding.exchange)?);
                let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
                self.channel
                    .queue_bind(queue, exchange, short(&binding.key)?, options, arguments)
                    .await
            }
            .await;
            if let Some(refusal) = self.refusal(answer).await? {
                return Ok(Some(refusal));
            }
        }
        Ok(None)
    }

    async fn refusal(
        &mut self,
        answer: lapin::Result<()>,
    ) -> Result<Option<DeclareRefusal>, Error> {
        let Err(error) = answer else { return Ok(None) };
        let ErrorKind::ProtocolError(refusal) = error.kind() else {
            return Err(Error::lost(VERIFY, error));
        };
        let message = refusal.get_message().to_string();
        let refusal = match refusal.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => DeclareRefusal::Missing,
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => {
                DeclareRefusal::Differs(message)
            }
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => DeclareRefusal::Forbidden(message),
            AMQPErrorKind::Soft(_) => DeclareRefusal::Other(message),
            AMQPErrorKind::Hard(_) => return Err(Error::lost(VERIFY, error)),
        };
        self.channel = channel(self.connection).await?;
        Ok(Some(refusal))
    }
}

async fn channel(connection: &Connection) -> Result<Channel, Error> {
    connection.create_channel().await.map_err(|error| Error::lost(VERIFY, error))
}

fn table<'a>(arguments: impl IntoIterator<Item = (&'a &'static str, &'a Argument)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, argument) in arguments {
        let value = match argument {
            Argument::Text(text) => AMQPValue::LongString(text.clone().into()),
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
        };
        table.insert((*name).into(), value);
    }
    table
}
