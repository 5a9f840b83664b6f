//! An account in use: sends its requests and keeps what their replies teach about the provider.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tracing::{Instrument, debug};

use super::account::{Account, Credentials};
use super::circuit_breaker::{CircuitBreaker, Permit, Trip};
use super::clock_skew::ClockSkew;
use super::errors::{self, ProviderError, Remedy};
use super::http::Transport;
use super::huawei::lockout::Lockout;
use super::huawei::token::{Token, TokenCache};
use super::metrics::Metrics;
use super::rate_limit::{AccountLimits, RateSource, WhenLimited};
use super::redact::redact;
use super::request::{Reply, Request};
use super::service::Service;
use super::{alibaba, huawei, spans};
use crate::clock::Clock;
use crate::job::{Failure, FailureClass, Provider, Trace};
use crate::telemetry::traces;

/// Limit of a forwarded `traceparent` or `tracestate`, in bytes. The standard's own limit.
const MAX_TRACE_HEADER: usize = 512;

/// The parts of changed credentials may arrive one by one within this time. A refusal in that time,
/// of an id that does not match its secret, is retried.
const CREDENTIAL_CHANGE_WINDOW: Duration = Duration::from_secs(60);
const CREDENTIAL_CHANGE_RETRY: Duration = Duration::from_secs(15);

pub(super) struct AccountClient {
    pub account: Account,
    transport: Arc<dyn Transport>,
    limits: AccountLimits,
    /// One for each service there is.
    breakers: BTreeMap<Service, CircuitBreaker>,
    skew: ClockSkew,
    tokens: TokenCache,
    lockout: Lockout,
    metrics: Metrics,
    clock: Clock,
}

/// What a request is sent for.
#[derive(Clone, Copy)]
pub(super) struct RequestLabels<'a> {
    pub operation: &'a str,
    pub request: &'a str,
    pub trace: &'a Trace,
}

/// What a request is signed with.
struct SigningInput {
    offset: SignedDuration,
    token: Option<Token>,
    /// The version of the account's credentials.
    version: u64,
}

/// A request that failed.
#[derive(Debug)]
pub(super) enum SendError {
    /// Not sent: a limit of the account holds it back until this time.
    RateLimited(Timestamp),
    /// The service is unavailable: the request was not sent, or failed because of that. Nothing is
    /// sent before this time.
    CircuitOpen(Failure, Timestamp),
    /// The provider refused the account, whatever it asks for.
    AccountRefused(Failure),
    Failed(Failure),
}

impl SendError {
    fn failure(&self) -> Option<&Failure> {
        match self {
            SendError::RateLimited(_) => None,
            SendError::CircuitOpen(failure, _)
            | SendError::AccountRefused(failure)
            | SendError::Failed(failure) => Some(failure),
        }
    }
}

impl AccountClient {
    pub(super) fn new(
        account: Account,
        transport: Arc<dyn Transport>,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        let uses_iam = matches!(account.credentials, Credentials::Iam { .. });
        for service in account.endpoints.keys().chain(uses_iam.then_some(&Service::Iam)) {
            metrics.up(&account.name, service.key(), true);
        }
        let breaker = |service: Service| {
            (service, CircuitBreaker::new(account.name.clone(), service, metrics.clone()))
        };
        Self {
            limits: AccountLimits::new(&account, None),
            breakers: Service::ALL.into_iter().map(breaker).collect(),
            skew: ClockSkew::default(),
            tokens: TokenCache::new(),
            lockout: Lockout::default(),
            account,
            transport,
            metrics,
            clock,
        }
    }

    /// The same, with a limit that replicas share.
    pub(super) fn sharing(self, limit: Arc<dyn RateSource>) -> Self {
        Self { limits: AccountLimits::new(&self.account, Some(limit)), ..self }
    }

    /// Sends one request within the account's limits, and reads its reply.
    pub(super) async fn send(
        &self,
        request: &Request,
        when_limited: WhenLimited,
        nonce: &str,
        labels: RequestLabels<'_>,
    ) -> Result<Reply, SendError> {
        // Checked before a limit is used up for nothing, and again after a wait that may be long.
        self.breakers[&request.service]
            .check(self.clock.now(), rand::random())
            .map_err(|until| self.unavailable(request.service, until))?;
        let limited = self.limits.acquire(when_limited, &self.clock).await;
        let _concurrency = limited.map_err(SendError::RateLimited)?;
        let permit = self.admit(request.service)?;
        let started = Instant::now();
        let span = spans::request(&self.account, request);
        let exchange = self.exchange(request, nonce, labels.trace, permit);
        let result = exchange.instrument(span.clone()).await;

        let (failure, request_id) = match &result {
            Ok(reply) => (None, reply.request_id.as_ref()),
            Err(error) => (error.failure(), error.failure().and_then(|it| it.request_id.as_ref())),
        };
        let class = failure.map_or("ok", |failure| failure.class.as_str());
        let RequestLabels { operation, request: kind, .. } = labels;
        self.metrics.request(&self.account.name, operation, kind, class, started.elapsed());
        if let Some(failure) = failure {
            spans::record_failure(&span, failure);
        }
        debug!(
            account = self.account.name,
            service = request.service.key(),
            action = request.action,
            path = request.path,
            outcome = failure.map_or("ok", |failure| &failure.code),
            request_id,
            duration = ?started.elapsed(),
            "request to provider"
        );
        match result {
            Err(SendError::AccountRefused(failure))
                if self.account.credentials.changed_within(CREDENTIAL_CHANGE_WINDOW) =>
            {
                let retry_after = Some(CREDENTIAL_CHANGE_RETRY);
                let class = FailureClass::Retryable { retry_after };
                Err(SendError::Failed(Failure { class, ..failure }))
            }
            result => result,
        }
    }

    fn admit(&self, service: Service) -> Result<Permit<'_>, SendError> {
        let admitted = self.breakers[&service].admit(self.clock.now(), rand::random());
        admitted.map_err(|until| self.unavailable(service, until))
    }

    fn unavailable(&self, service: Service, until: Timestamp) -> SendError {
        let (service, name) = (service.key(), &self.account.name);
        let message =
            format!("service {service} of account {name} is unavailable; nothing is sent");
        SendError::CircuitOpen(Failure::retryable("CircuitOpen", message), until)
    }

    /// The error of a request whose service could not be reached, or failed.
    fn trip(&self, permit: Permit<'_>, failure: Failure) -> SendError {
        match permit.failed(&failure, self.clock.now(), rand::random()) {
            Trip::Tolerated => SendError::Failed(failure),
            Trip::Opened(until) | Trip::StillOpen(until) => SendError::CircuitOpen(failure, until),
        }
    }

    async fn exchange(
        &self,
        request: &Request,
        nonce: &str,
        trace: &Trace,
        permit: Permit<'_>,
    ) -> Result<Reply, SendError> {
        let version = self.account.credentials.version();
        if let Some(failure) = self.lockout.current(version, self.clock.now()) {
            return Err(SendError::AccountRefused(failure));
        }
        let offset = self.skew.offset();
        let now = ClockSkew::provider_time(offset);
        let token = self.token(now).await?;
        let input = SigningInput { offset, token, version };
        let token = input.token.as_ref().map(|token| &token.value);
        let signed = match self.account.provider() {
            Provider::Alibaba => alibaba::signed(request, &self.account, now, nonce),
            Provider::Huawei => huawei::signed(request, &self.account, now, token),
        };
        let mut signed = signed.map_err(SendError::Failed)?;
        signed.headers.extend(trace_headers(&traces::outgoing(trace)));
        let raw = match self.transport.send(signed).await {
            Ok(raw) => raw,
            Err(error) => return Err(self.trip(permit, errors::transport_failure(&error))),
        };
        spans::record_status(raw.status);
        let error = match errors::read_reply(self.account.provider(), &raw, now) {
            Ok(reply) => {
                permit.succeeded();
                return Ok(reply);
            }
            Err(error) => error,
        };
        let is_outage = errors::is_outage(raw.status, &error.failure);
        let failure = redact(error.failure, &self.account, token);
        if is_outage {
            return Err(self.trip(permit, failure));
        }
        permit.succeeded();
        let is_huawei = self.account.provider() == Provider::Huawei;
        let counts_for_lockout = is_huawei && raw.status == 401 && token.is_none();
        let error = self.correct(ProviderError { failure, ..error }, &input).await;
        if let SendError::AccountRefused(failure) = &error
            && counts_for_lockout
        {
            self.lockout.record(failure, version, self.clock.now());
        }
        Err(error)
    }

    /// The token to sign with, or `None` for an account that signs with a key.
    async fn token(&self, now: Timestamp) -> Result<Option<Token>, SendError> {
        let Credentials::Iam { .. } = self.account.credentials else { return Ok(None) };
        let permit = self.admit(Service::Iam)?;
        let fetched = self.tokens.token(&self.account, self.transport.as_ref(), now).await;
        let failure = match fetched {
            Ok(token) => {
                permit.succeeded();
                return Ok(token);
            }
            Err(failure) => redact(failure, &self.account, None),
        };
        match failure.class {
            FailureClass::Permanent => {
                permit.succeeded();
                Err(SendError::AccountRefused(failure))
            }
            FailureClass::Retryable { .. } | FailureClass::Ambiguous => {
                Err(self.trip(permit, failure))
            }
        }
    }

    /// Corrects the cause of a refusal where our side can, so that the request can be repeated at
    /// once. That happens only once, because repeated bad signatures lock a key.
    async fn correct(&self, error: ProviderError, input: &SigningInput) -> SendError {
        let ProviderError { failure, remedy, refuses_account } = error;
        let credentials_changed =
            refuses_account && self.account.credentials.version() != input.version;
        let is_corrected = credentials_changed
            || match (remedy, &input.token) {
                (Remedy::None, _) | (Remedy::Token, None) => false,
                (Remedy::Clock(provider), _) => self.skew.learn(input.offset, provider),
                (Remedy::Token, Some(used)) => {
                    self.tokens.refused(used, ClockSkew::provider_time(input.offset)).await
                }
            };
        if is_corrected {
            let at_once = FailureClass::Retryable { retry_after: Some(Duration::ZERO) };
            return SendError::Failed(Failure { class: at_once, ..failure });
        }
        let failure = self.with_advice(failure, remedy);
        let send_error =
            if refuses_account { SendError::AccountRefused } else { SendError::Failed };
        send_error(failure)
    }

    /// Adds what to do about an expired temporary key, which only the operator can renew.
    fn with_advice(&self, failure: Failure, remedy: Remedy) -> Failure {
        match (&self.account.credentials, remedy) {
            (Credentials::Key { security_token: Some(_), .. }, Remedy::Token) => {
                let advice = "renew the account's security_token: a file is read again by itself, \
                              a variable needs a restart";
                Failure { message: format!("{}; {advice}", failure.message), ..failure }
            }
            (Credentials::Key { .. } | Credentials::Iam { .. }, _) => failure,
        }
    }
}

/// Trace context is sent unsigned, because gateways may change it. It comes from a message, so a
/// value that is not a valid header is left out instead of failing the request.
fn trace_headers(trace: &Trace) -> impl Iterator<Item = (String, String)> {
    let is_valid = |value: &str| {
        value.len() <= MAX_TRACE_HEADER && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    let headers = trace.headers().filter(move |(_, value)| is_valid(value));
    headers.map(|(name, value)| (name.to_owned(), value.clone()))
}
