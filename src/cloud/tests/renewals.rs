//! Credentials that are renewed while requests are under way.

use std::path::PathBuf;

use super::super::account::Credentials;
use super::super::http::Signed;
use super::script::Raw;
use super::*;
use crate::secret::Secret;

/// Renews the account's key while its first request is under way, and refuses that.
struct Renewing {
    id: PathBuf,
    refusal: Raw,
    then: Arc<Script>,
    refused: std::sync::atomic::AtomicBool,
}

#[async_trait::async_trait]
impl Transport for Renewing {
    async fn send(&self, request: Signed) -> Raw {
        if self.refused.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return self.then.send(request).await;
        }
        std::fs::write(&self.id, "the-new-key").unwrap();
        self.refusal.clone()
    }
}

/// An account whose key id is in a file, before a provider that refuses the old one.
fn renewing(account: Account, refusal: Raw) -> (Providers, Arc<Script>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("id");
    std::fs::write(&path, "the-old-key").unwrap();
    let id = Secret::from_file(&path).unwrap();
    let credentials = Credentials::Key { id, secret: "a-secret".into(), security_token: None };
    let account = Account { name: "dms".into(), credentials, ..account };
    let then = Script::new([ok(json!({}))]);
    let huawei = account.provider == crate::job::Provider::Huawei;
    let protocol = Pages { huawei, ..Pages::default() };
    let transport = Renewing { id: path, refusal, then: then.clone(), refused: Default::default() };
    let providers = Providers::new(vec![account], vec![Box::new(protocol)], Arc::new(transport));
    (providers, then, folder)
}

#[tokio::test]
async fn a_call_that_is_refused_with_the_old_key_is_made_again_at_once_with_the_new_one() {
    let words = "Specified access key is not found: the-old-key";
    let refusal = refused(404, "InvalidAccessKeyId.NotFound", words);
    let (providers, then, _folder) = renewing(alibaba(), refusal);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(
        failure.meaning,
        FailureClass::Retryable { retry_after: Some(std::time::Duration::ZERO) }
    );
    assert_eq!(failure.message, "Specified access key is not found: ***");
    answered(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert!(then.headers("authorization")[0].contains("Credential=the-new-key"));
}

#[tokio::test]
async fn a_new_key_is_not_held_back_for_what_the_old_one_did() {
    let refusal = refused(401, "APIGW.0301", "verify aksk signature fail");
    let (providers, then, _folder) = renewing(huawei(false), refusal);
    failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    answered(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(then.sent(), 1);
}

#[tokio::test]
async fn an_id_that_came_before_its_secret_ends_no_job() {
    let refusal = refused(400, "SignatureDoesNotMatch", "no");
    let (providers, then, folder) = renewing(alibaba(), refusal.clone());
    failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    // The new id is there, and its secret still to come.
    then.replies([refusal]);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(
        failure.meaning,
        FailureClass::Retryable { retry_after: Some(std::time::Duration::from_secs(15)) }
    );
    drop(folder);
}
