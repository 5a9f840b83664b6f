//! The closing table.

use anstyle::{AnsiColor, Style};

use super::observation::Observation;
use crate::cli::output::LineWidth;

/// One row a job; below the table, every difference from what was expected.
pub(super) fn table(observations: &[Observation], width: LineWidth) -> String {
    let header = ["job", "what it shows", "outcome", "calls", "effects", "seconds", "expected"];
    let rows = observations.iter().map(|observation| {
        let seconds = observation.duration.map(|took| format!("{:.1}", took.as_secs_f64()));
        [
            observation.job.id.clone(),
            observation.job.shows.to_owned(),
            observation.outcome().unwrap_or("none").to_owned(),
            observation.calls.to_string(),
            observation.effects.to_string(),
            seconds.unwrap_or_else(|| "-".to_owned()),
            if observation.differences().is_empty() { "yes" } else { "NO" }.to_owned(),
        ]
    });
    let mut text = width.table(header, rows);
    let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
    for observation in observations {
        for difference in observation.differences() {
            let line = format!("{}: expected {difference}", observation.job.id);
            text += &format!("{red}{}{red:#}\n", width.wrap("", 4, &line));
        }
    }
    text
}

/// The number of effects, and whether one happened twice or belongs to no job.
pub(super) fn effects(observations: &[Observation], all: usize) -> String {
    let expected: usize = observations.iter().map(|observation| observation.effects).sum();
    let doubled: Vec<&str> = observations
        .iter()
        .filter(|observation| observation.effects > 1)
        .map(|observation| observation.job.id.as_str())
        .collect();
    match (doubled.as_slice(), all.saturating_sub(expected)) {
        ([], 0) => format!("effects: {all} at the providers, none of them twice"),
        ([], strays) => {
            format!("effects: {all} at the providers, {strays} of which no job asked for")
        }
        (doubled, _) => {
            format!("effects: {all} at the providers, twice for {}", doubled.join(", "))
        }
    }
}

/// The last line, and whether everything was as expected.
pub(super) fn verdict(observations: &[Observation], all_effects: usize) -> (String, bool) {
    let jobs = observations.len();
    let good = observations.iter().filter(|it| it.differences().is_empty()).count();
    let effects: usize = observations.iter().map(|observation| observation.effects).sum();
    let line = format!("demo: {jobs} jobs, {good} as expected");
    (line, good == jobs && effects == all_effects)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::cli::demo::jobs::jobs;

    const WIDTH: LineWidth = LineWidth::Columns(100);

    /// Every job with the result it should have.
    fn observations() -> Vec<Observation> {
        let mut observations: Vec<Observation> =
            jobs().unwrap().into_iter().map(Observation::new).collect();
        for observation in &mut observations {
            observation.mark_sent();
            let expected = observation.job.expected;
            for state in expected.states {
                observation.record(&json!({ "id": "one",
                    "data": { "state": state, "attempts": expected.calls } }));
            }
            observation.effects = expected.effects;
            observation.duration = Some(Duration::from_millis(123_456));
        }
        observations
    }

    #[test]
    fn a_table_has_one_row_a_job_and_fits_the_terminal() {
        let observations = observations();
        let table = table(&observations, WIDTH);
        assert_eq!(table.lines().count(), observations.len() + 1, "{table}");
        assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
        assert!(!table.contains(" NO"), "{table}");
        let lost = table.lines().find(|line| line.starts_with("lost-answer")).unwrap();
        let columns: Vec<&str> = lost.split_whitespace().rev().take(5).collect();
        assert_eq!(columns, ["yes", "123.5", "1", "1", "succeeded"]);
        let (line, good) = verdict(&observations, observations.len() - 1);
        assert_eq!(line, format!("demo: {0} jobs, {0} as expected", observations.len()));
        assert!(good);
    }

    #[test]
    fn a_narrow_terminal_wraps_cells() {
        let table = table(&observations(), LineWidth::Columns(80));
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    }

    #[test]
    fn a_difference_from_the_expected_result_is_below_the_table() {
        let mut observations = observations();
        observations[0].effects = 2;
        let table = table(&observations, WIDTH);
        assert!(table.contains(" NO\n"), "{table}");
        assert!(table.contains("change: expected effects 1, not 2"), "{table}");
        let (line, good) = verdict(&observations, observations.len());
        let expected = format!("{} as expected", observations.len() - 1);
        assert!(line.ends_with(&expected) && !good, "{line}");
        assert!(effects(&observations, observations.len()).ends_with("twice for change"));
    }

    #[test]
    fn an_effect_that_no_job_asked_for_is_reported() {
        let observations = observations();
        let all = observations.len() - 1;
        assert!(effects(&observations, all).ends_with("none of them twice"));
        assert!(effects(&observations, all + 1).ends_with("1 of which no job asked for"));
        assert!(!verdict(&observations, all + 1).1);
    }
}
