//! The baseline: a consumer that receives a job, publishes one confirmed message and acknowledges the
//! job, with the same concurrency as ticketd.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::task::JoinSet;

use crate::queues::{Queues, short};
use crate::{Round, machine, ticketd};

pub(crate) async fn round(queues: &Queues, url: &str, jobs: usize) -> Result<Round> {
    queues.fill(&queues.baseline_jobs(), ticketd::jobs("baseline", jobs)).await?;
    let exchange: Arc<str> = queues.baseline_exchange().into();
    let (cpu, start) = (machine::cpu()?, Instant::now());

    let connect = || Connection::connect(url, ConnectionProperties::default());
    let (consuming, publishing) = tokio::try_join!(connect(), connect())?;
    let (input, output) =
        tokio::try_join!(consuming.create_channel(), publishing.create_channel())?;
    output.confirm_select(ConfirmSelectOptions::default()).await?;
    input.basic_qos(ticketd::CONCURRENCY, BasicQosOptions::default()).await?;
    let (queue, options) = (short(&queues.baseline_jobs())?, BasicConsumeOptions::default());
    let mut deliveries =
        input.basic_consume(queue, "".into(), options, FieldTable::default()).await?;
    let mut running = JoinSet::new();
    for _ in 0..jobs {
        let delivery = deliveries.next().await.context("the broker ended the deliveries")??;
        running.spawn(work(output.clone(), exchange.clone(), delivery));
        while let Some(done) = running.try_join_next() {
            done??;
        }
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    // Closing a connection may drop acks; closing a channel does not.
    input.close(200, "done".into()).await?;
    tokio::try_join!(consuming.close(200, "done".into()), publishing.close(200, "done".into()))?;

    let round = Round { jobs, duration: start.elapsed(), cpu: machine::cpu()? - cpu };
    queues.check_and_purge(&queues.baseline_jobs(), 0).await?;
    queues.check_and_purge(&queues.baseline_results(), jobs).await?;
    Ok(round)
}

async fn work(
    output: Channel,
    exchange: Arc<str>,
    delivery: lapin::message::Delivery,
) -> Result<()> {
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into());
    let (exchange, options) = (short(&exchange)?, BasicPublishOptions::default());
    let published =
        output.basic_publish(exchange, "result".into(), options, &delivery.data, properties);
    let confirm = published.await?.await?;
    ensure!(matches!(confirm, Confirmation::Ack(None)), "a result was not confirmed");
    ensure!(delivery.acker.ack(BasicAckOptions::default()).await?, "an ack failed");
    Ok(())
}
