use pawl_api::pb;
use prost_types::{Struct, Timestamp, Value, value::Kind};

/// A pipeline of deals. Stages in order, apart by spaces; a closed one as `won:WON`, `lost:LOST`.
pub fn pipeline(id: &str, stages: &str) -> pb::Pipeline {
    let stage = |text: &str| {
        let (id, semantics) = text.split_once(':').unwrap_or((text, "OPEN"));
        let semantics = pb::StageSemantics::from_str_name(&format!("STAGE_SEMANTICS_{semantics}"));
        pb::Stage {
            stage_id: id.to_owned(),
            semantics: semantics.expect("semantics are OPEN, WON or LOST").into(),
            ..Default::default()
        }
    };
    pb::Pipeline {
        pipeline_id: id.to_owned(),
        entity_kind: "deal".to_owned(),
        stages: stages.split_whitespace().map(stage).collect(),
        ..Default::default()
    }
}

/// A trigger type that listens to the event type of the same name, for all kinds.
pub fn trigger_type(code: &str) -> pb::TriggerType {
    pb::TriggerType { code: code.to_owned(), ..Default::default() }
}

/// A trigger on `pipeline/stage`.
pub fn trigger(id: &str, place: &str, trigger_type: &str) -> pb::Trigger {
    let (pipeline_id, stage_id) = split(place);
    pb::Trigger {
        trigger_id: id.to_owned(),
        pipeline_id,
        stage_id,
        trigger_type: trigger_type.to_owned(),
        ..Default::default()
    }
}

/// An entity in a pipeline, or with `pipeline/stage` on a stage of it.
pub fn entity(id: &str, place: &str) -> pb::Entity {
    let (pipeline_id, stage_id) = split(place);
    pb::Entity { entity_id: id.to_owned(), pipeline_id, stage_id, ..Default::default() }
}

/// An event of source `test`; subjects apart by spaces.
pub fn event(id: &str, event_type: &str, subjects: &str) -> pb::Event {
    pb::Event {
        event_id: id.to_owned(),
        source: "test".to_owned(),
        r#type: event_type.to_owned(),
        subjects: subjects.split_whitespace().map(str::to_owned).collect(),
        ..Default::default()
    }
}

/// Free values; `None` is null.
pub fn fields<const N: usize>(values: [(&str, Option<&str>); N]) -> Struct {
    let value = |text: Option<&str>| Value {
        kind: Some(match text {
            Some(text) => Kind::StringValue(text.to_owned()),
            None => Kind::NullValue(0),
        }),
    };
    Struct { fields: values.into_iter().map(|(key, text)| (key.to_owned(), value(text))).collect() }
}

/// A moment in milliseconds since 1970.
pub fn timestamp_ms(ms: i64) -> Timestamp {
    let nanos = i32::try_from(ms.rem_euclid(1_000)).unwrap_or_default() * 1_000_000;
    Timestamp { seconds: ms.div_euclid(1_000), nanos }
}

fn split(place: &str) -> (String, String) {
    let (pipeline, stage) = place.split_once('/').unwrap_or((place, ""));
    (pipeline.to_owned(), stage.to_owned())
}
