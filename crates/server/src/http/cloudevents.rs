//! `POST /v1/events`: CloudEvents 1.0 in JSON, one in structured or binary mode or many in a batch,
//! for producers that speak only HTTP. What comes of them is what comes of the same events over gRPC.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cloudevents::binding::http::to_event;
use cloudevents::{AttributesReader, Data, Event};
use http::{Extensions, HeaderMap, HeaderValue, header};
use pawl_api::{json, pb};
use pawl_domain::Rejection;
use serde_json::{Map, Value, json};
use tonic::Status;

use super::{Doors, Refused};
use crate::access::{Right, waiting};
use crate::status::{internal, refused, rejected};

/// What a batch is called.
const BATCH: &[u8] = b"application/cloudevents-batch+json";

/// What an event is called whose attributes stand beside its data.
const STRUCTURED: &[u8] = b"application/cloudevents+json";
/// What every event in binary mode has.
const VERSION: &str = "ce-specversion";
/// What to tell who sends neither.
const NO_MODE: &str = "is no CloudEvent: send it with the content type \
    application/cloudevents+json, or with its attributes in headers such as `ce-specversion: 1.0`; \
    many as application/cloudevents-batch+json";

pub(super) async fn publish(
    State(doors): State<Doors>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
) -> Result<Response, Refused> {
    let caller = doors.admit(Right::Publish, &headers, &extensions)?;
    let services = doors.services.of(&caller);
    let _place = doors.gate.place(&waiting(&extensions))?;
    let named = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if named.starts_with(BATCH) {
        let events = batch(&body).map_err(|refusal| rejected(&refusal))?;
        let request = pb::PublishEventsRequest { events, ..Default::default() };
        return answer(services.publish_all(request).await?);
    }
    if !named.starts_with(STRUCTURED) && !headers.contains_key(VERSION) {
        return Err(rejected(&Rejection::invalid("event", NO_MODE)).into());
    }
    let event = to_event(&headers, body.to_vec())
        .map_err(|error| Rejection::invalid("event", format!("is no CloudEvent: {error}")))
        .and_then(event)
        .map_err(|refusal| rejected(&refusal))?;
    let outcome = services.publish(event, pb::DecisionView::Basic).await?;
    Ok(Json(json!({ "outcome": told(&outcome)? })).into_response())
}

/// Outcomes of a batch. When an event was refused that is the answer, with the outcomes of all: to send
/// the whole batch again does no harm, and not to notice would.
fn answer(outcomes: Vec<pb::EventOutcome>) -> Result<Response, Refused> {
    let told = outcomes.iter().map(told).collect::<Result<Vec<_>, _>>()?;
    let body = Map::from_iter([("outcomes".to_owned(), Value::Array(told))]);
    match outcomes.into_iter().find_map(|outcome| outcome.refusal) {
        None => Ok(Json(Value::Object(body)).into_response()),
        Some(refusal) => Err(Refused { status: refused(refusal), besides: body }),
    }
}

pub(super) fn told(outcome: &pb::EventOutcome) -> Result<Value, Status> {
    json::to_json("pawl.v1.EventOutcome", outcome).map_err(|error| internal(&error))
}

/// A batch that holds something else than CloudEvents is refused as a whole.
fn batch(body: &[u8]) -> Result<Vec<pb::Event>, Rejection> {
    let events: Vec<Value> = serde_json::from_slice(body).map_err(|error| {
        Rejection::invalid("events", format!("is no list of CloudEvents in JSON: {error}"))
    })?;
    let read = |(index, one): (usize, Value)| {
        serde_json::from_value::<Event>(one)
            .map_err(|error| Rejection::invalid("event", format!("is no CloudEvent: {error}")))
            .and_then(event)
            .map_err(|refusal| refusal.within(&format!("events[{index}]")))
    };
    events.into_iter().enumerate().map(read).collect()
}

/// What a CloudEvent means here. `subject` and the extension `subjects` are whom it concerns, the
/// extension `actor` who caused it, its data the attributes.
fn event(mut event: Event) -> Result<pb::Event, Rejection> {
    let data = match event.take_data().2 {
        None => Value::Object(Map::new()),
        Some(Data::Json(value)) => value,
        Some(Data::String(text)) => parsed(text.as_bytes())?,
        Some(Data::Binary(bytes)) => parsed(&bytes)?,
    };
    let time = event.time().map(|time| prost_types::Timestamp {
        seconds: time.timestamp(),
        nanos: time.timestamp_subsec_nanos().cast_signed(),
    });
    let further = event.extension("subjects").map(ToString::to_string).unwrap_or_default();
    let subjects = event.subject().into_iter().chain(further.split([',', ' ']));
    Ok(pb::Event {
        event_id: event.id().to_owned(),
        source: event.source().clone(),
        r#type: event.ty().to_owned(),
        time,
        actor: event.extension("actor").map(ToString::to_string).unwrap_or_default(),
        subjects: subjects.filter(|one| !one.is_empty()).map(str::to_owned).collect(),
        attributes: Some(attributes("data", data)?),
        ..Default::default()
    })
}

fn parsed(text: &[u8]) -> Result<Value, Rejection> {
    let problem = |error| format!("is not JSON: {error}; send datacontenttype application/json");
    serde_json::from_slice(text).map_err(|error| Rejection::invalid("data", problem(error)))
}

/// The attributes of an event from a JSON object.
pub(super) fn attributes(field: &str, data: Value) -> Result<prost_types::Struct, Rejection> {
    if !data.is_object() {
        return Err(Rejection::invalid(
            field,
            "is not a JSON object, of which each key is an attribute",
        ));
    }
    json::from_value("google.protobuf.Struct", data)
        .map_err(|error| Rejection::invalid(field, error.to_string()))
}
