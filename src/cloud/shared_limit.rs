//! A limit on requests that several replicas keep together. Where it is kept is not our business.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

/// Keeps the turns of accounts for everybody who uses them.
#[async_trait]
pub trait SharedLimit: fmt::Debug + Send + Sync {
    /// Takes an account's next turn, or says how long there is none. One comes every `per`; up to
    /// `burst` that nobody took may be taken at once.
    async fn take_turn(
        &self,
        account: &str,
        per: Duration,
        burst: u32,
    ) -> Result<Option<Duration>, LimitUnavailable>;
}

/// Whoever keeps the limit could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the shared limit can't be asked")]
pub struct LimitUnavailable(#[source] pub Box<dyn Error + Send + Sync>);
