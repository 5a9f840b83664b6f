//! The PostgreSQL of a test run, shared by all tests. Its version is printed.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{env, fmt};

use anyhow::{Context, bail, ensure};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_postgres::{Client, NoTls};

use super::child_guard;

/// The environment variable with the URL of a database for the tests.
const GIVEN: &str = "TEST_POSTGRES_URL";

static SHARED: OnceCell<Result<TestDatabase, String>> = OnceCell::const_new();

/// A PostgreSQL for tests.
pub(crate) struct TestDatabase {
    /// `postgres://` with user and password.
    pub url: String,
    /// For display: `PostgreSQL 15.20, private cluster`.
    pub description: String,
    private: Option<Private>,
}

/// A private PostgreSQL. It is stopped on drop.
struct Private {
    folder: PathBuf,
    _holder: Child,
}

/// How a database is stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// As an operator does: connections are closed.
    Fast,
    /// Like a crash: it recovers at the next start.
    Immediate,
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Fast => "fast",
            Self::Immediate => "immediate",
        })
    }
}

/// The database of the run, started by the first test that needs it.
///
/// # Panics
/// If there is no database, with advice: a test that needs a database is never skipped.
pub(crate) async fn database() -> &'static TestDatabase {
    let outcome =
        SHARED.get_or_init(|| async { shared().await.map_err(|error| format!("{error:#}")) }).await;
    match outcome {
        Ok(database) => database,
        Err(error) => panic!("no database for the tests: {error}"),
    }
}

/// A database for one test, which may stop it or change its settings.
///
/// # Panics
/// If it cannot be started.
pub(crate) async fn own_database() -> TestDatabase {
    match TestDatabase::private().await {
        Ok(database) => database,
        Err(error) => panic!("no database for this test: {error:#}"),
    }
}

async fn shared() -> anyhow::Result<TestDatabase> {
    let database = match env::var(GIVEN) {
        Ok(url) => TestDatabase::at(url, None, &format!("given by {GIVEN}")).await?,
        Err(_) => TestDatabase::private().await?,
    };
    // Written to the stream directly: cargo hides what passing tests print.
    writeln!(std::io::stderr(), "database: {}", database.description)?;
    Ok(database)
}

impl TestDatabase {
    /// The URL of a new schema that no other test uses.
    pub(crate) fn fresh(&self) -> String {
        self.with_schema(&format!("ticketd_it_{:016x}", rand::random::<u64>()))
    }

    /// The URL of a schema.
    pub(crate) fn with_schema(&self, schema: &str) -> String {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{separator}options=-csearch_path={schema}", self.url)
    }

    /// A client without the ledger.
    pub(crate) async fn shell(&self) -> Client {
        shell(&self.url).await.unwrap_or_else(|error| panic!("{}: {error:#}", self.description))
    }

    /// Stops it and keeps its data.
    pub(crate) async fn stop(&self, how: Stop) -> anyhow::Result<()> {
        self.run(&["stop"], &[&how.to_string()]).await
    }

    /// Starts it again with its data at the same URL, and waits until it answers.
    pub(crate) async fn start_again(&self) -> anyhow::Result<()> {
        self.run(&["start"], &[]).await
    }

    async fn run(&self, command: &[&str], how: &[&str]) -> anyhow::Result<()> {
        let Some(private) = &self.private else { bail!("{} is not ours", self.description) };
        let mut script = tokio::process::Command::from(script());
        script.args(command).arg(&private.folder).args(how).stdout(Stdio::null());
        ensure!(script.status().await?.success(), "see the message of the script above");
        Ok(())
    }

    async fn private() -> anyhow::Result<Self> {
        let (private, url, name) = spawn_blocking(Private::start).await??;
        Self::at(url, Some(private), &name).await
    }

    async fn at(url: String, private: Option<Private>, name: &str) -> anyhow::Result<Self> {
        let row = shell(&url).await?.query_one("SHOW server_version", &[]).await?;
        let version = row.get::<_, &str>(0);
        let version = version.split(' ').next().unwrap_or(version);
        let description = format!("PostgreSQL {version}, {name}");
        Ok(Self { url, description, private })
    }
}

impl Private {
    /// Blocks until the database answers.
    fn start() -> anyhow::Result<(Self, String, String)> {
        let folder = env::temp_dir().join(format!("ticketd-it-{:08x}", rand::random::<u32>()));
        let mut holder =
            child_guard::spawn(script().arg("hold").arg(&folder).stdout(Stdio::piped()))?;
        let stdout = holder.stdout.take().context("its output is not piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let (url, name) = line
            .trim()
            .split_once(' ')
            .context("PostgreSQL could not be started, see its message above")?;
        let started = (url.to_owned(), name.to_owned());
        Ok((Self { folder, _holder: holder }, started.0, started.1))
    }
}

async fn shell(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn script() -> Command {
    Command::new(format!("{}/postgres", child_guard::SCRIPTS))
}
