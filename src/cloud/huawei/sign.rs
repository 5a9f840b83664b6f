//! SDK-HMAC-SHA256, Huawei's signature for access keys.

use percent_encoding::percent_decode_str;

use crate::cloud::signing::canonical::{
    Authorization, HttpMessage, KeyPair, Signature, encode, hmac_hex, sha256_hex,
};

/// The scheme's name in `Authorization` and in the string to sign.
pub const SCHEME: &str = "SDK-HMAC-SHA256";

/// Replaces the hash of a body that is not JSON. Sent in `X-Sdk-Content-Sha256`.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Signs every header. The path is sent without the slash that the canonical form adds.
pub fn sign(message: &HttpMessage<'_>, key: KeyPair<'_>) -> Signature {
    sign_headers(message, &message.header_names(is_signed), key)
}

/// Parses an `Authorization` header. `None` if it has another scheme.
pub fn parse(authorization: &str) -> Option<Authorization> {
    Authorization::parse(authorization, SCHEME, "Access")
}

/// Whether the signature of a received message is valid: host and date are signed, and this secret
/// gives the same signature.
pub fn verify(message: &HttpMessage<'_>, claimed: &Authorization, secret: &str) -> bool {
    let covered = ["host", "x-sdk-date"]
        .iter()
        .all(|name| claimed.signed_headers.iter().any(|signed| signed == name));
    let key = KeyPair { id: &claimed.key_id, secret };
    covered && sign_headers(message, &claimed.signed_headers, key).hex == claimed.signature
}

/// The gateway drops headers with an underscore before it verifies.
fn is_signed(name: &str) -> bool {
    !name.contains('_') && name != "authorization"
}

fn sign_headers(message: &HttpMessage<'_>, names: &[String], key: KeyPair<'_>) -> Signature {
    let hash = sha256_hex(message.body);
    let payload = match message.header("x-sdk-content-sha256") {
        Some(UNSIGNED_PAYLOAD) => UNSIGNED_PAYLOAD,
        Some(_) | None => &hash,
    };
    let canonical_request = message.canonical(&canonical_uri(message.path), names, payload);
    let date = message.header("x-sdk-date").unwrap_or_default();
    let string_to_sign = format!("{SCHEME}\n{date}\n{}", sha256_hex(canonical_request.as_bytes()));
    let hex = hmac_hex(key.secret, &string_to_sign);
    let authorization =
        format!("{SCHEME} Access={}, SignedHeaders={}, Signature={hex}", key.id, names.join(";"));
    Signature { canonical_request, string_to_sign, hex, authorization }
}

/// Decodes and encodes each segment, and ends with a slash.
fn canonical_uri(path: &str) -> String {
    let segments: Vec<String> = path
        .split('/')
        .map(|segment| encode(&percent_decode_str(segment).decode_utf8_lossy()))
        .collect();
    let uri = segments.join("/");
    if uri.ends_with('/') { uri } else { uri + "/" }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::Value;
    use url::Url;

    use super::*;
    use crate::cloud::signing::canonical::canonical_query;

    const VECTORS: &str =
        include_str!("../../../tests/fixtures/vectors/huawei_sdk_hmac_sha256.json");
    const CAPTURES: &str =
        include_str!("../../../tests/fixtures/vectors/huawei_sdk_wire_capture.json");

    fn text(value: &Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// A list repeats its key for each element.
    fn query(vector: &Value) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for pair in vector["query"].as_array().unwrap() {
            match pair[1].as_array() {
                Some(list) => pairs.extend(list.iter().map(|v| (text(&pair[0]), text(v)))),
                None => pairs.push((text(&pair[0]), text(&pair[1]))),
            }
        }
        pairs
    }

    /// With the headers that the official client adds before it signs.
    fn headers(vector: &Value) -> Vec<(String, String)> {
        let given = vector["headers_before_signing"].as_object().unwrap();
        let mut headers: Vec<_> = given.iter().map(|(k, v)| (k.clone(), text(v))).collect();
        headers.push(("Host".into(), text(&vector["host"])));
        for (name, field) in
            [("X-Project-Id", "project_id"), ("X-Security-Token", "security_token")]
        {
            headers.extend(vector[field].as_str().map(|v| (name.to_owned(), v.to_owned())));
        }
        if given.get("Content-Type").is_some_and(|v| !text(v).starts_with("application/json")) {
            headers.push(("X-Sdk-Content-Sha256".into(), UNSIGNED_PAYLOAD.into()));
        }
        headers
    }

    #[test]
    fn signatures_equal_every_vector_of_the_official_signer() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let vectors = vectors["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 10);
        for vector in vectors {
            let (query, headers) = (query(vector), headers(vector));
            let name = text(&vector["name"]);
            let message = HttpMessage {
                method: vector["method"].as_str().unwrap(),
                path: vector["path"].as_str().unwrap(),
                query: &query,
                headers: &headers,
                body: vector["body"].as_str().unwrap().as_bytes(),
            };
            let key = KeyPair {
                id: vector["access_key"].as_str().unwrap(),
                secret: vector["secret_key"].as_str().unwrap(),
            };
            let (signature, expected) = (sign(&message, key), &vector["expect"]);
            assert_eq!(canonical_uri(message.path), expected["canonical_uri"], "{name}");
            assert_eq!(canonical_query(&query), expected["canonical_query"], "{name}");
            assert_eq!(signature.canonical_request, expected["canonical_request"], "{name}");
            assert_eq!(signature.string_to_sign, expected["string_to_sign"], "{name}");
            assert_eq!(signature.hex, expected["signature_hex"], "{name}");
            assert_eq!(signature.authorization, expected["authorization"], "{name}");

            let claimed = parse(&signature.authorization).unwrap();
            assert!(verify(&message, &claimed, key.secret), "{name}");
            assert!(!verify(&message, &claimed, "another secret"), "{name}");
            assert!(!verify(&HttpMessage { path: "/other", ..message }, &claimed, key.secret));
        }
    }

    #[test]
    fn captured_requests_of_the_official_client_verify() {
        let captures: Vec<Value> = serde_json::from_str(CAPTURES).unwrap();
        assert_eq!(captures.len(), 4);
        for capture in captures {
            let request = &capture["request"];
            let url: Url = request["url"].as_str().unwrap().parse().unwrap();
            let headers = request["headers"].as_object().unwrap();
            let headers: Vec<_> = headers.iter().map(|(k, v)| (k.clone(), text(v))).collect();
            let message = HttpMessage {
                method: request["method"].as_str().unwrap(),
                path: url.path(),
                query: &[],
                headers: &headers,
                body: request["body"].as_str().unwrap_or_default().as_bytes(),
            };
            let claimed = parse(message.header("authorization").unwrap()).unwrap();
            assert!(verify(&message, &claimed, "FakeHuaweiSecretKey0123456789abcdefghijklmn"));
        }
    }
}
