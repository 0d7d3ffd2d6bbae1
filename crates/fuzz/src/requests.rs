//! The messages of requests: decoded, converted to the domain's words and back, written as JSON.

use pawl_api::{convert, json, pb};
use pawl_domain::{
    Entity, Event, NewEntity, NewPipeline, NewTrigger, NewTriggerType, Pipeline, Rejection,
    Timestamp, Trigger, TriggerType, Version,
};
use prost::Message;

use crate::{Target, valid};

/// A number that says which message, and its bytes.
pub(crate) struct Requests;

impl Target for Requests {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let pipeline = valid::pipeline("sales", "deal");
        let trigger_type = valid::trigger_type("shop.paid");
        let trigger = |filter| valid::trigger("paid", "won", "shop.paid", filter);
        let entity = valid::entity("deal/1");
        let event = valid::event("e1", "shop.paid");
        let update_mask = |paths: &[&str]| Some(valid::mask(paths));
        let seed = |number: u8, message: Vec<u8>| [vec![number], message].concat();
        let mut seeds = vec![
            seed(0, pipeline.encode_to_vec()),
            seed(1, trigger_type.encode_to_vec()),
            seed(3, entity.encode_to_vec()),
            seed(4, event.encode_to_vec()),
            seed(
                5,
                pb::UpdatePipelineRequest {
                    pipeline: Some(pipeline),
                    update_mask: update_mask(&["stages", "display_name"]),
                    ..Default::default()
                }
                .encode_to_vec(),
            ),
            seed(
                6,
                pb::UpdateTriggerTypeRequest {
                    trigger_type: Some(trigger_type),
                    update_mask: update_mask(&["parameters", "entity_kinds"]),
                    ..Default::default()
                }
                .encode_to_vec(),
            ),
            seed(
                7,
                pb::UpdateTriggerRequest {
                    trigger: Some(trigger(valid::FILTERS[1])),
                    update_mask: update_mask(&["filter", "state", "pipeline_id"]),
                    ..Default::default()
                }
                .encode_to_vec(),
            ),
            seed(
                8,
                pb::UpdateEntityRequest {
                    entity: Some(entity),
                    update_mask: update_mask(&["fields", "responsible"]),
                    ..Default::default()
                }
                .encode_to_vec(),
            ),
        ];
        seeds.extend(valid::FILTERS.map(|filter| seed(2, trigger(filter).encode_to_vec())));
        seeds
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Some((number, bytes)) = input.split_first() else { return false };
        match number % 9 {
            0 => pipeline(bytes),
            1 => trigger_type(bytes),
            2 => trigger(bytes),
            3 => entity(bytes),
            4 => event(bytes),
            5 => update("pipeline", bytes, |request: pb::UpdatePipelineRequest| {
                convert::pipeline_patch(request.pipeline.unwrap_or_default(), request.update_mask)
                    .map(drop)
            }),
            6 => update("trigger_type", bytes, |request: pb::UpdateTriggerTypeRequest| {
                let trigger_type = request.trigger_type.unwrap_or_default();
                convert::trigger_type_patch(trigger_type, request.update_mask).map(drop)
            }),
            7 => update("trigger", bytes, |request: pb::UpdateTriggerRequest| {
                convert::trigger_patch(request.trigger.unwrap_or_default(), request.update_mask)
                    .map(drop)
            }),
            _ => update("entity", bytes, |request: pb::UpdateEntityRequest| {
                convert::entity_patch(request.entity.unwrap_or_default(), request.update_mask)
                    .map(drop)
            }),
        }
    }
}

/// What can be written as JSON says the same when it is read again.
pub(crate) fn json_says_the_same<T: Message + Default>(name: &str, message: &T) {
    let Ok(written) = json::to_json(name, message) else { return };
    let read: T = json::from_value(name, written.clone())
        .unwrap_or_else(|error| panic!("{written} was written and cannot be read: {error}"));
    // As messages they may differ: a value of no kind is the same as null.
    let again = json::to_json(name, &read);
    assert_eq!(again.unwrap_or_else(|error| panic!("{written} became {error}")), written);
}

/// A message that was converted, or what is wrong with it, which names a place in `resource`.
fn read<T: Message + Default + Clone, D>(
    resource: &str,
    bytes: &[u8],
    convert: impl Fn(T) -> Result<D, Rejection>,
) -> Option<D> {
    let message = T::decode(bytes).ok()?;
    match convert(message.clone()) {
        Ok(domain) => Some(domain),
        Err(rejection) => {
            assert!(!rejection.to_string().is_empty());
            let field = rejection.field().unwrap_or_else(|| panic!("{rejection:?} has no field"));
            let is_within = field == "update_mask" || field.starts_with(resource);
            assert!(is_within, "{field:?} is no place in {resource}");
            let refusal = convert::refusal(&rejection);
            assert_ne!(refusal.reason(), pb::ErrorReason::Unspecified, "{rejection:?}");
            None
        }
    }
}

fn update<T: Message + Default + Clone>(
    resource: &str,
    bytes: &[u8],
    convert: impl Fn(T) -> Result<(), Rejection>,
) -> bool {
    read(resource, bytes, convert).is_some()
}

/// Of a message that was understood, what is written of it is understood as the same.
fn both_ways<T, D>(
    (resource, name): (&str, &str),
    bytes: &[u8],
    to_domain: impl Fn(T) -> Result<D, Rejection>,
    to_message: impl Fn(&D) -> T,
) -> bool
where
    T: Message + Default + Clone,
    D: PartialEq + std::fmt::Debug,
{
    if let Ok(message) = T::decode(bytes) {
        json_says_the_same(name, &message);
    }
    let Some(domain) = read(resource, bytes, &to_domain) else { return false };
    let message = to_message(&domain);
    json_says_the_same(name, &message);
    let again = to_domain(message);
    let again = again.unwrap_or_else(|error| panic!("{domain:?} was refused: {error}"));
    assert_eq!(again, domain);
    true
}

fn pipeline(bytes: &[u8]) -> bool {
    let to_domain = |message| {
        let NewPipeline { id, display_name, kind, stages, selection, reach } =
            convert::new_pipeline(message)?;
        let version = Version::default();
        Ok(Pipeline { id, display_name, kind, stages, selection, reach, version })
    };
    let to_message = |pipeline: &Pipeline| pb::Pipeline::from(pipeline);
    both_ways(("pipeline", "pawl.v1.Pipeline"), bytes, to_domain, to_message)
}

fn trigger_type(bytes: &[u8]) -> bool {
    let to_domain = |message| {
        let NewTriggerType { code, section, title, description, event_type, parameters, kinds } =
            convert::new_trigger_type(message)?;
        let version = Version::default();
        Ok(TriggerType {
            code,
            section,
            title,
            description,
            event_type,
            parameters,
            kinds,
            built_in: None,
            version,
        })
    };
    let to_message = |trigger_type: &TriggerType| pb::TriggerType::from(trigger_type);
    both_ways(("trigger_type", "pawl.v1.TriggerType"), bytes, to_domain, to_message)
}

fn trigger(bytes: &[u8]) -> bool {
    let to_domain = |message| {
        let new: NewTrigger = convert::new_trigger("trigger", message)?;
        Ok(Trigger {
            id: new.id,
            pipeline_id: new.pipeline_id,
            stage_id: new.stage_id,
            display_name: new.display_name,
            is_named: true,
            type_code: new.type_code,
            parameters: new.parameters,
            filter: new.filter,
            allow_move_back: new.allow_move_back,
            allow_reopen: new.allow_reopen,
            state: new.state,
            created_at: 1,
            version: Version::default(),
        })
    };
    let to_message = |trigger: &Trigger| pb::Trigger::from(trigger);
    both_ways(("trigger", "pawl.v1.Trigger"), bytes, to_domain, to_message)
}

fn entity(bytes: &[u8]) -> bool {
    let to_domain = |message: pb::Entity| {
        let new: NewEntity = convert::new_entity("entity", message)?;
        // Left out, the domain fills it in.
        let stage_id = new.stage_id.unwrap_or_else(|| "new".parse().expect("a stage"));
        Ok(Entity {
            id: new.id,
            pipeline_id: new.pipeline_id,
            stage_id,
            display_name: new.display_name,
            responsible: new.responsible,
            customer_ids: new.customer_ids,
            parent_ids: new.parent_ids,
            fields: new.fields,
            stage_entered_time: Timestamp::default(),
            version: Version::default(),
        })
    };
    let to_message = |entity: &Entity| pb::Entity::from(entity);
    both_ways(("entity", "pawl.v1.Entity"), bytes, to_domain, to_message)
}

fn event(bytes: &[u8]) -> bool {
    let to_domain = |message| {
        let event = convert::event("event", message)?;
        // Left out, it is when the event was accepted.
        Ok(Event { time: Some(event.time.unwrap_or_default()), ..event })
    };
    let to_message = |event: &Event| convert::event_to_pb(event, Timestamp::default());
    both_ways(("event", "pawl.v1.Event"), bytes, to_domain, to_message)
}
