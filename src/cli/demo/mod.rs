//! `ticketd demo`.

mod demo_run;
mod jobs;
mod observation;
mod settings;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::demo_run::DemoRun;
use self::jobs::DemoJob;
use self::observation::Observation;
use super::output::{LineWidth, print_error};
use crate::app::Worker;
use crate::broker::{Broker, Error, TopologyProblem, topology};
use crate::config::{EX_CONFIG, Settings, process_environment};
use crate::job::{Catalogue, Kind};
use crate::simulator::{self, FaultPlan, Simulator};

/// How long a ticket or a subtask stays in one status.
const PACE: Duration = Duration::from_millis(900);

/// Longest time to check for exchanges and queues, or to delete them.
const TOPOLOGY_TIMEOUT: Duration = Duration::from_secs(30);

/// The exit code of an interrupted process, by the convention of shells.
const EX_INTERRUPTED: u8 = 130;

/// Starts the simulator, runs the jobs, and removes all queues and files, also after an error.
pub(super) async fn run(files: &[PathBuf], catalogue: Catalogue) -> Result<ExitCode> {
    let interrupted = interrupted()?;
    let folder = tempfile::Builder::new().prefix("ticketd-demo-").tempdir();
    let folder = folder.context("cannot create a folder for temporary files; set TMPDIR")?;
    let jobs = jobs::jobs().context("cannot read the built-in jobs")?;
    let faults = jobs.iter().filter_map(DemoJob::rule).collect();
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
                print_error(problems);
                return Ok(ExitCode::from(EX_CONFIG));
            }
        };
    let free = timeout(TOPOLOGY_TIMEOUT, check_prefix_is_free(&settings)).await;
    free.context("the broker does not answer in time; is it overloaded?")??;
    let observations = jobs.into_iter().map(Observation::new).collect();
    let finished = Box::pin(run_jobs(&settings, observations, &catalogue, interrupted)).await;
    let removed = timeout(TOPOLOGY_TIMEOUT, topology::remove(&settings.broker)).await;
    let effects = simulator.effects();
    simulator.stop().await;
    folder.close().context("cannot remove the temporary files")?;
    let prefix = &settings.broker.prefix;
    let finished = finished?;
    let remain = || format!("queues and exchanges {prefix}.* remain on the broker");
    removed.with_context(remain)?.with_context(remain)?;
    match finished {
        Some(mut observations) => {
            observations.iter_mut().for_each(|observation| observation.count_effects(&effects));
            Ok(print_result(&observations, effects.len())?)
        }
        None => {
            print_error("demo: interrupted; all queues and files are removed");
            Ok(ExitCode::from(EX_INTERRUPTED))
        }
    }
}

/// The demo deletes its queues at the end, so none of them may exist before.
async fn check_prefix_is_free(settings: &Settings) -> Result<()> {
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
            bail!("{error}; `make demo` starts a broker if TICKETD_BROKER__URL is not set")
        }
    }
}

fn taken(prefix: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "{prefix}.* is in use on this broker, and the demo deletes its queues at the end: \
         set TICKETD_BROKER__PREFIX to another name, or unset it"
    )
}

/// Runs the jobs with a worker in this process. None if it was interrupted.
async fn run_jobs(
    settings: &Settings,
    observations: Vec<Observation>,
    catalogue: &Catalogue,
    interrupted: impl Future<Output = ()>,
) -> Result<Option<Vec<Observation>>> {
    let worker = Worker::new(settings.clone(), Kind::ALL.to_vec()).await?;
    let broker = Broker::connect(&settings.broker).await?;
    let ended = CancellationToken::new();
    let running = async {
        let mut run = DemoRun::new(observations, catalogue, LineWidth::of_stdout());
        let finished = tokio::select! {
            finished = run.run(&broker) => finished.map(|()| Some(run.observations)),
            () = interrupted => Ok(None),
            () = ended.cancelled() => Ok(None),
        };
        ended.cancel();
        finished
    };
    let working = async {
        let worked = worker.run(ended.clone()).await;
        let too_early = !ended.is_cancelled();
        ended.cancel();
        worked.map(|_| too_early)
    };
    let (finished, worked) = tokio::join!(running, working);
    broker.close().await;
    if worked.context("the worker failed")? {
        bail!("the worker stopped before the jobs were done");
    }
    finished
}

/// Completes at the first signal, including SIGHUP of a closing terminal. Later signals are ignored,
/// because cleaning up is short.
fn interrupted() -> Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("cannot install a signal handler");
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

fn print_result(observations: &[Observation], effects: usize) -> std::io::Result<ExitCode> {
    let (mut out, width) = (anstream::stdout(), LineWidth::of_stdout());
    let (verdict, good) = table::verdict(observations, effects);
    writeln!(out, "\n{}", table::table(observations, width))?;
    writeln!(out, "{}", width.wrap("", 4, &table::effects(observations, effects)))?;
    writeln!(out, "{verdict}")?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
