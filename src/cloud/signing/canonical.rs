//! What the two signature schemes have in common: both hash a canonical form of the request and
//! sign that hash with HMAC-SHA256. `alibaba::sign` and `huawei::sign` contain the differences.

use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// An HTTP request as a signature covers it, at the sender or the receiver.
#[derive(Clone, Copy, Debug)]
pub struct HttpMessage<'a> {
    /// Upper case.
    pub method: &'a str,
    /// As sent.
    pub path: &'a str,
    /// Query parameters, not encoded.
    pub query: &'a [(String, String)],
    /// Headers, `host` among them; names in any case.
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

impl HttpMessage<'_> {
    /// The value of a header; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The names of the headers for which `is_signed` holds, lower case and sorted.
    pub(in crate::cloud) fn header_names(&self, is_signed: impl Fn(&str) -> bool) -> Vec<String> {
        let mut names: Vec<String> = self
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .filter(|name| is_signed(name))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The canonical request over the named headers, which are lower case and sorted.
    pub(in crate::cloud) fn canonical(&self, uri: &str, names: &[String], payload: &str) -> String {
        let headers: String = names
            .iter()
            .map(|name| format!("{name}:{}\n", self.header(name).unwrap_or_default()))
            .collect();
        let (method, query) = (self.method, canonical_query(self.query));
        format!("{method}\n{uri}\n{query}\n{headers}\n{}\n{payload}", names.join(";"))
    }
}

/// A key pair in plain text, which lives only as long as it takes to sign.
#[derive(Clone, Copy)]
pub struct KeyPair<'a> {
    pub id: &'a str,
    pub secret: &'a str,
}

/// A signature, with its intermediate steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub canonical_request: String,
    pub string_to_sign: String,
    /// Lower-case hex.
    pub hex: String,
    /// The value of the `Authorization` header.
    pub authorization: String,
}

/// The parts of an `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    pub key_id: String,
    /// Lower case, in the order of the header.
    pub signed_headers: Vec<String>,
    pub signature: String,
}

impl Authorization {
    /// Parses `<scheme> <credential>=…,SignedHeaders=…,Signature=…`, with or without spaces.
    pub(in crate::cloud) fn parse(text: &str, scheme: &str, credential: &str) -> Option<Self> {
        let fields: Vec<(&str, &str)> = text
            .strip_prefix(scheme)?
            .strip_prefix(' ')?
            .split(',')
            .filter_map(|field| field.trim().split_once('='))
            .collect();
        let value = |name| fields.iter().find(|(other, _)| *other == name).map(|(_, v)| *v);
        Some(Self {
            key_id: value(credential)?.to_owned(),
            signed_headers: value("SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: value("Signature")?.to_owned(),
        })
    }
}

/// Percent-encodes as both providers require: all but `A-Za-z0-9-_.~`, hex in upper case.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Encoded pairs, sorted by raw key and then value. An empty value keeps its `=`.
pub fn canonical_query(pairs: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = pairs.iter().collect();
    sorted.sort();
    encode_pairs(sorted)
}

/// Encoded pairs in their order: the bytes of a form.
pub fn encode_pairs<'a>(pairs: impl IntoIterator<Item = &'a (String, String)>) -> String {
    let encoded: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    encoded.join("&")
}

/// SHA-256, in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// HMAC-SHA256, in lower-case hex.
pub(in crate::cloud) fn hmac_hex(secret: &str, text: &str) -> String {
    // HMAC hashes keys longer than a block and pads shorter ones, so every key is accepted.
    match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mut mac) => {
            mac.update(text.as_bytes());
            hex::encode(mac.finalize().into_bytes())
        }
        Err(never) => unreachable!("{never}"),
    }
}
