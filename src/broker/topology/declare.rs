//! Declares the topology, or verifies it.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, ErrorKind};

use super::{Argument, Exchange, ExchangeKind, Object, Problem, Queue, mismatch};
use crate::broker::connection::lost;
use crate::broker::error::Error;

/// Declares and binds what is missing. Returns all that does not fit.
pub(super) async fn apply(
    connection: &Connection,
    objects: &[Object],
) -> Result<Vec<Problem>, Error> {
    let mut desk = Declarer::open(connection).await?;
    let mut problems = Vec::new();
    for object in objects {
        let mut answer = desk.declare(object, DeclareMode::Active).await?;
        if answer.is_none()
            && let Object::Queue(queue) = object
        {
            answer = desk.bind(queue).await?;
        }
        problems.extend(answer.map(|refusal| refusal.about(object)));
    }
    Ok(problems)
}

/// Looks whether everything is there, and only then whether it is the same: to declare what
/// exists changes nothing.
pub(super) async fn check(
    connection: &Connection,
    objects: &[Object],
) -> Result<Vec<Problem>, Error> {
    let mut desk = Declarer::open(connection).await?;
    let mut problems = Vec::new();
    for object in objects {
        if let Some(refusal) = desk.declare(object, DeclareMode::Passive).await? {
            problems.push(refusal.about(object));
            continue;
        }
        match desk.declare(object, DeclareMode::Active).await? {
            // A user that may not configure can't compare, and need not.
            None | Some(Refusal::Forbidden(_)) => {}
            Some(refusal) => problems.push(refusal.about(object)),
        }
    }
    Ok(problems)
}

#[derive(Clone, Copy, PartialEq)]
enum DeclareMode {
    Passive,
    Active,
}

/// Why the broker closed the channel on us.
enum Refusal {
    Missing,
    Differs(String),
    Forbidden(String),
    Other(String),
}

impl Refusal {
    fn about(self, object: &Object) -> Problem {
        let object = object.to_string();
        match self {
            Refusal::Missing => Problem::Missing { object },
            Refusal::Differs(sentence) => mismatch::read(&object, &sentence),
            Refusal::Forbidden(sentence) | Refusal::Other(sentence) => {
                Problem::Refused { object, reason: format!("the broker says {sentence:?}") }
            }
        }
    }
}

/// A channel that is replaced after each refusal: a refusal closes it.
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
        object: &Object,
        manner: DeclareMode,
    ) -> Result<Option<Refusal>, Error> {
        let passive = manner == DeclareMode::Passive;
        let answer = match object {
            Object::Exchange(exchange) => self.declare_exchange(exchange, passive).await,
            Object::Queue(queue) => self.declare_queue(queue, passive).await,
        };
        self.refusal(answer).await
    }

    async fn declare_exchange(&self, exchange: &Exchange, passive: bool) -> lapin::Result<()> {
        let kind = match exchange.routing {
            ExchangeKind::Topic => lapin::ExchangeKind::Topic,
            ExchangeKind::Fanout => lapin::ExchangeKind::Fanout,
        };
        let options =
            ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
        let arguments = table(&exchange.arguments);
        self.channel.exchange_declare(name(&exchange.name)?, kind, options, arguments).await
    }

    async fn declare_queue(&self, queue: &Queue, passive: bool) -> lapin::Result<()> {
        let options =
            QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
        let arguments = table(&queue.arguments);
        self.channel.queue_declare(name(&queue.name)?, options, arguments).await.map(drop)
    }

    async fn bind(&mut self, queue: &Queue) -> Result<Option<Refusal>, Error> {
        for binding in &queue.bindings {
            let answer = async {
                let (queue, exchange) = (name(&queue.name)?, name(&binding.exchange)?);
                let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
                self.channel
                    .queue_bind(queue, exchange, name(&binding.key)?, options, arguments)
                    .await
            }
            .await;
            if let Some(refusal) = self.refusal(answer).await? {
                return Ok(Some(refusal));
            }
        }
        Ok(None)
    }

    async fn refusal(&mut self, answer: lapin::Result<()>) -> Result<Option<Refusal>, Error> {
        let Err(error) = answer else { return Ok(None) };
        let ErrorKind::ProtocolError(refusal) = error.kind() else {
            return Err(lost(WHAT, error));
        };
        let sentence = refusal.get_message().to_string();
        let refusal = match refusal.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Refusal::Missing,
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => Refusal::Differs(sentence),
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Refusal::Forbidden(sentence),
            AMQPErrorKind::Soft(_) => Refusal::Other(sentence),
            AMQPErrorKind::Hard(_) => return Err(lost(WHAT, error)),
        };
        self.channel = channel(self.connection).await?;
        Ok(Some(refusal))
    }
}

const WHAT: &str = "look at the topology";

async fn channel(connection: &Connection) -> Result<Channel, Error> {
    connection.create_channel().await.map_err(|error| lost(WHAT, error))
}

pub(super) fn name(text: &str) -> lapin::Result<ShortString> {
    ShortString::try_new(text).map_err(|error| std::io::Error::other(error).into())
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
