//! The database of a test run: which one, said aloud, and the same for all tests. The unit tests of
//! the ledger have one of their own, by this same file.

#![allow(dead_code, reason = "each of the two programs uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{env, fmt};

use anyhow::{Context, bail, ensure};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_postgres::{Client, NoTls};

use super::child_guard;

/// Names a database for the tests.
const GIVEN: &str = "TEST_POSTGRES_URL";

static SHARED: OnceCell<Result<TestDatabase, String>> = OnceCell::const_new();

/// A PostgreSQL that takes our tests' tables.
pub struct TestDatabase {
    /// `postgres://` with everything that is needed to get in.
    pub url: String,
    /// For people: `PostgreSQL 15.20, private cluster`.
    pub description: String,
    private: Option<Private>,
}

/// A PostgreSQL of ours. It ends when it is dropped.
struct Private {
    folder: PathBuf,
    _holder: Child,
}

/// How a database is stopped.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// As an operator does: connections are ended.
    Fast,
    /// As a crash does: it recovers when it starts again.
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

/// The run's database, started by the first test that asks.
///
/// # Panics
/// If there is none, with what to do about it: a test that needs a database is never skipped.
pub async fn database() -> &'static TestDatabase {
    let outcome =
        SHARED.get_or_init(|| async { shared().await.map_err(|error| format!("{error:#}")) }).await;
    match outcome {
        Ok(database) => database,
        Err(error) => panic!("no database for the tests: {error}"),
    }
}

/// A database for one test alone, which may stop it or change its settings.
///
/// # Panics
/// If it can't be started.
pub async fn own_database() -> TestDatabase {
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
    // Said on the stream itself: what passing tests print is swallowed.
    writeln!(std::io::stderr(), "database: {}", database.description)?;
    Ok(database)
}

impl TestDatabase {
    /// The address of a schema that no other test uses, and that is not there yet.
    pub fn fresh(&self) -> String {
        self.with_schema(&format!("ticketd_it_{:016x}", rand::random::<u64>()))
    }

    /// The address of a schema.
    pub fn with_schema(&self, schema: &str) -> String {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{separator}options=-csearch_path={schema}", self.url)
    }

    /// A way in, past the ledger.
    pub async fn shell(&self) -> Client {
        shell(&self.url).await.unwrap_or_else(|error| panic!("{}: {error:#}", self.description))
    }

    /// Ends it. Its data stays.
    pub async fn stop(&self, how: Stop) -> anyhow::Result<()> {
        self.tell(&["stop"], &[&how.to_string()]).await
    }

    /// Brings it back after a stop, with its data and at the same URL, and waits until it answers.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        self.tell(&["start"], &[]).await
    }

    async fn tell(&self, command: &[&str], how: &[&str]) -> anyhow::Result<()> {
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
    /// Blocks for the seconds that it needs.
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
