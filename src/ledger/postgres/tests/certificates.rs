//! Whom the ledger believes, and by what it is believed.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_postgres::Client;

use super::database::{TestDatabase, own_database};
use super::{in_the_end, open, refusal};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a host name, and its key, in PEM.
fn signed(authority: &Authority, name: &str) -> [String; 2] {
    let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    [parameters.signed_by(&key, authority).unwrap().pem(), key.serialize_pem()]
}

/// Writes a file into the server's folder.
pub(super) async fn put(shell: &Client, name: &str, text: &str) {
    // As lines, because COPY escapes a line's end.
    let copy = format!(
        "COPY (SELECT regexp_split_to_table('{text}', '\n'))
         TO PROGRAM 'umask 077; cat > {name}'"
    );
    shell.batch_execute(&copy).await.unwrap();
}

/// Files of ours.
struct Files(TempDir);

impl Files {
    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// A server with TLS whose certificate is for localhost, signed by an authority that trusts its
/// own clients; the user `known` has to show such a certificate.
async fn server(authority: &Authority) -> TestDatabase {
    let database = own_database().await;
    let shell = database.shell().await;
    let [certificate, key] = signed(authority, "localhost");
    put(&shell, "server.crt", &certificate).await;
    put(&shell, "server.key", &key).await;
    put(&shell, "authority.crt", &authority.pem()).await;
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
fn address(database: &TestDatabase, user_at_host: &str, more: &str) -> String {
    let url = database.fresh().replace("postgres@127.0.0.1", user_at_host);
    format!("{url}&{more}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_by_its_certificate_alone() {
    let (ours, other) = (authority("ours"), authority("other"));
    let database = server(&ours).await;
    let files = Files(TempDir::new().unwrap());
    let root = format!("sslrootcert={}", files.put("ours.pem", &ours.pem()).display());
    let wrong = format!("sslrootcert={}", files.put("other.pem", &other.pem()).display());
    let local = |more: &str| address(&database, "postgres@localhost", more);
    let numeric = |more: &str| address(&database, "postgres@127.0.0.1", more);

    for url in [
        local(&format!("sslmode=verify-full&{root}")),
        local(&format!("sslmode=require&{root}")),
        local(&format!("sslmode=prefer&{root}")),
        numeric(&format!("sslmode=verify-ca&{root}")),
    ] {
        // The server may not have taken up its certificate yet.
        let ledger = in_the_end(|| open(&url)).await;
        let client = ledger.pool.lend().await.unwrap();
        let private = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let row = client.query_one(private, &[]).await.unwrap();
        assert!(row.get::<_, bool>(0), "{url}");
    }
    let unknown = "shows a certificate of an unknown authority; name its own with sslrootcert=FILE";
    let another = "shows the certificate of another host";
    for (url, words) in [
        (local(&format!("sslmode=verify-full&{wrong}")), unknown),
        (numeric(&format!("sslmode=verify-ca&{wrong}")), unknown),
        (local("sslmode=require"), unknown),
        (local("sslmode=prefer"), unknown),
        (numeric(&format!("sslmode=verify-full&{root}")), another),
        (numeric(&format!("sslmode=require&{root}")), another),
    ] {
        let line = refusal(&url).await;
        assert!(line.contains(words), "{url}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_shows_its_certificate_where_one_is_wanted() {
    let (ours, other) = (authority("ours"), authority("other"));
    let database = server(&ours).await;
    let files = Files(TempDir::new().unwrap());
    let root = files.put("ours.pem", &ours.pem());
    let root = format!("sslmode=verify-full&sslrootcert={}", root.display());
    let identity = |name: &str, authority: &Authority| {
        let [certificate, key] = signed(authority, "ticketd");
        let certificate = files.put(&format!("{name}.crt"), &certificate);
        let key = files.put(&format!("{name}.key"), &key);
        format!("{root}&sslcert={}&sslkey={}", certificate.display(), key.display())
    };
    let known = |more: &str| address(&database, "known@localhost", more);
    let good = known(&identity("good", &ours));
    in_the_end(|| open(&good)).await;
    let line = refusal(&known(&root)).await;
    assert!(line.contains("wants a certificate of its client; name yours with sslcert"), "{line}");
    let line = refusal(&known(&identity("bad", &other))).await;
    assert!(line.contains("does not trust our certificate; correct sslcert"), "{line}");
}
