//! Durations of one number and one unit: `250ms`, `5s`, `2m`, `1h`, `30d`.
//!
//! Every duration has one way to be written, so `config print` shows what was set.

use std::time::Duration;

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A date after so long is still on the calendar.
const MAX_DURATION: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Reads a whole number with its unit.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!(r#"{text:?} is not a duration; write it like "250ms", "5s", "2m", "1h", "30d""#);
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    if number.is_empty() {
        return Err(wrong());
    }
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(*millis))
        .map(Duration::from_millis)
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or_else(|| format!("{text:?} is longer than the maximum of 10 years"))
}

/// Writes a duration in its largest whole unit. Parts below a millisecond are dropped.
pub fn format(duration: Duration) -> String {
    let millis = duration.as_millis();
    let fits = |unit: &&(&str, u64)| millis > 0 && millis.is_multiple_of(u128::from(unit.1));
    match UNITS.iter().find(fits) {
        Some((name, size)) => format!("{}{name}", millis / u128::from(*size)),
        None => "0s".to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_as_it_was_read() {
        for text in ["1ms", "250ms", "1001ms", "5s", "90s", "2m", "61m", "1h", "25h", "1d", "3650d"]
        {
            assert_eq!(format(parse(text).unwrap()), text);
        }
        for millis in (0..10_000_000).step_by(7919) {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse(&format(duration)).unwrap(), duration);
        }
    }

    #[test]
    fn a_duration_is_written_in_its_largest_whole_unit() {
        assert_eq!(format(parse("60s").unwrap()), "1m");
        assert_eq!(format(parse("48h").unwrap()), "2d");
        assert_eq!(format(parse("0d").unwrap()), "0s");
    }

    #[test]
    fn text_that_is_not_a_duration_is_refused() {
        for text in ["", "5", "s", "5 s", "-5s", "+5s", "1.5s", "5S", "5sec", "1h30m", "5µs", "٥s"]
        {
            assert!(parse(text).unwrap_err().contains("is not a duration"), "{text}");
        }
        for text in ["3651d", "18446744073709551615d", "99999999999999999999s"] {
            assert!(parse(text).unwrap_err().contains("10 years"), "{text}");
        }
    }
}
