use std::collections::BTreeSet;

use pawl_api::pb;
use serde_json::{Map, Value, json};

use crate::args::{ExportArgs, PipelineFilter, TriggerFilter, TriggerTypeFilter, Written};
use crate::client::Target;
use crate::failure::Failure;
use crate::manifest::{Listed, Manifest};
use crate::output::{print, shorten_enums, to_json};
use crate::pages::all;
use crate::resource::{Clients, Resource};
use crate::yaml;

/// What the server sets; ignored in requests, and another on every server.
const OF_THE_SERVER: [&str; 5] = ["revision", "create_time", "update_time", "stats", "built_in"];

/// `pawl export`: what is configured, as a file that `pawl apply` reads.
pub(crate) async fn run(args: ExportArgs, target: &Target) -> Result<(), Failure> {
    let clients = &mut Clients::new(target.connect().await?);
    let mut manifest = Manifest {
        pipelines: pipelines(&args.pipelines, clients).await?,
        trigger_types: all(clients, &TriggerTypeFilter::default()).await?,
        triggers: triggers(&args.pipelines, clients).await?,
    };
    manifest.trigger_types.retain(|trigger_type: &pb::TriggerType| !trigger_type.built_in);
    if !args.pipelines.is_empty() {
        let triggers = manifest.triggers.iter();
        let used: BTreeSet<_> = triggers.map(|trigger| trigger.trigger_type.clone()).collect();
        manifest.trigger_types.retain(|trigger_type| used.contains(&trigger_type.code));
    }
    let document = document(manifest);
    print(&match args.output {
        Written::Yaml => yaml::write(&document),
        Written::Json => format!("{document:#}\n"),
    })
}

async fn pipelines(ids: &[String], clients: &mut Clients) -> Result<Vec<pb::Pipeline>, Failure> {
    if ids.is_empty() {
        return all(clients, &PipelineFilter::default()).await;
    }
    let mut found = Vec::new();
    for id in ids.iter().collect::<BTreeSet<_>>() {
        found.push(pb::Pipeline::get(clients, id).await?);
    }
    Ok(found)
}

async fn triggers(ids: &[String], clients: &mut Clients) -> Result<Vec<pb::Trigger>, Failure> {
    let mut filter = TriggerFilter::default();
    if let [only] = ids {
        filter.pipeline.clone_from(only);
    }
    let mut found: Vec<pb::Trigger> = all(clients, &filter).await?;
    found.retain(|trigger| ids.is_empty() || ids.contains(&trigger.pipeline_id));
    Ok(found)
}

/// The apply file that makes the same on another server.
///
/// Triggers stand in the order of their creation, since of two on one stage the one that was created
/// first moves the entity; the others in the order of their ids.
fn document(mut manifest: Manifest) -> Value {
    let created = |trigger: &pb::Trigger| {
        trigger.create_time.map_or((0, 0), |time| (time.seconds, time.nanos))
    };
    manifest.triggers.sort_by_key(created);
    let mut document = Map::new();
    let mut add = |key: &str, list: Vec<Value>| {
        if !list.is_empty() {
            document.insert(key.to_owned(), list.into());
        }
    };
    add("pipelines", manifest.pipelines.iter().map(written).collect());
    add("trigger_types", manifest.trigger_types.iter().map(written).collect());
    add("triggers", manifest.triggers.iter().map(written).collect());
    if document.is_empty() { json!({"pipelines": []}) } else { document.into() }
}

/// A resource as a person would write it.
pub(crate) fn written<T: Listed>(resource: &T) -> Value {
    let mut value = to_json(T::MESSAGE, resource);
    if let Value::Object(fields) = &mut value {
        fields.retain(|name, _| !OF_THE_SERVER.contains(&name.as_str()));
    }
    shorten_enums(&mut value);
    value
}

#[cfg(test)]
mod tests;
