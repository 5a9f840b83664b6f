//! Channels for mandatory publishes. Each carries one publish at a time, because the library
//! attributes a returned message to whichever confirm completes next on the channel.

use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Pool, PoolError, RecycleError, RecycleResult, Timeouts};
use lapin::Channel;

use crate::broker::connection::SupervisedConnection;
use crate::broker::error::{Error, PublishError};

/// How many mandatory publishes run at once.
const MAX_CHANNELS: usize = 16;

#[derive(Clone)]
pub(super) struct MandatoryChannels {
    pool: Pool<ChannelManager>,
    timeout: Duration,
}

impl MandatoryChannels {
    pub(super) fn new(connection: Arc<SupervisedConnection>, timeout: Duration) -> Self {
        // Building fails only if there are time-outs without a runtime.
        let pool = Pool::builder(ChannelManager { connection })
            .max_size(MAX_CHANNELS)
            .runtime(Runtime::Tokio1)
            .build()
            .unwrap_or_else(|error| unreachable!("{error}"));
        Self { pool, timeout }
    }

    pub(super) async fn get(&self) -> Result<managed::Object<ChannelManager>, PublishError> {
        let timeouts = Timeouts {
            wait: Some(self.timeout),
            create: Some(self.timeout),
            recycle: Some(self.timeout),
        };
        self.pool.timeout_get(&timeouts).await.map_err(|error| match error {
            PoolError::Backend(error) => PublishError::Lost(Some(error.into())),
            PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => PublishError::Unreachable(self.timeout),
        })
    }
}

pub(super) struct ConfirmChannel {
    pub(super) channel: Channel,
    /// Whether a publish on it is still unconfirmed.
    pub(super) in_use: bool,
}

pub(super) struct ChannelManager {
    connection: Arc<SupervisedConnection>,
}

impl managed::Manager for ChannelManager {
    type Type = ConfirmChannel;
    type Error = Error;

    async fn create(&self) -> Result<ConfirmChannel, Error> {
        Ok(ConfirmChannel { channel: self.connection.confirm_channel().await?, in_use: false })
    }

    async fn recycle(&self, pooled: &mut ConfirmChannel, _: &Metrics) -> RecycleResult<Error> {
        if pooled.in_use {
            return Err(RecycleError::message("a publish on the channel was never confirmed"));
        }
        if !pooled.channel.status().connected() {
            return Err(RecycleError::message("the channel is closed"));
        }
        Ok(())
    }
}
