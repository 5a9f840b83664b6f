//! The exchanges and queues, as values.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::broker::delay;
use crate::broker::names::{CANCEL_KEY, ExchangeName, SourceQueue, delay_queue};
use crate::job::Kind;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "object", rename_all = "lowercase")]
pub enum TopologyObject {
    Exchange(Exchange),
    Queue(Queue),
}

/// A durable exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exchange {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ExchangeKind,
    pub arguments: Arguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExchangeKind {
    /// Routes by patterns of routing keys.
    Topic,
    /// Routes to every bound queue.
    Fanout,
}

/// A durable quorum queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Queue {
    pub name: String,
    pub arguments: Arguments,
    pub bindings: Vec<Binding>,
}

/// Routes an exchange's messages to the queue if their routing key matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Binding {
    pub exchange: String,
    /// The pattern of routing keys; empty for a fanout exchange.
    pub key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Argument {
    Text(String),
    Number(i64),
}

type Arguments = BTreeMap<&'static str, Argument>;

/// How often the broker redelivers a job before it dead-letters it. Any limit keeps a requeued
/// message at the head of its queue; without one it goes to the back. The limit is far above what
/// restarts reach, because the worker itself detects poison messages. RabbitMQ 4's default is 20.
const DELIVERY_LIMIT: i64 = 1_000;

/// Reading a message that waits for an operator counts as a delivery, and must not dead-letter it.
const READ_LIMIT: i64 = 1_000_000;

/// Every exchange and queue, in the order of their declaration.
pub fn describe(prefix: &str, unrouted_max: u32) -> Vec<TopologyObject> {
    let exchanges = exchanges(prefix).into_iter().map(TopologyObject::Exchange);
    let queues = queues(prefix, unrouted_max).into_iter().map(TopologyObject::Queue);
    exchanges.chain(queues).collect()
}

fn exchanges(prefix: &str) -> Vec<Exchange> {
    let unrouted = ExchangeName::Unrouted.full_name(prefix);
    let exchange = |name: ExchangeName, kind| Exchange {
        name: name.full_name(prefix),
        kind,
        arguments: [("alternate-exchange", text(unrouted.clone()))].into(),
    };
    vec![
        Exchange {
            name: unrouted.clone(),
            kind: ExchangeKind::Fanout,
            arguments: Arguments::default(),
        },
        // Fanout, so that a dead letter is kept whatever its routing key was.
        exchange(ExchangeName::Dead, ExchangeKind::Fanout),
        exchange(ExchangeName::Jobs, ExchangeKind::Topic),
        exchange(ExchangeName::Delay, ExchangeKind::Topic),
        exchange(ExchangeName::Wake, ExchangeKind::Topic),
        exchange(ExchangeName::Events, ExchangeKind::Topic),
    ]
}

fn queues(prefix: &str, unrouted_max: u32) -> Vec<Queue> {
    let [unrouted, dead] =
        [ExchangeName::Unrouted, ExchangeName::Dead].map(|name| name.full_name(prefix));
    let consumed = |queue: SourceQueue, exchange: ExchangeName, key: String| Queue {
        name: queue.full_name(prefix),
        arguments: dead_lettering(
            ExchangeName::Dead.full_name(prefix),
            ("x-delivery-limit", DELIVERY_LIMIT),
        ),
        bindings: vec![Binding { exchange: exchange.full_name(prefix), key }],
    };
    let mut queues = vec![
        Queue {
            name: unrouted.clone(),
            arguments: arguments([
                ("x-max-length", Argument::Number(unrouted_max.into())),
                ("x-overflow", text("drop-head")),
                ("x-delivery-limit", Argument::Number(READ_LIMIT)),
            ]),
            bindings: vec![Binding { exchange: unrouted, key: String::new() }],
        },
        Queue {
            name: dead.clone(),
            arguments: arguments([("x-delivery-limit", Argument::Number(READ_LIMIT))]),
            bindings: vec![Binding { exchange: dead, key: String::new() }],
        },
    ];
    for kind in Kind::ALL {
        queues.push(consumed(SourceQueue::Job(kind), ExchangeName::Jobs, kind.to_string()));
    }
    queues.push(consumed(SourceQueue::Cancel, ExchangeName::Jobs, CANCEL_KEY.to_owned()));
    for kind in Kind::ALL {
        queues.push(consumed(SourceQueue::Wake(kind), ExchangeName::Wake, format!("*.{kind}")));
    }
    queues.extend(delay::rungs().map(|seconds| Queue {
        name: delay_queue(prefix, seconds),
        arguments: dead_lettering(
            ExchangeName::Wake.full_name(prefix),
            ("x-message-ttl", i64::from(seconds) * 1_000),
        ),
        bindings: vec![Binding {
            exchange: ExchangeName::Delay.full_name(prefix),
            key: format!("{seconds}.*"),
        }],
    }));
    queues
}

/// Dead-letters at least once. The broker needs the strategy and the overflow together; with one
/// alone it silently falls back to at-most-once.
fn dead_lettering(exchange: String, (limit, value): (&'static str, i64)) -> Arguments {
    arguments([
        ("x-dead-letter-exchange", text(exchange)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
        (limit, Argument::Number(value)),
    ])
}

fn arguments<const N: usize>(more: [(&'static str, Argument); N]) -> Arguments {
    let mut all = Arguments::from([("x-queue-type", text("quorum"))]);
    all.extend(more);
    all
}

fn text(value: impl Into<String>) -> Argument {
    Argument::Text(value.into())
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Argument::Text(text) => f.write_str(text),
            Argument::Number(number) => number.fmt(f),
        }
    }
}

/// For example `queue ticketd.jobs.create`.
impl fmt::Display for TopologyObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopologyObject::Exchange(exchange) => write!(f, "exchange {}", exchange.name),
            TopologyObject::Queue(queue) => write!(f, "queue {}", queue.name),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn queue(name: &str) -> Queue {
        describe("t", 10)
            .into_iter()
            .find_map(|object| match object {
                TopologyObject::Queue(queue) if queue.name == name => Some(queue),
                TopologyObject::Queue(_) | TopologyObject::Exchange(_) => None,
            })
            .unwrap()
    }

    #[test]
    fn every_exchange_has_the_unrouted_one_as_alternate() {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for object in describe("t", 10) {
            if let TopologyObject::Exchange(exchange) = object {
                match exchange.arguments.get("alternate-exchange") {
                    Some(alternate) => {
                        assert_eq!(alternate, &text("t.unrouted"));
                        with.push(exchange.name);
                    }
                    None => without.push(exchange.name),
                }
            }
        }
        assert_eq!(with, ["t.dead", "t.jobs", "t.delay", "t.wake", "t.events"]);
        assert_eq!(without, ["t.unrouted"]);
    }

    #[test]
    fn every_queue_dead_letters_at_least_once() {
        let mut dead_lettering = 0;
        for object in describe("t", 10) {
            let TopologyObject::Queue(queue) = object else { continue };
            assert_eq!(queue.arguments["x-queue-type"], text("quorum"), "{}", queue.name);
            assert!(!queue.arguments.contains_key("x-expires"), "{}", queue.name);
            if queue.arguments.contains_key("x-dead-letter-exchange") {
                dead_lettering += 1;
                assert_eq!(queue.arguments["x-dead-letter-strategy"], text("at-least-once"));
                assert_eq!(queue.arguments["x-overflow"], text("reject-publish"));
            }
        }
        assert_eq!(dead_lettering, 3 + 1 + 3 + 18);
    }

    #[test]
    fn a_delay_queue_has_its_time_as_ttl_and_keeps_the_routing_key() {
        let queue = queue("t.delay.64s");
        assert_eq!(queue.arguments["x-message-ttl"], Argument::Number(64_000));
        assert_eq!(queue.arguments["x-dead-letter-exchange"], text("t.wake"));
        assert_eq!(queue.bindings, [Binding { exchange: "t.delay".into(), key: "64.*".into() }]);
        assert!(!queue.arguments.contains_key("x-dead-letter-routing-key"));
    }

    #[test]
    fn jobs_and_wake_ups_of_a_kind_have_separate_queues() {
        let jobs = queue("t.jobs.publish");
        let wakes = queue("t.wake.publish");
        assert_eq!(jobs.bindings, [Binding { exchange: "t.jobs".into(), key: "publish".into() }]);
        assert_eq!(
            wakes.bindings,
            [Binding { exchange: "t.wake".into(), key: "*.publish".into() }]
        );
        assert_eq!(jobs.arguments["x-delivery-limit"], Argument::Number(1_000));
        assert_eq!(jobs.arguments, wakes.arguments);
    }

    #[test]
    fn cancel_requests_have_their_own_queue() {
        let cancel = queue("t.jobs.cancel");
        assert_eq!(cancel.bindings, [Binding { exchange: "t.jobs".into(), key: "cancel".into() }]);
        assert_eq!(cancel.arguments, queue("t.jobs.create").arguments);
    }

    #[test]
    fn the_unrouted_queue_drops_its_oldest_message_beyond_its_limit() {
        let unrouted = queue("t.unrouted");
        assert_eq!(unrouted.arguments["x-max-length"], Argument::Number(10));
        assert_eq!(unrouted.arguments["x-overflow"], text("drop-head"));
    }

    #[test]
    fn the_topology_serializes_with_the_names_that_it_displays() {
        let json = serde_json::to_value(describe("t", 10)).unwrap();
        assert_eq!(
            json[0],
            serde_json::json!({ "object": "exchange", "name": "t.unrouted", "type": "fanout",
                                "arguments": {} })
        );
        assert_eq!(json[7]["object"], "queue");
        assert_eq!(json[7]["name"], "t.dead");
        assert_eq!(describe("t", 10)[7].to_string(), "queue t.dead");
    }
}
