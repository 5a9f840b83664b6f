//! Headers that workers add to messages.

use crate::broker::{Delivery, SourceQueue};

/// Why a message is a dead letter: the name of a [`DeadLetterReason`](super::DeadLetterReason).
pub const REASON: &str = "x-ticketd-reason";

/// The problems of a dead letter, one on each line.
pub const PROBLEMS: &str = "x-ticketd-problems";

/// When a message became a dead letter, as RFC 3339.
pub const AT: &str = "x-ticketd-at";

/// The queue that a dead letter comes from.
pub const FROM: &str = "x-ticketd-from";

/// The user who sent a dead letter, or a message that waits in the delay queues.
pub const USER: &str = "x-ticketd-user";

/// The user who sent a message. The broker verifies the property `user_id`. A message from a wake
/// queue was published by a worker, which kept the user in [`USER`].
pub(in crate::worker) fn sender(delivery: &Delivery) -> Option<&str> {
    match delivery.queue {
        SourceQueue::Job(_) | SourceQueue::Cancel => delivery.properties.user_id.as_deref(),
        SourceQueue::Wake(_) => delivery.properties.headers.get(USER).map(String::as_str),
    }
}
