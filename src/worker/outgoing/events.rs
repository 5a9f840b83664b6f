//! Publishes events, and copies of outcomes to `reply_to` queues.

use jiff::Timestamp;
use tracing::{Instrument, info, warn};

use super::super::{Error, Metrics, observe};
use crate::broker::{
    BrokerSettings, Confirm, ExchangeName, Message, Properties, Publisher, RouteResult,
};
use crate::job::cloud_event::{self, CloudEvent};
use crate::job::message::Rejection;
use crate::job::state::ExecutionState;
use crate::job::{Job, Milestone, Outcome, ReplyTo};

/// Attempts to send a copy of an outcome to a `reply_to` queue that does not confirm it.
const MAX_REPLY_ATTEMPTS: u32 = 2;

/// Publishes what happens to jobs.
pub struct EventPublisher {
    publisher: Publisher,
    source: String,
    broker: BrokerSettings,
    metrics: Metrics,
}

impl EventPublisher {
    /// `source` is the CloudEvents source of every event.
    pub fn new(
        publisher: Publisher,
        source: String,
        broker: BrokerSettings,
        metrics: Metrics,
    ) -> Self {
        Self { publisher, source, broker, metrics }
    }

    /// Sends the event of a milestone. The caller awaits the confirm later.
    pub async fn send_milestone(
        &self,
        job: &Job,
        execution: &ExecutionState,
        milestone: Milestone,
        at: Timestamp,
    ) -> Result<Confirm, Error> {
        let mut event = CloudEvent::milestone(&self.source, job, execution, milestone, at);
        let span = observe::publish_span(&mut event);
        let message = message(&event, job.correlation_id.clone())?;
        let key = event.routing_key();
        let sending = self.publisher.send(ExchangeName::Events, &key, &message);
        Ok(sending.instrument(span).await?)
    }

    /// Publishes an outcome, and its copy to the job's `reply_to`. Returns once both are confirmed.
    pub async fn publish_outcome(&self, job: &Job, outcome: &Outcome) -> Result<(), Error> {
        let event = CloudEvent::outcome(&self.source, job, outcome);
        self.publish(event, job.correlation_id.clone(), job.reply_to.as_ref()).await
    }

    /// Publishes the rejection of a message, and its copy to the message's `reply_to`.
    pub async fn publish_rejection(&self, rejection: &Rejection) -> Result<(), Error> {
        let event = CloudEvent::rejected(&self.source, rejection);
        let (job, operation) = (&rejection.job_id, event.data.operation.clone());
        let reply_to = rejection.reply_to.as_ref();
        self.publish(event, rejection.correlation_id.clone(), reply_to).await?;
        info!(job, operation, step = "rejected", problems = rejection.problems.len(), "job");
        self.metrics.rejected(&operation);
        Ok(())
    }

    async fn publish(
        &self,
        mut event: CloudEvent,
        correlation_id: Option<String>,
        reply_to: Option<&ReplyTo>,
    ) -> Result<(), Error> {
        let span = observe::publish_span(&mut event);
        let message = message(&event, correlation_id)?;
        let key = event.routing_key();
        let publishing = self.publisher.publish(ExchangeName::Events, &key, &message);
        publishing.instrument(span).await?;
        if let Some(reply_to) = reply_to {
            self.reply(&reply_to.queue, &message, &event).await;
        }
        Ok(())
    }

    /// Sends the copy of an outcome to a producer's own queue. The events exchange has the outcome
    /// already, so a queue that is missing, full or broken costs only this copy.
    async fn reply(&self, queue: &str, message: &Message, event: &CloudEvent) {
        let event = &event.id;
        if !self.broker.may_reply_to(queue) {
            warn!(queue, event, "the configuration does not allow this reply_to; copy dropped");
            return self.metrics.reply_dropped();
        }
        for _ in 0..MAX_REPLY_ATTEMPTS {
            match self.publisher.publish_mandatory("", queue, message).await {
                Ok(RouteResult::Routed) => return,
                Ok(RouteResult::Unroutable) => {
                    warn!(queue, event, "the reply_to queue does not exist; copy dropped");
                    return self.metrics.reply_dropped();
                }
                Err(error) => warn!(queue, event, %error, "the reply_to queue refused the copy"),
            }
        }
        self.metrics.reply_dropped();
    }
}

fn message(event: &CloudEvent, correlation_id: Option<String>) -> Result<Message, Error> {
    let headers = event.trace.headers().map(|(name, value)| (name.to_owned(), value.clone()));
    Ok(Message {
        body: serde_json::to_vec(event)?,
        properties: Properties {
            content_type: Some(cloud_event::CONTENT_TYPE.to_owned()),
            message_id: Some(event.id.clone()),
            correlation_id,
            headers: headers.collect(),
            ..Properties::default()
        },
    })
}
