//! The problems of one message.

/// One problem of a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Problem {
    /// Where, as a JSON path: `$.params.PluginParam.dbItemList[0].dbId`.
    pub path: String,
    /// What is wrong and, if known, what to write instead.
    pub message: String,
}

impl Problem {
    /// A problem at a path.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Limit of the problems reported for one message: enough to correct it, and cheap for a hostile one.
pub(in crate::job) const MAX_PROBLEMS: usize = 50;

/// The problems of a message: the first [`MAX_PROBLEMS`] with their text, the others as a count.
#[derive(Debug, Default)]
pub struct Problems {
    reported: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Adds a problem. Its text is built only if it is reported: a hostile message may have a million.
    pub fn add(&mut self, problem: impl FnOnce() -> Problem) {
        if self.reported.len() < MAX_PROBLEMS {
            self.reported.push(problem());
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// The reported problems, ordered by path. The last one says at `root` how many more there are.
    pub(super) fn sorted(self, root: &str) -> Vec<Problem> {
        let Self { mut reported, more } = self;
        reported.sort();
        reported.dedup();
        if more > 0 {
            reported.push(more_problems(more, root));
        }
        reported
    }
}

/// Truncates a list of problems to [`MAX_PROBLEMS`] and says at `root` how many more there are.
pub(in crate::job) fn truncate_problems(problems: &mut Vec<Problem>, root: &str) {
    if problems.len() > MAX_PROBLEMS {
        let more = problems.len() - MAX_PROBLEMS;
        problems.truncate(MAX_PROBLEMS);
        problems.push(more_problems(more, root));
    }
}

fn more_problems(more: usize, root: &str) -> Problem {
    Problem::new(root, format!("has {more} more problems"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_unreported_problem_is_not_built() {
        let (mut problems, mut built) = (Problems::default(), 0);
        for number in 0..1_000 {
            problems.add(|| {
                built += 1;
                Problem::new(format!("$.a[{number:03}]"), "is odd")
            });
        }
        let reported = problems.sorted("$");
        assert_eq!((built, reported.len()), (MAX_PROBLEMS, MAX_PROBLEMS + 1));
        assert_eq!(reported.last(), Some(&Problem::new("$", "has 950 more problems")));
    }
}
