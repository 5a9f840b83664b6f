//! The closing table.

use std::fmt::Write;

use super::watch::JobRecord;
use crate::cli::show::{PLAIN, WIDTH, cut, cut_to, paint};

/// How wide the column of what a job shows is.
const SHOWS: usize = 40;

/// Every job in a line: what came of it, and, below, what was expected instead.
pub fn table(records: &[JobRecord], colour: bool) -> String {
    let mut table =
        row(["job", "what it shows", "outcome", "calls", "effects", "seconds", "expected"], "");
    let _ = writeln!(table, "{}", "─".repeat(WIDTH));
    for record in records {
        let seconds = record.took.map(|took| format!("{:.1}", took.as_secs_f64()));
        let (calls, effects) = (record.calls.to_string(), record.effects.to_string());
        let surprises = record.surprises();
        let outcome = record.outcome().unwrap_or("none");
        let cells = [
            record.sample.id.as_str(),
            record.sample.shows,
            outcome,
            &calls,
            &effects,
            seconds.as_deref().unwrap_or("-"),
            if surprises.is_empty() { "yes" } else { "NO" },
        ];
        table += &row(cells, if colour { paint(outcome).unwrap_or_default() } else { "" });
        for surprise in surprises {
            let _ = writeln!(table, "{}", cut(&format!("    expected {surprise}")));
        }
    }
    table
}

fn row([job, shows, outcome, calls, effects, seconds, kind]: [&str; 7], paint: &str) -> String {
    let end = if paint.is_empty() { "" } else { PLAIN };
    let shows = cut_to(SHOWS, shows);
    format!(
        "{job:<12}  {shows:<SHOWS$}  {paint}{outcome:<9}{end}  {calls:>5}  {effects:>7}  \
         {seconds:>7}  {kind}"
    )
    .trim_end()
    .to_owned()
        + "\n"
}

/// How many effects there were, and whether one was made twice or belongs to no job.
pub fn effects(records: &[JobRecord], all: usize) -> String {
    let theirs: usize = records.iter().map(|record| record.effects).sum();
    let doubled: Vec<&str> =
        records.iter().filter(|record| record.effects > 1).map(|r| r.sample.id.as_str()).collect();
    let strays = all.saturating_sub(theirs);
    match (doubled.as_slice(), strays) {
        ([], 0) => format!("effects: {all} at the providers, none of them made twice"),
        ([], strays) => {
            format!("effects: {all} at the providers, {strays} of which no job asked for")
        }
        (doubled, _) => {
            cut(&format!("effects: {all} at the providers, doubled for {}", doubled.join(", ")))
        }
    }
}

/// The last line, and whether all is as expected.
pub fn kind(records: &[JobRecord], all_effects: usize) -> (String, bool) {
    let expected = records.iter().filter(|record| record.surprises().is_empty()).count();
    let theirs: usize = records.iter().map(|record| record.effects).sum();
    let line = format!("demo: {} jobs, {expected} as expected", records.len());
    (line, expected == records.len() && theirs == all_effects)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::demo::samples::samples;

    /// Every sample as it should come out.
    fn records() -> Vec<JobRecord> {
        let mut records: Vec<JobRecord> =
            samples().unwrap().into_iter().map(JobRecord::new).collect();
        for record in &mut records {
            record.was_sent();
            let expected = record.sample.expected;
            for state in expected.way {
                record.take(&json!({ "id": "one",
                    "data": { "state": state, "attempts": expected.calls } }));
            }
            record.effects = expected.effects;
            record.took = Some(std::time::Duration::from_millis(123_456));
        }
        records
    }

    #[test]
    fn a_good_table_has_a_line_for_each_job_and_fits_the_terminal() {
        let records = records();
        let table = table(&records, false);
        assert_eq!(table.lines().count(), records.len() + 2, "{table}");
        assert!(table.lines().all(|line| line.chars().count() <= WIDTH), "{table}");
        assert!(!table.contains('…') && !table.contains(" NO"), "{table}");
        let lost = table.lines().find(|line| line.starts_with("lost-answer")).unwrap();
        let columns: Vec<&str> = lost.split_whitespace().rev().take(5).collect();
        assert_eq!(columns, ["yes", "123.5", "1", "1", "succeeded"]);
        let (line, good) = kind(&records, records.len() - 1);
        assert_eq!(line, format!("demo: {0} jobs, {0} as expected", records.len()));
        assert!(good);
    }

    #[test]
    fn what_is_not_as_expected_is_said_below_the_job() {
        let mut records = records();
        records[0].effects = 2;
        let table = table(&records, false);
        assert!(table.contains("NO\n    expected effects 1, not 2\n"), "{table}");
        let (line, good) = kind(&records, records.len());
        assert!(line.ends_with(&format!("{} as expected", records.len() - 1)) && !good, "{line}");
        assert!(effects(&records, records.len()).ends_with("doubled for change"));
    }

    #[test]
    fn an_effect_that_no_job_asked_for_is_told() {
        let records = records();
        let all = records.len() - 1;
        assert!(effects(&records, all).ends_with("none of them made twice"));
        assert!(effects(&records, all + 1).ends_with("1 of which no job asked for"));
        assert!(!kind(&records, all + 1).1);
    }
}
