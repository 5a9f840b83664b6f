//! Makes our tables and brings them up to date.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// One step for each version of the schema. Steps are only ever added.
const MIGRATIONS: [&str; 2] = [include_str!("schema-1.sql"), include_str!("schema-2.sql")];

/// The version this program reads and writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Held while the schema is changed: many replicas may start at once. Any number does that no other
/// program in the database is likely to choose.
const LOCK: i64 = i64::from_be_bytes(*b"ticketd ");

/// Why a database can't be used as a ledger.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// The schema holds tables that are not ours.
    #[error("the schema belongs to another program")]
    Foreign,
    /// A later version of this program changed it.
    #[error("the schema has version {0}")]
    Newer(usize),
    /// The schema is missing or old, and this user may not change that.
    #[error("the schema can't be changed")]
    Forbidden(#[source] Error),
    #[error(transparent)]
    Sql(#[from] Error),
}

/// Brings the schema up to date. Where it is, nothing is written, and a user that may not create
/// anything is good enough.
pub(super) async fn migrate(client: &ClientWrapper, schema: &str) -> Result<(), Unusable> {
    if version(client, schema).await? == VERSION {
        return Ok(());
    }
    // Dropped with the connection if a step fails.
    client
        .batch_execute("BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        .await?;
    client.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    // Asked again under the lock: another replica may have been quicker.
    let known = version(client, schema).await?;
    if known < VERSION {
        grow(client, schema, known).await.map_err(|error| match error.code() {
            Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => Unusable::Forbidden(error),
            Some(code) if *code == SqlState::DUPLICATE_TABLE => Unusable::Foreign,
            _ => Unusable::Sql(error),
        })?;
    }
    Ok(client.batch_execute("COMMIT").await?)
}

/// The version of what is there; 0 where nothing is. The catalogue is asked for the table, because a
/// name is looked up in a cache that may not know yet what another replica has just done.
async fn version(client: &ClientWrapper, schema: &str) -> Result<usize, Unusable> {
    let there = "SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                 WHERE nspname = $1 AND relname = 'migrations'";
    if client.query_opt(there, &[&schema]).await?.is_none() {
        return Ok(0);
    }
    // With its schema, so that a user without the right to that is told so.
    let newest = format!("SELECT coalesce(max(version), 0) FROM \"{schema}\".migrations");
    let row = client.query_one(&newest, &[]).await?;
    let version = usize::try_from(row.get::<_, i32>(0)).map_err(|_| Unusable::Foreign)?;
    if version > VERSION { Err(Unusable::Newer(version)) } else { Ok(version) }
}

async fn grow(client: &ClientWrapper, schema: &str, known: usize) -> Result<(), Error> {
    // With IF NOT EXISTS, a user without the right would be refused even where it is there.
    let there = "SELECT FROM pg_namespace WHERE nspname = $1";
    if client.query_opt(there, &[&schema]).await?.is_none() {
        client.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await?;
    }
    for (version, step) in (1_i32..).zip(MIGRATIONS).skip(known) {
        client.batch_execute(step).await?;
        client.execute("INSERT INTO migrations (version) VALUES ($1)", &[&version]).await?;
    }
    Ok(())
}
