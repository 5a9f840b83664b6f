//! What the database refuses, and how its refusals are explained.

use futures_util::future::join_all;

use ticketd::job::Job;
use ticketd::ledger::{ClaimRequest, Lease, Ledger};

use super::{CANARY, open, open_error, shell};
use crate::harness::{database, own_database};
use crate::ledger::conformance::{LEASE, at, granted, job, new_save, waiting};

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_one_clear_line() {
    let database = own_database().await;
    let shell = database.shell().await;
    let roles = format!(
        "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0;
         CREATE ROLE guarded LOGIN PASSWORD '{CANARY}';
         COPY (SELECT 'host all guarded all scram-sha-256' UNION ALL
               SELECT 'hostssl all encrypted all trust' UNION ALL
               SELECT 'host all postgres,crowded,nobody_here all trust')
         TO PROGRAM 'cat > pg_hba.conf'"
    );
    shell.batch_execute(&roles).await.unwrap();
    shell.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let at = |user: &str, name: &str| {
        let url = database.url.replace("postgres://postgres@", &format!("postgres://{user}@"));
        format!("{}/{name}", url.rsplit_once('/').unwrap().0)
    };
    let wrong = format!("guarded:{CANARY}-wrong");
    for (url, expected) in [
        (at(&wrong, "postgres"), "refuses the user or its password; correct ledger.url"),
        (at("guarded", "postgres"), "needs a password; add one to ledger.url"),
        (at("nobody_here", "postgres"), "refuses the user (role \"nobody_here\" does not exist)"),
        (at("stranger", "postgres"), "or correct the server's pg_hba.conf"),
        (at("encrypted", "postgres"), "without TLS; add ?sslmode=require to ledger.url"),
        (at("postgres", "nowhere"), "does not exist; create it: CREATE DATABASE nowhere"),
        (at("crowded", "postgres"), "has no free connection; raise its max_connections"),
        (
            at("postgres", "postgres?sslmode=require"),
            "does not offer TLS; set ssl = on in the server",
        ),
        (
            "postgres://u:c4n4ry@no-such-host.invalid/d?sslmode=disable".into(),
            "does not resolve; correct ledger.url",
        ),
        ("postgres://u@%2Fno%2Fsuch%2Ffolder/d".into(), "the socket does not exist"),
    ] {
        let line = open_error(&url).await;
        assert!(line.contains(expected), "{expected}: {line}");
        assert!(line.starts_with("the ledger postgres://") && line.len() < 250, "{line}");
    }
    let right = format!("guarded:{CANARY}");
    let url = at(&right, "postgres").replace("/postgres", "/postgres?options=-csearch_path=theirs");
    shell.batch_execute("CREATE SCHEMA theirs AUTHORIZATION guarded").await.unwrap();
    let ledger = open(&url).await.unwrap();
    assert!(!format!("{ledger:?}").contains(CANARY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_can_not_be_stored_leaves_the_rest_of_its_batch_intact() {
    let ledger = open(&database().await.fresh()).await.unwrap();
    let jobs: Vec<Job> = (0..40)
        .map(|number| {
            let mut job = job(&format!("job-{number}"));
            if number == 20 {
                job.account = "not\0text".into();
            }
            job
        })
        .collect();
    let state = waiting(1, at(0));
    let claims = jobs.iter().map(|job| {
        ledger.claim(ClaimRequest {
            job,
            fingerprint: "f1",
            state: &state,
            take_over: false,
            exclusive: false,
            lease: LEASE,
            now: at(0),
        })
    });
    for (number, claimed) in join_all(claims).await.into_iter().enumerate() {
        assert_eq!(claimed.is_err(), number == 20, "{number}: {claimed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_leaves_the_rest_of_its_batch_intact() {
    let url = database().await.fresh();
    let ledger = open(&url).await.unwrap();
    let mut claims = Vec::new();
    for number in 0..20 {
        claims.push(granted(&ledger, &format!("job-{number}"), 0).await.0);
    }
    let shell = shell(database().await, &url).await;
    shell.batch_execute("BEGIN; SELECT FROM jobs WHERE id = 'job-7' FOR UPDATE").await.unwrap();
    let state = waiting(2, at(9));
    let save =
        || claims.iter().map(|claim| ledger.save(claim, new_save(&state, Lease::Renew, at(1))));
    for (number, saved) in join_all(save()).await.into_iter().enumerate() {
        match saved {
            Ok(()) => assert_ne!(number, 7),
            Err(error) => {
                assert_eq!(number, 7, "{error}");
                assert!(error.to_string().contains("what keeps rows locked"), "{error}");
            }
        }
    }
    shell.batch_execute("ROLLBACK").await.unwrap();
    assert!(join_all(save()).await.into_iter().all(|saved| saved.is_ok()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_row_is_named_in_the_error_and_not_changed() {
    let url = database().await.fresh();
    let ledger = open(&url).await.unwrap();
    for (id, due) in [("good", 9), ("odd", 8)] {
        let (claim, ..) = granted(&ledger, id, 0).await;
        ledger.save(&claim, new_save(&waiting(2, at(due)), Lease::Release, at(1))).await.unwrap();
    }
    let shell = shell(database().await, &url).await;
    let spoil = r#"UPDATE jobs SET state = '{"phase":"dreaming"}' WHERE id = 'odd'"#;
    shell.batch_execute(spoil).await.unwrap();
    let (job, state) = (job("odd"), waiting(1, at(0)));
    let request = ClaimRequest {
        job: &job,
        fingerprint: "f1",
        state: &state,
        take_over: true,
        exclusive: false,
        lease: LEASE,
        now: at(2),
    };
    let message = ledger.claim(request).await.unwrap_err().to_string();
    assert!(message.contains("holds job odd in a form this version can't read"), "{message}");
    let message = ledger.find(&job.id).await.unwrap_err().to_string();
    assert!(message.contains("holds job odd in a form this version can't read"), "{message}");
    let fence = shell.query_one("SELECT fence FROM jobs WHERE id = 'odd'", &[]).await.unwrap();
    assert_eq!(fence.get::<_, i64>(0), 1);
    let overdue = ledger.overdue(at(50), at(50), 1).await.unwrap();
    assert_eq!(overdue[0].job.id.as_str(), "good");
}
