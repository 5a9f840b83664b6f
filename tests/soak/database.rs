//! A PostgreSQL cluster of the soak's own, and its restarts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use crate::harness::child_guard;
use crate::tally::{Tally, add};

/// Who PostgreSQL runs as where we are root, which it refuses to be.
const USER: &str = "postgres";

/// Where Debian keeps what is not for everybody's PATH.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A cluster. It is stopped and its data are removed when it is dropped.
pub struct Database {
    /// `postgres://` with a user who needs no password.
    pub url: String,
    folder: TempDir,
    keeper: Child,
}

impl Database {
    /// Makes one and starts it; blocks for the seconds that this takes.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ticketd-soak-data-").tempdir()?;
        if is_root()? {
            run(Command::new("chown").arg(USER).arg(folder.path()))?;
        }
        let data = folder.path().join("data");
        run(command(folder.path(), "initdb")?
            .args(["--username=soak", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data))?;
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
             max_connections = 100\n"
        );
        fs::write(data.join("postgresql.auto.conf"), settings)?;
        run(control(folder.path(), "start")?.arg("-w"))?;
        let mut stop = Command::new("sh");
        stop.args(["-c", r#"cat >/dev/null; "$@""#, "sh"]);
        let last = control(folder.path(), "stop")?;
        stop.arg(last.get_program()).args(last.get_args()).args(["-m", "immediate"]);
        let keeper = child_guard::spawn(stop.stdout(Stdio::null()).stderr(Stdio::null()))?;
        let url = format!("postgres://soak@127.0.0.1:{port}/postgres");
        Ok(Self { url, folder, keeper })
    }

    /// Restarts it at these moments, every second time as if it had crashed.
    pub async fn restart(
        &self,
        moments: Vec<Duration>,
        start: Instant,
        tally: &Tally,
    ) -> Result<()> {
        for (number, moment) in moments.into_iter().enumerate() {
            sleep_until(start + moment).await;
            let (mode, count) = match number % 2 {
                0 => ("immediate", &tally.database_crashes),
                _ => ("fast", &tally.database_restarts),
            };
            let mut restart = control(self.folder.path(), "restart")?;
            restart.args(["-w", "-m", mode]);
            spawn_blocking(move || run(&mut restart)).await??;
            add(count);
        }
        Ok(())
    }

    /// What a query says, as `psql` prints it.
    pub fn ask(&self, query: &str) -> Result<String> {
        let mut psql = Command::new(program("psql"));
        let output = psql.args(["-XAt", &self.url, "-c", query]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().ok();
    }
}

fn control(folder: &Path, what: &str) -> Result<Command> {
    let mut control = command(folder, "pg_ctl")?;
    let (data, log) = (folder.join("data"), folder.join("log"));
    control.arg(what).arg("-D").arg(data).arg("-l").arg(log).stdin(Stdio::null());
    Ok(control)
}

/// A program of PostgreSQL's, run as somebody who is not root.
fn command(folder: &Path, name: &str) -> Result<Command> {
    let program = program(name);
    let mut command = if is_root()? {
        let mut command = Command::new("runuser");
        command.args(["-u", USER, "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder);
    Ok(command)
}

fn is_root() -> Result<bool> {
    Ok(Command::new("id").arg("-u").output()?.stdout.trim_ascii() == b"0")
}

/// The newest one of Debian's, else the one on the PATH.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name));
    let number = |path: &PathBuf| {
        let version = path.iter().rev().nth(2).and_then(|name| name.to_str()?.parse::<u32>().ok());
        version.unwrap_or_default()
    };
    found.filter(|path| path.exists()).max_by_key(number).unwrap_or_else(|| name.into())
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let output = command
        .output()
        .with_context(|| format!("{} can't be run; install PostgreSQL", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {}", said.trim());
    Ok(())
}
