//! What a provider's error reply says: the fields read from its body, and the category of its code.

/// The fields of an error body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorBody {
    pub code: Option<String>,
    pub message: Option<String>,
    pub request_id: Option<String>,
}

/// What a provider's code says about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorCategory {
    /// Too many requests. This one was not carried out.
    Throttled,
    /// The account's quota for today is used up.
    QuotaExceeded,
    /// Our clock differs too much from the provider's.
    ClockSkew,
    /// A token has expired.
    TokenExpired,
    /// The signature is not the one the provider computes.
    BadSignature,
    /// The account is refused, whatever it asks for.
    AccountRefused,
    /// The request is refused for good.
    Refused,
    /// The provider failed at a point that the reply does not show.
    Ambiguous,
}
