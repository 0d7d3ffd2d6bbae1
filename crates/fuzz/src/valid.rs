//! Resources and events that are in order, which inputs are made from.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use pawl_api::pb;
use prost_types::value::Kind;
use prost_types::{FieldMask, ListValue, Struct, Timestamp, Value};

fn value(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

pub(crate) fn text(text: &str) -> Value {
    value(Kind::StringValue(text.to_owned()))
}

pub(crate) fn number(number: f64) -> Value {
    value(Kind::NumberValue(number))
}

pub(crate) fn values<const N: usize>(values: [(&str, Value); N]) -> Struct {
    Struct { fields: values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() }
}

/// Values of every sort.
pub(crate) fn document() -> Struct {
    let item = |price: f64| {
        let members = values([("sku", text("a-1")), ("price", number(price))]);
        value(Kind::StructValue(members))
    };
    values([
        ("amount", number(150.0)),
        ("currency", text("EUR")),
        ("vip", value(Kind::BoolValue(true))),
        ("nothing", value(Kind::NullValue(0))),
        ("items", value(Kind::ListValue(ListValue { values: vec![item(5.0), item(500.0)] }))),
    ])
}

pub(crate) fn moment() -> Timestamp {
    Timestamp { seconds: 1_700_000_000, nanos: 250_000_000 }
}

pub(crate) fn mask(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}

pub(crate) fn pipeline(id: &str, kind: &str) -> pb::Pipeline {
    let stage = |id: &str, semantics: pb::StageSemantics| pb::Stage {
        stage_id: id.to_owned(),
        display_name: format!("Stage {id}"),
        semantics: semantics.into(),
        color: "#00aaff".to_owned(),
    };
    pb::Pipeline {
        pipeline_id: id.to_owned(),
        display_name: "Sales".to_owned(),
        entity_kind: kind.to_owned(),
        stages: vec![
            stage("new", pb::StageSemantics::Open),
            stage("offer", pb::StageSemantics::Open),
            stage("won", pb::StageSemantics::Won),
            stage("lost", pb::StageSemantics::Lost),
        ],
        trigger_selection: pb::TriggerSelection::NextStage.into(),
        customer_reach: pb::CustomerReach::All.into(),
        ..Default::default()
    }
}

pub(crate) fn trigger_type(code: &str) -> pb::TriggerType {
    let parameter =
        |name: &str, kind: pb::ParameterKind, comparison: pb::ParameterComparison| pb::Parameter {
            name: name.to_owned(),
            title: "A parameter".to_owned(),
            kind: kind.into(),
            comparison: comparison.into(),
            ..Default::default()
        };
    pb::TriggerType {
        code: code.to_owned(),
        section: "Own".to_owned(),
        title: "An order was paid".to_owned(),
        description: "In the shop.".to_owned(),
        event_type: code.to_owned(),
        entity_kinds: vec!["deal".to_owned(), "invoice".to_owned()],
        parameters: vec![
            parameter("currency", pb::ParameterKind::Text, pb::ParameterComparison::Exact),
            parameter("amount", pb::ParameterKind::Number, pb::ParameterComparison::AtLeast),
        ],
        ..Default::default()
    }
}

pub(crate) fn trigger(id: &str, stage: &str, code: &str, filter: &str) -> pb::Trigger {
    pb::Trigger {
        trigger_id: id.to_owned(),
        pipeline_id: "sales".to_owned(),
        stage_id: stage.to_owned(),
        display_name: "Paid".to_owned(),
        trigger_type: code.to_owned(),
        parameters: Some(values([("currency", text("EUR")), ("amount", number(100.0))])),
        filter: filter.to_owned(),
        allow_move_back: true,
        allow_reopen: true,
        ..Default::default()
    }
}

pub(crate) fn entity(id: &str) -> pb::Entity {
    pb::Entity {
        entity_id: id.to_owned(),
        pipeline_id: "sales".to_owned(),
        stage_id: "new".to_owned(),
        display_name: "Bicycles for Bremen".to_owned(),
        responsible: "ines".to_owned(),
        customer_ids: vec!["contact/9".to_owned(), "company/3".to_owned()],
        fields: Some(document()),
        ..Default::default()
    }
}

pub(crate) fn event(id: &str, event_type: &str) -> pb::Event {
    pb::Event {
        event_id: id.to_owned(),
        source: "shop".to_owned(),
        r#type: event_type.to_owned(),
        time: Some(moment()),
        actor: "ben".to_owned(),
        subjects: vec!["deal/1".to_owned(), "contact/9".to_owned()],
        attributes: Some(document()),
        changes: None,
    }
}

/// Filters that are let through, each of which shows something else.
pub(crate) const FILTERS: [&str; 14] = [
    "event.attributes.amount > 100",
    "event.type == 'shop.paid' && event.source == 'shop' && event.actor != ''",
    "event.time < timestamp('2030-01-01T00:00:00Z') || event.time.getFullYear() == 2023",
    "event.attributes.currency in ['USD', 'EUR'] && !(event.attributes.vip == false)",
    "event.attributes.items.exists(i, i.price > 100)",
    "event.attributes.items.all(i, has(i.price) && i.price * 2 < 1e6)",
    "size(event.attributes.items.filter(i, i.sku.startsWith('a'))) > 1",
    "event.attributes.items.map(i, i.price).exists_one(p, p == 5)",
    "has(entity.fields.amount) && entity.fields.amount >= 1 && entity.fields.amount <= 1000",
    "entity.responsible == 'ines' || entity.customer_ids.exists(c, c == 'contact/9')",
    "has(changes.fields.amount) ? changes.fields.amount.new > 1 : entity.stage_id == 'new'",
    "event.attributes.currency.matches('^[A-Z]{3}$') && entity.kind == 'deal'",
    "double(event.attributes.amount) / 3.0 > -1 && int('7') % 4 == 3",
    "event.attributes['amount'] == 150 && entity.entity_id.contains('deal')",
];

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("there is room");
    encoder.finish().expect("there is room")
}
