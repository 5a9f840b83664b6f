//! What the two signature schemes share: both hash a canonical form of the request and sign that
//! hash with HMAC-SHA256. Where they differ is in `alibaba::sign` and `huawei::sign`.

use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request as a signature sees it, on either side of the wire.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The HTTP method, upper case.
    pub method: &'a str,
    /// The path, as sent.
    pub path: &'a str,
    /// Query parameters, not encoded.
    pub query: &'a [(String, String)],
    /// Headers, `host` among them; names in any case.
    pub headers: &'a [(String, String)],
    /// The body, byte for byte.
    pub body: &'a [u8],
}

impl Message<'_> {
    /// The value of a header; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The names of the headers that pass a test, lower case and sorted.
    pub(super) fn header_names(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut names: Vec<String> = self
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .filter(|name| wanted(name))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The canonical request over the named headers, which are lower case and sorted.
    pub(super) fn canonical(&self, uri: &str, names: &[String], payload: &str) -> String {
        let headers: String = names
            .iter()
            .map(|name| format!("{name}:{}\n", self.header(name).unwrap_or_default()))
            .collect();
        let (method, query) = (self.method, canonical_query(self.query));
        format!("{method}\n{uri}\n{query}\n{headers}\n{}\n{payload}", names.join(";"))
    }
}

/// A pair of keys, open; lives only as long as it takes to sign.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    /// The public half.
    pub id: &'a str,
    /// The secret half.
    pub secret: &'a str,
}

/// A signature, with the steps on the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What was hashed.
    pub canonical_request: String,
    /// What was signed.
    pub string_to_sign: String,
    /// The signature, in lower-case hex.
    pub hex: String,
    /// The value of the `Authorization` header.
    pub authorization: String,
}

/// An `Authorization` header, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The public half of the key.
    pub key_id: String,
    /// The headers it says are signed, lower case and in its order.
    pub signed_headers: Vec<String>,
    /// The signature, in hex.
    pub signature: String,
}

impl Authorization {
    /// Reads `<scheme> <credential>=…,SignedHeaders=…,Signature=…`, with or without spaces.
    pub(super) fn read(text: &str, scheme: &str, credential: &str) -> Option<Self> {
        let fields: Vec<(&str, &str)> = text
            .strip_prefix(scheme)?
            .strip_prefix(' ')?
            .split(',')
            .filter_map(|field| field.trim().split_once('='))
            .collect();
        let value = |wanted| fields.iter().find(|(name, _)| *name == wanted).map(|(_, v)| *v);
        Some(Self {
            key_id: value(credential)?.to_owned(),
            signed_headers: value("SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: value("Signature")?.to_owned(),
        })
    }
}

/// Percent-encodes as both providers want it: only `A-Za-z0-9-_.~` stay, hex in upper case.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Encoded pairs, sorted by their raw keys and then values. An empty value keeps its `=`.
pub fn canonical_query(pairs: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = pairs.iter().collect();
    sorted.sort();
    encode_pairs(sorted)
}

/// Encoded pairs in their own order: the bytes of a form.
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
pub(super) fn hmac_hex(secret: &str, text: &str) -> String {
    // HMAC hashes keys longer than a block and pads shorter ones, so no key is refused.
    match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mut mac) => {
            mac.update(text.as_bytes());
            hex::encode(mac.finalize().into_bytes())
        }
        Err(never) => unreachable!("{never}"),
    }
}
