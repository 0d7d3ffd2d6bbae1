//! Messages that are right in every field, for tests to make wrong in one.

mod masks;
mod paths;

use pawl_domain::Version;
use prost_types::Struct;
use prost_types::value::Kind;

use super::timestamp;
use crate::pb;

fn pipeline() -> pb::Pipeline {
    let stage = |id: &str, semantics: pb::StageSemantics| pb::Stage {
        stage_id: id.to_owned(),
        semantics: semantics.into(),
        color: "#00ff7f".to_owned(),
        ..Default::default()
    };
    pb::Pipeline {
        pipeline_id: "sales".to_owned(),
        display_name: "Sales".to_owned(),
        entity_kind: "deal".to_owned(),
        stages: vec![
            stage("new", pb::StageSemantics::Unspecified),
            stage("won", pb::StageSemantics::Won),
        ],
        ..Default::default()
    }
}

fn trigger_type() -> pb::TriggerType {
    pb::TriggerType {
        code: "email.viewed".to_owned(),
        title: "Email viewed".to_owned(),
        parameters: vec![pb::Parameter { name: "folder".to_owned(), ..Default::default() }],
        entity_kinds: vec!["deal".to_owned()],
        ..Default::default()
    }
}

fn trigger() -> pb::Trigger {
    pb::Trigger {
        trigger_id: "t1".to_owned(),
        pipeline_id: "sales".to_owned(),
        stage_id: "won".to_owned(),
        trigger_type: "email.viewed".to_owned(),
        allow_reopen: true,
        ..Default::default()
    }
}

fn values(pairs: &[(&str, Kind)]) -> Struct {
    let value = |kind: &Kind| prost_types::Value { kind: Some(kind.clone()) };
    let fields = pairs.iter().map(|(key, kind)| ((*key).to_owned(), value(kind))).collect();
    Struct { fields }
}

fn entity() -> pb::Entity {
    pb::Entity {
        entity_id: "deal/57".to_owned(),
        pipeline_id: "sales".to_owned(),
        stage_id: "new".to_owned(),
        responsible: "ann".to_owned(),
        customer_ids: vec!["contact/9".to_owned()],
        fields: Some(values(&[("amount", Kind::NumberValue(3.5))])),
        ..Default::default()
    }
}

fn sent_event() -> pb::Event {
    pb::Event {
        event_id: "e1".to_owned(),
        source: "mailer".to_owned(),
        r#type: "email.viewed".to_owned(),
        subjects: vec!["deal/57".to_owned(), "deal/58".to_owned()],
        ..Default::default()
    }
}

fn version() -> Version {
    let time = prost_types::Timestamp { seconds: 7, nanos: 8 };
    Version::first(0, timestamp("time", time).unwrap())
}
