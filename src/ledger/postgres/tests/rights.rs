//! Who may do what in the database, and whose the tables are.

use super::certificates::put;
use super::database::{TestDatabase, database, own_database};
use super::schema::VERSION;
use super::{CANARY, PostgresLedger, PostgresSettings, in_the_end, open, refusal};
use crate::ledger::conformance::{at, bare, claim, granted, waiting};
use crate::ledger::{Claimed, Lease, Ledger};
use crate::secret::Secret;

/// An address with another user.
fn with_user(database: &TestDatabase, user: &str, schema: &str) -> String {
    let url = database.with_schema(schema);
    url.replace("postgres://postgres@", &format!("postgres://{user}:{CANARY}@"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_may_not_create_works_where_the_tables_are() {
    let database = own_database().await;
    let shell = database.shell().await;
    shell.batch_execute("CREATE ROLE plain LOGIN").await.unwrap();
    let line = refusal(&with_user(&database, "plain", "theirs")).await;
    assert!(line.contains("has no schema theirs as this version needs it"), "{line}");
    assert!(line.contains("GRANT CREATE ON DATABASE postgres"), "{line}");

    drop(open(&database.with_schema("theirs")).await.unwrap());
    let url = with_user(&database, "plain", "theirs");
    let line = refusal(&url).await;
    assert!(line.contains("forbids something to this user"), "{line}");
    shell
        .batch_execute(
            "GRANT USAGE ON SCHEMA theirs TO plain;
             GRANT ALL ON ALL TABLES IN SCHEMA theirs TO plain",
        )
        .await
        .unwrap();
    let ledger = open(&url).await.unwrap();
    let (claim, ..) = granted(&ledger, "a", 0).await;
    ledger.save(&claim, bare(&waiting(2, at(9)), Lease::Release, at(1))).await.unwrap();
    assert_eq!(ledger.purge(at(9), 1).await.unwrap(), 0);
    ledger.take_turn("a", std::time::Duration::from_secs(1), 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_waits_for_the_disk_whatever_the_servers_default() {
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
    let client = ledger.pool.lend().await.unwrap();
    for (setting, expected) in
        [("synchronous_commit", "on"), ("default_transaction_isolation", "read committed")]
    {
        let row = client.query_one(&format!("SHOW {setting}"), &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), expected, "{setting}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_read_only_is_said_to_be() {
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
        if let Err(error) = ledger.save(&claim, bare(&state, Lease::Renew, at(1))).await {
            break error.to_string();
        }
    };
    assert!(line.contains("is a standby or read-only; name the primary"), "{line}");
    // Each connection hears of it at a moment of its own.
    let unready = async {
        while ledger.ping().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::LIMIT, unready).await.unwrap();
    assert!(refusal(&url).await.contains("is a standby or read-only; name the primary"));
    shell.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    shell.batch_execute(&format!("{read_only} = off")).await.unwrap();
    shell.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    super::in_the_end(|| {
        let state = Box::leak(Box::new(waiting(1, at(9))));
        ledger.save(&claim, bare(state, Lease::Renew, at(1)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused() {
    let url = database().await.fresh();
    let ledger = open(&url).await.unwrap();
    let client = ledger.pool.lend().await.unwrap();
    client.batch_execute("INSERT INTO migrations (version) VALUES (99)").await.unwrap();
    let line = refusal(&url).await;
    let known = format!("newer ticketd (schema version 99, this one knows {VERSION})");
    assert!(line.contains(&known), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_another_program_are_left_alone() {
    let url = database().await.fresh();
    let schema = url.rsplit_once('=').unwrap().1;
    let shell = database().await.shell().await;
    let create = format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.jobs (title text)");
    shell.batch_execute(&create).await.unwrap();
    assert!(refusal(&url).await.contains("of another program; name another one in ledger.url"));
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = $1";
    let tables: i64 = shell.query_one(tables, &[&schema]).await.unwrap().get(0);
    assert_eq!(tables, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_may_have_their_tables_in_the_same_database() {
    let (one, two) = (database().await.fresh(), database().await.fresh());
    let (one, two) = (open(&one).await.unwrap(), open(&two).await.unwrap());
    granted(&one, "a", 0).await;
    let claimed = claim(&two, "a", 0, false).await;
    assert!(matches!(claimed, Claimed::Granted { .. }), "{claimed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_password_opens_the_next_connection() {
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
    let ledger = in_the_end(|| PostgresLedger::connect(&settings)).await;

    password("another").await;
    std::fs::write(&file, url.replace(CANARY, "another")).unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'replica'";
    shell.batch_execute(end).await.unwrap();
    in_the_end(|| ledger.ping()).await;
    let wrong = refusal(&url).await;
    assert!(wrong.contains("password"), "{wrong}");
}
