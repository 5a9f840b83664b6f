//! Probing a lost deploy.

use serde_json::{Value, json};

use super::{baseline, detail, harness};
use crate::cloud::operations::ProbeResult;

/// When the lost call of the harness was sent, in seconds.
const CALLED_AT: i64 = 1_767_323_045;

/// The detail of a package deployed at this second.
fn deployed(deploy_status: i64, second: i64) -> Value {
    let mut detail = detail(deploy_status);
    detail["release_package"]["deploy_timestamp"] = json!(second * 1000);
    detail
}

#[test]
fn a_lost_deploy_is_found_if_it_reached_every_package() {
    let probe = |first: Value, second: Value| harness(1).probe(&[first, second]).1;
    assert!(matches!(probe(detail(1), detail(1)), Ok(ProbeResult::Absent)));
    for left in [5, 2, 3] {
        let Ok(ProbeResult::Found(found)) = probe(deployed(left, CALLED_AT), detail(5)) else {
            panic!("not found at {left}")
        };
        assert_eq!(found.result["adopted"], json!(true));
        assert_eq!(found.handle, json!({"packages": [{"package_id": "23"}, {"package_id": "24"}]}));
    }
    let without_time = harness(1).probe(&[detail(2)]).1;
    assert!(matches!(without_time, Ok(ProbeResult::Undecided(why)) if why.contains("when")));
    assert!(matches!(probe(detail(5), detail(1)), Ok(ProbeResult::Undecided(_))));
    let undecided = harness(1).probe(&[detail(4)]).1;
    assert!(matches!(undecided, Ok(ProbeResult::Undecided(_))));
    let undecided = harness(1).probe(&[deployed(2, 1_700_000_000)]).1;
    assert!(matches!(undecided, Ok(ProbeResult::Undecided(why)) if why.contains("before")));
}

#[test]
fn an_older_deploy_of_a_package_is_not_this_job_s() {
    let (before, ours) = (CALLED_AT - 60, CALLED_AT + 1);
    let probe = |was: Value, is: Value| {
        let mut harness = harness(1);
        harness.execution.baseline = baseline(&[was, detail(1)]);
        // The second package was certainly reached, unless the first one decides.
        harness.probe(&[is, deployed(5, ours)]).1
    };
    for (was, is) in [
        (detail(1), detail(2)),
        (detail(1), deployed(5, ours)),
        (deployed(2, before), deployed(2, ours)),
        (deployed(3, before), detail(5)),
    ] {
        let answer = probe(was.clone(), is.clone());
        assert!(matches!(answer, Ok(ProbeResult::Found(_))), "{was} {is} {answer:?}");
    }
    for (was, is) in [
        (deployed(2, before), deployed(2, before)),
        (detail(3), detail(3)),
        (detail(5), deployed(2, ours)),
    ] {
        let mut harness = harness(1);
        harness.execution.baseline = baseline(&[was.clone(), detail(1)]);
        let answer = harness.probe(std::slice::from_ref(&is)).1;
        assert!(matches!(answer, Ok(ProbeResult::Undecided(_))), "{was} {is} {answer:?}");
    }
}

#[test]
fn a_baseline_leaves_out_packages_that_may_not_be_read() {
    assert_eq!(baseline(&[json!({"fails": "APIGW.0302"})]), Some(json!({})));
    let transcript = harness(1).baseline(&[detail(1), json!({"fails_for_now": "APIGW.0308"})]);
    assert!(transcript.1.is_err_and(|failure| failure.code == "APIGW.0308"));
}
