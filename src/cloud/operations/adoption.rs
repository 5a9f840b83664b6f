//! What a person types who has found at the provider what a lost call made: its ids as they are
//! shown there, or the handle as our events show it.

use serde_json::Value;

/// What was typed.
pub(super) enum OperatorInput<'a> {
    /// The handle of an event.
    Handle(Value),
    /// Words, between commas or spaces; none at all where there is nothing to say.
    Words(Vec<&'a str>),
}

impl<'a> OperatorInput<'a> {
    /// Reads it; `None` if it begins like a handle and is no JSON.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('{') {
            return serde_json::from_str(text).ok().map(OperatorInput::Handle);
        }
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        Some(OperatorInput::Words(words.filter(|word| !word.is_empty()).collect()))
    }
}

/// The words for what was typed and is not what was expected.
pub(super) fn unexpected(text: &str, expected: &str) -> String {
    match text.trim() {
        "" => format!("expected {expected}"),
        text => format!("expected {expected}, not {text:?}"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use crate::cloud::operations::create_free_lock_correct_order::CreateFreeLockCorrectOrder;
    use crate::cloud::operations::create_order::CreateOrder;
    use crate::cloud::operations::create_publish_group_task::CreatePublishGroupTask;
    use crate::cloud::operations::deploy_di_sync_task::DeployDiSyncTask;
    use crate::cloud::operations::deploy_release_packages::DeployReleasePackages;
    use crate::cloud::operations::rehearsal::OperationHarness;

    #[test]
    fn tickets_are_adopted_by_their_numbers_as_dms_shows_them() {
        for rehearsal in [
            OperationHarness::of(CreateOrder, json!({})),
            OperationHarness::of(CreateFreeLockCorrectOrder, json!({})),
        ] {
            for typed in ["406", " 406 ", r#"{"order_ids":[406]}"#, r#"{"order_ids":["406"]}"#] {
                let accepted = rehearsal.adopt(typed).unwrap();
                assert_eq!(accepted.handle, json!({"order_ids": [406]}), "{typed}");
                assert_eq!(accepted.result, json!({"order_ids": [406], "adopted": true}));
            }
            let both = rehearsal.adopt("408, 407").unwrap();
            assert_eq!(both.handle, json!({"order_ids": [407, 408]}));
            for wrong in ["", "x", "406 x", "-1", "{", "{}", r#"{"task_id":406}"#] {
                let why = rehearsal.adopt(wrong).unwrap_err();
                assert!(why.starts_with("expected the ticket's number, such as 406"), "{why}");
            }
        }
    }

    #[test]
    fn a_publish_is_adopted_with_its_task_or_without() {
        let rehearsal = OperationHarness::of(CreatePublishGroupTask, json!({}));
        for typed in ["77", r#"{"task_id":77}"#] {
            let accepted = rehearsal.adopt(typed).unwrap();
            assert_eq!(accepted.handle, json!({"task_id": 77}));
            assert_eq!(accepted.result, json!({"task_id": 77, "adopted": true}));
        }
        for typed in ["", r#"{"adopted":true}"#] {
            assert_eq!(rehearsal.adopt(typed).unwrap().handle, json!({"adopted": true}));
        }
        for wrong in ["x", "1 2", "{}"] {
            assert!(rehearsal.adopt(wrong).unwrap_err().contains("publish task's id"));
        }
    }

    #[test]
    fn a_deployed_file_is_adopted_only_if_it_is_the_jobs_own() {
        let params = json!({"ProjectId": 1, "TaskType": "DI_REALTIME", "FileId": 100});
        let rehearsal = OperationHarness::of(DeployDiSyncTask, params);
        for typed in ["", "100", r#"{"file_id":100}"#] {
            assert_eq!(rehearsal.adopt(typed).unwrap().handle, json!({"file_id": 100}));
        }
        let why = rehearsal.adopt("101").unwrap_err();
        assert_eq!(why, "expected the job's own file id, 100, or nothing, not \"101\"");
    }

    #[test]
    fn packages_are_adopted_with_what_is_known_of_their_tasks() {
        let rehearsal =
            OperationHarness::of(DeployReleasePackages, json!({"package_ids": ["23", "24"]}));
        let bare = json!([{"package_id": "23"}, {"package_id": "24"}]);
        let task = json!([{"package_id": "23", "asy_task_id": "8f3e"}, {"package_id": "24"}]);
        let shown = r#"{"packages":[{"package_id":"23","asy_task_id":"8f3e"}]}"#;
        for (typed, packages) in [
            ("", &bare),
            ("23,24", &bare),
            ("23/8f3e", &task),
            ("24 23/8f3e", &task),
            (shown, &task),
        ] {
            let accepted = rehearsal.adopt(typed).unwrap();
            assert_eq!(accepted.handle["packages"], *packages, "{typed}");
            assert_eq!(accepted.result["adopted"], json!(true));
        }
        for wrong in ["25", "{}", r#"{"packages":[{"id":"23"}]}"#] {
            let why = rehearsal.adopt(wrong).unwrap_err();
            assert!(why.starts_with("expected packages of the job (23, 24)"), "{why}");
        }
    }
}
