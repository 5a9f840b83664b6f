//! `/_sim`: what a test asks and orders. Nothing here is signed, and no cloud has it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::faults::FaultPlan;
use super::stand::Stand;
use super::truth::Counts;
use super::world::Steer;

/// Everything under `/_sim`.
pub(super) fn routes() -> Router<Arc<Stand>> {
    Router::new()
        .route("/_sim/effects", get(effects))
        .route("/_sim/requests", get(requests))
        .route("/_sim/faults", post(faults))
        .route("/_sim/steer", post(steer))
        .route("/_sim/clock", post(clock))
        .route("/_sim/reset", post(reset))
}

/// Which effects are meant; all that is given must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    operation: Option<String>,
    marker: Option<String>,
}

async fn effects(State(stand): State<Arc<Stand>>, Query(wanted): Query<Wanted>) -> Json<Value> {
    let mut effects = stand.effects();
    effects.retain(|effect| {
        wanted.operation.as_ref().is_none_or(|operation| effect.operation == *operation)
            && (wanted.marker.is_none() || effect.marker == wanted.marker)
    });
    Json(json!({"count": effects.len(), "effects": effects}))
}

async fn requests(State(stand): State<Arc<Stand>>) -> Json<Counts> {
    Json(stand.counts())
}

async fn faults(State(stand): State<Arc<Stand>>, body: Bytes) -> Response {
    done(read::<FaultPlan>(&body).and_then(|plan| {
        stand.set_faults(plan)?;
        Ok(json!({"ok": true}))
    }))
}

async fn steer(State(stand): State<Arc<Stand>>, body: Bytes) -> Response {
    done(read::<Steer>(&body).and_then(|order| stand.steer(order)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    offset_ms: i64,
}

async fn clock(State(stand): State<Arc<Stand>>, body: Bytes) -> Response {
    done(read::<Clock>(&body).map(|clock| {
        stand.set_clock_offset(clock.offset_ms);
        json!({"now": stand.now()})
    }))
}

async fn reset(State(stand): State<Arc<Stand>>) -> Response {
    done(stand.reset().map(|()| json!({"ok": true})))
}

/// Whatever the content type says, so that a bare `curl -d` will do.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body cannot be read: {error}"))
}

fn done(result: Result<Value, String>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response(),
    }
}
