//! What the figures were measured on.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Processor, cores, and how long the disk under the ledger takes to keep something for good.
pub fn description() -> Result<String> {
    let cores = thread::available_parallelism()?;
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let disk = disk()?.as_secs_f64() * 1e3;
    Ok(format!("{cores} cores of {model}; a write to the disk takes {disk:.2} ms"))
}

/// The processor time this process has used.
pub fn cpu() -> Result<Duration> {
    // The kernel counts in hundredths of a second on every platform we run on; the fields are
    // counted from the end of the name, which may hold blanks.
    let stat = fs::read_to_string("/proc/self/stat").context("processor time is not known")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat can't be read")?;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(10 * ticks))
}

/// The middle one of many writes.
fn disk() -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("write");
    let mut file = OpenOptions::new().create_new(true).append(true).open(path)?;
    let mut times = Vec::new();
    for _ in 0..101 {
        let start = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}
