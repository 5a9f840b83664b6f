//! A line to a provider: an account in use, with what has been learned about the other side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tracing::{Instrument, debug};

use super::account::{Account, Credentials};
use super::breaker::Broken;
use super::classify::{self, Refusal, Remedy};
use super::clock_skew::ClockSkew;
use super::health::{Health, Party, Permit};
use super::http::{Signed, Transport};
use super::huawei::token::{Token, Tokens};
use super::limits::{Limits, WhenLimited};
use super::lockout::Lockout;
use super::metrics::Metrics;
use super::protocol::{Reply, Request};
use super::redact::redact;
use super::shared_limit::SharedLimit;
use super::{alibaba, huawei, spans};
use crate::job::{Failure, FailureClass, Provider, RequestKind, Trace};
use crate::telemetry::traces;

/// The longest `traceparent` or `tracestate` passed on, in bytes; the standard's own bound.
const LONGEST_TRACE: usize = 512;

/// How long it may take until all parts of an account's credentials are renewed. What is refused in
/// that time, for an id that does not fit its secret, is asked again a little later.
const RENEWING: Duration = Duration::from_secs(60);
const RENEWED: Duration = Duration::from_secs(15);

/// An account in use.
#[derive(Debug)]
pub(super) struct AccountClient {
    pub account: Account,
    limits: Limits,
    skew: ClockSkew,
    tokens: Tokens,
    lockout: Lockout,
    health: Health,
    metrics: Metrics,
}

/// What a request is sent for.
#[derive(Clone, Copy)]
pub(super) struct RequestLabels<'a> {
    pub operation: &'a str,
    pub ask: &'a RequestKind,
    pub trace: &'a Trace,
}

/// What a request was signed with.
struct SigningInput {
    offset: SignedDuration,
    token: Option<Token>,
    /// Which of the credentials that the account has had.
    version: u64,
}

/// What became of a request.
pub(super) enum Sent {
    /// Nothing: a limit holds it back until then.
    Deferred(Timestamp),
    /// It was sent, or failed.
    Done(Result<Reply, Failure>),
    /// The account was refused, whatever it asks for.
    Barred(Failure),
    /// The service is away: the request was not sent, or failed for that. Nothing more is sent
    /// before that time.
    Away(Failure, Timestamp),
}

/// A request that failed.
enum Unmet {
    /// For what it is.
    Failed(Failure),
    /// For whose it is.
    Barred(Failure),
    /// For a service that is away until then, at least.
    Away(Failure, Timestamp),
}

impl From<Failure> for Unmet {
    fn from(failure: Failure) -> Self {
        Unmet::Failed(failure)
    }
}

impl AccountClient {
    pub fn new(account: Account, metrics: Metrics) -> Self {
        let limits = Limits::new(&account, None);
        let (skew, lockout, tokens) = (ClockSkew::default(), Lockout::default(), Tokens::new());
        let services = account.endpoints.keys().copied().map(Party::Service);
        let iam = matches!(account.credentials, Credentials::Iam { .. }).then_some(Party::Tokens);
        let health = Health::of(&account.name, services.chain(iam), metrics.clone());
        Self { account, limits, skew, tokens, lockout, health, metrics }
    }

    /// The same, with a limit that replicas share.
    pub fn sharing(self, limit: Arc<dyn SharedLimit>) -> Self {
        Self { limits: Limits::new(&self.account, Some(limit)), ..self }
    }

    /// Sends one request and reads its reply, within the account's limits.
    pub async fn send(
        &self,
        transport: &dyn Transport,
        request: &Request,
        patience: WhenLimited,
        nonce: &str,
        errand: RequestLabels<'_>,
    ) -> Sent {
        let party = Party::Service(request.service);
        // Before a limit is drawn on in vain, and again after what may have been a long wait.
        if let Err((failure, until)) = self.health.check(party) {
            return Sent::Away(failure, until);
        }
        let _slot = match self.limits.admit(patience).await {
            Ok(slot) => slot,
            Err(until) => return Sent::Deferred(until),
        };
        let permit = match self.health.admit(party) {
            Ok(permit) => permit,
            Err((failure, until)) => return Sent::Away(failure, until),
        };
        let started = Instant::now();
        let span = spans::request(&self.account, request);
        let exchange = self.exchange(transport, request, nonce, errand.trace, permit);
        let result = exchange.instrument(span.clone()).await;
        let (failure, request_id) = match &result {
            Ok(reply) => (None, &reply.request_id),
            Err(Unmet::Failed(failure) | Unmet::Barred(failure) | Unmet::Away(failure, _)) => {
                (Some(failure), &failure.request_id)
            }
        };
        self.metrics.request(&self.account.name, &errand, failure, started.elapsed());
        if let Some(failure) = failure {
            spans::failed(&span, failure);
        }
        debug!(
            account = self.account.name,
            service = ?request.service,
            action = request.action,
            path = request.path,
            outcome = failure.map_or("ok", |failure| &failure.code),
            request_id,
            duration = ?started.elapsed(),
            "asked"
        );
        match result {
            Ok(reply) => Sent::Done(Ok(reply)),
            Err(Unmet::Failed(failure)) => Sent::Done(Err(failure)),
            Err(Unmet::Barred(failure)) if self.account.credentials.changed_within(RENEWING) => {
                let meaning = FailureClass::Retryable { retry_after: Some(RENEWED) };
                Sent::Done(Err(Failure { meaning, ..failure }))
            }
            Err(Unmet::Barred(failure)) => Sent::Barred(failure),
            Err(Unmet::Away(failure, until)) => Sent::Away(failure, until),
        }
    }

    async fn exchange(
        &self,
        transport: &dyn Transport,
        request: &Request,
        nonce: &str,
        trace: &Trace,
        permit: Permit<'_>,
    ) -> Result<Reply, Unmet> {
        let version = self.account.credentials.version();
        if let Some(failure) = self.lockout.standing(version, Timestamp::now()) {
            return Err(Unmet::Barred(failure));
        }
        let offset = self.skew.offset();
        let now = ClockSkew::apply(Timestamp::now(), offset);
        let token = self.token(transport, now).await?;
        let proof = SigningInput { offset, token, version };
        let mut signed = self.sign(request, now, nonce, &proof)?;
        signed.headers.extend(traced(&traces::outgoing(trace)));
        let raw = match transport.send(signed).await {
            Ok(raw) => {
                spans::answered(raw.status);
                raw
            }
            Err(error) => return Err(broken(permit, classify::unanswered(&error))),
        };
        match classify::reply(self.account.provider, &raw, now) {
            Ok(reply) => {
                permit.answered();
                Ok(reply)
            }
            Err(refusal) if classify::is_breakdown(raw.status, &refusal.failure) => {
                Err(broken(permit, redact(refusal.failure, &self.account, proof.token.as_ref())))
            }
            Err(refusal) => {
                permit.answered();
                let failure = redact(refusal.failure, &self.account, proof.token.as_ref());
                let refusal = Refusal { failure, ..refusal };
                let locks = self.account.provider == Provider::Huawei
                    && raw.status == 401
                    && proof.token.is_none();
                Err(self.remedied(refusal, &proof, locks).await)
            }
        }
    }

    /// The token to sign with; none for an account that signs with a key.
    async fn token(
        &self,
        transport: &dyn Transport,
        now: Timestamp,
    ) -> Result<Option<Token>, Unmet> {
        let Credentials::Iam { .. } = self.account.credentials else { return Ok(None) };
        let permit = self.health.admit(Party::Tokens);
        let permit = permit.map_err(|(failure, until)| Unmet::Away(failure, until))?;
        match self.tokens.token(&self.account, transport, now).await {
            Ok(token) => {
                permit.answered();
                Ok(token)
            }
            Err(failure) => {
                let failure = redact(failure, &self.account, None);
                match failure.meaning {
                    FailureClass::Permanent => {
                        permit.answered();
                        Err(Unmet::Barred(failure))
                    }
                    FailureClass::Retryable { .. } | FailureClass::Ambiguous => {
                        Err(broken(permit, failure))
                    }
                }
            }
        }
    }

    fn sign(
        &self,
        request: &Request,
        now: Timestamp,
        nonce: &str,
        proof: &SigningInput,
    ) -> Result<Signed, Failure> {
        match self.account.provider {
            Provider::Alibaba => alibaba::signed(request, &self.account, now, nonce),
            Provider::Huawei => {
                let token = proof.token.as_ref().map(|token| &token.value);
                huawei::signed(request, &self.account, now, token)
            }
        }
    }

    /// A refusal we can do something about may be asked again at once; but only once, since
    /// repeated bad signatures lock a key.
    async fn remedied(&self, refusal: Refusal, proof: &SigningInput, locks: bool) -> Unmet {
        let Refusal { failure, remedy, of_account } = refusal;
        let now = Timestamp::now();
        // They were renewed while they were refused.
        let renewed = of_account && self.account.credentials.version() != proof.version;
        let helps = match (remedy, &proof.token) {
            _ if renewed => true,
            (Remedy::None, _) | (Remedy::Token, None) => false,
            (Remedy::Clock(server), _) => self.skew.learn(proof.offset, server, now),
            (Remedy::Token, Some(used)) => {
                self.tokens.refused(used, ClockSkew::apply(now, proof.offset)).await
            }
        };
        if helps {
            let at_once = FailureClass::Retryable { retry_after: Some(Duration::ZERO) };
            return Unmet::Failed(Failure { meaning: at_once, ..failure });
        }
        let failure = self.advised(failure, remedy);
        if locks {
            self.lockout.note(&failure, proof.version, now);
        }
        if of_account { Unmet::Barred(failure) } else { Unmet::Failed(failure) }
    }

    /// A temporary key is configured: we can't renew it.
    fn advised(&self, failure: Failure, remedy: Remedy) -> Failure {
        match (&self.account.credentials, remedy) {
            (Credentials::Key { security_token: Some(_), .. }, Remedy::Token) => {
                let advice = "renew the account's security_token: what is kept in files is read \
                              again by itself, a variable takes a restart";
                Failure { message: format!("{}; {advice}", failure.message), ..failure }
            }
            (Credentials::Key { .. } | Credentials::Iam { .. }, _) => failure,
        }
    }
}

/// What a service that can't be reached, or broke down, leads to.
fn broken(permit: Permit<'_>, failure: Failure) -> Unmet {
    match permit.failed(&failure) {
        Broken::Tolerated => Unmet::Failed(failure),
        Broken::Opened(until) | Broken::Still(until) => Unmet::Away(failure, until),
    }
}

/// Trace context travels unsigned: gateways on the way may change it. It comes from a message, so
/// what can't be a header is left out rather than allowed to spoil the request.
fn traced(trace: &Trace) -> impl Iterator<Item = (String, String)> {
    let fit = |value: &str| {
        value.len() <= LONGEST_TRACE && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    let headers = trace.headers().filter(move |(_, value)| fit(value));
    headers.map(|(name, value)| (name.to_owned(), value.clone()))
}
