//! Huawei IAM: tokens for a user's password.

use jiff::Timestamp;
use serde_json::json;

use super::gateway::guard::Guard;
use super::reply::{Granted, Refusal};
use super::stand::Call;
use crate::cloud::signing::canonical::sha256_hex;

/// POST /v3/auth/tokens. The token is in a header of the reply.
pub(super) fn token(guard: &mut Guard, call: &Call<'_>) -> Result<Granted, Refusal> {
    let malformed = || Refusal::new(400, "Bad Request", "The request body is invalid");
    let body: serde_json::Value =
        serde_json::from_slice(&call.visit.asked.body).map_err(|_| malformed())?;
    let identity = &body["auth"]["identity"];
    if identity["methods"] != json!(["password"]) {
        return Err(malformed());
    }
    let (user, known) = (&identity["password"]["user"], &call.settings.user);
    if user["name"] != known.name.as_str()
        || user["domain"]["name"] != known.domain.as_str()
        || user["password"] != known.password.as_str()
    {
        return Err(Refusal::new(401, "Unauthorized", "The username or password is wrong."));
    }
    // A token for a region's service must be scoped to a project; the name of one is its region.
    let project = &body["auth"]["scope"]["project"];
    if project["id"] != call.settings.project_id.as_str() && !project["name"].is_string() {
        return Err(Refusal::new(401, "Unauthorized", "The project is not one of the user's."));
    }
    let issued = call.shown(call.now);
    let expires = issued.saturating_add(call.settings.token_lifetime).unwrap_or(Timestamp::MAX);
    let token = format!("SIM-{}", sha256_hex(call.visit.request_id.as_bytes()));
    guard.keep_token(token.clone(), expires);
    let time = |moment: Timestamp| moment.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    Ok(Granted {
        status: 201,
        header: Some(("x-subject-token", token)),
        body: json!({"token": {
            "methods": ["password"],
            "issued_at": time(issued),
            "expires_at": time(expires),
            "user": {"name": known.name, "domain": {"name": known.domain}},
            "project": {"id": call.settings.project_id},
        }}),
    })
}
