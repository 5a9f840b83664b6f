#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use crate::cloud::operations::create_order::CreateOrder;
use crate::cloud::operations::marker::Marker;
use crate::cloud::operations::rehearsal::{OperationHarness, Transcript, alibaba, query};
use crate::job::{Answer, Ended, FailureClass, Running};

fn rehearsal(plugin_type: &str) -> OperationHarness {
    let params = json!({"Comment": "c", "PluginType": plugin_type, "PluginParam": {}, "Tid": 9});
    OperationHarness::of(CreateOrder, params)
}

fn poll(plugin_type: &str, replies: &[Value]) -> Transcript {
    rehearsal(plugin_type).poll(&json!({"order_ids": [7]}), replies)
}

fn base(status: &str) -> Value {
    json!({"OrderBaseInfo": {"OrderId": 7, "StatusCode": status, "StatusDesc": "in words"}})
}

fn running(heard: Transcript) -> Running {
    match heard.1 {
        Ok(Answer::Running(running)) => running,
        other => panic!("not running: {other:?}"),
    }
}

fn ended(heard: Transcript) -> Ended {
    match heard.1 {
        Ok(Answer::Ended(ended)) => ended,
        other => panic!("not ended: {other:?}"),
    }
}

fn failure_code(heard: Transcript) -> String {
    ended(heard).failure.unwrap().0
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
        match rehearsal("NDDL").call(body).1 {
            Ok(Answer::Accepted(accepted)) => {
                assert_eq!(accepted.result, json!({"order_ids": ids}), "{shape}");
                assert_eq!(accepted.handle, accepted.result);
            }
            other => panic!("{shape}: {other:?}"),
        }
    }
}

#[test]
fn a_success_that_names_no_ticket_is_ambiguous() {
    for shape in [json!([]), json!({"OrderIds": []}), json!("12***"), json!(null), json!([0, -1])] {
        let (_, answer) =
            rehearsal("NDDL").call(json!({"Success": true, "CreateOrderResult": shape}));
        assert!(
            answer.is_err_and(|f| f.meaning == FailureClass::Ambiguous && f.code == "NoOrderId")
        );
    }
}

#[test]
fn a_ticket_decided_against_has_failed_with_that_code() {
    for (status, code) in [("reject", "reject"), ("CLOSED", "closed")] {
        let heard = poll("DC_COMMON", &[base(status)]);
        assert_eq!(heard.0[0].action, "GetOrderBaseInfo");
        assert_eq!(query(&heard.0[0]), json!({"OrderId": "7", "Tid": "9"}));
        let ended = ended(heard);
        assert_eq!(ended.failure, Some((code.into(), "ticket 7: in words".into())));
    }
}

#[test]
fn a_ticket_is_waiting_for_a_person_where_one_has_to_act() {
    let change = |status: &str| json!({"DataCorrectOrderDetail": {"Status": status}});
    let export =
        |status: &str| json!({"DataExportOrderDetail": {"KeyInfo": {"JobStatus": status}}});
    let nothing = json!({"fails": "NoTask"});
    for (plugin_type, replies, seen, waits) in [
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
        ("DC_COMMON", vec![base("frozen"), nothing], "frozen (in words)", false),
        (
            "NDDL",
            vec![base("new"), json!({"ProjectInfo": {"Status": "DESIGN"}})],
            "new, DESIGN",
            true,
        ),
    ] {
        let running = running(poll(plugin_type, &replies));
        assert_eq!((running.seen.as_str(), running.waits_for_person), (seen, waits));
    }
}

#[test]
fn the_task_shows_what_the_ticket_does_not() {
    let job = |status: &str| json!({"DataCorrectTaskDetail": {"jobStatus": status}});
    let export =
        |status: &str| json!({"DataExportOrderDetail": {"KeyInfo": {"JobStatus": status}}});
    let project = |status: &str| json!({"ProjectInfo": {"Status": status}});

    assert_eq!(failure_code(poll("DC_COMMON", &[base("processing"), job("FAIL")])), "FAIL");
    assert_eq!(failure_code(poll("DC_CHUNK", &[base("approved"), job("fail")])), "FAIL");
    assert_eq!(failure_code(poll("DC_COMMON", &[base("success"), job("FAIL")])), "FAIL");
    assert_eq!(failure_code(poll("DC_COMMON", &[base("processing"), job("DELETE")])), "DELETE");
    assert!(running(poll("DC_COMMON", &[base("processing"), job("PAUSE")])).waits_for_person);
    assert!(!running(poll("DC_COMMON", &[base("processing"), job("RUNNING")])).waits_for_person);
    assert!(ended(poll("DC_COMMON", &[base("success"), job("SUCCESS")])).failure.is_none());
    let unseen = json!({"fails": "NoPermission"});
    assert!(ended(poll("DC_COMMON", &[base("success"), unseen])).failure.is_none());

    assert_eq!(
        failure_code(poll("DATA_EXPORT", &[base("processing"), export("EXPORT_FAIL")])),
        "EXPORT_FAIL"
    );
    assert_eq!(
        failure_code(poll("DATA_EXPORT", &[base("new"), export("PRE_CHECK_FAIL")])),
        "PRE_CHECK_FAIL"
    );
    assert!(
        ended(poll("DATA_EXPORT", &[base("processing"), export("EXPORT_SUCCESS")]))
            .failure
            .is_none()
    );
    assert_eq!(failure_code(poll("NDDL", &[base("processing"), project("CLOSE")])), "CLOSE");
    assert!(ended(poll("NDDL", &[base("approved"), project("PUBLISHED")])).failure.is_none());
    assert!(ended(poll("OWNER_APPLY", &[base("success")])).failure.is_none());
}

#[test]
fn history_clearing_has_finished_when_it_is_scheduled() {
    for body in [
        json!({"DataCronClearConfig": {"CronStatus": "WAITING"}}),
        json!({"CronStatus": "success"}),
    ] {
        let heard = poll("DC_CRON_CLEAR", &[base("approved"), body]);
        assert_eq!(heard.0[1].action, "GetDataCronClearConfig");
        assert!(ended(heard).failure.is_none());
    }
    let empty = json!({"DataCronClearConfig": {"CronStatus": ""}});
    assert!(!running(poll("DC_CRON_CLEAR", &[base("approved"), empty])).waits_for_person);
    let paused = json!({"DataCronClearConfig": {"CronStatus": "PAUSE"}});
    assert!(running(poll("DC_CRON_CLEAR", &[base("approved"), paused])).waits_for_person);
}

#[test]
fn a_read_that_failed_in_passing_is_asked_again() {
    for replies in [
        vec![json!({"stutters": "Throttling"})],
        vec![base("success"), json!({"stutters": "Throttling"})],
        vec![json!({"OrderBaseInfo": {}})],
    ] {
        let (_, answer) = poll("DC_COMMON", &replies);
        assert!(answer.is_err_and(|failure| failure.meaning != FailureClass::Permanent));
    }
}

#[test]
fn a_detail_that_can_t_be_read_does_not_hide_the_ticket_s_own_status() {
    let later = json!({"stutters": "Throttling"});
    let heard = running(poll("DC_COMMON", &[base("processing"), later.clone()]));
    assert_eq!((heard.seen.as_str(), heard.waits_for_person), ("processing", false));
    assert!(running(poll("DC_COMMON", &[base("new"), later])).waits_for_person);
}

#[test]
fn several_tickets_end_together_and_the_first_end_of_each_counts() {
    let mut rehearsal = rehearsal("OWNER_APPLY");
    rehearsal.execution.result = json!({"order_ids": [7, 8], "adopted": true});
    let handle = json!({"order_ids": [7, 8]});
    let first = running(rehearsal.poll(&handle, &[base("reject"), base("toaudit")]));
    assert_eq!(first.seen, "1 reject; 1 toaudit");
    assert!(first.waits_for_person);
    assert_eq!(first.result["adopted"], json!(true));

    rehearsal.execution.result = first.result;
    let last = ended(rehearsal.poll(&handle, &[base("success")]));
    assert_eq!(last.failure, Some(("reject".into(), "ticket 7: in words".into())));
    assert_eq!(last.result["order_ids"], json!([7, 8]));
    assert_eq!(last.result["tickets"][1]["ended"], json!("succeeded"));
}

#[test]
fn a_lost_create_is_found_by_its_marker_on_any_page() {
    let rehearsal = rehearsal("NDDL");
    let marker = Marker::of(&rehearsal.job.id);
    let other = Marker::of(&"chg-2".parse().unwrap());
    let page = |first: i64, comments: &[String]| {
        let order = |(at, comment): (usize, &String)| json!({"OrderId": first + i64::try_from(at).unwrap(), "Comment": comment});
        let orders: Vec<Value> = comments.iter().enumerate().map(order).collect();
        json!({"Orders": {"Order": orders}, "TotalCount": 3})
    };
    let (requests, answer) =
        rehearsal.probe(&[page(1, &[other.sign("c"), "c".into()]), page(3, &[marker.sign("c")])]);
    let Ok(Answer::Found(found)) = answer else { panic!("not found: {answer:?}") };
    assert_eq!(found.handle, json!({"order_ids": [3]}));
    assert_eq!(found.result, json!({"order_ids": [3], "adopted": true}));
    assert_eq!(
        query(&requests[0]),
        json!({"PluginType": "NDDL", "OrderResultType": "AS_COMMITTER", "OrderStatus": "ALL",
            "SearchDateType": "CREATE_TIME", "StartTime": "2026-01-01 14:04:05",
            "EndTime": "2026-01-02 18:04:05", "PageNumber": "1", "PageSize": "50", "Tid": "9"})
    );
    assert_eq!(query(&requests[1])["PageNumber"], json!("2"));

    let both = page(1, &[marker.sign("c"), marker.sign("c"), "c".into()]);
    let (_, answer) = rehearsal.probe(&[both]);
    assert!(matches!(answer, Ok(Answer::Found(a)) if a.handle == json!({"order_ids": [1, 2]})));
}

#[test]
fn a_comment_cut_before_its_marker_may_be_ours() {
    let comment = format!("{} and so on", "long ".repeat(50));
    let mut rehearsal = rehearsal("NDDL");
    rehearsal.job.params["Comment"] = json!(comment);
    let signed = Marker::of(&rehearsal.job.id).sign(&comment);
    let listed = |comment: &str| {
        let order = json!({"OrderId": 1, "Comment": comment});
        let list = json!({"Orders": {"Order": [order]}, "TotalCount": 1});
        rehearsal.probe(&[list]).1
    };
    for cut in
        [&comment[..201], &comment[..240], &format!("{}...", &comment[..203]), &signed[..265]]
    {
        let answer = listed(cut);
        let told = "1 of the listed tickets can't be read";
        assert!(matches!(answer, Ok(Answer::Undecided(words)) if words == told), "{cut}");
    }
    for other in [&comment[..150], &format!("other {comment}"), &format!("{comment} [tk:0]")] {
        assert!(matches!(listed(other), Ok(Answer::Absent)), "{other}");
    }
}

#[test]
fn a_create_is_absent_only_where_the_whole_list_was_read() {
    let mut rehearsal = rehearsal("NDDL");
    let empty = json!({"Orders": {"Order": []}, "TotalCount": 0});
    assert!(matches!(rehearsal.probe(std::slice::from_ref(&empty)).1, Ok(Answer::Absent)));
    let garbage = rehearsal.probe(&[json!({"Success": true})]).1;
    assert!(garbage.is_err_and(|failure| failure.meaning == FailureClass::Ambiguous));
    let ours = Marker::of(&rehearsal.job.id).sign("c");
    for order in [json!({"OrderId": 1}), json!({"Comment": ours})] {
        let illegible = json!({"Orders": {"Order": [order]}, "TotalCount": 1});
        assert!(matches!(rehearsal.probe(&[illegible]).1, Ok(Answer::Undecided(_))));
    }
    let short = json!({"Orders": {"Order": []}, "TotalCount": 5});
    assert!(matches!(rehearsal.probe(&[short]).1, Ok(Answer::Undecided(_))));
    let endless =
        json!({"Orders": {"Order": [{"OrderId": 1, "Comment": "c"}]}, "TotalCount": 9999});
    let (requests, answer) = rehearsal.probe(&vec![endless; 200]);
    assert_eq!(requests.len(), 200);
    assert!(matches!(answer, Ok(Answer::Undecided(_))));
    assert!(rehearsal.probe(&[json!({"stutters": "Throttling"})]).1.is_err());

    rehearsal.job.params["RealLoginUserUid"] = json!("u");
    assert!(matches!(rehearsal.probe(std::slice::from_ref(&empty)).1, Ok(Answer::Undecided(_))));
    rehearsal.account.provider = alibaba(false, false);
    assert!(matches!(rehearsal.probe(&[]).1, Ok(Answer::Undecided(_))));
}
