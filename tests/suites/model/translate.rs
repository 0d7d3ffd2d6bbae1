//! Between the model's words and the service's types, both ways.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;

use pawl_domain::{
    self as domain, Cause, Changes, Color, CustomerReach, DisplayName, Fields as RealFields,
    Filter as RealFilter, NewEntity, NewPipeline, NewTrigger, Outcome, PipelineId, PipelinePatch,
    Semantics, Stage, Stages, Subject, TriggerSelection, TriggerState, Value as RealValue,
    VerdictResult,
};
use pawl_engine::LoggedVerdict;

use crate::words::{
    Decision, Entity, EntityPatch, Event, Fields, Filter, Id, Means, Move, Pipeline, Reach,
    Selection, State, Statistics, Trigger, TriggerPatch, Value, Verdict,
};

/// Any id of the service's.
pub(crate) fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("histories name things well")
}

pub(crate) fn name(text: &str) -> DisplayName {
    DisplayName::parse("display_name", text.to_owned()).expect("a short name")
}

fn ids<T: FromStr<Err: Debug>>(texts: &[Id]) -> Vec<T> {
    texts.iter().map(|text| id(text)).collect()
}

fn texts<T: ToString>(ids: &[T]) -> Vec<Id> {
    ids.iter().map(ToString::to_string).collect()
}

fn real_value(value: &Value) -> RealValue {
    match value {
        // All numbers of a history are small.
        #[expect(clippy::cast_precision_loss)]
        Value::Number(number) => RealValue::Number(*number as f64),
        Value::Text(text) => RealValue::Text(text.clone()),
    }
}

fn value(real: &RealValue) -> Value {
    match real {
        #[expect(clippy::cast_possible_truncation)]
        RealValue::Number(number) => Value::Number(*number as i64),
        RealValue::Text(text) => Value::Text(text.clone()),
        other => panic!("no history holds {other}"),
    }
}

fn real_fields(map: BTreeMap<Id, RealValue>) -> RealFields {
    RealFields::parse("fields", map.into_iter().collect()).expect("few and flat")
}

fn all_fields(fields: &Fields) -> RealFields {
    real_fields(fields.iter().map(|(key, came)| (key.clone(), real_value(came))).collect())
}

fn fields(real: &RealFields) -> Fields {
    real.as_map().iter().map(|(key, came)| (key.clone(), value(came))).collect()
}

/// One value is given as itself, several as a list; `fields` now so, now so.
fn parameters(wanted: &BTreeMap<Id, Vec<Value>>) -> RealFields {
    let given = |values: &Vec<Value>| match values.as_slice() {
        [one] => real_value(one),
        several => RealValue::List(several.iter().map(real_value).collect()),
    };
    real_fields(wanted.iter().map(|(key, values)| (key.clone(), given(values))).collect())
}

fn real_filter(parts: &[Filter]) -> Option<RealFilter> {
    let part = |part: &Filter| match part {
        Filter::AmountOver(least) => format!("entity.fields.amount > {least}"),
        Filter::CurrencyIs(name) => format!("entity.fields.currency == {name:?}"),
        Filter::HasField(name) => format!("has(entity.fields.{name})"),
        Filter::ResponsibleIs(name) => format!("entity.responsible == {name:?}"),
        Filter::NewAmountOver(least) => format!("changes.fields.amount.new > {least}"),
    };
    let text = parts.iter().map(part).collect::<Vec<_>>().join(" && ");
    (!parts.is_empty()).then(|| RealFilter::parse("filter", &text).expect("a good filter"))
}

fn filter(real: Option<&RealFilter>) -> Vec<Filter> {
    let part = |text: &str| {
        let word = |text: &str| text.trim_matches('"').to_owned();
        if let Some(least) = text.strip_prefix("entity.fields.amount > ") {
            Filter::AmountOver(id(least))
        } else if let Some(name) = text.strip_prefix("entity.fields.currency == ") {
            Filter::CurrencyIs(word(name))
        } else if let Some(name) = text.strip_prefix("has(entity.fields.") {
            Filter::HasField(name.trim_end_matches(')').to_owned())
        } else if let Some(name) = text.strip_prefix("entity.responsible == ") {
            Filter::ResponsibleIs(word(name))
        } else if let Some(least) = text.strip_prefix("changes.fields.amount.new > ") {
            Filter::NewAmountOver(id(least))
        } else {
            panic!("no filter of ours: {text}")
        }
    };
    real.map(|real| real.as_str().split(" && ").map(part).collect()).unwrap_or_default()
}

fn real_stages(stages: &[(Id, Means)]) -> Stages {
    let stage = |(stage_id, means): &(Id, Means)| Stage {
        id: id(stage_id),
        display_name: DisplayName::default(),
        semantics: match means {
            Means::Open => Semantics::Open,
            Means::Won => Semantics::Won,
            Means::Lost => Semantics::Lost,
        },
        color: Color::default(),
    };
    Stages::parse("stages", stages.iter().map(stage).collect()).expect("good stages")
}

fn real_selection(selection: Selection) -> TriggerSelection {
    match selection {
        Selection::Earliest => TriggerSelection::EarliestStage,
        Selection::Next => TriggerSelection::NextStage,
        Selection::Furthest => TriggerSelection::FurthestStage,
    }
}

fn real_reach(reach: Reach) -> CustomerReach {
    match reach {
        Reach::Latest => CustomerReach::Latest,
        Reach::All => CustomerReach::All,
        Reach::None => CustomerReach::None,
    }
}

pub(crate) fn new_pipeline(new: &Pipeline) -> NewPipeline {
    NewPipeline {
        id: id(&new.id),
        display_name: DisplayName::default(),
        kind: id(&new.kind),
        stages: real_stages(&new.stages),
        selection: real_selection(new.selection),
        reach: real_reach(new.reach),
    }
}

pub(crate) fn pipeline_patch(new: &Pipeline) -> (PipelineId, PipelinePatch) {
    let patch = PipelinePatch {
        kind: Some(id(&new.kind)),
        display_name: None,
        stages: Some(real_stages(&new.stages)),
        selection: Some(real_selection(new.selection)),
        reach: Some(real_reach(new.reach)),
    };
    (id(&new.id), patch)
}

pub(crate) fn pipeline(real: &domain::Pipeline) -> Pipeline {
    let stage = |stage: &Stage| {
        let means = match stage.semantics {
            Semantics::Open => Means::Open,
            Semantics::Won => Means::Won,
            Semantics::Lost => Means::Lost,
        };
        (stage.id.to_string(), means)
    };
    Pipeline {
        id: real.id.to_string(),
        kind: real.kind.to_string(),
        stages: real.stages.in_order().map(stage).collect(),
        selection: match real.selection {
            TriggerSelection::EarliestStage => Selection::Earliest,
            TriggerSelection::NextStage => Selection::Next,
            TriggerSelection::FurthestStage => Selection::Furthest,
        },
        reach: match real.reach {
            CustomerReach::Latest => Reach::Latest,
            CustomerReach::All => Reach::All,
            CustomerReach::None => Reach::None,
        },
        revision: real.version.revision,
    }
}

fn real_state(state: State) -> TriggerState {
    match state {
        State::Active => TriggerState::Active,
        State::Paused => TriggerState::Paused,
        State::Shadow => TriggerState::Shadow,
    }
}

pub(crate) fn new_trigger(new: &Trigger) -> NewTrigger {
    NewTrigger {
        id: id(&new.id),
        pipeline_id: id(&new.pipeline),
        stage_id: id(&new.stage),
        display_name: DisplayName::default(),
        type_code: id(&new.code),
        parameters: parameters(&new.parameters),
        filter: real_filter(&new.filter),
        allow_move_back: new.move_back,
        allow_reopen: new.reopen,
        state: real_state(new.state),
    }
}

pub(crate) fn trigger_patch(patch: &TriggerPatch) -> domain::TriggerPatch {
    domain::TriggerPatch {
        stage_id: patch.stage.as_deref().map(id),
        parameters: patch.parameters.as_ref().map(parameters),
        filter: patch.filter.as_deref().map(real_filter),
        allow_move_back: patch.move_back,
        allow_reopen: patch.reopen,
        state: patch.state.map(real_state),
        ..domain::TriggerPatch::default()
    }
}

pub(crate) fn trigger(real: &domain::Trigger) -> Trigger {
    let given = |came: &RealValue| match came {
        RealValue::List(items) => items.iter().map(value).collect(),
        one => vec![value(one)],
    };
    let wanted = real.parameters.as_map();
    Trigger {
        id: real.id.to_string(),
        pipeline: real.pipeline_id.to_string(),
        stage: real.stage_id.to_string(),
        code: real.type_code.to_string(),
        parameters: wanted.iter().map(|(key, came)| (key.clone(), given(came))).collect(),
        filter: filter(real.filter.as_ref()),
        move_back: real.allow_move_back,
        reopen: real.allow_reopen,
        state: match real.state {
            TriggerState::Active => State::Active,
            TriggerState::Paused => State::Paused,
            TriggerState::Shadow => State::Shadow,
        },
        revision: real.version.revision,
    }
}

pub(crate) fn statistics(real: &domain::TriggerStats) -> Statistics {
    Statistics {
        considered: real.considered,
        matched: real.matched,
        moved: real.moved,
        last_considered: real.last_considered_time.map(seconds),
        last_moved: real.last_moved_time.map(seconds),
    }
}

fn seconds(time: domain::Timestamp) -> u64 {
    u64::try_from(time.seconds()).expect("after 1970")
}

pub(crate) fn new_entity(new: &Entity) -> NewEntity {
    NewEntity {
        id: id(&new.id),
        pipeline_id: id(&new.pipeline),
        stage_id: (!new.stage.is_empty()).then(|| id(&new.stage)),
        display_name: DisplayName::default(),
        responsible: new.responsible.as_deref().map(id),
        customer_ids: ids(&new.customers),
        parent_ids: ids(&new.parents),
        fields: all_fields(&new.fields),
    }
}

pub(crate) fn entity_patch(patch: &EntityPatch) -> domain::EntityPatch {
    let changed = |came: &Option<Value>| came.as_ref().map_or(RealValue::Null, real_value);
    let fields = patch.fields.iter().map(|(key, came)| (key.clone(), changed(came))).collect();
    domain::EntityPatch {
        responsible: patch.responsible.as_ref().map(|name| name.as_deref().map(id)),
        customer_ids: patch.customers.as_deref().map(ids),
        parent_ids: patch.parents.as_deref().map(ids),
        fields: Some(real_fields(fields)),
        ..domain::EntityPatch::default()
    }
}

pub(crate) fn entity(real: &domain::Entity) -> Entity {
    Entity {
        id: real.id.to_string(),
        pipeline: real.pipeline_id.to_string(),
        stage: real.stage_id.to_string(),
        responsible: real.responsible.as_ref().map(ToString::to_string),
        customers: texts(&real.customer_ids),
        parents: texts(&real.parent_ids),
        fields: fields(&real.fields),
        revision: real.version.revision,
    }
}

pub(crate) fn event(event: &Event) -> domain::Event {
    let subject = |text: &Id| Subject::parse("subjects", text).expect("a good subject");
    domain::Event {
        id: id(&event.id),
        source: id(&event.source),
        event_type: id(&event.event_type),
        time: None,
        actor: None,
        subjects: event.subjects.iter().map(subject).collect(),
        attributes: all_fields(&event.attributes),
        changes: Changes::default(),
    }
}

pub(crate) fn decisions(real: &[domain::Decision]) -> Vec<Decision> {
    real.iter().map(decision).collect()
}

fn decision(real: &domain::Decision) -> Decision {
    let mut verdicts: Vec<_> = real.verdicts.iter().map(verdict).collect();
    verdicts.sort_by(|one, other| one.trigger.cmp(&other.trigger));
    Decision {
        subject: real.subject.to_string(),
        entity: real.outcome.entity_id().map(ToString::to_string),
        event_type: real.event_type.to_string(),
        hop: real.hop,
        outcome: match real.outcome {
            Outcome::Moved(_) => "MOVED",
            Outcome::NotMoved(_) => "NOT_MOVED",
            Outcome::NoTrigger(_) => "NO_TRIGGER",
            Outcome::EntityNotFound(_) => "ENTITY_NOT_FOUND",
            Outcome::NotReached => "NOT_REACHED",
        },
        moved: real.moved().map(moved),
        verdicts,
    }
}

fn verdict(real: domain::Verdict<'_>) -> Verdict {
    let (result, note) = match real.result {
        VerdictResult::Moved => ("MOVED", Id::new()),
        VerdictResult::WouldMove => ("WOULD_MOVE", Id::new()),
        VerdictResult::Paused => ("PAUSED", Id::new()),
        VerdictResult::ParametersDiffer(detail) => {
            // What an update changed is told in other words than an attribute that differs.
            let name = detail.as_str().split(':').next().unwrap_or_default();
            let known = ["min_amount", "currency", "status"].contains(&name);
            ("PARAMETERS_DIFFER", if known { name.to_owned() } else { Id::new() })
        }
        VerdictResult::FilterFalse(_) => ("FILTER_FALSE", Id::new()),
        VerdictResult::EvaluationError(_) => ("EVALUATION_ERROR", Id::new()),
        VerdictResult::Loop => ("LOOP", Id::new()),
        VerdictResult::HopLimit => ("HOP_LIMIT", Id::new()),
        VerdictResult::SameStage => ("SAME_STAGE", Id::new()),
        VerdictResult::EntityClosed => ("ENTITY_CLOSED", Id::new()),
        VerdictResult::WouldMoveBack => ("WOULD_MOVE_BACK", Id::new()),
        VerdictResult::Outranked => {
            ("OUTRANKED", real.winner.map(ToString::to_string).unwrap_or_default())
        }
    };
    Verdict {
        trigger: real.asked.trigger_id.to_string(),
        revision: real.asked.trigger_revision,
        stage: real.asked.stage_id.to_string(),
        result,
        note,
    }
}

pub(crate) fn logged_verdict(real: &LoggedVerdict) -> (Id, Id, Id, u32, Verdict, u64) {
    let (entity, event) = (real.entity_id.to_string(), real.event_id.to_string());
    let event_type = real.event_type.to_string();
    (entity, event, event_type, real.hop, verdict(real.verdict()), seconds(real.time))
}

pub(crate) fn moved(real: &domain::Move) -> Move {
    Move {
        entity: real.entity_id.to_string(),
        pipeline: real.pipeline_id.to_string(),
        from_pipeline: real.from_pipeline_id.as_ref().map(ToString::to_string),
        from: real.from_stage_id.to_string(),
        to: real.to_stage_id.to_string(),
        direction: match real.direction {
            None => "",
            Some(domain::Direction::Forward) => "forward",
            Some(domain::Direction::Backward) => "backward",
        },
        cause: match &real.cause {
            Cause::Trigger { trigger_id, trigger_revision, event_source, event_id } => {
                format!("{trigger_id}@{trigger_revision} {event_source}/{event_id}")
            }
            Cause::Manual { event_source, event_id, .. } => {
                format!("hand {event_source}/{event_id}")
            }
        },
        hop: real.hop,
        time: seconds(real.time),
        responsible: real.responsible.as_ref().map(ToString::to_string),
        revision: real.entity_revision,
    }
}
