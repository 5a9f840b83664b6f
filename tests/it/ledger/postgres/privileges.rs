//! Database users, their rights and settings, and tables of other programs.

use std::time::Duration;

use ticketd::ledger::postgres::PostgresSettings;
use ticketd::ledger::{Claimed, Lease, Ledger, PostgresLedger};
use ticketd::secret::Secret;

use super::certificates::put;
use super::{CANARY, LIMIT, eventually, open, open_error, shell};
use crate::harness::{TestDatabase, database, own_database};
use crate::ledger::conformance::{at, claim, granted, new_save, waiting};

/// The address of a schema, with another user.
fn with_user(database: &TestDatabase, user: &str, schema: &str) -> String {
    let url = database.with_schema(schema);
    url.replace("postgres://postgres@", &format!("postgres://{user}:{CANARY}@"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_create_rights_can_use_existing_tables() {
    let database = own_database().await;
    let shell = database.shell().await;
    shell.batch_execute("CREATE ROLE plain LOGIN").await.unwrap();
    let line = open_error(&with_user(&database, "plain", "theirs")).await;
    assert!(line.contains("has no schema theirs as this version needs it"), "{line}");
    assert!(line.contains("GRANT CREATE ON DATABASE postgres"), "{line}");

    drop(open(&database.with_schema("theirs")).await.unwrap());
    let url = with_user(&database, "plain", "theirs");
    let line = open_error(&url).await;
    assert!(line.contains("denies a right to this user"), "{line}");
    shell
        .batch_execute(
            "GRANT USAGE ON SCHEMA theirs TO plain;
             GRANT ALL ON ALL TABLES IN SCHEMA theirs TO plain",
        )
        .await
        .unwrap();
    let ledger = open(&url).await.unwrap();
    let (claim, ..) = granted(&ledger, "a", 0).await;
    ledger.save(&claim, new_save(&waiting(2, at(9)), Lease::Release, at(1))).await.unwrap();
    assert_eq!(ledger.purge(at(9), 1).await.unwrap(), 0);
    ledger.take_slot("a", Duration::from_secs(1), 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_waits_for_the_disk_whatever_the_servers_default() {
    let database = own_database().await;
    let shell = database.shell().await;
    shell
        .batch_execute(
            "CREATE ROLE hasty SUPERUSER LOGIN;
             ALTER ROLE hasty SET synchronous_commit = off;
             ALTER ROLE hasty SET default_transaction_isolation = 'serializable'",
        )
        .await
        .unwrap();
    let ledger = open(&with_user(&database, "hasty", "quick")).await.unwrap();
    // Records the settings of the connection that stores a job.
    shell
        .batch_execute(
            "SET search_path = quick;
             CREATE TABLE settings (synchronous_commit text, isolation text);
             CREATE FUNCTION record() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 INSERT INTO quick.settings VALUES (
                     current_setting('synchronous_commit'),
                     current_setting('transaction_isolation')
                 );
                 RETURN NEW;
             END $$;
             CREATE TRIGGER record BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION record()",
        )
        .await
        .unwrap();
    granted(&ledger, "a", 0).await;
    let row = shell.query_one("SELECT * FROM settings", &[]).await.unwrap();
    let settings: (&str, &str) = (row.get(0), row.get(1));
    assert_eq!(settings, ("on", "read committed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_is_named_in_the_error() {
    let database = own_database().await;
    let shell = database.shell().await;
    let url = database.fresh();
    let ledger = open(&url).await.unwrap();
    let (claim, ..) = granted(&ledger, "a", 0).await;
    let read_only = "ALTER SYSTEM SET default_transaction_read_only";
    shell.batch_execute(&format!("{read_only} = on")).await.unwrap();
    shell.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let mut numbers = 2..;
    let line = loop {
        let state = waiting(numbers.next().unwrap(), at(9));
        if let Err(error) = ledger.save(&claim, new_save(&state, Lease::Renew, at(1))).await {
            break error.to_string();
        }
    };
    assert!(line.contains("is a standby or read-only; name the primary"), "{line}");
    // The server tells each connection at another moment.
    let unready = async {
        while ledger.ping().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, unready).await.unwrap();
    assert!(open_error(&url).await.contains("is a standby or read-only; name the primary"));
    shell.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    shell.batch_execute(&format!("{read_only} = off")).await.unwrap();
    shell.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    eventually(|| {
        let state = Box::leak(Box::new(waiting(1, at(9))));
        ledger.save(&claim, new_save(state, Lease::Renew, at(1)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused() {
    let url = database().await.fresh();
    drop(open(&url).await.unwrap());
    let newer = "INSERT INTO migrations (version) VALUES (99)";
    shell(database().await, &url).await.batch_execute(newer).await.unwrap();
    let line = open_error(&url).await;
    assert!(line.contains("newer ticketd (schema version 99, this one knows 1)"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_another_program_are_not_changed() {
    let url = database().await.fresh();
    let schema = url.rsplit_once('=').unwrap().1;
    let shell = database().await.shell().await;
    let create = format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.jobs (title text)");
    shell.batch_execute(&create).await.unwrap();
    assert!(open_error(&url).await.contains("of another program; name another one in ledger.url"));
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = $1";
    let tables: i64 = shell.query_one(tables, &[&schema]).await.unwrap().get(0);
    assert_eq!(tables, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_schemas_in_one_database_are_independent() {
    let (one, two) = (database().await.fresh(), database().await.fresh());
    let (one, two) = (open(&one).await.unwrap(), open(&two).await.unwrap());
    granted(&one, "a", 0).await;
    let claimed = claim(&two, "a", 0, false).await;
    assert!(matches!(claimed, Claimed::Granted { .. }), "{claimed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_password_is_used_for_the_next_connection() {
    let database = own_database().await;
    let shell = database.shell().await;
    put(&shell, "pg_hba.conf", "host all replica all password\nhost all postgres all trust\n")
        .await;
    let password = async |password: &str| {
        let alter = format!("ALTER ROLE replica PASSWORD '{password}'");
        shell.batch_execute(&alter).await.unwrap();
    };
    shell.batch_execute("CREATE ROLE replica SUPERUSER LOGIN").await.unwrap();
    password(CANARY).await;
    shell.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let url = with_user(&database, "replica", "renewed");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, &url).unwrap();
    let source = Secret::from_file(&file).unwrap();
    let settings = PostgresSettings::parse(&url).unwrap().kept_in(source);
    let ledger = eventually(|| PostgresLedger::connect(&settings)).await;

    password("another").await;
    std::fs::write(&file, url.replace(CANARY, "another")).unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'replica'";
    shell.batch_execute(end).await.unwrap();
    eventually(|| ledger.ping()).await;
    let wrong = open_error(&url).await;
    assert!(wrong.contains("password"), "{wrong}");
}
