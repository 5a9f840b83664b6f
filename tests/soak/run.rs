//! The whole of it: sets everything up, lets it happen, waits until it is quiet, and counts.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use tempfile::TempDir;
use ticketd::simulator::{FaultPlan, Running, Simulator};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::arguments::{LedgerKind, Measure};
use crate::book::Book;
use crate::database::Database;
use crate::harness::{TestBroker, own_broker};
use crate::jobs::Group;
use crate::killer::Killer;
use crate::listener::{self, DeadLetter, Listener};
use crate::outsider::Outsider;
use crate::plan::{moments, random};
use crate::producer::Producer;
use crate::proxy::Proxy;
use crate::reckoning::Reckoning;
use crate::replicas::{Recipe, Replica};
use crate::tally::{Tally, of};
use crate::{broker, configuration, faults, jobs, proxy, table};

/// Replicas that share a ledger.
const SHARING: usize = 3;

/// How long nothing new may be heard before what is open counts as lost.
const PATIENCE: Duration = Duration::from_secs(75);

/// How long everything stays as it is after the last outcome, so that a second one is heard.
const QUIET: Duration = Duration::from_secs(12);

/// How long the last reading may take.
const READING: Duration = Duration::from_secs(60);

/// The time between two lines of progress.
const BEAT: Duration = Duration::from_secs(5);

/// Everything that stands while jobs run.
struct Ground {
    folder: TempDir,
    broker: TestBroker,
    database: Option<Database>,
    providers: Running,
    proxies: Vec<Proxy>,
    recipes: Vec<Recipe>,
    book: Arc<Book>,
    tally: Arc<Tally>,
}

/// Soaks; says whether all was well.
pub async fn run(measure: Measure) -> Result<bool> {
    println!("soak: seed {}", measure.seed);
    let begun = Instant::now();
    let ground = Ground::prepare(&measure).await?;
    println!(
        "soak: {}, {:?} ledger, {} jobs in {} s, set up in {} s",
        ground.broker.description,
        measure.ledger,
        measure.jobs,
        measure.span().as_secs(),
        begun.elapsed().as_secs()
    );
    let listener = Listener::start(ground.broker.url.clone(), ground.book.clone()).await?;
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let in_time = tokio::select! {
        performed = timeout(measure.limit, ground.perform(&measure)) => performed,
        _ = terminate.recv() => bail!("told to stop"),
        _ = interrupt.recv() => bail!("told to stop"),
    };
    let in_time = match in_time {
        Ok(performed) => performed.map(|()| true)?,
        Err(_) => {
            println!("soak: time is up, with jobs under way");
            // It may just have been away; one that is there stays as it is.
            ground.broker.start_again().await.ok();
            false
        }
    };
    let good = timeout(READING, ground.reckon()).await.context("the events can't be read")??;
    drop(listener);
    println!("soak: seed {}, {} s in all", measure.seed, begun.elapsed().as_secs());
    if !good || std::env::var("SOAK_KEEP").is_ok() {
        println!("soak: logs are kept in {}", ground.folder.keep().display());
    }
    Ok(good && in_time)
}

impl Ground {
    async fn prepare(measure: &Measure) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ticketd-soak-").tempdir()?;
        let broker = own_broker().await;
        let database = match measure.ledger {
            LedgerKind::Sqlite => None,
            LedgerKind::Postgres => Some(spawn_blocking(Database::start).await??),
        };
        let known = jobs::providers();
        let providers = Simulator::start_locally(known.clone()).await?;
        let (proxy, broker_url) = Proxy::before(&broker.url, 5672).await?;
        let mut proxies = vec![proxy];
        let sqlite = |group: Group| {
            let file = format!("{}.db", group.prefix());
            format!("sqlite:{}", folder.path().join(file).display())
        };
        let shared = match &database {
            None => sqlite(Group::Shared),
            Some(database) => {
                let (proxy, url) = Proxy::before(&database.url, 5432).await?;
                proxies.push(proxy);
                url
            }
        };
        let mut recipes = Vec::new();
        for (group, ledger) in [(Group::Shared, shared), (Group::Alone, sqlite(Group::Alone))] {
            let providers = providers.url();
            let recipe = Recipe {
                group,
                program: measure.worker.clone(),
                configuration: configuration::write(group, folder.path(), &providers, &known)?,
                broker: broker_url.clone(),
                ledger,
                folder: folder.path().to_owned(),
            };
            recipe.prepare().await?;
            recipes.push(recipe);
        }
        let (book, tally) = Default::default();
        Ok(Self { folder, broker, database, providers, proxies, recipes, book, tally })
    }

    fn replicas(&self) -> Result<Vec<Replica>> {
        let mut replicas = Vec::new();
        for recipe in &self.recipes {
            let count = if recipe.group == Group::Shared { SHARING } else { 1 };
            for number in 1..=count {
                let name = format!("{}-{number}", recipe.group.prefix());
                replicas.push(Replica::keep(recipe.clone(), &name, self.tally.clone())?);
            }
        }
        Ok(replicas)
    }

    /// Lets everything happen, and then nothing more until all is over or nothing moves.
    async fn perform(&self, measure: &Measure) -> Result<()> {
        self.providers.set_faults(faults::plan(measure.seed)).map_err(anyhow::Error::msg)?;
        let replicas = self.replicas()?;
        let (start, now) = (Instant::now(), Timestamp::now());
        let producer = Producer::new(measure, now);
        let url = self.recipes[0].broker.clone();
        let mut killing = random(measure.seed, "killer");
        let killer = Killer::new(measure, &mut killing);
        let plan = |part, count| {
            let mut random = random(measure.seed, part);
            (moments(&mut random, count, measure.span()), random)
        };
        let (broker_moments, broker_dice) = plan("broker", measure.broker_restarts);
        let (database_moments, _) = plan("database", measure.database_restarts);
        let (cut_moments, cut_dice) = plan("cuts", measure.cuts);
        let (book, tally) = (&self.book, &self.tally);
        let (there, is_there) = watch::channel(true);
        let happening = async {
            tokio::join!(
                producer.run(url, start, book.clone(), tally.clone()),
                killer.run(&replicas, killing, start, book, tally),
                proxy::disturb(&self.proxies, cut_moments, cut_dice, start, is_there, tally),
                broker::restart(&self.broker, broker_moments, broker_dice, start, &there, tally),
                async {
                    match &self.database {
                        Some(database) => database.restart(database_moments, start, tally).await,
                        None => Ok(()),
                    }
                }
            )
        };
        let ((), (), (), broker, database) = tokio::select! {
            happened = happening => happened,
            () = self.tell_progress(start) => unreachable!("progress is told for ever"),
        };
        broker?;
        database?;
        self.providers.set_faults(FaultPlan::default()).map_err(anyhow::Error::msg)?;
        println!("soak: everything was sent and done; waiting for the rest");
        tokio::select! {
            () = self.settled() => {}
            () = self.tell_progress(start) => {}
        }
        sleep(QUIET).await;
        for replica in replicas {
            replica.end().await?;
        }
        Ok(())
    }

    /// Waits until every job is over, or nothing was heard for long.
    async fn settled(&self) {
        let (mut heard, mut since) = (0, Instant::now());
        while !self.book.open().open().is_empty() && since.elapsed() < PATIENCE {
            let now = self.book.open().events;
            if now != heard {
                (heard, since) = (now, Instant::now());
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn tell_progress(&self, start: Instant) {
        let mut beat = interval(BEAT);
        loop {
            beat.tick().await;
            let (sent, open, events) = {
                let pages = self.book.open();
                (pages.accepted.len() + pages.invalid.len(), pages.open().len(), pages.events)
            };
            let tally = &self.tally;
            println!(
                "soak: {:>4} s: {sent} sent, {} over, {events} events, {} kills, {} broker and {} \
                 database restarts, {} cuts",
                start.elapsed().as_secs(),
                sent - open,
                of(&tally.kills),
                of(&tally.broker_kills) + of(&tally.broker_restarts),
                of(&tally.database_crashes) + of(&tally.database_restarts),
                of(&tally.cuts) + of(&tally.stalls),
            );
        }
    }

    async fn reckon(&self) -> Result<bool> {
        let mut outsider = Outsider::new(self.broker.url.clone());
        listener::heard_out(&mut outsider).await?;
        let (mut letters, mut unrouted) = (Vec::new(), Vec::new());
        for group in Group::ALL {
            let queue = |name: &str| format!("{}.{name}", group.prefix());
            letters.extend(listener::take_all(&mut outsider, &queue("dead")).await?);
            unrouted.extend(listener::take_all(&mut outsider, &queue("unrouted")).await?);
        }
        let mut left = Vec::new();
        for group in Group::ALL {
            left.extend(listener::left(&mut outsider, group).await?);
        }
        let pages = self.book.open();
        let mut reckoning = Reckoning::new(&pages, &self.providers.effects(), &letters);
        for DeadLetter { correlation_id, routing_key, .. } in unrouted {
            let damage = format!("{routing_key:?} of {correlation_id:?} found no queue");
            reckoning.damage.push(damage);
        }
        for (count, what) in [
            (&self.tally.crashes, "crashed"),
            (&self.tally.overstayed, "did not stop when told to"),
            (&self.tally.unsettled, "had something unsettled when all was quiet"),
        ] {
            if of(count) > 0 {
                reckoning.damage.push(format!("{} replicas {what}", of(count)));
            }
        }
        let heard = [
            ("events heard", pages.events),
            ("invalid messages sent", pages.invalid.len() as u64),
            ("dead letters", letters.len() as u64),
        ];
        let mut out = std::io::stdout().lock();
        table::print(&mut out, &reckoning, &self.tally, &heard)?;
        let good = table::kind(&mut out, &reckoning)?;
        for job in &reckoning.lost {
            let queues: Vec<_> =
                left.iter().filter(|(_, id)| id == job).map(|(at, _)| at).collect();
            let row = self.look_up(job);
            writeln!(out, "soak: {job} in queues {queues:?}; in the ledger: {row}")?;
        }
        Ok(good)
    }

    /// What the ledgers say of a job.
    fn look_up(&self, job: &str) -> String {
        let query = format!("SELECT * FROM jobs WHERE id = '{job}'");
        let shared = self.database.as_ref().map(|database| database.ask(&query));
        let said = shared.and_then(Result::ok).unwrap_or_default();
        if said.is_empty() { in_files(self.folder.path(), job) } else { said }
    }
}

/// The row of a job in any SQLite file of a folder.
fn in_files(folder: &Path, job: &str) -> String {
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
