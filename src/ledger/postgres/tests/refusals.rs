//! What a database refuses: one clear line each, and never at the cost of others.

use futures_util::future::join_all;

use super::database::{database, own_database};
use super::{CANARY, PostgresSettings, open, refusal};
use crate::job::Job;
use crate::ledger::conformance::{LEASE, at, bare, granted, job, waiting};
use crate::ledger::{ClaimRequest, Lease, Ledger};

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_one_clear_line() {
    let database = own_database().await;
    let shell = database.shell().await;
    let roles = format!(
        "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0;
         CREATE ROLE guarded LOGIN PASSWORD '{CANARY}';
         COPY (SELECT 'host all guarded all scram-sha-256' UNION ALL
               SELECT 'hostssl all veiled all trust' UNION ALL
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
    for (url, words) in [
        (at(&wrong, "postgres"), "refuses the user or its password; correct ledger.url"),
        (at("guarded", "postgres"), "wants a password; put one into ledger.url"),
        (at("nobody_here", "postgres"), "refuses the user (role \"nobody_here\" does not exist)"),
        (at("stranger", "postgres"), "or correct the server's pg_hba.conf"),
        (at("veiled", "postgres"), "without TLS; add ?sslmode=verify-full to ledger.url"),
        (at("postgres", "nowhere"), "is not there; create it: CREATE DATABASE nowhere"),
        (at("crowded", "postgres"), "has no connection left for us"),
        (at("postgres", "postgres?sslmode=require"), "offers no TLS; switch it on there"),
        ("postgres://u:c4n4ry@no-such-host.invalid/d?sslmode=disable".into(), "leads nowhere"),
        ("postgres://u@%2Fno%2Fsuch%2Ffolder/d".into(), "there is no such socket"),
    ] {
        let line = refusal(&url).await;
        assert!(line.contains(words), "{words}: {line}");
        assert!(line.starts_with("the ledger postgres://") && line.len() < 250, "{line}");
    }
    let right = format!("guarded:{CANARY}");
    let url = at(&right, "postgres").replace("/postgres", "/postgres?options=-csearch_path=theirs");
    shell.batch_execute("CREATE SCHEMA theirs AUTHORIZATION guarded").await.unwrap();
    let ledger = open(&url).await.unwrap();
    assert!(!format!("{ledger:?}").contains(CANARY));
}

#[test]
fn an_address_that_means_nothing_is_refused_and_never_quoted() {
    for (address, words) in [
        ("postgres://u:c4n4ry@/d", "names no host"),
        ("postgres://u:c4n4ry@:/d", "names no host"),
        ("postgres://u:c4n4ry@h:c4n4ry/d", "has a port that can't be read"),
        ("postgres://u:c4n4ry@h/d?sslmode=c4n4ry", "has an sslmode that is none of disable"),
        ("postgres://u:c4n4ry@h/d?sslmode", "has a parameter without a value"),
        ("postgres://u:c4n4ry@h/d?gssencmode=c4n4ry", "has the parameter gssencmode, which means"),
        ("postgres://u:c4n4ry@h/d?connect_timeout=x", "has a connect_timeout that can't be read"),
        ("postgres://u:c4n4ry@h/d?sslrootcert=/none.pem", "has sslrootcert=/none.pem, which can't"),
        ("postgres://u:c4n4ry@h/d?sslcert=/none.pem", "has sslcert without sslkey"),
        ("postgres://u:c4n4ry@h/d?sslmode=verify-ca", "verify-ca without sslrootcert"),
        ("postgres://u:c4n4ry@h/d?sslmode=disable&sslrootcert=/x", "certificates with sslmode="),
        ("postgres://u:c4n4ry@%2Ftmp/d?sslmode=require", "asks for TLS on a socket"),
        ("postgres://u:c4n4ry@h/d?target_session_attrs=read-only", "has to be written"),
        ("postgres://u:c4n4ry@h/d?options=-csearch_path%3D%22x%22", "one plain name"),
    ] {
        let said = PostgresSettings::parse(address).unwrap_err();
        assert!(said.contains(words), "{address}: {said}");
        assert!(!said.contains(CANARY), "{said}");
    }
}

#[test]
fn an_address_is_shown_without_what_is_secret() {
    for (address, place) in [
        ("postgres://u:c4n4ry@db.example:5433/d?sslmode=require", "postgres://u@db.example:5433/d"),
        ("postgres://h/d?user=u&password=c4n4ry", "postgres://u@h:5432/d"),
        ("postgresql://u:c4n4ry@a,b:6000/d", "postgres://u@a:5432,b:6000/d"),
        ("postgres://u@[::1]/d", "postgres://u@[::1]:5432/d"),
        ("postgres://u@%2Frun%2Fpostgresql/d", "postgres://u@/run/postgresql/d"),
    ] {
        let settings = PostgresSettings::parse(address).unwrap();
        assert_eq!(settings.place(), place);
        assert!(!format!("{settings:?}").contains(CANARY));
    }
}

#[test]
fn without_a_word_about_it_only_this_machine_is_spoken_to_without_tls() {
    for (address, has_tls) in [
        ("postgres://u@127.0.0.1/d", false),
        ("postgres://u@localhost,[::1]/d", false),
        ("postgres://u@%2Frun%2Fpostgresql/d", false),
        ("postgres://u@db.example/d", true),
        ("postgres://u@localhost,db.example/d", true),
        ("postgres://u@localhost/d?hostaddr=10.0.0.1", true),
        ("postgres://u@db.example/d?sslmode=disable", false),
        ("postgres://u@127.0.0.1/d?sslmode=require", true),
    ] {
        assert_eq!(PostgresSettings::parse(address).unwrap().tls.is_some(), has_tls, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_can_not_hold_does_not_harm_its_neighbours() {
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
async fn a_row_that_somebody_keeps_locked_does_not_harm_its_neighbours() {
    let ledger = open(&database().await.fresh()).await.unwrap();
    let mut claims = Vec::new();
    for number in 0..20 {
        claims.push(granted(&ledger, &format!("job-{number}"), 0).await.0);
    }
    let shell = ledger.pool.lend().await.unwrap();
    shell.batch_execute("BEGIN; SELECT FROM jobs WHERE id = 'job-7' FOR UPDATE").await.unwrap();
    let state = waiting(2, at(9));
    let save = || claims.iter().map(|claim| ledger.save(claim, bare(&state, Lease::Renew, at(1))));
    for (number, saved) in join_all(save()).await.into_iter().enumerate() {
        match saved {
            Ok(()) => assert_ne!(number, 7),
            Err(error) => {
                assert_eq!(number, 7, "{error}");
                assert!(error.to_string().contains("keeps rows locked"), "{error}");
            }
        }
    }
    shell.batch_execute("ROLLBACK").await.unwrap();
    assert!(join_all(save()).await.into_iter().all(|saved| saved.is_ok()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_another_version_is_named_and_left_alone() {
    let ledger = open(&database().await.fresh()).await.unwrap();
    for (id, due) in [("good", 9), ("odd", 8)] {
        let (claim, ..) = granted(&ledger, id, 0).await;
        ledger.save(&claim, bare(&waiting(2, at(due)), Lease::Release, at(1))).await.unwrap();
    }
    let shell = ledger.pool.lend().await.unwrap();
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
