//! Suggestions for misspelt names, and the names of JSON types.

use serde_json::Value;

/// Limit of the words compared, in bytes: longer ones are no typing mistakes, and costly to compare.
const MAX_WORD: usize = 64;

/// The most similar word, if at most a third of its letters and at most four differ. Case is ignored.
pub fn nearest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > MAX_WORD {
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

/// ` (did you mean "x"?)` for the most similar of `known`, or nothing if none is similar.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known).map_or_else(String::new, |name| format!(" (did you mean {name:?}?)"))
}

/// The type of a JSON value, with its article.
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
    fn only_a_similar_word_is_suggested() {
        let words = ["PluginType", "PluginParam", "execSQL", "Tid"];
        assert_eq!(nearest("pluginParams", words), Some("PluginParam"));
        assert_eq!(nearest("execSql", words), Some("execSQL"));
        assert_eq!(nearest("AccessKeyId", words), None);
        assert_eq!(nearest("Action", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest(&"x".repeat(65), words), None);
    }
}
