//! Dead-lettering at least once needs the broker's feature flag `stream_queue`. Without it the
//! broker falls back silently. New nodes have it on; one upgraded from before 3.10 may not.

use lapin::Connection;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};

use super::Problem;
use super::declare::name;

/// Asks for a queue that no broker makes, an exclusive stream, and learns from why it refuses:
/// a broker with the flag off says so first. It may close the connection as it does.
pub(super) async fn missing(
    connection: &Connection,
    prefix: &str,
) -> lapin::Result<Option<Problem>> {
    let channel = connection.create_channel().await?;
    let options =
        QueueDeclareOptions { durable: true, exclusive: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("stream".into()));
    let queue = name(&format!("{prefix}.flag"))?;
    let answer = channel.queue_declare(queue, options, arguments).await;
    let off = answer.is_err_and(|error| error.to_string().contains("feature flag is disabled"));
    Ok(off.then(|| Problem::FlagOff { flag: "stream_queue".into() }))
}
