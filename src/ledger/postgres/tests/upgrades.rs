//! Tables that an earlier version made, and rows that it wrote.

use super::database::database;
use super::open;
use super::schema::VERSION;
use crate::job::{Job, State, Status};
use crate::ledger::conformance::{at, done, granted, job, waiting};
use crate::ledger::{CrashCount, Filter, Ledger, StatusCount};

const FIRST: &str = include_str!("../schema-1.sql");

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_the_first_version_is_brought_up_to_date_with_its_rows() {
    let database = database().await;
    let name = format!("first_{:08x}", rand::random::<u32>());
    let shell = database.shell().await;
    shell
        .batch_execute(&format!(
            "CREATE SCHEMA {name}; SET search_path = {name}; {FIRST};
             INSERT INTO migrations (version) VALUES (1)"
        ))
        .await
        .unwrap();
    let unknown: State = serde_json::from_value(serde_json::json!({ "phase": "done", "outcome": {
        "kind": "unknown", "attempts": 1, "result": {}, "times": {},
    }}))
    .unwrap();
    for (id, state, due) in [
        ("retrying", waiting(1, at(9)), Some(at(9).as_millisecond())),
        ("succeeded", done(), None),
        ("unknown", unknown, None),
    ] {
        let first = Job { id: id.parse().unwrap(), ..job("a") };
        let [text, state] =
            [serde_json::to_string(&first).unwrap(), serde_json::to_string(&state).unwrap()];
        let (kind, done_at) = (first.kind.as_str(), due.is_none().then_some(1_i64));
        shell
            .execute(
                "INSERT INTO jobs VALUES ($1, 'f1', 4, 0, 120000, 0, 2, 0, false, $2, $3, 1, 0,
                                          $1, $4, $5, $6, $7, $8)",
                &[&id, &due, &done_at, &first.operation, &kind, &first.account, &state, &text],
            )
            .await
            .unwrap();
    }
    let ledger = open(&database.with_schema(&name)).await.unwrap();
    let version = shell.query_one("SELECT max(version) FROM migrations", &[]).await.unwrap();
    assert_eq!(usize::try_from(version.get::<_, i32>(0)).unwrap(), VERSION);
    assert_eq!(ledger.list(&Filter::default()).await.unwrap().len(), 3);
    let count_by_status = ledger.count_by_status().await.unwrap();
    let unknown =
        count_by_status.iter().find(|status_count| status_count.status == Status::Unknown).unwrap();
    let operation = job("a").operation;
    let status = Status::Unknown;
    assert_eq!(*unknown, StatusCount { operation, status, jobs: 1, first_due: None });
    let (claim, state, crashes) = granted(&ledger, "retrying", 1).await;
    assert_eq!((claim.fence, state), (5, waiting(1, at(9))));
    assert_eq!(crashes, CrashCount { shared: 2, exclusive: 0 });
}
