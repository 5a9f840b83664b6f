//! What the requests of an account are signed with.

use secrecy::ExposeSecret;

use super::endpoints;
use super::key::Key;
use super::reader::Reader;
use crate::cloud::account::Credentials;
use crate::secret::Secret;

const KEY_PAIR: [&str; 2] = ["access_key_id", "access_key_secret"];

/// Huawei signs with an access key pair, or with the token of an IAM user.
pub(super) fn key_pair_or_iam(
    reader: &mut Reader<'_>,
    at: &Key,
    region: Option<&str>,
) -> Option<Credentials> {
    let iam_key = at.child("iam");
    let has_pair = KEY_PAIR.iter().any(|name| reader.is_set(&at.child(name)));
    if reader.is_set(&iam_key) {
        if has_pair {
            let both = "stands beside an access key pair; keep one of the two";
            reader.reject(&iam_key, both);
        }
        let user = reader.need(&iam_key.child("user"));
        let domain = reader.need(&iam_key.child("domain"));
        let password = reader.need_secret(&iam_key.child("password"));
        let endpoint = endpoints::iam(reader, at, region);
        if has_pair {
            key_pair(reader, at);
            return None;
        }
        let alone = "belongs to an access key pair, not to iam";
        reader.refuse(&at.child("security_token"), alone);
        return Some(Credentials::Iam {
            user: user?,
            domain: domain?,
            password: password?,
            endpoint: endpoint?,
        });
    }
    let iam_endpoint = at.child("endpoints").child("iam");
    reader.refuse(&iam_endpoint, "has no use without an iam table; this account has a key pair");
    if has_pair {
        return key_pair(reader, at);
    }
    for name in KEY_PAIR {
        reader.asked.insert(at.child(name));
    }
    reader.reject(at, "needs credentials: access_key_id and access_key_secret, or iam");
    None
}

/// The access key pair, which a temporary one has a token beside.
pub(super) fn key_pair(reader: &mut Reader<'_>, at: &Key) -> Option<Credentials> {
    let [id, secret] = KEY_PAIR.map(|name| {
        let key = at.child(name);
        let read = reader.need_secret(&key);
        header_safe(reader, &key, read)
    });
    let token_key = at.child("security_token");
    let token = reader.secret(&token_key);
    let security_token = header_safe(reader, &token_key, token);
    Some(Credentials::Key { id: id?, secret: secret?, security_token })
}

/// Access keys travel in headers and are plain ASCII; anything else is a slip of the clipboard.
fn header_safe(reader: &mut Reader<'_>, key: &Key, secret: Option<Secret>) -> Option<Secret> {
    let secret = secret?;
    if secret.current().expose_secret().chars().all(|c| c.is_ascii_graphic()) {
        return Some(secret);
    }
    reader.reject(key, "has a space or another character that no access key has");
    None
}
