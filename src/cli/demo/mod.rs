//! `ticketd demo`.

mod play;
mod samples;
mod settings;
mod table;
mod watch;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::play::Play;
use self::watch::JobRecord;
use super::show;
use crate::app::Worker;
use crate::broker::{Broker, Error, TopologyProblem, topology};
use crate::config::{EX_CONFIG, Settings, process_environment};
use crate::job::{Catalogue, Kind};
use crate::simulator::{self, FaultPlan, Simulator};

/// How long a ticket or a subtask stays in one stage.
const PACE: Duration = Duration::from_millis(900);

/// How long a broker may take to look for queues, or to delete them.
const PATIENCE: Duration = Duration::from_secs(30);

/// The exit code of a process that was interrupted, as shells have it.
const INTERRUPTED: u8 = 130;

/// Sets the stage, plays, and takes everything away again, whatever came of it.
pub async fn run(files: &[PathBuf], catalogue: Catalogue) -> Result<ExitCode> {
    let interrupted = interrupted()?;
    let folder = tempfile::Builder::new().prefix("ticketd-demo-").tempdir();
    let folder = folder.context("no folder for temporary files can be made; set TMPDIR")?;
    let samples = samples::samples().context("the built-in jobs can't be read")?;
    let faults = samples.iter().filter_map(samples::Sample::rule).collect();
    let simulated = simulator::SimulatorSettings {
        pace: PACE,
        faults: FaultPlan { seed: 0, faults },
        ..simulator::SimulatorSettings::default()
    };
    let simulator = Simulator::start_locally(simulated.clone()).await?;
    let names: Vec<&str> = catalogue.iter().map(|operation| operation.name).collect();
    let providers = (&simulator.url(), &simulated);
    let settings =
        match settings::settings(files, process_environment(), providers, folder.path(), &names) {
            Ok(settings) => settings,
            Err(problems) => {
                eprintln!("{problems}");
                return Ok(ExitCode::from(EX_CONFIG));
            }
        };
    let free = timeout(PATIENCE, must_be_free(&settings)).await;
    free.context("the broker does not answer in time; is it overloaded?")??;
    let records = samples.into_iter().map(JobRecord::new).collect();
    let performed = Box::pin(perform(&settings, records, &catalogue, interrupted)).await;
    let removed = timeout(PATIENCE, topology::remove(&settings.broker)).await;
    let effects = simulator.effects();
    simulator.stop().await;
    folder.close().context("the temporary files can't be removed")?;
    let prefix = &settings.broker.prefix;
    let performed = performed?;
    let left = || format!("queues and exchanges {prefix}.* are left on the broker");
    removed.with_context(left)?.with_context(left)?;
    match performed {
        Some(mut records) => {
            records.iter_mut().for_each(|record| record.count(&effects));
            Ok(close(&records, effects.len())?)
        }
        None => {
            // There may be no terminal any more to say it to.
            writeln!(std::io::stderr(), "demo: interrupted; nothing is left of it").ok();
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// Deleting at the end must hit nothing that was there before.
async fn must_be_free(settings: &Settings) -> Result<()> {
    let prefix = &settings.broker.prefix;
    match topology::check(&settings.broker).await {
        Err(Error::Topology(problems))
            if problems
                .iter()
                .all(|problem| matches!(problem, TopologyProblem::Missing { .. })) =>
        {
            let all = topology::describe(prefix, settings.broker.unrouted_max).len();
            if problems.len() == all { Ok(()) } else { Err(taken(prefix)) }
        }
        Ok(()) | Err(Error::Topology(_)) => Err(taken(prefix)),
        Err(error) => {
            bail!("{error}; `make demo` brings a broker along where TICKETD_BROKER__URL is not set")
        }
    }
}

fn taken(prefix: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "{prefix}.* is in use on this broker, and the demo deletes its queues at the end: \
         set TICKETD_BROKER__PREFIX to another name, or unset it"
    )
}

/// Plays with a worker of this process. None if it was interrupted.
async fn perform(
    settings: &Settings,
    records: Vec<JobRecord>,
    catalogue: &Catalogue,
    interrupted: impl Future<Output = ()>,
) -> Result<Option<Vec<JobRecord>>> {
    let worker = Worker::new(settings.clone(), Kind::ALL.to_vec()).await?;
    let broker = Broker::connect(&settings.broker).await?;
    let ended = CancellationToken::new();
    let playing = async {
        let mut play = Play::new(records, catalogue, show::in_colour());
        let played = tokio::select! {
            played = play.run(&broker) => played.map(|()| Some(play.records)),
            () = interrupted => Ok(None),
            () = ended.cancelled() => Ok(None),
        };
        ended.cancel();
        played
    };
    let working = async {
        let worked = worker.run(ended.clone()).await;
        let too_early = !ended.is_cancelled();
        ended.cancel();
        worked.map(|_| too_early)
    };
    let (played, worked) = tokio::join!(playing, working);
    broker.close().await;
    if worked.context("the worker broke down")? {
        bail!("the worker ended before its jobs");
    }
    played
}

/// Ends with the first signal, that of a terminal that closes included. Those after it change nothing: what follows is short.
fn interrupted() -> Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("signals can't be received");
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// Tells what came of it all.
fn close(records: &[JobRecord], effects: usize) -> std::io::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let (kind, good) = table::kind(records, effects);
    writeln!(out, "\n{}", table::table(records, show::in_colour()))?;
    writeln!(out, "{}", table::effects(records, effects))?;
    writeln!(out, "{kind}")?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
