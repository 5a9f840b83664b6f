//! The machine of the measurement.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The cores, the processor, and the time of one durable write to disk.
pub(crate) fn description() -> Result<String> {
    let cores = thread::available_parallelism()?;
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let disk = write_time()?.as_secs_f64() * 1e3;
    Ok(format!("{cores} cores of {model}; a durable write takes {disk:.2} ms"))
}

/// The processor time of this process.
pub(crate) fn cpu() -> Result<Duration> {
    // The unit is a hundredth of a second on all supported platforms. Fields are counted from the
    // end of the program name, because the name may contain spaces.
    let stat = fs::read_to_string("/proc/self/stat").context("/proc/self/stat is not available")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat has an unknown format")?;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(10 * ticks))
}

/// The median time of a durable write.
fn write_time() -> Result<Duration> {
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
