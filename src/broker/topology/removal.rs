//! Takes the topology away again.

use lapin::Connection;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};

use super::Object;
use super::declare::name;
use crate::broker::connection::lost;
use crate::broker::error::Error;

/// Deletes the objects, the last one first: a queue goes before the exchanges it passes on to.
pub(super) async fn remove(connection: &Connection, objects: &[Object]) -> Result<(), Error> {
    let channel = connection.create_channel().await.map_err(|error| lost(WHAT, error))?;
    for object in objects.iter().rev() {
        let deleted = async {
            match object {
                Object::Exchange(exchange) => {
                    let options = ExchangeDeleteOptions::default();
                    channel.exchange_delete(name(&exchange.name)?, options).await
                }
                Object::Queue(queue) => {
                    let options = QueueDeleteOptions::default();
                    channel.queue_delete(name(&queue.name)?, options).await.map(drop)
                }
            }
        };
        deleted.await.map_err(|error| match error.is_amqp_soft_error() {
            true => Error::Refused { what: format!("delete {object}"), source: error.into() },
            false => lost(WHAT, error),
        })?;
    }
    Ok(())
}

const WHAT: &str = "delete the topology";
