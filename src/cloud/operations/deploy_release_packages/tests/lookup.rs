//! A deploy whose answer was lost.

use serde_json::{Value, json};

use super::{baseline, detail, rehearsal};
use crate::job::Answer;

/// When the lost call of the rehearsal was made, in seconds.
const CALLED: i64 = 1_767_323_045;

/// A package deployed at this second.
fn deployed(deploy_status: i64, second: i64) -> Value {
    let mut detail = detail(deploy_status);
    detail["release_package"]["deploy_timestamp"] = json!(second * 1000);
    detail
}

#[test]
fn a_lost_deploy_is_looked_up_at_its_packages() {
    let probe = |first: Value, second: Value| rehearsal(1).probe(&[first, second]).1;
    assert!(matches!(probe(detail(1), detail(1)), Ok(Answer::Absent)));
    for left in [5, 2, 3] {
        let Ok(Answer::Found(found)) = probe(deployed(left, CALLED), detail(5)) else {
            panic!("not found at {left}")
        };
        assert_eq!(found.result["adopted"], json!(true));
        assert_eq!(found.handle, json!({"packages": [{"package_id": "23"}, {"package_id": "24"}]}));
    }
    let timeless = rehearsal(1).probe(&[detail(2)]).1;
    assert!(matches!(timeless, Ok(Answer::Undecided(words)) if words.contains("when")));
    assert!(matches!(probe(detail(5), detail(1)), Ok(Answer::Undecided(_))));
    let undecided = rehearsal(1).probe(&[detail(4)]).1;
    assert!(matches!(undecided, Ok(Answer::Undecided(_))));
    let undecided = rehearsal(1).probe(&[deployed(2, 1_700_000_000)]).1;
    assert!(matches!(undecided, Ok(Answer::Undecided(words)) if words.contains("before")));
}

#[test]
fn an_older_deployment_is_not_taken_for_this_job_s() {
    let (before, ours) = (CALLED - 60, CALLED + 1);
    let probe = |was: Value, is: Value| {
        let mut rehearsal = rehearsal(1);
        rehearsal.execution.baseline = baseline(&[was, detail(1)]);
        // The second package has been reached for certain, unless the first decides it.
        rehearsal.probe(&[is, deployed(5, ours)]).1
    };
    for (was, is) in [
        (detail(1), detail(2)),
        (detail(1), deployed(5, ours)),
        (deployed(2, before), deployed(2, ours)),
        (deployed(3, before), detail(5)),
    ] {
        let answer = probe(was.clone(), is.clone());
        assert!(matches!(answer, Ok(Answer::Found(_))), "{was} {is} {answer:?}");
    }
    for (was, is) in [
        (deployed(2, before), deployed(2, before)),
        (detail(3), detail(3)),
        (detail(5), deployed(2, ours)),
    ] {
        let mut rehearsal = rehearsal(1);
        rehearsal.execution.baseline = baseline(&[was.clone(), detail(1)]);
        let answer = rehearsal.probe(std::slice::from_ref(&is)).1;
        assert!(matches!(answer, Ok(Answer::Undecided(_))), "{was} {is} {answer:?}");
    }
}

#[test]
fn packages_that_may_not_be_seen_may_still_be_deployed() {
    assert_eq!(baseline(&[json!({"fails": "APIGW.0302"})]), Some(json!({})));
    let heard = rehearsal(1).baseline(&[detail(1), json!({"stutters": "APIGW.0308"})]);
    assert!(heard.1.is_err_and(|failure| failure.code == "APIGW.0308"));
}
