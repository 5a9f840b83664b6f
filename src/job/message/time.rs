//! RFC 3339 times: `2026-12-01T02:00:00.5+08:00`.

use jiff::Timestamp;

/// Parses an RFC 3339 time. `jiff` alone would accept other forms of ISO 8601, too.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    if has_form(text) { text.parse().ok() } else { None }
}

/// Whether a text has the form of an RFC 3339 time. The date may still not exist.
fn has_form(text: &str) -> bool {
    let like = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(c, expected)| match expected {
                b'0' => c.is_ascii_digit(),
                b'T' => matches!(c, b'T' | b't'),
                other => c == other,
            })
    };
    let Some((civil, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else {
        return false;
    };
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => rest,
    };
    like(civil, "0000-00-00T00:00:00")
        && (matches!(zone, "Z" | "z") || like(zone, "+00:00") || like(zone, "-00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_needs_a_date_a_time_and_a_zone() {
        for good in [
            "2026-12-01T02:00:00Z",
            "2026-12-01t02:00:00.123456789z",
            "2026-12-01T02:00:00.5+08:00",
            "2024-02-29T23:59:59-00:30",
        ] {
            assert!(read(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "2026-12-01",
            "2026-12-01T02:00:00",
            "2026-12-01T02:00Z",
            "2026-12-01 02:00:00Z",
            "20261201T020000Z",
            "2026-12-01T02:00:00.Z",
            "2026-12-01T02:00:00+0800",
            "2026-12-01T02:00:00+08",
            "2026-12-01T02:00:00Z[UTC]",
            "+002026-12-01T02:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-12-01T25:00:00Z",
            "2026-12-01T02:00:00é",
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
