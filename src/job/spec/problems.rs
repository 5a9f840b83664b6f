//! The problems of one message, as many as are told.

use super::Problem;

/// Problems told of one message, at most: enough to mend it, and a hostile one stays cheap.
pub(in crate::job) const MOST_PROBLEMS: usize = 50;

/// The problems found in a message: the first of them in words, the others only counted.
#[derive(Debug, Default)]
pub struct Problems {
    told: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Takes one in. It is put into words only if it will be told: a hostile message may hold a
    /// million of them.
    pub fn add(&mut self, problem: impl FnOnce() -> Problem) {
        if self.told.len() < MOST_PROBLEMS {
            self.told.push(problem());
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// What is told, ordered by path; the last one says at `whole` how many more there are.
    pub(super) fn in_order(self, whole: &str) -> Vec<Problem> {
        let Self { mut told, more } = self;
        told.sort();
        told.dedup();
        if more > 0 {
            told.push(more_of(more, whole));
        }
        told
    }
}

/// Cuts a list of problems that is too long, and says at `whole` how many more there are.
pub(in crate::job) fn bound(problems: &mut Vec<Problem>, whole: &str) {
    if problems.len() > MOST_PROBLEMS {
        let more = problems.len() - MOST_PROBLEMS;
        problems.truncate(MOST_PROBLEMS);
        problems.push(more_of(more, whole));
    }
}

fn more_of(more: usize, whole: &str) -> Problem {
    Problem::new(whole, format!("has {more} problems more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_that_is_not_told_is_not_put_into_words() {
        let (mut problems, mut worded) = (Problems::default(), 0);
        for number in 0..1_000 {
            problems.add(|| {
                worded += 1;
                Problem::new(format!("$.a[{number:03}]"), "is odd")
            });
        }
        let told = problems.in_order("$");
        assert_eq!((worded, told.len()), (MOST_PROBLEMS, MOST_PROBLEMS + 1));
        assert_eq!(told.last(), Some(&Problem::new("$", "has 950 problems more")));
    }
}
