//! Parses the broker's message about a redeclaration that differs.

use crate::broker::error::TopologyProblem;

/// Parses, for example, `PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'q'
/// in vhost '/': received the value '1000' of type 'signedint' but current is the value '20' of
/// type 'signedint'`. A message in another form becomes the problem's reason.
pub(super) fn problem(object: &str, message: &str) -> TopologyProblem {
    parse(object, message).unwrap_or_else(|| TopologyProblem::Refused {
        object: object.to_owned(),
        reason: format!("the broker says {message:?}"),
    })
}

fn parse(object: &str, message: &str) -> Option<TopologyProblem> {
    let (_, rest) = message.split_once("inequivalent arg '")?;
    let (name, rest) = rest.split_once('\'')?;
    let (_, values) = rest.rsplit_once("received ")?;
    let (ours, broker) = values.split_once(" but current is ")?;
    // The broker reports built-in properties in the same form as arguments.
    let property = match name {
        "type" | "durable" | "auto_delete" | "exclusive" | "internal" => name.to_owned(),
        argument => format!("argument {argument}"),
    };
    Some(TopologyProblem::Differs {
        object: object.to_owned(),
        property,
        broker: value(broker),
        ours: value(ours),
    })
}

fn value(text: &str) -> Option<String> {
    if text == "none" {
        return None;
    }
    let quoted = text.strip_prefix("the value ").unwrap_or(text);
    let inner = quoted.trim_start_matches('\'').split('\'').next().unwrap_or(quoted);
    Some(inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_names_the_object_the_argument_and_both_values() {
        let table = [
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue \
                 't.jobs.create' in vhost '/': received the value '1000' of type 'signedint' but \
                 current is the value '20' of type 'signedint'",
                ("argument x-delivery-limit", Some("20"), Some("1000")),
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost \
                 'received ': received the value 'quorum' of type 'longstr' but current is none",
                ("argument x-queue-type", None, Some("quorum")),
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 't.dead' in vhost \
                 '/': received 'fanout' but current is 'topic'",
                ("type", Some("topic"), Some("fanout")),
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'q' in vhost \
                 '/': received none but current is the value '5' of type 'long'",
                ("argument x-max-length", Some("5"), None),
            ),
        ];
        for (message, (property, broker, ours)) in table {
            let expected = TopologyProblem::Differs {
                object: "queue q".into(),
                property: property.into(),
                broker: broker.map(str::to_owned),
                ours: ours.map(str::to_owned),
            };
            assert_eq!(problem("queue q", message), expected);
        }
    }

    #[test]
    fn a_message_in_another_form_becomes_the_reason() {
        let problem = problem("queue q", "PRECONDITION_FAILED - something new");
        assert_eq!(
            problem.to_string(),
            "queue q: the broker says \"PRECONDITION_FAILED - something new\""
        );
    }
}
