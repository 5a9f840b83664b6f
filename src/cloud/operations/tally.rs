//! Several things' standings in a few words.

use std::collections::BTreeMap;

/// The most there is of it, in characters: somebody is to read it.
const LONGEST: usize = 3000;

/// One thing's own words, or how many things there are of each: `2 success; 1 toaudit`.
pub(super) fn tally<'a>(seen: impl ExactSizeIterator<Item = &'a str>) -> String {
    let single = seen.len() == 1;
    let mut counts = BTreeMap::<&str, usize>::new();
    for words in seen {
        *counts.entry(words).or_default() += 1;
    }
    let shown = |(words, count): (&str, usize)| match single {
        true => words.to_owned(),
        false => format!("{count} {words}"),
    };
    let mut tally = counts.into_iter().map(shown).collect::<Vec<_>>().join("; ");
    if let Some((end, _)) = tally.char_indices().nth(LONGEST) {
        tally.truncate(end);
    }
    tally
}
