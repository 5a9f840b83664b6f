//! Credentials that change while requests are in flight.

use std::path::PathBuf;

use super::super::account::Credentials;
use super::super::http::Signed;
use super::fixtures::RawResult;
use super::*;
use crate::secret::Secret;

/// Changes the account's key during its first request, and refuses that request.
struct KeyChange {
    id: PathBuf,
    refusal: RawResult,
    then: Arc<ScriptedProvider>,
    refused: std::sync::atomic::AtomicBool,
}

#[async_trait::async_trait]
impl Transport for KeyChange {
    async fn send(&self, request: Signed) -> RawResult {
        if self.refused.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return self.then.send(request).await;
        }
        std::fs::write(&self.id, "the-new-key").unwrap();
        self.refusal.clone()
    }
}

/// An account whose key id is in a file, and a provider that refuses the old key.
fn key_change(
    account: Account,
    refusal: RawResult,
) -> (Providers, Arc<ScriptedProvider>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("id");
    std::fs::write(&path, "the-old-key").unwrap();
    let id = Secret::from_file(&path).unwrap();
    let credentials = Credentials::Key { id, secret: "a-secret".into(), security_token: None };
    let account = Account { name: "dms".into(), credentials, ..account };
    let then = ScriptedProvider::new([ok(json!({}))]);
    let huawei = account.provider() == crate::job::Provider::Huawei;
    let operation = Pages { huawei, ..Pages::default() };
    let transport =
        KeyChange { id: path, refusal, then: then.clone(), refused: Default::default() };
    let providers = with_operation(vec![account], operation, Arc::new(transport));
    (providers, then, folder)
}

#[tokio::test]
async fn a_call_refused_with_the_old_key_is_repeated_at_once_with_the_new() {
    let words = "Specified access key is not found: the-old-key";
    let refusal = refused(404, "InvalidAccessKeyId.NotFound", words);
    let (providers, then, _folder) = key_change(alibaba(), refusal);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(
        failure.class,
        FailureClass::Retryable { retry_after: Some(std::time::Duration::ZERO) }
    );
    assert_eq!(failure.message, "Specified access key is not found: ***");
    answered(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert!(then.headers("authorization")[0].contains("Credential=the-new-key"));
}

#[tokio::test]
async fn a_new_key_does_not_inherit_the_lockout_of_the_old_one() {
    let refusal = refused(401, "APIGW.0301", "verify aksk signature fail");
    let (providers, then, _folder) = key_change(huawei(false), refusal);
    failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    answered(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(then.sent(), 1);
}

#[tokio::test]
async fn a_key_id_that_changes_before_its_secret_is_retried() {
    let refusal = refused(400, "SignatureDoesNotMatch", "no");
    let (providers, then, folder) = key_change(alibaba(), refusal.clone());
    failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    // The id is new, and the secret is still the old one.
    then.reply_first([refusal]);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(
        failure.class,
        FailureClass::Retryable { retry_after: Some(std::time::Duration::from_secs(15)) }
    );
    drop(folder);
}
