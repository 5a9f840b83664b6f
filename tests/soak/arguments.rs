//! How much of everything.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Runs replicas of ticketd through all the trouble there is, and counts what became of every job.
/// Exits 0 if nothing was lost, doubled or wrong, 1 if something was, 2 if it could not be done.
#[derive(Debug, Parser)]
#[command(name = "soak")]
pub struct Arguments {
    /// About two minutes, for every change; this is the default
    #[arg(long, conflicts_with = "full")]
    short: bool,
    /// 10,000 jobs, 200 kills, 20 broker restarts, 10 database restarts
    #[arg(long)]
    full: bool,
    /// Jobs
    #[arg(long)]
    jobs: Option<u32>,
    /// Times a replica is killed; others are stopped or frozen beside these
    #[arg(long)]
    kills: Option<u32>,
    /// Times the broker is restarted, every second time after a kill
    #[arg(long)]
    broker_restarts: Option<u32>,
    /// Times the database is restarted, every second time as if it had crashed
    #[arg(long)]
    database_restarts: Option<u32>,
    /// Times connections are cut or stalled
    #[arg(long)]
    cuts: Option<u32>,
    /// What all chance is drawn from; another one each time if left out
    #[arg(long)]
    seed: Option<u64>,
    /// The program whose replicas are tried
    #[arg(long, value_name = "PATH", default_value = env!("CARGO_BIN_EXE_ticketd"))]
    worker: PathBuf,
    /// Where the replicas that share a ledger have it
    #[arg(long, value_enum, default_value = "postgres")]
    ledger: LedgerKind,
    /// The most minutes all of it may take
    #[arg(long)]
    minutes: Option<u32>,
}

/// Where replicas remember jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LedgerKind {
    /// One file.
    Sqlite,
    /// A cluster of the soak's own.
    Postgres,
}

/// How much of everything, decided.
#[derive(Clone, Debug)]
pub struct Measure {
    pub seed: u64,
    pub jobs: u32,
    pub kills: u32,
    /// Times a replica is told to stop.
    pub stops: u32,
    /// Times a replica stands still for a while.
    pub freezes: u32,
    pub broker_restarts: u32,
    pub database_restarts: u32,
    pub cuts: u32,
    pub worker: PathBuf,
    pub ledger: LedgerKind,
    /// The most all of it may take.
    pub limit: Duration,
}

impl Arguments {
    pub fn measure(self) -> Measure {
        let [jobs, kills, broker, database, cuts, minutes] =
            if self.full { [10_000, 200, 20, 10, 200, 60] } else { [400, 16, 2, 2, 16, 4] };
        let kills = self.kills.unwrap_or(kills);
        let ledger = self.ledger;
        let database = match ledger {
            LedgerKind::Sqlite => 0,
            LedgerKind::Postgres => self.database_restarts.unwrap_or(database),
        };
        Measure {
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
            limit: Duration::from_secs(60) * self.minutes.unwrap_or(minutes),
        }
    }
}

impl Measure {
    /// How long jobs come in and things go wrong: as long as the one that needs most time.
    pub fn span(&self) -> Duration {
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
