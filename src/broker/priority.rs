//! Wake-ups first, without starving new jobs.

use tokio::sync::mpsc::Receiver;

/// How many wake-ups in a row are taken while a new job waits.
const STREAK: u8 = 3;

/// Two streams that are served in turn.
#[derive(Debug)]
pub(super) struct PriorityReceiver<T> {
    wakes: Receiver<T>,
    jobs: Receiver<T>,
    streak: u8,
}

impl<T> PriorityReceiver<T> {
    pub(super) fn new(wakes: Receiver<T>, jobs: Receiver<T>) -> Self {
        Self { wakes, jobs, streak: 0 }
    }

    /// The next in turn; `None` when both streams have ended. Nothing is lost if the future is
    /// dropped.
    pub(super) async fn next(&mut self) -> Option<T> {
        let (next, streak) = if self.streak < STREAK {
            tokio::select! {
                biased;
                Some(wake) = self.wakes.recv() => (wake, self.streak + 1),
                Some(job) = self.jobs.recv() => (job, 0),
                else => return None,
            }
        } else {
            tokio::select! {
                biased;
                Some(job) = self.jobs.recv() => (job, 0),
                Some(wake) = self.wakes.recv() => (wake, self.streak),
                else => return None,
            }
        };
        self.streak = streak;
        Some(next)
    }

    /// Takes no more in, so that what is still inside can be taken out to the end.
    pub(super) fn close(&mut self) {
        self.wakes.close();
        self.jobs.close();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::mpsc;

    use super::*;

    fn filled(wakes: &[&'static str], jobs: &[&'static str]) -> PriorityReceiver<&'static str> {
        let (wakes_in, wakes_out) = mpsc::channel(16);
        let (jobs_in, jobs_out) = mpsc::channel(16);
        wakes.iter().for_each(|wake| wakes_in.try_send(*wake).unwrap());
        jobs.iter().for_each(|job| jobs_in.try_send(*job).unwrap());
        PriorityReceiver::new(wakes_out, jobs_out)
    }

    async fn order(mut lanes: PriorityReceiver<&'static str>) -> Vec<&'static str> {
        let mut order = Vec::new();
        while let Some(next) = lanes.next().await {
            order.push(next);
        }
        order
    }

    #[tokio::test]
    async fn of_four_deliveries_at_least_one_is_a_new_job_while_any_wait() {
        let lanes = filled(&["w", "w", "w", "w", "w", "w", "w", "w"], &["j", "j", "j"]);
        let expected = ["w", "w", "w", "j", "w", "w", "w", "j", "w", "w", "j"];
        assert_eq!(order(lanes).await, expected);
    }

    #[tokio::test]
    async fn wake_ups_go_first_and_alone_take_every_turn() {
        assert_eq!(order(filled(&["w", "w"], &["j", "j"])).await, ["w", "w", "j", "j"]);
        assert_eq!(order(filled(&["w"; 6], &[])).await, ["w"; 6]);
        assert_eq!(order(filled(&[], &["j"; 6])).await, ["j"; 6]);
    }

    #[tokio::test]
    async fn a_dropped_wait_loses_nothing() {
        let (wakes_in, wakes) = mpsc::channel(1);
        let (_jobs_in, jobs) = mpsc::channel(1);
        let mut lanes = PriorityReceiver::new(wakes, jobs);
        assert!(lanes.next().now_or_never().is_none());
        wakes_in.try_send("w").unwrap();
        assert_eq!(lanes.next().now_or_never(), Some(Some("w")));
    }
}
