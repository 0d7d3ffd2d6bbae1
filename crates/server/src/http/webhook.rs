//! `POST /v1/webhooks/TRIGGER_TYPE`: what other services call when something happens there. Each has a
//! secret of its own, which opens nothing else.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderMap, HeaderValue, header};
use pawl_api::pb;
use pawl_domain::{Rejection, TypeCode};
use serde_json::{Map, Value, json};
use tonic::Status;

use super::cloudevents::{attributes, told};
use super::{Doors, Refused};
use crate::access::{Denied, Hook, Problem, bearer, waiting};
use crate::request::fill_id;
use crate::status::{denied, failed, rejected};

/// Headers in which callers name an event, so that one sent twice counts once.
const NAMED_BY: [&str; 2] = ["webhook-id", "idempotency-key"];
/// What to tell who does not say whom an event concerns.
const NO_SUBJECT: &str = "is missing: say whom it concerns, as in ?subject=deal/57, or with the key \
    `subject` in the body";
/// What a form is called.
const FORM: &[u8] = b"application/x-www-form-urlencoded";

pub(super) async fn receive(
    State(doors): State<Doors>,
    Path(trigger_type): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
) -> Result<Response, Refused> {
    let asked = |key: &str| query.iter().find(|(name, _)| name == key).map(|(_, value)| &**value);
    let hook = admit(&doors, &headers, asked("key"), &trigger_type, asked("code"))?;
    let services = doors.services.of_hook(&hook);
    let _place = doors.gate.place(&waiting(&extensions))?;
    let found = services.engine.trigger_type(hook.trigger_type.clone()).await.map_err(failed)?;
    let mut data = data(&headers, &body).map_err(|refusal| rejected(&refusal))?;
    let named = query.iter().filter(|(name, _)| name == "subject" || name == "subjects");
    let mut subjects: Vec<_> = named.flat_map(|(_, ids)| split(ids)).collect();
    if subjects.is_empty() {
        for key in ["subject", "subjects"] {
            match data.get(key) {
                Some(Value::String(ids)) => subjects.extend(split(ids)),
                Some(Value::Array(ids)) => {
                    subjects.extend(ids.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                _ => {}
            }
        }
    }
    if subjects.is_empty() {
        return Err(rejected(&Rejection::invalid("subject", NO_SUBJECT)).into());
    }
    if let Some(code) = hook.code.as_deref().or(asked("code")) {
        data.insert("code".to_owned(), code.into());
    }
    let by_header = NAMED_BY.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    let mut event_id = asked("event_id").or(by_header).unwrap_or_default().to_owned();
    fill_id(&mut event_id);
    let attributes =
        attributes("body", Value::Object(data)).map_err(|refusal| rejected(&refusal))?;
    let event = pb::Event {
        event_id,
        source: format!("webhook/{}", hook.name),
        r#type: found.event_type.to_string(),
        subjects,
        attributes: Some(attributes),
        ..Default::default()
    };
    let outcome = services.publish(event, pb::DecisionView::Basic).await?;
    Ok(Json(json!({ "outcome": told(&outcome)? })).into_response())
}

/// The webhook that the secret opens, if it is the one that is called.
fn admit(
    doors: &Doors,
    headers: &HeaderMap,
    key: Option<&str>,
    trigger_type: &str,
    code: Option<&str>,
) -> Result<std::sync::Arc<Hook>, Status> {
    let secret = bearer(headers).map_err(|reason| denied(&reason))?.or(key);
    let secret = secret.ok_or_else(|| denied(&Denied::Unauthenticated(Problem::Missing)))?;
    let hook = doors.gate.access.hook(secret).map_err(|reason| denied(&reason))?;
    let fits = hook.trigger_type
        == TypeCode::parse("trigger_type", trigger_type).map_err(|refusal| rejected(&refusal))?
        && hook.code.as_deref().is_none_or(|own| code.is_none_or(|code| code == own));
    // Not even that the secret is one of another webhook.
    if fits { Ok(hook) } else { Err(denied(&Denied::Unauthenticated(Problem::Unknown))) }
}

fn split(ids: &str) -> impl Iterator<Item = String> {
    ids.split([',', ' ']).filter(|id| !id.is_empty()).map(str::to_owned)
}

/// A JSON object, a form, or nothing.
fn data(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let named = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if named.starts_with(FORM) {
        let fields = form_urlencoded::parse(body);
        return Ok(fields
            .map(|(key, value)| (key.into_owned(), value.into_owned().into()))
            .collect());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(data)) => Ok(data),
        Ok(_) => Err(Rejection::invalid("body", "is JSON but no object")),
        Err(error) => Err(Rejection::invalid(
            "body",
            format!("is not JSON: {error}; send a JSON object or a form"),
        )),
    }
}
