//! The command-line arguments, and the scale of the soak.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Runs replicas of ticketd under continuous faults and verifies every job at the end. The exit code
/// is 0 if no job is lost, doubled or wrong, 1 if one is, and 2 if the soak itself fails.
#[derive(Debug, Parser)]
#[command(name = "soak")]
pub(crate) struct Arguments {
    /// About two minutes: 400 jobs, 16 kills, 2 broker and 2 database restarts (the default)
    #[arg(long, conflicts_with = "full")]
    short: bool,
    /// At most an hour: 10,000 jobs, 200 kills, 20 broker and 10 database restarts
    #[arg(long)]
    full: bool,
    /// Number of jobs
    #[arg(long)]
    jobs: Option<u32>,
    /// Number of replica kills; a quarter as many stops and half as many freezes are added
    #[arg(long)]
    kills: Option<u32>,
    /// Number of broker restarts, every second one by a kill
    #[arg(long)]
    broker_restarts: Option<u32>,
    /// Number of database restarts, every second one by a crash
    #[arg(long)]
    database_restarts: Option<u32>,
    /// Number of times that connections are cut or stalled
    #[arg(long)]
    cuts: Option<u32>,
    /// Seed of all random decisions [default: a new one each time]
    #[arg(long)]
    seed: Option<u64>,
    /// The ticketd program to run as replicas
    #[arg(long, value_name = "PATH", default_value = env!("CARGO_BIN_EXE_ticketd"))]
    worker: PathBuf,
    /// The ledger of the replicas that share one
    #[arg(long, value_enum, default_value = "postgres")]
    ledger: LedgerKind,
    /// Time limit in minutes
    #[arg(long)]
    minutes: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LedgerKind {
    /// One SQLite file
    Sqlite,
    /// A private PostgreSQL
    Postgres,
}

#[derive(Clone, Debug)]
pub(crate) struct Scale {
    pub seed: u64,
    pub jobs: u32,
    pub kills: u32,
    pub stops: u32,
    pub freezes: u32,
    pub broker_restarts: u32,
    pub database_restarts: u32,
    pub cuts: u32,
    pub worker: PathBuf,
    pub ledger: LedgerKind,
    pub timeout: Duration,
}

impl Arguments {
    pub(crate) fn scale(self) -> Scale {
        let [jobs, kills, broker, database, cuts, minutes] =
            if self.full { [10_000, 200, 20, 10, 200, 60] } else { [400, 16, 2, 2, 16, 4] };
        let kills = self.kills.unwrap_or(kills);
        let ledger = self.ledger;
        let database = match ledger {
            LedgerKind::Sqlite => 0,
            LedgerKind::Postgres => self.database_restarts.unwrap_or(database),
        };
        Scale {
            seed: self.seed.unwrap_or_else(|| rand::random::<u32>().into()),
            jobs: self.jobs.unwrap_or(jobs),
            kills,
            stops: kills / 4,
            freezes: kills / 2,
            broker_restarts: self.broker_restarts.unwrap_or(broker),
            database_restarts: database,
            cuts: self.cuts.unwrap_or(cuts),
            worker: self.worker,
            ledger,
            timeout: Duration::from_secs(60) * self.minutes.unwrap_or(minutes),
        }
    }
}

impl Scale {
    /// How long jobs are sent and faults are injected: as long as the slowest of them needs.
    pub(crate) fn span(&self) -> Duration {
        let needs = [
            Duration::from_millis(90) * self.jobs,
            Duration::from_millis(3_500) * self.kills,
            Duration::from_secs(25) * self.broker_restarts,
            Duration::from_secs(15) * self.database_restarts,
            Duration::from_secs(3) * self.cuts,
        ];
        needs.into_iter().max().unwrap_or_default()
    }
}
