use pawl_api::pb::event_service_client::EventServiceClient;
use pawl_api::sentences::Mood;
use pawl_api::{json, pb};
use serde_json::Value;

use crate::apply;
use crate::args::{EventFields, PreviewArgs, Telling};
use crate::client::Target;
use crate::failure::Failure;
use crate::manifest::{self, Manifest};
use crate::output::{plain, print};
use crate::resource::{Clients, Configured, Resource};
use crate::why::lookup::Lookup;
use crate::why::story::Story;

/// What an event that names none gets for its id and its source: it is never stored.
const PREVIEW: &str = "preview";

/// `pawl preview`: what an event would do, and why, without doing it.
pub(crate) async fn run(args: PreviewArgs, target: &Target) -> Result<(), Failure> {
    let PreviewArgs { file, triggers, output, .. } = &args;
    let output = *output;
    let triggers = match triggers {
        Some(file) => read_triggers(file)?,
        None => Vec::new(),
    };
    let event = match file {
        Some(file) => {
            let (name, text) = apply::read(file)?;
            read_event(&text).map_err(|problem| Failure::Content { name, problem })?
        }
        None => event_of(args.event, PREVIEW, PREVIEW.to_owned())?,
    };
    let channel = target.connect().await?;
    let request =
        pb::PreviewEventRequest { event: Some(event.clone()), triggers: triggers.clone() };
    let mut client = EventServiceClient::new(channel.clone());
    let outcome = client.preview_event(request).await?.into_inner().outcome.unwrap_or_default();

    let mut lookup = Lookup::new(channel.clone());
    let mut clients = Clients::that_only_validate(channel);
    for trigger in triggers {
        lookup.suppose(named(trigger, &mut clients).await);
    }
    let story = Story {
        source: event.source,
        event_id: event.event_id,
        event_type: event.r#type,
        committed: None,
        happened: event.time,
        changes: None,
        mood: Mood::Supposed,
        decisions: outcome.decisions,
    };
    if output == Telling::Json {
        let value = story.json(&mut lookup).await?;
        return print(&format!("{value}\n"));
    }
    let subjects = plain(&event.subjects.join(", "));
    let head = plain(&format!("{} for {subjects}", story.event_type));
    let text = story.text(&mut lookup).await?;
    print(&format!("{head}\n{text}This is a preview: nothing was moved and nothing is stored.\n"))
}

fn read_triggers(file: &std::path::Path) -> Result<Vec<pb::Trigger>, Failure> {
    let (name, text) = apply::read(file)?;
    let mut manifest = Manifest::default();
    let problem = match manifest.add(&text) {
        Ok(()) if manifest.triggers.is_empty() => "there are no triggers in it".to_owned(),
        Ok(()) => return Ok(manifest.triggers),
        Err(problem) => problem,
    };
    Err(Failure::Content { name, problem })
}

/// A trigger with the name that the server would give it, if the server can say.
async fn named(trigger: pb::Trigger, clients: &mut Clients) -> pb::Trigger {
    if !trigger.display_name.is_empty() {
        return trigger;
    }
    if let Ok(made) = trigger.clone().create(clients).await {
        return made;
    }
    match trigger.clone().update(trigger.update_mask(), 0, clients).await {
        Ok(made) => made,
        Err(_) => trigger,
    }
}

fn read_event(text: &str) -> Result<pb::Event, String> {
    let mut documents = manifest::documents(text)?;
    let (Some(document), None) = (documents.pop(), documents.pop()) else {
        return Err("expected one event".to_owned());
    };
    if !document.is_object() {
        return Err("expected an event with the keys type and subjects".to_owned());
    }
    let mut event: pb::Event =
        json::from_value("pawl.v1.Event", document).map_err(|error| error.to_string())?;
    for missing in [&mut event.event_id, &mut event.source] {
        if missing.is_empty() {
            PREVIEW.clone_into(missing);
        }
    }
    Ok(event)
}

/// An event that is given as options.
pub(crate) fn event_of(
    fields: EventFields,
    default_source: &str,
    event_id: String,
) -> Result<pb::Event, Failure> {
    let attributes: serde_json::Map<String, Value> = fields.attributes.into_iter().collect();
    let attributes = json::from_value("google.protobuf.Struct", Value::Object(attributes))
        .map_err(|error| Failure::Usage(format!("--attribute: {error}")))?;
    Ok(pb::Event {
        event_id,
        source: fields.source.unwrap_or_else(|| default_source.to_owned()),
        r#type: fields.event_type.unwrap_or_default(),
        actor: fields.actor.unwrap_or_default(),
        subjects: fields.subjects,
        attributes: Some(attributes),
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_from_yaml_or_json_and_need_not_be_named() {
        let yaml =
            read_event("type: call.inbound\nsubjects: [deal/1]\nattributes: {a: 7}").unwrap();
        let json = r#"{"type": "call.inbound", "subjects": ["deal/1"], "attributes": {"a": 7}}"#;
        assert_eq!(yaml, read_event(json).unwrap());
        assert_eq!((yaml.source.as_str(), yaml.event_id.as_str()), (PREVIEW, PREVIEW));
        let named = read_event("{source: shop, event_id: e1, type: a}").unwrap();
        assert_eq!((named.source.as_str(), named.event_id.as_str()), ("shop", "e1"));
        let cases = [
            ("", "expected one event"),
            ("type: a\n---\ntype: b", "expected one event"),
            ("[]", "expected an event"),
            ("subject: deal/1", "subject"),
        ];
        for (text, part) in cases {
            let error = read_event(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
