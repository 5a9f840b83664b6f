//! The ledger in a PostgreSQL database.

mod certificates;
mod outages;
mod privileges;
mod refusals;
mod replicas;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ticketd::ledger::postgres::PostgresSettings;
use ticketd::ledger::{Error, Ledger, PostgresLedger};
use tokio_postgres::Client;

use super::conformance::every_promise;
use crate::harness::{TestDatabase, database};

/// A password that no message may contain.
const CANARY: &str = "c4n4ry";

/// Longer than anything takes here, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A ledger in a schema of its own.
async fn new_ledger() -> (Arc<dyn Ledger>, ()) {
    (Arc::new(open(&database().await.fresh()).await.unwrap()), ())
}

pub(super) async fn open(url: &str) -> Result<PostgresLedger, Error> {
    PostgresLedger::connect(&PostgresSettings::parse(url).unwrap()).await
}

/// The error of a database that can't be opened as a ledger.
async fn open_error(url: &str) -> String {
    match open(url).await {
        Ok(_) => panic!("{url} was opened"),
        Err(error) => {
            let everything = format!("{error} {error:?}");
            assert!(!everything.contains(CANARY), "{everything}");
            error.to_string()
        }
    }
}

/// Repeats a request until it succeeds: a store may fail for a moment, but has to recover.
async fn eventually<T, F: Future<Output = Result<T, Error>>>(mut request: impl FnMut() -> F) -> T {
    let since = Instant::now();
    loop {
        match request().await {
            Ok(answer) => return answer,
            Err(Error::Store { .. }) if since.elapsed() < LIMIT => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("{error}: {error:?}"),
        }
    }
}

/// A connection beside the ledger, in the schema of its address.
async fn shell(database: &TestDatabase, url: &str) -> Client {
    let shell = database.shell().await;
    let schema = url.rsplit_once("search_path=").unwrap().1;
    shell.batch_execute(&format!("SET search_path = {schema}")).await.unwrap();
    shell
}

mod promises {
    use super::{every_promise, new_ledger};

    every_promise!(new_ledger().await);
}
