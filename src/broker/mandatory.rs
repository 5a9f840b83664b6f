//! Confirm channels for publishes that may come back, one publish at a time on each: the library
//! hands a returned message to whichever confirm comes next.

use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Pool, PoolError, RecycleError, RecycleResult, Timeouts};
use lapin::Channel;

use super::connection::SupervisedConnection;
use super::error::{Error, PublishError};

/// How many such publishes are under way at once.
const CHANNELS: usize = 16;

#[derive(Clone)]
pub(super) struct Channels {
    pool: Pool<ChannelManager>,
    patience: Duration,
}

impl Channels {
    pub(super) fn new(link: Arc<SupervisedConnection>, patience: Duration) -> Self {
        // Building fails only for time-outs without a runtime.
        let pool = Pool::builder(ChannelManager { link })
            .max_size(CHANNELS)
            .runtime(Runtime::Tokio1)
            .build()
            .unwrap_or_else(|error| unreachable!("{error}"));
        Self { pool, patience }
    }

    pub(super) async fn take(&self) -> Result<managed::Object<ChannelManager>, PublishError> {
        let limit = Timeouts {
            wait: Some(self.patience),
            create: Some(self.patience),
            recycle: Some(self.patience),
        };
        self.pool.timeout_get(&limit).await.map_err(|error| match error {
            PoolError::Backend(error) => PublishError::Lost(Some(error.into())),
            PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => PublishError::Unreachable(self.patience),
        })
    }
}

/// A channel, and whether a publish on it is still unconfirmed.
pub(super) struct Single {
    pub(super) channel: Channel,
    pub(super) occupied: bool,
}

pub(super) struct ChannelManager {
    link: Arc<SupervisedConnection>,
}

impl managed::Manager for ChannelManager {
    type Type = Single;
    type Error = Error;

    async fn create(&self) -> Result<Single, Error> {
        Ok(Single { channel: self.link.confirm_channel().await?, occupied: false })
    }

    async fn recycle(&self, single: &mut Single, _: &Metrics) -> RecycleResult<Error> {
        if single.occupied {
            return Err(RecycleError::message("a publish was given up unconfirmed"));
        }
        if !single.channel.status().connected() {
            return Err(RecycleError::message("the channel is closed"));
        }
        Ok(())
    }
}
