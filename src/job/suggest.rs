//! How problems are worded: near misses and the names of JSON types.

use serde_json::Value;

/// Words longer than this are nobody's slip of the finger, and costly to compare.
const LONGEST: usize = 64;

/// The word nearest to `word`, where it is near enough for a slip: at most a third of its letters
/// differ, and never more than four. Upper and lower case count as the same.
pub fn nearest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    among
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| {
            (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).min(4))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// ` (did you mean "x"?)` for the nearest of `known`, or nothing when none is near.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known).map_or_else(String::new, |name| format!(" (did you mean {name:?}?)"))
}

/// What a JSON value is, with its article.
pub fn name_of_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_a_different_word_is_not() {
        let words = ["PluginType", "PluginParam", "execSQL", "Tid"];
        assert_eq!(nearest("pluginParams", words), Some("PluginParam"));
        assert_eq!(nearest("execSql", words), Some("execSQL"));
        assert_eq!(nearest("AccessKeyId", words), None);
        assert_eq!(nearest("Action", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest(&"x".repeat(65), words), None);
    }
}
