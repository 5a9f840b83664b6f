//! The exchanges and queues, as values.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::broker::delay;
use crate::broker::names::{CANCEL, Names};
use crate::job::Kind;

/// An exchange or a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "object", rename_all = "lowercase")]
pub enum Object {
    /// An exchange.
    Exchange(Exchange),
    /// A queue and its bindings.
    Queue(Queue),
}

/// A durable exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// Its name.
    pub name: String,
    /// How it routes.
    pub routing: ExchangeKind,
    /// Its arguments.
    pub arguments: Arguments,
}

/// How an exchange routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExchangeKind {
    /// By patterns of routing keys.
    Topic,
    /// To every queue bound.
    Fanout,
}

/// A durable quorum queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: Arguments,
    /// What it is bound to.
    pub bindings: Vec<Binding>,
}

/// Messages of an exchange go to the queue when their routing key fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Binding {
    /// The exchange's name.
    pub exchange: String,
    /// The pattern of routing keys; empty for a fanout.
    pub key: String,
}

/// The value of an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Argument {
    /// Text.
    Text(String),
    /// A number.
    Number(i64),
}

type Arguments = BTreeMap<&'static str, Argument>;

/// How often a job may come back unsettled before the broker takes it for hopeless. It is set so
/// that a message given back keeps its place at the queue's head, and far above what any number
/// of restarts reaches: which jobs are hopeless is decided elsewhere. RabbitMQ 4's own is 20.
const DELIVERY_LIMIT: i64 = 1_000;

/// Looking at what is kept for people must not use it up.
const LOOKING_LIMIT: i64 = 1_000_000;

/// Every exchange and queue, in the order they are declared.
pub fn describe(prefix: &str, unrouted_max: u32) -> Vec<Object> {
    let names = Names::new(prefix);
    let mut objects: Vec<Object> = exchanges(&names).into_iter().map(Object::Exchange).collect();
    objects.extend(queues(&names, unrouted_max).into_iter().map(Object::Queue));
    objects
}

fn exchanges(names: &Names) -> Vec<Exchange> {
    let routed = |name: String, routing| Exchange {
        name,
        routing,
        arguments: [("alternate-exchange", text(names.unrouted()))].into(),
    };
    vec![
        Exchange {
            name: names.unrouted(),
            routing: ExchangeKind::Fanout,
            arguments: Arguments::default(),
        },
        // Fanout, so that a dead letter is kept whatever its routing key was.
        routed(names.dead(), ExchangeKind::Fanout),
        routed(names.jobs(), ExchangeKind::Topic),
        routed(names.delay(), ExchangeKind::Topic),
        routed(names.wake(), ExchangeKind::Topic),
        routed(names.events(), ExchangeKind::Topic),
    ]
}

fn queues(names: &Names, unrouted_max: u32) -> Vec<Queue> {
    let mut queues = vec![
        Queue {
            name: names.unrouted(),
            arguments: arguments([
                ("x-max-length", Argument::Number(unrouted_max.into())),
                ("x-overflow", text("drop-head")),
                ("x-delivery-limit", Argument::Number(LOOKING_LIMIT)),
            ]),
            bindings: vec![Binding { exchange: names.unrouted(), key: String::new() }],
        },
        Queue {
            name: names.dead(),
            arguments: arguments([("x-delivery-limit", Argument::Number(LOOKING_LIMIT))]),
            bindings: vec![Binding { exchange: names.dead(), key: String::new() }],
        },
    ];
    for kind in Kind::ALL {
        queues.push(Queue {
            name: names.job_queue(kind),
            arguments: worked_on(names),
            bindings: vec![Binding { exchange: names.jobs(), key: kind.to_string() }],
        });
    }
    queues.push(Queue {
        name: names.cancel_queue(),
        arguments: worked_on(names),
        bindings: vec![Binding { exchange: names.jobs(), key: CANCEL.to_owned() }],
    });
    for kind in Kind::ALL {
        queues.push(Queue {
            name: names.wake_queue(kind),
            arguments: worked_on(names),
            bindings: vec![Binding { exchange: names.wake(), key: format!("*.{kind}") }],
        });
    }
    queues.extend(delay::rungs().map(|seconds| Queue {
        name: names.delay_queue(seconds),
        arguments: passed_on(
            names.wake(),
            [("x-message-ttl", Argument::Number(i64::from(seconds) * 1_000))],
        ),
        bindings: vec![Binding { exchange: names.delay(), key: format!("{seconds}.*") }],
    }));
    queues
}

fn worked_on(names: &Names) -> Arguments {
    passed_on(names.dead(), [("x-delivery-limit", Argument::Number(DELIVERY_LIMIT))])
}

/// At-least-once needs both of the others; without them the broker falls back silently.
fn passed_on<const N: usize>(to: String, more: [(&'static str, Argument); N]) -> Arguments {
    let mut all = arguments([
        ("x-dead-letter-exchange", text(to)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ]);
    all.extend(more);
    all
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
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::Exchange(exchange) => write!(f, "exchange {}", exchange.name),
            Object::Queue(queue) => write!(f, "queue {}", queue.name),
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
                Object::Queue(queue) if queue.name == name => Some(queue),
                Object::Queue(_) | Object::Exchange(_) => None,
            })
            .unwrap()
    }

    #[test]
    fn every_exchange_but_the_last_resort_has_it_as_alternate() {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for object in describe("t", 10) {
            if let Object::Exchange(exchange) = object {
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
    fn what_goes_on_to_another_queue_does_so_at_least_once() {
        let mut passing = 0;
        for object in describe("t", 10) {
            let Object::Queue(queue) = object else { continue };
            assert_eq!(queue.arguments["x-queue-type"], text("quorum"), "{}", queue.name);
            assert!(!queue.arguments.contains_key("x-expires"), "{}", queue.name);
            if queue.arguments.contains_key("x-dead-letter-exchange") {
                passing += 1;
                assert_eq!(queue.arguments["x-dead-letter-strategy"], text("at-least-once"));
                assert_eq!(queue.arguments["x-overflow"], text("reject-publish"));
            }
        }
        assert_eq!(passing, 3 + 1 + 3 + 18);
    }

    #[test]
    fn a_delay_queue_waits_its_name_and_keeps_the_kind_in_the_key() {
        let queue = queue("t.delay.64s");
        assert_eq!(queue.arguments["x-message-ttl"], Argument::Number(64_000));
        assert_eq!(queue.arguments["x-dead-letter-exchange"], text("t.wake"));
        assert_eq!(queue.bindings, [Binding { exchange: "t.delay".into(), key: "64.*".into() }]);
        assert!(!queue.arguments.contains_key("x-dead-letter-routing-key"));
    }

    #[test]
    fn jobs_and_wake_ups_of_a_kind_have_their_own_queues() {
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
    fn wishes_that_a_job_ends_have_a_queue_of_their_own() {
        let cancel = queue("t.jobs.cancel");
        assert_eq!(cancel.bindings, [Binding { exchange: "t.jobs".into(), key: "cancel".into() }]);
        assert_eq!(cancel.arguments, queue("t.jobs.create").arguments);
    }

    #[test]
    fn what_nobody_wanted_is_kept_up_to_a_bound() {
        let unrouted = queue("t.unrouted");
        assert_eq!(unrouted.arguments["x-max-length"], Argument::Number(10));
        assert_eq!(unrouted.arguments["x-overflow"], text("drop-head"));
    }

    #[test]
    fn machines_get_the_same_facts_as_people() {
        let json = serde_json::to_value(describe("t", 10)).unwrap();
        assert_eq!(
            json[0],
            serde_json::json!({ "object": "exchange", "name": "t.unrouted", "routing": "fanout",
                                "arguments": {} })
        );
        assert_eq!(json[7]["object"], "queue");
        assert_eq!(json[7]["name"], "t.dead");
        assert_eq!(describe("t", 10)[7].to_string(), "queue t.dead");
    }
}
