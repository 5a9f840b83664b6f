//! On a real PostgreSQL: the promises, and what is PostgreSQL's alone.

#[path = "../../../../tests/support/child_guard.rs"]
mod child_guard;
#[path = "../../../../tests/support/database.rs"]
mod database;

mod certificates;
mod outages;
mod pace;
mod refusals;
mod rights;
mod sharing;
mod upgrades;

use std::sync::Arc;

use self::database::database;
use super::*;

/// A ledger in a schema of its own.
async fn fresh() -> (Arc<dyn Ledger>, ()) {
    (Arc::new(open(&database().await.fresh()).await.unwrap()), ())
}

async fn open(url: &str) -> Result<PostgresLedger, Error> {
    PostgresLedger::connect(&PostgresSettings::parse(url).unwrap()).await
}

/// What opening a ledger says.
async fn refusal(url: &str) -> String {
    match open(url).await {
        Ok(_) => panic!("{url} was opened"),
        Err(error) => {
            let whole = format!("{error} {error:?}");
            assert!(!whole.contains(CANARY), "{whole}");
            error.to_string()
        }
    }
}

/// Whatever a ledger is asked, it may fail for a moment and must come right again.
async fn in_the_end<T, F: Future<Output = Result<T, Error>>>(mut ask: impl FnMut() -> F) -> T {
    let since = std::time::Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error @ Error::Store { .. }) if since.elapsed() < LIMIT => {
                tracing::debug!(%error, "once more");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("{error}: {error:?}"),
        }
    }
}

/// A password, and what must be found nowhere else.
const CANARY: &str = "c4n4ry";

/// Longer than anything here takes, on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(60);

mod promises {
    use super::fresh;
    use crate::ledger::conformance::every_promise;

    every_promise!(fresh().await);
}
