//! Names with `*` in them, as operators write them.

/// Whether a text fits a pattern in which `*` stands for any characters, or none.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| fits(after, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_with_anything_in_the_place_of_its_stars() {
        let table = [
            ("*", "anything", true),
            ("answers", "answers", true),
            ("answers", "answers.2", false),
            ("answers.*", "answers.2", true),
            ("answers.*", "answers", false),
            ("*.answers", "team.answers", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("*é", "caf\u{e9}", true),
            ("", "x", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(fits(pattern, text), expected, "{pattern} and {text}");
        }
    }
}
