//! Adopting lost calls, per operation.

use serde_json::json;

use crate::cloud::operations::create_free_lock_correct_order::CreateFreeLockCorrectOrder;
use crate::cloud::operations::create_order::CreateOrder;
use crate::cloud::operations::create_publish_group_task::CreatePublishGroupTask;
use crate::cloud::operations::deploy_di_sync_task::DeployDiSyncTask;
use crate::cloud::operations::deploy_release_packages::DeployReleasePackages;
use crate::cloud::operations::tests::harness::OperationHarness;

#[test]
fn tickets_are_adopted_by_their_numbers() {
    for harness in [
        OperationHarness::new(CreateOrder, json!({})),
        OperationHarness::new(CreateFreeLockCorrectOrder, json!({})),
    ] {
        for typed in ["406", " 406 ", r#"{"order_ids":[406]}"#, r#"{"order_ids":["406"]}"#] {
            let accepted = harness.adopt(typed).unwrap();
            assert_eq!(accepted.handle, json!({"order_ids": [406]}), "{typed}");
            assert_eq!(accepted.result, json!({"order_ids": [406], "adopted": true}));
        }
        let both = harness.adopt("408, 407").unwrap();
        assert_eq!(both.handle, json!({"order_ids": [407, 408]}));
        for wrong in ["", "x", "406 x", "-1", "{", "{}", r#"{"task_id":406}"#] {
            let why = harness.adopt(wrong).unwrap_err();
            assert!(why.starts_with("expected the ticket's number, such as 406"), "{why}");
        }
    }
}

#[test]
fn a_publish_is_adopted_with_or_without_its_task_id() {
    let harness = OperationHarness::new(CreatePublishGroupTask, json!({}));
    for typed in ["77", r#"{"task_id":77}"#] {
        let accepted = harness.adopt(typed).unwrap();
        assert_eq!(accepted.handle, json!({"task_id": 77}));
        assert_eq!(accepted.result, json!({"task_id": 77, "adopted": true}));
    }
    for typed in ["", r#"{"adopted":true}"#] {
        assert_eq!(harness.adopt(typed).unwrap().handle, json!({"adopted": true}));
    }
    for wrong in ["x", "1 2", "{}"] {
        assert!(harness.adopt(wrong).unwrap_err().contains("publish task's id"));
    }
}

#[test]
fn a_deploy_is_adopted_only_with_the_job_s_own_file() {
    let params = json!({"ProjectId": 1, "TaskType": "DI_REALTIME", "FileId": 100});
    let harness = OperationHarness::new(DeployDiSyncTask, params);
    for typed in ["", "100", r#"{"file_id":100}"#] {
        assert_eq!(harness.adopt(typed).unwrap().handle, json!({"file_id": 100}));
    }
    let why = harness.adopt("101").unwrap_err();
    assert_eq!(why, "expected the job's own file id, 100, or nothing, not \"101\"");
}

#[test]
fn packages_are_adopted_with_or_without_their_system_tasks() {
    let harness =
        OperationHarness::new(DeployReleasePackages, json!({"package_ids": ["23", "24"]}));
    let bare = json!([{"package_id": "23"}, {"package_id": "24"}]);
    let task = json!([{"package_id": "23", "asy_task_id": "8f3e"}, {"package_id": "24"}]);
    let handle = r#"{"packages":[{"package_id":"23","asy_task_id":"8f3e"}]}"#;
    for (typed, packages) in
        [("", &bare), ("23,24", &bare), ("23/8f3e", &task), ("24 23/8f3e", &task), (handle, &task)]
    {
        let accepted = harness.adopt(typed).unwrap();
        assert_eq!(accepted.handle["packages"], *packages, "{typed}");
        assert_eq!(accepted.result["adopted"], json!(true));
    }
    for wrong in ["25", "{}", r#"{"packages":[{"id":"23"}]}"#] {
        let why = harness.adopt(wrong).unwrap_err();
        assert!(why.starts_with("expected packages of the job (23, 24)"), "{why}");
    }
}
