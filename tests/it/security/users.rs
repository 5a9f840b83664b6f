//! Which users may use which accounts.

use serde_json::{Value, json};
use ticketd::broker::{Broker, BrokerSettings, ExchangeName, Message, Properties};
use ticketd::job::Kind;
use ticketd::simulator;

use crate::harness::{TestBroker, TestEnv, own_broker, until};
use crate::jobs::tickets::{id, made, ticket};

/// Only alice and the operators may use the account.
const RESTRICTED: &str = "[accounts.ali]\nallowed_users = [\"alice\", \"ops-*\"]";
const REQUIRED: &str = "[broker]\nrequire_user = true";

/// A user's connection to the broker.
async fn connect_as(broker: &TestBroker, env: &TestEnv, name: &str) -> Broker {
    broker.control(&["add_user", name, "s3cret"]).await.unwrap();
    broker.control(&["set_permissions", name, ".*", ".*", ".*"]).await.unwrap();
    let url = broker.url.replace("guest:guest", &format!("{name}:s3cret"));
    let settings = BrokerSettings { url: url.into(), ..env.settings.broker.clone() };
    Broker::connect(&settings).await.unwrap()
}

/// Publishes a job or a cancellation with a `user_id`.
async fn send(broker: &Broker, key: &str, body: &Value, user: Option<&str>) {
    let message = Message {
        body: body.to_string().into(),
        properties: Properties { user_id: user.map(str::to_owned), ..Properties::default() },
    };
    broker.publisher().publish(ExchangeName::Jobs, key, &message).await.unwrap();
}

async fn on(broker: &TestBroker, more: &str) -> TestEnv {
    TestEnv::following("#", broker.url.clone(), more, simulator::SimulatorSettings::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_allowed_users_may_use_an_account() {
    let broker = own_broker().await;
    let mut env = on(&broker, RESTRICTED).await;
    let _worker = env.start();
    let (alice, bob) =
        (connect_as(&broker, &env, "alice").await, connect_as(&broker, &env, "bob").await);
    send(&alice, "create", &ticket(1, ""), Some("alice")).await;
    send(&bob, "create", &ticket(2, ""), Some("bob")).await;
    send(&bob, "create", &ticket(3, ""), None).await;
    assert_eq!(env.outcome(&id(1)).await["data"]["state"], "succeeded");
    for (number, words) in [(2, "is \"bob\", who may not use"), (3, "is missing")] {
        let outcome = env.outcome(&id(number)).await;
        assert_eq!(outcome["data"]["state"], "rejected", "{outcome:#}");
        let message = outcome["data"]["error"]["message"].as_str().unwrap();
        assert!(message.contains("user_id") && message.contains(words), "{message}");
    }
    assert_eq!(made(&env.simulator).into_keys().collect::<Vec<_>>(), [id(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_a_required_user_is_rejected() {
    let broker = own_broker().await;
    let mut env = on(&broker, REQUIRED).await;
    let _worker = env.start();
    let alice = connect_as(&broker, &env, "alice").await;
    send(&alice, "create", &ticket(1, ""), None).await;
    send(&alice, "create", &ticket(2, ""), Some("alice")).await;
    send(&alice, "cancel", &json!({ "id": id(9) }), None).await;
    assert_eq!(env.outcome(&id(1)).await["data"]["state"], "rejected");
    assert_eq!(env.outcome(&id(2)).await["data"]["state"], "succeeded");
    let cancellation = |event: &Value| event["subject"].is_null();
    let refused = env.event(cancellation).await;
    let message = refused["data"]["error"]["message"].as_str().unwrap();
    assert!(message.contains("user_id"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requeued_message_keeps_its_user_and_no_producer_can_forge_it() {
    let broker = own_broker().await;
    let more = format!("{REQUIRED}\n{RESTRICTED}\n[worker]\nconcurrency = 4");
    let mut env = on(&broker, &more).await;
    let slow = std::time::Duration::from_millis(700);
    let rule =
        simulator::FaultRule::always("dms.CreateOrder", simulator::Fault::Slow { delay: slow });
    env.simulator.set_faults(simulator::FaultPlan { seed: 0, faults: vec![rule] }).unwrap();
    let _worker = env.start();
    let alice = connect_as(&broker, &env, "alice").await;
    // A second copy arrives during the first run and is requeued unchanged.
    for correlation in ["one", "two"] {
        let message = Message {
            body: ticket(1, "").to_string().into(),
            properties: Properties {
                user_id: Some("alice".to_owned()),
                correlation_id: Some(correlation.to_owned()),
                ..Properties::default()
            },
        };
        alice.publisher().publish(ExchangeName::Jobs, "create", &message).await.unwrap();
    }
    env.published(|published| {
        published.properties.correlation_id.as_deref() == Some("two")
            && published.routing_key.ends_with("succeeded")
    })
    .await;

    // The header with the user is ignored on a producer's message.
    let bob = connect_as(&broker, &env, "bob").await;
    let claimed = Message {
        body: ticket(2, "").to_string().into(),
        properties: Properties {
            user_id: Some("bob".to_owned()),
            headers: [("x-ticketd-user".to_owned(), "alice".to_owned())].into(),
            ..Properties::default()
        },
    };
    bob.publisher().publish(ExchangeName::Jobs, "create", &claimed).await.unwrap();
    assert_eq!(env.outcome(&id(2)).await["data"]["state"], "rejected");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_users_of_an_account_may_cancel_its_jobs() {
    let broker = own_broker().await;
    let mut env = on(&broker, RESTRICTED).await;
    let _worker = env.start();
    let alice = connect_as(&broker, &env, "alice").await;
    let bob = connect_as(&broker, &env, "bob").await;
    let mut later = ticket(1, "");
    later["not_before"] = json!("2999-01-01T00:00:00Z");
    send(&alice, "create", &later, Some("alice")).await;
    let ledger = env.worker().ledger;
    let job = id(1).parse().unwrap();
    until(async || ledger.find(&job).await.unwrap().is_some()).await;
    send(&bob, "cancel", &json!({ "id": id(1) }), Some("bob")).await;
    let refused = env.event(|event| event["subject"].is_null()).await;
    let message = refused["data"]["error"]["message"].as_str().unwrap();
    assert!(message.contains("is \"bob\", who may not use"), "{message}");
    assert!(!ledger.find(&job).await.unwrap().unwrap().cancelled);
    send(&alice, "cancel", &json!({ "id": id(1) }), Some("alice")).await;
    assert_eq!(env.outcome(&id(1)).await["data"]["state"], "cancelled");
    env.submit(Kind::Create, &ticket(2, "")).await;
    assert_eq!(env.outcome(&id(2)).await["data"]["state"], "rejected");
}
