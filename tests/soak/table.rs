//! The table at the end.

use std::io::{Result, Write};

use crate::reckoning::{Reckoning, Row};
use crate::tally::{Tally, of};

/// The outcomes, as columns.
const STATES: [&str; 5] = ["succeeded", "failed", "unknown", "expired", "cancelled"];

/// The most damages that are told one by one.
const TOLD: usize = 20;

/// Prints everything that was counted.
pub fn print(
    out: &mut impl Write,
    reckoning: &Reckoning,
    tally: &Tally,
    heard: &[(&str, u64)],
) -> Result<()> {
    write!(out, "\n{:<32}{:>7}{:>9}", "operation", "jobs", "effects")?;
    for state in STATES {
        write!(out, "{state:>11}")?;
    }
    writeln!(out)?;
    let mut all = Row::default();
    for (operation, row) in &reckoning.rows {
        line(out, operation, row)?;
        all.jobs += row.jobs;
        all.effects += row.effects;
        for (state, count) in &row.states {
            *all.states.entry(state.clone()).or_default() += count;
        }
    }
    line(out, "all", &all)?;
    writeln!(out)?;
    for (what, count) in heard {
        writeln!(out, "{what:<50}{count:>7}")?;
    }
    for (what, count) in deeds(tally) {
        writeln!(out, "{what:<50}{count:>7}")?;
    }
    Ok(())
}

fn line(out: &mut impl Write, name: &str, row: &Row) -> Result<()> {
    write!(out, "{name:<32}{:>7}{:>9}", row.jobs, row.effects)?;
    for state in STATES {
        write!(out, "{:>11}", row.states.get(state).unwrap_or(&0))?;
    }
    writeln!(out)
}

fn deeds(tally: &Tally) -> [(&'static str, u32); 14] {
    [
        ("replicas killed", of(&tally.kills)),
        ("  with jobs under way", of(&tally.busy_kills)),
        ("replicas stopped", of(&tally.stops)),
        ("  before all was settled", of(&tally.cut_off)),
        ("replicas frozen for less than a claim holds", of(&tally.naps)),
        ("replicas frozen until others took over", of(&tally.long_freezes)),
        ("replicas that ended by themselves, and came back", of(&tally.own_ends)),
        ("broker restarted", of(&tally.broker_restarts)),
        ("broker killed", of(&tally.broker_kills)),
        ("database restarted", of(&tally.database_restarts)),
        ("database crashed", of(&tally.database_crashes)),
        ("all connections cut", of(&tally.cuts)),
        ("connections stalled", of(&tally.stalls)),
        ("publishes of the producer's tried again", of(&tally.republished)),
    ]
}

/// Prints what is damaged, and the verdict; says whether all is well.
pub fn kind(out: &mut impl Write, reckoning: &Reckoning) -> Result<bool> {
    writeln!(out)?;
    for damage in reckoning.damage.iter().take(TOLD) {
        writeln!(out, "soak: {damage}")?;
    }
    if let Some(more @ 1..) = reckoning.damage.len().checked_sub(TOLD) {
        writeln!(out, "soak: and {more} more")?;
    }
    let Reckoning { lost, doubled, many, damage, .. } = reckoning;
    let outcomes = match many {
        0 => "1 each".to_owned(),
        many => format!("several for {many}"),
    };
    let (jobs, lost) = (reckoning.jobs(), lost.len());
    write!(out, "soak: {jobs} jobs, lost {lost}, doubled {doubled}, outcomes {outcomes}")?;
    let others = damage.len() - lost - *doubled as usize - *many as usize;
    match others {
        0 => writeln!(out)?,
        others => writeln!(out, ", and {others} other damages")?,
    }
    Ok(damage.is_empty() && jobs > 0)
}
