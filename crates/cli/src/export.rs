mod yaml;

use std::collections::BTreeSet;

use pawl_api::pb;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use serde_json::{Map, Value, json};
use tonic::transport::Channel;

use crate::args::{ExportArgs, Written};
use crate::client::Address;
use crate::failure::Failure;
use crate::manifest::{Listed, Manifest};
use crate::output::{print, to_json};

const PAGE_SIZE: i32 = 500;
/// What the server sets; ignored in requests, and another on every server.
const OF_THE_SERVER: [&str; 5] = ["revision", "create_time", "update_time", "stats", "built_in"];

/// `pawl export`: what is configured, as a file that `pawl apply` reads.
pub(crate) async fn run(args: ExportArgs, address: &Address) -> Result<(), Failure> {
    let channel = address.connect().await?;
    let mut manifest = Manifest {
        pipelines: pipelines(&args.pipelines, channel.clone()).await?,
        trigger_types: trigger_types(channel.clone()).await?,
        triggers: triggers(&args.pipelines, channel).await?,
    };
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

async fn pipelines(ids: &[String], channel: Channel) -> Result<Vec<pb::Pipeline>, Failure> {
    let mut client = PipelineServiceClient::new(channel);
    let mut found = Vec::new();
    if !ids.is_empty() {
        for id in ids.iter().collect::<BTreeSet<_>>() {
            let request = pb::GetPipelineRequest { pipeline_id: id.clone() };
            found.extend(client.get_pipeline(request).await?.into_inner().pipeline);
        }
        return Ok(found);
    }
    let mut request = pb::ListPipelinesRequest { page_size: PAGE_SIZE, ..Default::default() };
    loop {
        let page = client.list_pipelines(request.clone()).await?.into_inner();
        found.extend(page.pipelines);
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

async fn trigger_types(channel: Channel) -> Result<Vec<pb::TriggerType>, Failure> {
    let request = pb::ListTriggerTypesRequest { page_size: PAGE_SIZE, ..Default::default() };
    let mut found = list_trigger_types(request, channel).await?;
    found.retain(|trigger_type| !trigger_type.built_in);
    Ok(found)
}

/// All trigger types that a request asks for, page by page.
pub(crate) async fn list_trigger_types(
    mut request: pb::ListTriggerTypesRequest,
    channel: Channel,
) -> Result<Vec<pb::TriggerType>, Failure> {
    let mut client = TriggerServiceClient::new(channel);
    let mut found = Vec::new();
    loop {
        let page = client.list_trigger_types(request.clone()).await?.into_inner();
        found.extend(page.trigger_types);
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

async fn triggers(ids: &[String], channel: Channel) -> Result<Vec<pb::Trigger>, Failure> {
    let mut client = TriggerServiceClient::new(channel);
    let mut found = Vec::new();
    let mut request = pb::ListTriggersRequest { page_size: PAGE_SIZE, ..Default::default() };
    if let [only] = ids {
        request.pipeline_id.clone_from(only);
    }
    loop {
        let page = client.list_triggers(request.clone()).await?.into_inner();
        found.extend(page.triggers);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
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
    shorten(&mut value, "trigger_selection", "TRIGGER_SELECTION_");
    shorten(&mut value, "customer_reach", "CUSTOMER_REACH_");
    shorten(&mut value, "state", "TRIGGER_STATE_");
    for stage in items(&mut value, "stages") {
        shorten(stage, "semantics", "STAGE_SEMANTICS_");
    }
    // Those of a type are a list; those of a trigger are its own, to be left alone.
    for parameter in items(&mut value, "parameters") {
        shorten(parameter, "kind", "PARAMETER_KIND_");
        shorten(parameter, "comparison", "PARAMETER_COMPARISON_");
    }
    value
}

fn items<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

fn shorten(value: &mut Value, key: &str, prefix: &str) {
    if let Some(Value::String(name)) = value.get_mut(key)
        && let Some(short) = name.strip_prefix(prefix)
    {
        *name = short.to_owned();
    }
}

#[cfg(test)]
mod tests;
