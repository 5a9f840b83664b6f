//! ACS3-HMAC-SHA256, the signature of Alibaba's current APIs. There is no derived key: the secret
//! signs a hash of the canonical request.

use crate::cloud::signing::canonical::{
    Authorization, HttpMessage, KeyPair, Signature, hmac_hex, sha256_hex,
};

/// The scheme's name in `Authorization` and in the string to sign.
pub const SCHEME: &str = "ACS3-HMAC-SHA256";

/// Signs every header the gateway requires: `host`, `content-type` and all of `x-acs-*`. The query
/// must be sent as `canonical_query` encodes it.
pub fn sign(message: &HttpMessage<'_>, key: KeyPair<'_>) -> Signature {
    sign_headers(message, &message.header_names(is_required), key)
}

/// Parses an `Authorization` header. `None` if it has another scheme.
pub fn parse(authorization: &str) -> Option<Authorization> {
    Authorization::parse(authorization, SCHEME, "Credential")
}

/// Whether the signature of a received message is valid: every required header is signed, the body
/// has the hash it claims, and this secret gives the same signature.
pub fn verify(message: &HttpMessage<'_>, claimed: &Authorization, secret: &str) -> bool {
    let covered =
        message.header_names(is_required).iter().all(|name| claimed.signed_headers.contains(name));
    let hash = message.header("x-acs-content-sha256");
    let key = KeyPair { id: &claimed.key_id, secret };
    covered
        && hash == Some(&sha256_hex(message.body))
        && sign_headers(message, &claimed.signed_headers, key).hex == claimed.signature
}

fn is_required(name: &str) -> bool {
    name == "host" || name == "content-type" || name.starts_with("x-acs-")
}

fn sign_headers(message: &HttpMessage<'_>, names: &[String], key: KeyPair<'_>) -> Signature {
    let canonical_request = message.canonical(message.path, names, &sha256_hex(message.body));
    let string_to_sign = format!("{SCHEME}\n{}", sha256_hex(canonical_request.as_bytes()));
    let hex = hmac_hex(key.secret, &string_to_sign);
    let authorization =
        format!("{SCHEME} Credential={},SignedHeaders={},Signature={hex}", key.id, names.join(";"));
    Signature { canonical_request, string_to_sign, hex, authorization }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::cloud::signing::canonical::canonical_query;

    const VECTORS: &str = include_str!("../../../tests/fixtures/vectors/aliyun_acs3.json");
    const CAPTURES: &str =
        include_str!("../../../tests/fixtures/vectors/aliyun_sdk_wire_capture.json");

    fn pairs(object: &Value) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        object.as_object().unwrap().iter().map(|(k, v)| (k.clone(), text(v))).collect()
    }

    #[test]
    fn signatures_equal_every_vector_of_the_official_signer() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let vectors = vectors["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 9);
        for vector in vectors {
            let text = |key: &str| vector[key].as_str().unwrap();
            let (query, headers) = (pairs(&vector["query"]), pairs(&vector["headers"]));
            let message = HttpMessage {
                method: text("method"),
                path: text("path"),
                query: &query,
                headers: &headers,
                body: text("body").as_bytes(),
            };
            let key = KeyPair { id: text("access_key_id"), secret: text("access_key_secret") };
            let signature = sign(&message, key);
            let (name, expected) = (text("name"), &vector["expect"]);
            assert_eq!(canonical_query(&query), expected["canonical_query"], "{name}");
            assert_eq!(signature.canonical_request, expected["canonical_request"], "{name}");
            assert_eq!(signature.string_to_sign, expected["string_to_sign"], "{name}");
            assert_eq!(signature.authorization, expected["authorization"], "{name}");

            let claimed = parse(&signature.authorization).unwrap();
            assert_eq!(claimed.key_id, key.id);
            assert!(verify(&message, &claimed, key.secret), "{name}");
            assert!(!verify(&message, &claimed, "another secret"), "{name}");
            assert!(!verify(&HttpMessage { body: b"other", ..message }, &claimed, key.secret));
            assert!(!verify(
                &HttpMessage { query: &[], path: "/x", ..message },
                &claimed,
                key.secret
            ));
        }
    }

    #[test]
    fn captured_requests_of_the_official_client_verify() {
        let captures: Vec<Value> = serde_json::from_str(CAPTURES).unwrap();
        let acs3: Vec<&Value> =
            captures.iter().filter(|c| c["signature_mode"] == "default").collect();
        assert_eq!(acs3.len(), 7);
        for capture in acs3 {
            let request = &capture["request"];
            let (query, headers) = (pairs(&request["query"]), pairs(&request["headers"]));
            let message = HttpMessage {
                method: request["method"].as_str().unwrap(),
                path: "/",
                query: &query,
                headers: &headers,
                body: request["body"].as_str().unwrap().as_bytes(),
            };
            let claimed = parse(message.header("authorization").unwrap()).unwrap();
            assert!(verify(&message, &claimed, "FakeSecret/With+Plus=And~Tilde0123"));
        }
    }

    #[test]
    fn a_required_header_without_a_signature_does_not_verify() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = [header("host", "a"), header("x-acs-content-sha256", &sha256_hex(b""))];
        let message =
            HttpMessage { method: "POST", path: "/", query: &[], headers: &headers, body: b"" };
        let claimed =
            parse(&sign(&message, KeyPair { id: "k", secret: "s" }).authorization).unwrap();
        assert!(verify(&message, &claimed, "s"));
        let more = [headers.to_vec(), vec![header("x-acs-action", "Other")]].concat();
        assert!(!verify(&HttpMessage { headers: &more, ..message }, &claimed, "s"));
    }

    #[test]
    fn an_authorization_of_another_scheme_is_not_parsed() {
        assert_eq!(parse("SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=00"), None);
        assert_eq!(parse("ACS3-HMAC-SHA256 Credential=a"), None);
    }
}
