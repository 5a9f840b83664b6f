//! The whole soak: starts everything, injects faults, waits until all jobs have ended, verifies.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use jiff::Timestamp;
use tempfile::TempDir;
use ticketd::simulator::{FaultPlan, RunningSimulator, Simulator};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::arguments::{LedgerKind, Scale};
use crate::counters::{Counters, value};
use crate::jobs::Group;
use crate::journal::Journal;
use crate::listener::{self, LeftMessage, Listener};
use crate::producer::Producer;
use crate::random::{generator, times};
use crate::raw_client::RawClient;
use crate::replica_faults::ReplicaFaults;
use crate::replicas::{LaunchSpec, Replica};
use crate::support::broker::{TestBroker, own_broker};
use crate::support::database::{TestDatabase, own_database};
use crate::support::proxy::Proxy;
use crate::verify::Verification;
use crate::worker_config;
use crate::{broker_faults, database_faults, jobs, network_faults, provider_faults, report};

/// Number of replicas that share a ledger.
const SHARED_REPLICAS: usize = 3;

/// Time without a new event after which unfinished jobs count as lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// Wait after the last outcome, in which a second outcome would arrive.
const QUIET_TIME: Duration = Duration::from_secs(12);

const VERIFY_TIMEOUT: Duration = Duration::from_secs(60);

const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Everything that runs during the soak.
struct Environment {
    folder: TempDir,
    broker: TestBroker,
    database: Option<TestDatabase>,
    simulator: RunningSimulator,
    proxies: Vec<Proxy>,
    specs: Vec<LaunchSpec>,
    journal: Arc<Journal>,
    counters: Arc<Counters>,
    started: Instant,
}

/// Returns whether no promise was broken.
pub(crate) async fn run(scale: Scale) -> Result<bool> {
    println!("soak: seed {}", scale.seed);
    let start = Instant::now();
    let environment = Environment::start(&scale).await?;
    println!(
        "soak: {}, {:?} ledger, {} jobs in {} s, started in {} s",
        environment.broker.description,
        scale.ledger,
        scale.jobs,
        scale.span().as_secs(),
        start.elapsed().as_secs()
    );
    let listener =
        Listener::start(environment.broker.url.clone(), environment.journal.clone()).await?;
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let execution = tokio::select! {
        execution = timeout(scale.timeout, environment.execute(&scale)) => execution,
        _ = terminate.recv() => bail!("stopped by SIGTERM"),
        _ = interrupt.recv() => bail!("stopped by SIGINT"),
    };
    let in_time = match execution {
        Ok(executed) => executed.map(|()| true)?,
        Err(_) => {
            println!("soak: the time limit is reached, jobs are still in progress");
            // It may be stopped at this time. A running broker is not changed.
            environment.broker.start_again().await.ok();
            false
        }
    };
    let verified = timeout(VERIFY_TIMEOUT, environment.verify()).await;
    let passed = verified.context("reading the remaining events takes too long")??;
    drop(listener);
    println!("soak: seed {}, {} s in total", scale.seed, start.elapsed().as_secs());
    if !passed || std::env::var("SOAK_KEEP").is_ok() {
        println!("soak: logs are in {}", environment.folder.keep().display());
    }
    Ok(passed && in_time)
}

impl Environment {
    async fn start(scale: &Scale) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ticketd-soak-").tempdir()?;
        let broker = own_broker().await;
        let database = match scale.ledger {
            LedgerKind::Sqlite => None,
            LedgerKind::Postgres => Some(own_database().await),
        };
        let settings = jobs::simulator_settings();
        let simulator = Simulator::start_locally(settings.clone()).await?;
        let mut proxies = vec![Proxy::before(&broker.url, 5672).await];
        let broker_url = proxies[0].url.clone();
        let sqlite = |group: Group| {
            let file = format!("{}.db", group.prefix());
            format!("sqlite:{}", folder.path().join(file).display())
        };
        let shared_ledger = match &database {
            None => sqlite(Group::Shared),
            Some(database) => {
                let proxy = Proxy::before(&database.url, 5432).await;
                let url = proxy.url.clone();
                proxies.push(proxy);
                url
            }
        };
        let mut specs = Vec::new();
        for (group, ledger) in
            [(Group::Shared, shared_ledger), (Group::Single, sqlite(Group::Single))]
        {
            let url = simulator.url();
            let spec = LaunchSpec {
                group,
                program: scale.worker.clone(),
                configuration: worker_config::write(group, folder.path(), &url, &settings)?,
                broker: broker_url.clone(),
                ledger,
                folder: folder.path().to_owned(),
            };
            spec.declare_topology().await?;
            specs.push(spec);
        }
        let (journal, counters) = Default::default();
        let started = Instant::now();
        Ok(Self { folder, broker, database, simulator, proxies, specs, journal, counters, started })
    }

    fn start_replicas(&self) -> Result<Vec<Replica>> {
        let mut replicas = Vec::new();
        for spec in &self.specs {
            let count = if spec.group == Group::Shared { SHARED_REPLICAS } else { 1 };
            for number in 1..=count {
                let name = format!("{}-{number}", spec.group.prefix());
                replicas.push(Replica::start(spec.clone(), &name, self.counters.clone())?);
            }
        }
        Ok(replicas)
    }

    /// Sends all jobs under faults, then waits without faults until all jobs have ended.
    async fn execute(&self, scale: &Scale) -> Result<()> {
        self.simulator.set_faults(provider_faults::plan(scale.seed)).map_err(Error::msg)?;
        let replicas = self.start_replicas()?;
        tokio::select! {
            result = self.send_under_faults(scale, &replicas) => result?,
            () = self.print_progress() => unreachable!("the progress has no end"),
        }
        self.simulator.set_faults(FaultPlan::default()).map_err(Error::msg)?;
        println!("soak: all jobs are sent and all faults are injected; waiting for the last jobs");
        tokio::select! {
            () = self.wait_for_outcomes() => {}
            () = self.print_progress() => {}
        }
        sleep(QUIET_TIME).await;
        for replica in replicas {
            replica.end().await?;
        }
        Ok(())
    }

    async fn send_under_faults(&self, scale: &Scale, replicas: &[Replica]) -> Result<()> {
        let (start, now) = (Instant::now(), Timestamp::now());
        let producer = Producer::new(scale, now);
        let url = self.specs[0].broker.clone();
        let mut replica_random = generator(scale.seed, "replicas");
        let replica_faults = ReplicaFaults::new(scale, &mut replica_random);
        let plan = |part, count| {
            let mut random = generator(scale.seed, part);
            (times(&mut random, count, scale.span()), random)
        };
        let (broker_times, broker_random) = plan("broker", scale.broker_restarts);
        let (database_times, _) = plan("database", scale.database_restarts);
        let (cut_times, cut_random) = plan("cuts", scale.cuts);
        let (journal, counters) = (&self.journal, &self.counters);
        let (broker_up, is_up) = watch::channel(true);
        let ((), (), (), broker, database) = tokio::join!(
            producer.run(url, start, journal.clone(), counters.clone()),
            replica_faults.run(replicas, replica_random, start, journal, counters),
            network_faults::disturb(&self.proxies, cut_times, cut_random, start, is_up, counters),
            broker_faults::restart(
                &self.broker,
                broker_times,
                broker_random,
                start,
                &broker_up,
                counters
            ),
            async {
                match &self.database {
                    Some(database) => {
                        database_faults::restart(database, database_times, start, counters).await
                    }
                    None => Ok(()),
                }
            }
        );
        broker.and(database)
    }

    /// Waits until every message has an outcome, or no event arrives for [`IDLE_TIMEOUT`].
    async fn wait_for_outcomes(&self) {
        let (mut received, mut since) = (0, Instant::now());
        while !self.journal.lock().unfinished().is_empty() && since.elapsed() < IDLE_TIMEOUT {
            let now = self.journal.lock().received;
            if now != received {
                (received, since) = (now, Instant::now());
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn print_progress(&self) {
        let mut interval = interval(PROGRESS_INTERVAL);
        loop {
            interval.tick().await;
            let (sent, unfinished, events) = {
                let entries = self.journal.lock();
                let sent = entries.accepted.len() + entries.invalid.len();
                (sent, entries.unfinished().len(), entries.received)
            };
            let counters = &self.counters;
            println!(
                "soak: {:>4} s: {sent} sent, {} ended, {events} events, {} kills, {} broker and {} database \
                 restarts, {} cuts",
                self.started.elapsed().as_secs(),
                sent - unfinished,
                value(&counters.kills),
                value(&counters.broker_kills) + value(&counters.broker_restarts),
                value(&counters.database_crashes) + value(&counters.database_restarts),
                value(&counters.cuts) + value(&counters.stalls),
            );
        }
    }

    async fn verify(&self) -> Result<bool> {
        let mut client = RawClient::new(self.broker.url.clone());
        listener::drained(&mut client).await?;
        let (mut dead_letters, mut unrouted, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for group in Group::ALL {
            let queue = |name: &str| format!("{}.{name}", group.prefix());
            dead_letters.extend(listener::take_all(&mut client, &queue("dead")).await?);
            unrouted.extend(listener::take_all(&mut client, &queue("unrouted")).await?);
            left.extend(listener::left_messages(&mut client, group).await?);
        }
        let (verification, messages) = {
            let entries = self.journal.lock();
            let verification =
                Verification::new(&entries, &self.simulator.effects(), &dead_letters);
            let messages = [
                ("events received", entries.received),
                ("invalid messages sent", entries.invalid.len() as u64),
                ("dead letters", dead_letters.len() as u64),
            ];
            (verification, messages)
        };
        let verification = self.with_environment(verification, &unrouted);
        let mut lost = Vec::new();
        for job in &verification.lost {
            let queues: Vec<_> =
                left.iter().filter(|(_, id)| id == job).map(|(queue, _)| queue).collect();
            let row = self.ledger_row(job).await;
            lost.push(format!("soak: {job} is in queues {queues:?}; ledger: {row}"));
        }
        let mut out = std::io::stdout().lock();
        report::print_counts(&mut out, &verification, &self.counters, &messages)?;
        lost.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        Ok(report::print_result(&mut out, &verification)?)
    }

    /// Adds the violations that belong to no job.
    fn with_environment(
        &self,
        mut verification: Verification,
        unrouted: &[LeftMessage],
    ) -> Verification {
        for LeftMessage { correlation_id, routing_key, .. } in unrouted {
            let message = format!("{routing_key:?} of {correlation_id:?} reached no queue");
            verification.violation(message);
        }
        for (count, failure) in [
            (&self.counters.crashes, "crashed"),
            (&self.counters.hung_stops, "did not stop in time"),
            (&self.counters.unclean_ends, "had jobs in progress after the last outcome"),
        ] {
            if value(count) > 0 {
                verification.violation(format!("{} replicas {failure}", value(count)));
            }
        }
        verification
    }

    /// The ledger's row of a job, for a person who looks into a failure.
    async fn ledger_row(&self, job: &str) -> String {
        let in_files = in_sqlite_files(self.folder.path(), job);
        let Some(database) = &self.database else { return in_files };
        let query = "SELECT jobs::text FROM jobs WHERE id = $1";
        match database.shell().await.query_opt(query, &[&job]).await {
            Ok(Some(row)) => row.get(0),
            Ok(None) | Err(_) => in_files,
        }
    }
}

/// The rows of a job in the SQLite files of a folder.
fn in_sqlite_files(folder: &Path, job: &str) -> String {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths =
        files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|e| e == "db"));
    let rows = paths.filter_map(|path| {
        let ledger = rusqlite::Connection::open(path).ok()?;
        let query = "SELECT 'fence ' || fence || ', lease until ' || lease_until || ', due ' \
                     || ifnull(due, 'never') || ', ' || substr(state, 1, 300) FROM jobs WHERE id = ?1";
        ledger.query_row(query, [job], |row| row.get::<_, String>(0)).ok()
    });
    rows.collect::<Vec<_>>().join("; ")
}
