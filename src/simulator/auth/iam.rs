//! Huawei IAM: issues a token for a user's password.

use jiff::Timestamp;
use serde_json::json;

use super::authenticator::Authenticator;
use crate::cloud::signing::canonical::sha256_hex;
use crate::simulator::reply::{ErrorReply, Payload};
use crate::simulator::request::CallContext;

/// POST /v3/auth/tokens. The token is in a header of the reply.
pub(crate) fn create_token(
    authenticator: &mut Authenticator,
    call: &CallContext<'_>,
) -> Result<Payload, ErrorReply> {
    let malformed = || ErrorReply::new(400, "Bad Request", "The request body is invalid");
    let body: serde_json::Value =
        serde_json::from_slice(&call.request.raw.body).map_err(|_| malformed())?;
    let identity = &body["auth"]["identity"];
    if identity["methods"] != json!(["password"]) {
        return Err(malformed());
    }
    let (user, known) = (&identity["password"]["user"], &call.settings.user);
    if user["name"] != known.name.as_str()
        || user["domain"]["name"] != known.domain.as_str()
        || user["password"] != known.password.as_str()
    {
        return Err(ErrorReply::new(401, "Unauthorized", "The username or password is wrong."));
    }
    // A token for a regional service must be scoped to a project; a project's name is its region.
    let project = &body["auth"]["scope"]["project"];
    if project["id"] != call.settings.project_id.as_str() && !project["name"].is_string() {
        return Err(ErrorReply::new(401, "Unauthorized", "The project is not one of the user's."));
    }
    let issued = call.server_time(call.now);
    let expires = issued.saturating_add(call.settings.token_lifetime).unwrap_or(Timestamp::MAX);
    let token = format!("SIM-{}", sha256_hex(call.request.request_id.as_bytes()));
    authenticator.add_token(token.clone(), expires);
    let format = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    Ok(Payload {
        status: 201,
        header: Some(("x-subject-token", token)),
        body: json!({"token": {
            "methods": ["password"],
            "issued_at": format(issued),
            "expires_at": format(expires),
            "user": {"name": known.name, "domain": {"name": known.domain}},
            "project": {"id": call.settings.project_id},
        }}),
    })
}
