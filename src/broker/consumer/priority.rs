//! Wake-ups before new jobs, without starving the jobs.

use tokio::sync::mpsc::Receiver;

/// How many wake-ups in a row are received while a new job waits.
const MAX_WAKES_IN_A_ROW: u8 = 3;

/// Merges two channels by priority.
#[derive(Debug)]
pub(super) struct PriorityReceiver<T> {
    wakes: Receiver<T>,
    jobs: Receiver<T>,
    wakes_in_a_row: u8,
}

impl<T> PriorityReceiver<T> {
    pub(super) fn new(wakes: Receiver<T>, jobs: Receiver<T>) -> Self {
        Self { wakes, jobs, wakes_in_a_row: 0 }
    }

    /// The next item; `None` when both channels have ended. Cancel safe.
    pub(super) async fn recv(&mut self) -> Option<T> {
        let (item, wakes_in_a_row) = if self.wakes_in_a_row < MAX_WAKES_IN_A_ROW {
            tokio::select! {
                biased;
                Some(wake) = self.wakes.recv() => (wake, self.wakes_in_a_row + 1),
                Some(job) = self.jobs.recv() => (job, 0),
                else => return None,
            }
        } else {
            tokio::select! {
                biased;
                Some(job) = self.jobs.recv() => (job, 0),
                Some(wake) = self.wakes.recv() => (wake, self.wakes_in_a_row),
                else => return None,
            }
        };
        self.wakes_in_a_row = wakes_in_a_row;
        Some(item)
    }

    /// Refuses new items; those already in the channels can still be received.
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
        let (wake_sender, wake_receiver) = mpsc::channel(16);
        let (job_sender, job_receiver) = mpsc::channel(16);
        wakes.iter().for_each(|wake| wake_sender.try_send(*wake).unwrap());
        jobs.iter().for_each(|job| job_sender.try_send(*job).unwrap());
        PriorityReceiver::new(wake_receiver, job_receiver)
    }

    async fn order(mut receiver: PriorityReceiver<&'static str>) -> Vec<&'static str> {
        let mut order = Vec::new();
        while let Some(item) = receiver.recv().await {
            order.push(item);
        }
        order
    }

    #[tokio::test]
    async fn every_fourth_delivery_is_a_new_job_while_any_wait() {
        let receiver = filled(&["w", "w", "w", "w", "w", "w", "w", "w"], &["j", "j", "j"]);
        let expected = ["w", "w", "w", "j", "w", "w", "w", "j", "w", "w", "j"];
        assert_eq!(order(receiver).await, expected);
    }

    #[tokio::test]
    async fn wake_ups_go_first_and_never_wait_without_jobs() {
        assert_eq!(order(filled(&["w", "w"], &["j", "j"])).await, ["w", "w", "j", "j"]);
        assert_eq!(order(filled(&["w"; 6], &[])).await, ["w"; 6]);
        assert_eq!(order(filled(&[], &["j"; 6])).await, ["j"; 6]);
    }

    #[tokio::test]
    async fn a_cancelled_receive_loses_no_item() {
        let (wake_sender, wakes) = mpsc::channel(1);
        let (_job_sender, jobs) = mpsc::channel(1);
        let mut receiver = PriorityReceiver::new(wakes, jobs);
        assert!(receiver.recv().now_or_never().is_none());
        wake_sender.try_send("w").unwrap();
        assert_eq!(receiver.recv().now_or_never(), Some(Some("w")));
    }
}
