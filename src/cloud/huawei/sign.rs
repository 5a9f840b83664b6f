//! SDK-HMAC-SHA256, Huawei's signature for access keys.

use percent_encoding::percent_decode_str;

use crate::cloud::signature::{
    Authorization, Key, Message, Signature, encode, hmac_hex, sha256_hex,
};

/// The scheme's name, as it stands in `Authorization` and in what is signed.
pub const SCHEME: &str = "SDK-HMAC-SHA256";

/// Stands for the body's hash where the content type is not JSON; sent in
/// `X-Sdk-Content-Sha256`.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Signs every header of the message. The path is sent without the slash that is added here.
pub fn sign(message: &Message<'_>, key: Key<'_>) -> Signature {
    sign_headers(message, &message.header_names(signable), key)
}

/// Takes an `Authorization` header apart; none if it is not one of this scheme.
pub fn read(authorization: &str) -> Option<Authorization> {
    Authorization::read(authorization, SCHEME, "Access")
}

/// Whether a received message bears a true signature: host and date are signed, and the signature
/// is the one this secret makes.
pub fn is_true(message: &Message<'_>, claimed: &Authorization, secret: &str) -> bool {
    let covered = ["host", "x-sdk-date"]
        .iter()
        .all(|name| claimed.signed_headers.iter().any(|signed| signed == name));
    let key = Key { id: &claimed.key_id, secret };
    covered && sign_headers(message, &claimed.signed_headers, key).hex == claimed.signature
}

/// The gateway drops headers with an underscore before it checks.
fn signable(name: &str) -> bool {
    !name.contains('_') && name != "authorization"
}

fn sign_headers(message: &Message<'_>, names: &[String], key: Key<'_>) -> Signature {
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

/// Each segment decoded once and encoded again, with a slash at the end.
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
    use crate::cloud::signature::canonical_query;

    const VECTORS: &str =
        include_str!("../../../tests/fixtures/vectors/huawei_sdk_hmac_sha256.json");
    const CAPTURES: &str =
        include_str!("../../../tests/fixtures/vectors/huawei_sdk_wire_capture.json");

    fn text(value: &Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// A list stands for its key once per element.
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

    /// What the official client adds before it signs.
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
    fn every_vector_of_the_official_signer_is_met() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let vectors = vectors["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 10);
        for vector in vectors {
            let (query, headers) = (query(vector), headers(vector));
            let name = text(&vector["name"]);
            let message = Message {
                method: vector["method"].as_str().unwrap(),
                path: vector["path"].as_str().unwrap(),
                query: &query,
                headers: &headers,
                body: vector["body"].as_str().unwrap().as_bytes(),
            };
            let key = Key {
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

            let claimed = read(&signature.authorization).unwrap();
            assert!(is_true(&message, &claimed, key.secret), "{name}");
            assert!(!is_true(&message, &claimed, "another secret"), "{name}");
            assert!(!is_true(&Message { path: "/other", ..message }, &claimed, key.secret));
        }
    }

    #[test]
    fn requests_the_official_client_sent_are_recognised() {
        let captures: Vec<Value> = serde_json::from_str(CAPTURES).unwrap();
        assert_eq!(captures.len(), 4);
        for capture in captures {
            let request = &capture["request"];
            let url: Url = request["url"].as_str().unwrap().parse().unwrap();
            let headers = request["headers"].as_object().unwrap();
            let headers: Vec<_> = headers.iter().map(|(k, v)| (k.clone(), text(v))).collect();
            let message = Message {
                method: request["method"].as_str().unwrap(),
                path: url.path(),
                query: &[],
                headers: &headers,
                body: request["body"].as_str().unwrap_or_default().as_bytes(),
            };
            let claimed = read(message.header("authorization").unwrap()).unwrap();
            assert!(is_true(&message, &claimed, "FakeHuaweiSecretKey0123456789abcdefghijklmn"));
        }
    }
}
