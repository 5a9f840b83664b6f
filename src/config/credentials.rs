//! The credentials of an account.

use secrecy::ExposeSecret;

use super::addresses;
use super::key::SettingKey;
use super::reader::Reader;
use crate::cloud::account::Credentials;
use crate::secret::Secret;

const KEY_PAIR: [&str; 2] = ["access_key_id", "access_key_secret"];

/// Huawei signs with an access key pair, or with the token of an IAM user.
pub(super) fn key_pair_or_iam(
    reader: &mut Reader<'_>,
    at: &SettingKey,
    region: Option<&str>,
) -> Option<Credentials> {
    let iam_key = at.child("iam");
    let has_pair = KEY_PAIR.iter().any(|name| reader.is_set(&at.child(name)));
    if reader.is_set(&iam_key) {
        if has_pair {
            let both = "is set together with an access key pair; remove one of them";
            reader.reject(&iam_key, both);
        }
        let user = reader.need(&iam_key.child("user"));
        let domain = reader.need(&iam_key.child("domain"));
        let password = reader.need_secret(&iam_key.child("password"));
        let endpoint = addresses::iam_endpoint(reader, at, region);
        if has_pair {
            key_pair(reader, at);
            return None;
        }
        let only_keys = "is for an access key pair, not for iam";
        reader.refuse(&at.child("security_token"), only_keys);
        return Some(Credentials::Iam {
            user: user?,
            domain: domain?,
            password: password?,
            endpoint: endpoint?,
        });
    }
    let iam_endpoint = at.child("endpoints").child("iam");
    reader.refuse(&iam_endpoint, "is for accounts with an iam table; this account has a key pair");
    if has_pair {
        return key_pair(reader, at);
    }
    for name in KEY_PAIR {
        reader.asked.insert(at.child(name));
    }
    reader.reject(at, "needs credentials: access_key_id and access_key_secret, or iam");
    None
}

/// The access key pair, with the token of a temporary one.
pub(super) fn key_pair(reader: &mut Reader<'_>, at: &SettingKey) -> Option<Credentials> {
    let [id, secret] = KEY_PAIR.map(|name| {
        let key = at.child(name);
        let secret = reader.need_secret(&key);
        header_safe(reader, &key, secret)
    });
    let token_key = at.child("security_token");
    let token = reader.secret(&token_key);
    let security_token = header_safe(reader, &token_key, token);
    Some(Credentials::Key { id: id?, secret: secret?, security_token })
}

/// Access keys are sent in headers, so they are visible ASCII. Anything else is a copy error.
fn header_safe(
    reader: &mut Reader<'_>,
    key: &SettingKey,
    secret: Option<Secret>,
) -> Option<Secret> {
    let secret = secret?;
    if secret.current().expose_secret().chars().all(|c| c.is_ascii_graphic()) {
        return Some(secret);
    }
    reader.reject(key, "has a space or another character that no access key has");
    None
}
