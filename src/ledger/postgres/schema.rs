//! Creates the tables, and updates them after an upgrade.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// One step for each version of the schema. A released step never changes.
const MIGRATIONS: [&str; 1] = [include_str!("schema-1.sql")];

/// The schema version that this program reads and writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Advisory lock for changes of the schema, because many replicas may start at once. The number is
/// unlikely to be used by another program in the database.
const LOCK: i64 = i64::from_be_bytes(*b"ticketd ");

/// Why a database can't be used as a ledger.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    /// The schema has tables of another program.
    #[error("the schema belongs to another program")]
    OtherProgram,
    /// A newer version of this program changed the schema.
    #[error("the schema has version {0}")]
    Newer(usize),
    /// The schema is missing or old, and this user may not change it.
    #[error("the schema can't be changed")]
    NotPermitted(#[source] Error),
    #[error(transparent)]
    Database(#[from] Error),
}

/// Updates the schema to [`VERSION`]. Writes nothing if it has that version already, so that a user
/// without the right to create tables can work there.
pub(super) async fn migrate(client: &ClientWrapper, schema: &str) -> Result<(), SchemaError> {
    if version(client, schema).await? == VERSION {
        return Ok(());
    }
    // If a step fails, the caller closes the connection, which rolls back.
    client
        .batch_execute("BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        .await?;
    client.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    // Checked again under the lock: another replica may have migrated the schema in between.
    let current = version(client, schema).await?;
    if current < VERSION {
        apply_steps(client, schema, current).await.map_err(|error| match error.code() {
            Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
                SchemaError::NotPermitted(error)
            }
            Some(code) if *code == SqlState::DUPLICATE_TABLE => SchemaError::OtherProgram,
            _ => SchemaError::Database(error),
        })?;
    }
    Ok(client.batch_execute("COMMIT").await?)
}

/// The version of an existing schema; 0 if there is none. Asks the catalogue for the table: a plain
/// name lookup uses a cache that may not know yet what another replica has just committed.
async fn version(client: &ClientWrapper, schema: &str) -> Result<usize, SchemaError> {
    let table = "SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                 WHERE nspname = $1 AND relname = 'migrations'";
    if client.query_opt(table, &[&schema]).await?.is_none() {
        return Ok(0);
    }
    // Qualified, so that a user without rights on the schema gets the error that says so.
    let newest = format!("SELECT coalesce(max(version), 0) FROM \"{schema}\".migrations");
    let row = client.query_one(&newest, &[]).await?;
    let version = usize::try_from(row.get::<_, i32>(0)).map_err(|_| SchemaError::OtherProgram)?;
    if version > VERSION { Err(SchemaError::Newer(version)) } else { Ok(version) }
}

async fn apply_steps(client: &ClientWrapper, schema: &str, current: usize) -> Result<(), Error> {
    // CREATE SCHEMA IF NOT EXISTS needs the right to create even where the schema exists.
    let exists = "SELECT FROM pg_namespace WHERE nspname = $1";
    if client.query_opt(exists, &[&schema]).await?.is_none() {
        client.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await?;
    }
    for (version, step) in (1_i32..).zip(MIGRATIONS).skip(current) {
        client.batch_execute(step).await?;
        client.execute("INSERT INTO migrations (version) VALUES ($1)", &[&version]).await?;
    }
    Ok(())
}
