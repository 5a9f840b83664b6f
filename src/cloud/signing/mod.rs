//! What the signatures of both providers have in common: the address and bytes of a request, its
//! canonical form, and nonces.

pub(super) mod address;
pub mod canonical;
pub(super) mod nonce;
