//! TLS: which servers and clients are trusted.

use std::path::Path;

use tempfile::TempDir;
use ticketd::ledger::Ledger;
use tokio_postgres::Client;

use super::{eventually, open, open_error};
use crate::harness::{Authority, TestDatabase, own_database};

/// Writes a file into the server's folder.
pub(super) async fn put(shell: &Client, name: &str, text: &str) {
    // Line by line, because COPY escapes line breaks.
    let copy = format!(
        "COPY (SELECT regexp_split_to_table('{text}', '\n'))
         TO PROGRAM 'umask 077; cat > {name}'"
    );
    shell.batch_execute(&copy).await.unwrap();
}

/// A server whose certificate is for localhost. The user `known` needs a client certificate from the
/// same authority.
async fn server(authority: &Authority, folder: &Path) -> TestDatabase {
    let database = own_database().await;
    let shell = database.shell().await;
    let files = authority.sign(folder, "localhost");
    let authority = authority.put(folder, "authority");
    for (name, path) in
        [("server.crt", files.certificate), ("server.key", files.key), ("authority.crt", authority)]
    {
        put(&shell, name, &std::fs::read_to_string(path).unwrap()).await;
    }
    put(
        &shell,
        "pg_hba.conf",
        "hostssl all known all trust clientcert=verify-ca\n\
         host all postgres all trust\n",
    )
    .await;
    for statement in [
        "CREATE ROLE known LOGIN SUPERUSER",
        "ALTER SYSTEM SET ssl_ca_file = 'authority.crt'",
        "ALTER SYSTEM SET ssl = on",
        "SELECT pg_reload_conf()",
    ] {
        shell.batch_execute(statement).await.unwrap();
    }
    database
}

/// The address of a user, with parameters.
fn address(database: &TestDatabase, user_at_host: &str, parameters: &str) -> String {
    let url = database.fresh().replace("postgres@127.0.0.1", user_at_host);
    format!("{url}&{parameters}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_needs_a_trusted_certificate_for_its_host_name() {
    let folder = TempDir::new().unwrap();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let database = server(&ours, &folder.path().join("server")).await;
    let root = format!("sslrootcert={}", ours.put(folder.path(), "ours").display());
    let wrong = format!("sslrootcert={}", other.put(folder.path(), "other").display());
    let by_name = |more: &str| address(&database, "postgres@localhost", more);
    let by_number = |more: &str| address(&database, "postgres@127.0.0.1", more);

    let url = by_name(&format!("sslmode=require&{root}"));
    // The server may need a moment to load its certificate.
    let ledger = eventually(|| open(&url)).await;
    ledger.ping().await.unwrap();
    let tls = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
               WHERE application_name = 'ticketd'";
    let row = database.shell().await.query_one(tls, &[]).await.unwrap();
    assert_eq!(row.get::<_, Option<bool>>(0), Some(true));
    drop(ledger);

    let unknown = "has a certificate from an unknown authority; set sslrootcert=FILE";
    for (url, expected) in [
        (by_name(&format!("sslmode=require&{wrong}")), unknown),
        (by_name("sslmode=require"), unknown),
        (by_number(&format!("sslmode=require&{root}")), "has the certificate of another host"),
    ] {
        let message = open_error(&url).await;
        assert!(message.contains(expected), "{url}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_shows_its_certificate_to_a_server_that_needs_one() {
    let folder = TempDir::new().unwrap();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let database = server(&ours, &folder.path().join("server")).await;
    let root = ours.put(folder.path(), "ours");
    let root = format!("sslmode=require&sslrootcert={}", root.display());
    let identity = |name: &str, authority: &Authority| {
        let files = authority.sign(&folder.path().join(name), "ticketd");
        let (certificate, key) = (files.certificate.display(), files.key.display());
        format!("{root}&sslcert={certificate}&sslkey={key}")
    };
    let known = |more: &str| address(&database, "known@localhost", more);
    let good = known(&identity("good", &ours));
    eventually(|| open(&good)).await;
    let message = open_error(&known(&root)).await;
    assert!(message.contains("needs a client certificate; set sslcert and sslkey"), "{message}");
    let message = open_error(&known(&identity("bad", &other))).await;
    assert!(message.contains("does not trust the client certificate"), "{message}");
}
