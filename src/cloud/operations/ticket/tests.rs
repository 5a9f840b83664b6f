#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use crate::cloud::operations::create_order::CreateOrder;
use crate::cloud::operations::marker::Marker;
use crate::cloud::operations::tests::harness::{OperationHarness, Transcript, alibaba, query};
use crate::cloud::operations::{PollResult, ProbeResult};
use crate::job::FailureClass;

fn harness(plugin_type: &str) -> OperationHarness {
    let params = json!({"Comment": "c", "PluginType": plugin_type, "PluginParam": {}, "Tid": 9});
    OperationHarness::new(CreateOrder, params)
}

fn poll(plugin_type: &str, replies: &[Value]) -> Transcript<PollResult> {
    harness(plugin_type).poll(&json!({"order_ids": [7]}), replies)
}

fn base(status: &str) -> Value {
    json!({"OrderBaseInfo": {"OrderId": 7, "StatusCode": status, "StatusDesc": "a description"}})
}

/// The provider's status, and whether a person has to act.
fn running(poll: Transcript<PollResult>) -> (String, bool) {
    match poll.1 {
        Ok(PollResult::Running { provider_status, waits_for_person, .. }) => {
            (provider_status, waits_for_person)
        }
        other => panic!("not running: {other:?}"),
    }
}

fn waits_for_person(poll: Transcript<PollResult>) -> bool {
    running(poll).1
}

fn succeeds(poll: Transcript<PollResult>) -> bool {
    matches!(poll.1, Ok(PollResult::Succeeded { .. }))
}

fn failure(poll: PollResult) -> (String, String) {
    match poll {
        PollResult::Failed { code, message, .. } => (code, message),
        other => panic!("not failed: {other:?}"),
    }
}

fn failure_code(poll: Transcript<PollResult>) -> String {
    failure(poll.1.unwrap()).0
}

#[test]
fn ids_are_read_from_every_shape_of_the_reply() {
    for (shape, ids) in [
        (json!({"OrderIds": [123, 124]}), json!([123, 124])),
        (json!({"OrderIds": "123"}), json!([123])),
        (json!([123]), json!([123])),
        (json!(["124", "123", "123"]), json!([123, 124])),
        (json!(123), json!([123])),
        (json!("123"), json!([123])),
        (json!({"CreateOrderResult": [123]}), json!([123])),
    ] {
        let body =
            json!({"CreateOrderResult": shape, "Success": true, "ErrorCode": "UnknownError"});
        let accepted = harness("NDDL").call(body).1.unwrap();
        assert_eq!(accepted.result, json!({"order_ids": ids}), "{shape}");
        assert_eq!(accepted.handle, accepted.result);
    }
}

#[test]
fn a_success_without_a_ticket_number_is_ambiguous() {
    for shape in [json!([]), json!({"OrderIds": []}), json!("12***"), json!(null), json!([0, -1])] {
        let (_, answer) =
            harness("NDDL").call(json!({"Success": true, "CreateOrderResult": shape}));
        assert!(answer.is_err_and(|f| f.class == FailureClass::Ambiguous && f.code == "NoOrderId"));
    }
}

#[test]
fn a_rejected_or_closed_ticket_fails_with_that_code() {
    for (status, code) in [("reject", "reject"), ("CLOSED", "closed")] {
        let transcript = poll("DC_COMMON", &[base(status)]);
        assert_eq!(transcript.0[0].action, "GetOrderBaseInfo");
        assert_eq!(query(&transcript.0[0]), json!({"OrderId": "7", "Tid": "9"}));
        let failure = failure(transcript.1.unwrap());
        assert_eq!(failure, (code.into(), "ticket 7: a description".into()));
    }
}

#[test]
fn a_ticket_waits_for_a_person_by_its_status_and_its_details() {
    let change = |status: &str| json!({"DataCorrectOrderDetail": {"Status": status}});
    let export =
        |status: &str| json!({"DataExportOrderDetail": {"KeyInfo": {"JobStatus": status}}});
    let nothing = json!({"fails": "NoTask"});
    for (plugin_type, replies, status, waits) in [
        ("DC_CHUNK", vec![base("toaudit")], "toaudit", true),
        ("PERM_APPLY", vec![base("ToAudit")], "toaudit", true),
        ("PERM_APPLY", vec![base("new")], "new", true),
        ("OWNER_APPLY", vec![base("approved")], "approved", false),
        ("DC_COMMON", vec![base("new"), change("precheck")], "new, precheck", false),
        ("DC_COMMON", vec![base("new"), change("precheckFailed")], "new, precheckFailed", true),
        ("DC_CHUNK", vec![base("NEW"), change("precheck_success")], "new, precheck_success", true),
        ("DC_CRON_CLEAR", vec![base("new"), change("precheckFailed")], "new, precheckFailed", true),
        ("DC_COMMON", vec![base("Approved"), nothing.clone()], "approved", true),
        (
            "DATA_EXPORT",
            vec![base("approved"), export("ENABLE_EXPORT")],
            "approved, ENABLE_EXPORT",
            true,
        ),
        (
            "DATA_EXPORT",
            vec![base("processing"), export("DOING_EXPORT")],
            "processing, DOING_EXPORT",
            false,
        ),
        ("DATA_EXPORT", vec![base("new"), export("PRE_CHECKING")], "new, PRE_CHECKING", false),
        ("DC_COMMON", vec![base("frozen"), nothing], "frozen (a description)", false),
        (
            "NDDL",
            vec![base("new"), json!({"ProjectInfo": {"Status": "DESIGN"}})],
            "new, DESIGN",
            true,
        ),
    ] {
        assert_eq!(running(poll(plugin_type, &replies)), (status.to_owned(), waits));
    }
}

#[test]
fn the_details_show_ends_that_the_ticket_does_not() {
    let job = |status: &str| json!({"DataCorrectTaskDetail": {"jobStatus": status}});
    let export =
        |status: &str| json!({"DataExportOrderDetail": {"KeyInfo": {"JobStatus": status}}});
    let project = |status: &str| json!({"ProjectInfo": {"Status": status}});

    assert_eq!(failure_code(poll("DC_COMMON", &[base("processing"), job("FAIL")])), "FAIL");
    assert_eq!(failure_code(poll("DC_CHUNK", &[base("approved"), job("fail")])), "FAIL");
    assert_eq!(failure_code(poll("DC_COMMON", &[base("success"), job("FAIL")])), "FAIL");
    assert_eq!(failure_code(poll("DC_COMMON", &[base("processing"), job("DELETE")])), "DELETE");
    assert!(waits_for_person(poll("DC_COMMON", &[base("processing"), job("PAUSE")])));
    assert!(!waits_for_person(poll("DC_COMMON", &[base("processing"), job("RUNNING")])));
    assert!(succeeds(poll("DC_COMMON", &[base("success"), job("SUCCESS")])));
    let hidden = json!({"fails": "NoPermission"});
    assert!(succeeds(poll("DC_COMMON", &[base("success"), hidden])));

    assert_eq!(
        failure_code(poll("DATA_EXPORT", &[base("processing"), export("EXPORT_FAIL")])),
        "EXPORT_FAIL"
    );
    assert_eq!(
        failure_code(poll("DATA_EXPORT", &[base("new"), export("PRE_CHECK_FAIL")])),
        "PRE_CHECK_FAIL"
    );
    assert!(succeeds(poll("DATA_EXPORT", &[base("processing"), export("EXPORT_SUCCESS")])));
    assert_eq!(failure_code(poll("NDDL", &[base("processing"), project("CLOSE")])), "CLOSE");
    assert!(succeeds(poll("NDDL", &[base("approved"), project("PUBLISHED")])));
    assert!(succeeds(poll("OWNER_APPLY", &[base("success")])));
}

#[test]
fn history_clearing_succeeds_once_it_is_scheduled() {
    for body in [
        json!({"DataCronClearConfig": {"CronStatus": "WAITING"}}),
        json!({"CronStatus": "success"}),
    ] {
        let transcript = poll("DC_CRON_CLEAR", &[base("approved"), body]);
        assert_eq!(transcript.0[1].action, "GetDataCronClearConfig");
        assert!(succeeds(transcript));
    }
    let empty = json!({"DataCronClearConfig": {"CronStatus": ""}});
    assert!(!waits_for_person(poll("DC_CRON_CLEAR", &[base("approved"), empty])));
    let paused = json!({"DataCronClearConfig": {"CronStatus": "PAUSE"}});
    assert!(waits_for_person(poll("DC_CRON_CLEAR", &[base("approved"), paused])));
}

#[test]
fn a_failed_or_unreadable_read_of_a_ticket_is_not_permanent() {
    for replies in [
        vec![json!({"fails_for_now": "Throttling"})],
        vec![base("success"), json!({"fails_for_now": "Throttling"})],
        vec![json!({"OrderBaseInfo": {}})],
    ] {
        let (_, answer) = poll("DC_COMMON", &replies);
        assert!(answer.is_err_and(|failure| failure.class != FailureClass::Permanent));
    }
}

#[test]
fn the_ticket_s_own_status_counts_while_its_details_cannot_be_read() {
    let later = json!({"fails_for_now": "Throttling"});
    let processing = running(poll("DC_COMMON", &[base("processing"), later.clone()]));
    assert_eq!(processing, ("processing".to_owned(), false));
    assert!(waits_for_person(poll("DC_COMMON", &[base("new"), later])));
}

#[test]
fn several_tickets_end_together_and_an_ended_one_is_not_read_again() {
    let mut harness = harness("OWNER_APPLY");
    harness.execution.result = json!({"order_ids": [7, 8], "adopted": true});
    let handle = json!({"order_ids": [7, 8]});
    let first = harness.poll_and_save(&handle, &[base("reject"), base("toaudit")]);
    assert_eq!(running((vec![], Ok(first))), ("1 reject; 1 toaudit".to_owned(), true));
    let error = &harness.execution.result["tickets"][0]["error"];
    assert_eq!(*error, json!({"code": "reject", "message": "a description"}));

    let last = harness.poll_and_save(&handle, &[base("success")]);
    assert_eq!(failure(last), ("reject".into(), "ticket 7: a description".into()));
    let result = &harness.execution.result;
    assert_eq!(result["adopted"], json!(true));
    assert_eq!(result["order_ids"], json!([7, 8]));
    assert_eq!(result["tickets"][1]["ended"], json!("succeeded"));
}

#[test]
fn a_lost_create_is_found_by_its_marker_on_any_page() {
    let harness = harness("NDDL");
    let marker = Marker::of(&harness.job.id);
    let other = Marker::of(&"chg-2".parse().unwrap());
    let page = |first: i64, comments: &[String]| {
        let order = |(at, comment): (usize, &String)| json!({"OrderId": first + i64::try_from(at).unwrap(), "Comment": comment});
        let orders: Vec<Value> = comments.iter().enumerate().map(order).collect();
        json!({"Orders": {"Order": orders}, "TotalCount": 3})
    };
    let (requests, answer) = harness
        .probe(&[page(1, &[other.append_to("c"), "c".into()]), page(3, &[marker.append_to("c")])]);
    let Ok(ProbeResult::Found(found)) = answer else { panic!("not found: {answer:?}") };
    assert_eq!(found.handle, json!({"order_ids": [3]}));
    assert_eq!(found.result, json!({"order_ids": [3], "adopted": true}));
    assert_eq!(
        query(&requests[0]),
        json!({"PluginType": "NDDL", "OrderResultType": "AS_COMMITTER", "OrderStatus": "ALL",
            "SearchDateType": "CREATE_TIME", "StartTime": "2026-01-01 14:04:05",
            "EndTime": "2026-01-02 18:04:05", "PageNumber": "1", "PageSize": "50", "Tid": "9"})
    );
    assert_eq!(query(&requests[1])["PageNumber"], json!("2"));

    let both = page(1, &[marker.append_to("c"), marker.append_to("c"), "c".into()]);
    let (_, answer) = harness.probe(&[both]);
    assert!(
        matches!(answer, Ok(ProbeResult::Found(a)) if a.handle == json!({"order_ids": [1, 2]}))
    );
}

#[test]
fn a_comment_cut_before_its_marker_leaves_the_probe_undecided() {
    let comment = format!("{} and so on", "long ".repeat(50));
    let mut harness = harness("NDDL");
    harness.job.params["Comment"] = json!(comment);
    let signed = Marker::of(&harness.job.id).append_to(&comment);
    let listed = |comment: &str| {
        let order = json!({"OrderId": 1, "Comment": comment});
        let list = json!({"Orders": {"Order": [order]}, "TotalCount": 1});
        harness.probe(&[list]).1
    };
    for cut in
        [&comment[..201], &comment[..240], &format!("{}...", &comment[..203]), &signed[..265]]
    {
        let answer = listed(cut);
        let expected = "1 of the listed tickets may be this job's";
        assert!(matches!(answer, Ok(ProbeResult::Undecided(why)) if why == expected), "{cut}");
    }
    for other in [&comment[..150], &format!("other {comment}"), &format!("{comment} [tk:0]")] {
        assert!(matches!(listed(other), Ok(ProbeResult::Absent)), "{other}");
    }
}

#[test]
fn a_lost_create_is_absent_only_if_the_whole_list_was_read() {
    let mut harness = harness("NDDL");
    let empty = json!({"Orders": {"Order": []}, "TotalCount": 0});
    assert!(matches!(harness.probe(std::slice::from_ref(&empty)).1, Ok(ProbeResult::Absent)));
    let garbage = harness.probe(&[json!({"Success": true})]).1;
    assert!(garbage.is_err_and(|failure| failure.class == FailureClass::Ambiguous));
    let ours = Marker::of(&harness.job.id).append_to("c");
    for order in [json!({"OrderId": 1}), json!({"Comment": ours})] {
        let illegible = json!({"Orders": {"Order": [order]}, "TotalCount": 1});
        assert!(matches!(harness.probe(&[illegible]).1, Ok(ProbeResult::Undecided(_))));
    }
    let short = json!({"Orders": {"Order": []}, "TotalCount": 5});
    assert!(matches!(harness.probe(&[short]).1, Ok(ProbeResult::Undecided(_))));
    let endless =
        json!({"Orders": {"Order": [{"OrderId": 1, "Comment": "c"}]}, "TotalCount": 9999});
    let (requests, answer) = harness.probe(&vec![endless; 200]);
    assert_eq!(requests.len(), 200);
    assert!(matches!(answer, Ok(ProbeResult::Undecided(_))));
    assert!(harness.probe(&[json!({"fails_for_now": "Throttling"})]).1.is_err());

    harness.job.params["RealLoginUserUid"] = json!("u");
    assert!(matches!(harness.probe(std::slice::from_ref(&empty)).1, Ok(ProbeResult::Undecided(_))));
    harness.account.provider = alibaba(false, false);
    assert!(matches!(harness.probe(&[]).1, Ok(ProbeResult::Undecided(_))));
}
