//! The printed report.

use std::io::{Result, Write};

use crate::counters::{Counters, value};
use crate::verify::{Row, Verification};

/// The outcomes that have a column.
const STATES: [&str; 5] = ["succeeded", "failed", "unknown", "expired", "cancelled"];

/// Most violations that are printed.
const MAX_PRINTED: usize = 20;

/// Prints all counts.
pub(crate) fn print_counts(
    out: &mut impl Write,
    verification: &Verification,
    counters: &Counters,
    messages: &[(&str, u64)],
) -> Result<()> {
    write!(out, "\n{:<32}{:>7}{:>9}", "operation", "jobs", "effects")?;
    for state in STATES {
        write!(out, "{state:>11}")?;
    }
    writeln!(out)?;
    let mut all = Row::default();
    for (operation, row) in &verification.rows {
        print_row(out, operation, row)?;
        all.jobs += row.jobs;
        all.effects += row.effects;
        for (state, count) in &row.states {
            *all.states.entry(state.clone()).or_default() += count;
        }
    }
    print_row(out, "all", &all)?;
    writeln!(out)?;
    for (label, count) in messages {
        writeln!(out, "{label:<50}{count:>7}")?;
    }
    for (label, count) in fault_counts(counters) {
        writeln!(out, "{label:<50}{count:>7}")?;
    }
    Ok(())
}

fn print_row(out: &mut impl Write, name: &str, row: &Row) -> Result<()> {
    write!(out, "{name:<32}{:>7}{:>9}", row.jobs, row.effects)?;
    for state in STATES {
        write!(out, "{:>11}", row.states.get(state).unwrap_or(&0))?;
    }
    writeln!(out)
}

fn fault_counts(counters: &Counters) -> [(&'static str, u32); 14] {
    [
        ("replicas killed", value(&counters.kills)),
        ("  with jobs in progress", value(&counters.busy_kills)),
        ("replicas stopped", value(&counters.stops)),
        ("  with jobs still in progress at the end", value(&counters.unclean_stops)),
        ("replicas frozen for less than a lease", value(&counters.short_freezes)),
        ("replicas frozen until others took over", value(&counters.long_freezes)),
        ("replicas that exited by themselves", value(&counters.own_exits)),
        ("broker restarts", value(&counters.broker_restarts)),
        ("broker kills", value(&counters.broker_kills)),
        ("database restarts", value(&counters.database_restarts)),
        ("database crashes", value(&counters.database_crashes)),
        ("cuts of all connections", value(&counters.cuts)),
        ("stalls of some connections", value(&counters.stalls)),
        ("publishes that the producer repeated", value(&counters.republished)),
    ]
}

/// Prints the violations and the closing line. Returns whether the soak passed.
pub(crate) fn print_result(out: &mut impl Write, verification: &Verification) -> Result<bool> {
    let Verification { lost, doubled, several_outcomes, violations, .. } = verification;
    writeln!(out)?;
    for violation in violations.iter().take(MAX_PRINTED) {
        writeln!(out, "soak: {violation}")?;
    }
    if let Some(more @ 1..) = violations.len().checked_sub(MAX_PRINTED) {
        writeln!(out, "soak: and {more} more violations")?;
    }
    let outcomes = match several_outcomes {
        0 => "1 each".to_owned(),
        several => format!("several for {several}"),
    };
    let (jobs, lost) = (verification.jobs(), lost.len());
    write!(out, "soak: {jobs} jobs, lost {lost}, doubled {doubled}, outcomes {outcomes}")?;
    let others = violations.len() - lost - *doubled as usize - *several_outcomes as usize;
    match others {
        0 => writeln!(out)?,
        others => writeln!(out, ", {others} other violations")?,
    }
    Ok(violations.is_empty() && jobs > 0)
}
