use std::collections::BTreeSet;

use pawl_api::pb;
use pawl_api::sentences::noun;

use crate::failure::Failure;
use crate::why::Asked;
use crate::why::lookup::Lookup;

/// The event that the service makes of each change of an entity.
const ENTITY_UPDATED: &str = "entity.updated";

/// What it means that there are no verdicts, and what to do.
pub(super) async fn explain(asked: &Asked, lookup: &mut Lookup) -> Result<String, Failure> {
    let Asked { trigger, entity } = asked;
    if trigger.is_empty() {
        return about_entity(entity, lookup).await;
    }
    let Some(found) = lookup.trigger(trigger, 0).await? else {
        let text = "No verdict on it is retained. Look for a slip in the id: `pawl export` lists all \
                    triggers, and the id of an entity has a slash, such as deal/57.";
        return Ok(text.to_owned());
    };
    if entity.is_empty() {
        return about_trigger(&found, lookup).await;
    }
    let Some(standing) = lookup.entity(entity).await? else {
        return about_entity(entity, lookup).await;
    };
    if standing.pipeline_id != found.pipeline_id {
        return Ok(format!(
            "The trigger never considered {entity}: {entity} is in pipeline {}, and the trigger \
             moves only what is in pipeline {}.",
            standing.pipeline_id, found.pipeline_id
        ));
    }
    let listens = listens(&found, lookup).await?;
    Ok(format!(
        "The trigger never considered {entity}: no event of type {listens} has reached this {} \
         since the trigger was created. {}",
        noun(entity),
        advice(&found.trigger_type, &listens, entity)
    ))
}

/// What to ask instead when it is a customer that was asked for.
pub(super) fn customer(id: &str) -> Option<String> {
    matches!(id.split_once('/'), Some(("contact" | "company", _))).then(|| {
        format!(
            "{id} is a customer; verdicts are about the entities that a customer's events reach. Ask \
             for one of those, such as deal/57, or for one event: pawl why --event SOURCE EVENT_ID"
        )
    })
}

async fn about_trigger(trigger: &pb::Trigger, lookup: &mut Lookup) -> Result<String, Failure> {
    let listens = listens(trigger, lookup).await?;
    let pipeline = lookup.pipeline(&trigger.pipeline_id).await?.unwrap_or_default();
    let example = format!("{}/ID", pipeline.entity_kind);
    Ok(format!(
        "It has not considered anything yet: no event of type {listens} has reached an entity of \
         pipeline {} since the trigger was created. {}",
        trigger.pipeline_id,
        advice(&trigger.trigger_type, &listens, &example)
    ))
}

/// What to do so that events come.
fn advice(code: &str, event_type: &str, subject: &str) -> String {
    if event_type == ENTITY_UPDATED {
        return format!(
            "{code} answers changes that are made with UpdateEntity; creating and importing are \
             none."
        );
    }
    format!(
        "Does the sender publish this very type, and does it name the entity or its customer as a \
         subject? To try it: pawl preview --type {event_type} --subject {subject}"
    )
}

async fn about_entity(id: &str, lookup: &mut Lookup) -> Result<String, Failure> {
    let Some(entity) = lookup.entity(id).await? else {
        return Ok(format!("There is no {id}, and no verdict about it is retained."));
    };
    let pipeline = &entity.pipeline_id;
    let stage = lookup.stage(pipeline, &entity.stage_id).await?;
    let place = format!("{id} stands on {stage} of pipeline {pipeline}");
    let triggers = lookup.triggers_of(pipeline).await?;
    if triggers.is_empty() {
        return Ok(format!(
            "{place}, which has no triggers: nothing moves its entities by itself. `pawl \
             trigger-type list` shows what they can listen to, and `pawl apply` puts some there."
        ));
    }
    let mut awaited = BTreeSet::new();
    for trigger in &triggers {
        let listens = listens(trigger, lookup).await?;
        awaited.insert(if listens == trigger.trigger_type {
            listens
        } else if listens == ENTITY_UPDATED {
            // What people look for is the type, not that every change is the same event.
            format!("{} (a change made with UpdateEntity)", trigger.trigger_type)
        } else {
            format!("{listens} ({})", trigger.trigger_type)
        });
    }
    let one = awaited.iter().find(|listens| !listens.contains(' '));
    let try_it = one.map_or(String::new(), |event_type| {
        format!(" To try one: pawl preview --type {event_type} --subject {id}")
    });
    let awaited: Vec<String> = awaited.into_iter().collect();
    Ok(format!(
        "{place}. No event has reached it to which a trigger of its pipeline listens; they wait \
         for: {}.{try_it}",
        awaited.join(", ")
    ))
}

/// The event type to which a trigger listens.
async fn listens(trigger: &pb::Trigger, lookup: &mut Lookup) -> Result<String, Failure> {
    let found = lookup.trigger_type(&trigger.trigger_type).await?;
    Ok(found.map_or_else(|| trigger.trigger_type.clone(), |found| found.event_type))
}
