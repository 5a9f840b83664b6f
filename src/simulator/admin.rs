//! The HTTP routes under `/_sim`, with which tests inspect and control the simulator. They need no
//! signature, and no provider has them.

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

use super::effects::RequestCounts;
use super::faults::FaultPlan;
use super::overrides::Override;
use super::state::SimulatorState;

pub(super) fn routes() -> Router<Arc<SimulatorState>> {
    Router::new()
        .route("/_sim/effects", get(effects))
        .route("/_sim/requests", get(requests))
        .route("/_sim/faults", post(faults))
        .route("/_sim/override", post(override_outcome))
        .route("/_sim/clock", post(clock))
        .route("/_sim/reset", post(reset))
}

/// Selects effects that match all given values.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EffectFilter {
    operation: Option<String>,
    marker: Option<String>,
}

async fn effects(
    State(state): State<Arc<SimulatorState>>,
    Query(filter): Query<EffectFilter>,
) -> Json<Value> {
    let mut effects = state.effects();
    effects.retain(|effect| {
        filter.operation.as_ref().is_none_or(|operation| effect.operation == *operation)
            && (filter.marker.is_none() || effect.marker == filter.marker)
    });
    Json(json!({"count": effects.len(), "effects": effects}))
}

async fn requests(State(state): State<Arc<SimulatorState>>) -> Json<RequestCounts> {
    Json(state.counts())
}

async fn faults(State(state): State<Arc<SimulatorState>>, body: Bytes) -> Response {
    reply(parse::<FaultPlan>(&body).and_then(|plan| {
        state.set_faults(plan)?;
        Ok(json!({"ok": true}))
    }))
}

async fn override_outcome(State(state): State<Arc<SimulatorState>>, body: Bytes) -> Response {
    reply(parse::<Override>(&body).and_then(|change| state.apply(change)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockRequest {
    offset_ms: i64,
}

async fn clock(State(state): State<Arc<SimulatorState>>, body: Bytes) -> Response {
    reply(parse::<ClockRequest>(&body).map(|clock| {
        state.set_clock_offset(clock.offset_ms);
        json!({"now": state.now()})
    }))
}

async fn reset(State(state): State<Arc<SimulatorState>>) -> Response {
    reply(state.reset().map(|()| json!({"ok": true})))
}

/// Parses a body without looking at its content type, so that a plain `curl -d` works.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is invalid: {error}"))
}

fn reply(result: Result<Value, String>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response(),
    }
}
