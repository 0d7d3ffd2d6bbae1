use std::collections::HashSet;

use pawl_api::{json, pb};
use serde_json::Value;

use crate::output::Named;

/// What an apply file asks for: each resource under its own id.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) pipelines: Vec<pb::Pipeline>,
    pub(crate) trigger_types: Vec<pb::TriggerType>,
    pub(crate) triggers: Vec<pb::Trigger>,
}

impl Manifest {
    /// Adds what a text in YAML or JSON asks for; several YAML documents count as one.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), String> {
        for document in documents(text)? {
            let Value::Object(members) = document else {
                return Err("expected the keys pipelines, trigger_types and triggers".to_owned());
            };
            for (key, list) in members {
                match key.as_str() {
                    "pipelines" => extend(&mut self.pipelines, &key, list)?,
                    "trigger_types" => extend(&mut self.trigger_types, &key, list)?,
                    "triggers" => extend(&mut self.triggers, &key, list)?,
                    unknown => {
                        return Err(format!(
                            "unknown key {unknown:?}; expected pipelines, trigger_types or triggers"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pipelines.is_empty() && self.trigger_types.is_empty() && self.triggers.is_empty()
    }
}

/// A message of the contract that stands in a list of a manifest.
pub(crate) trait Listed: Named {
    /// The field that holds its id.
    const KEY: &'static str;

    fn id(&self) -> &str;
}

impl Listed for pb::Pipeline {
    const KEY: &'static str = "pipeline_id";

    fn id(&self) -> &str {
        &self.pipeline_id
    }
}

impl Listed for pb::TriggerType {
    const KEY: &'static str = "code";

    fn id(&self) -> &str {
        &self.code
    }
}

impl Listed for pb::Trigger {
    const KEY: &'static str = "trigger_id";

    fn id(&self) -> &str {
        &self.trigger_id
    }
}

impl Listed for pb::Entity {
    const KEY: &'static str = "entity_id";

    fn id(&self) -> &str {
        &self.entity_id
    }
}

/// Most values that aliases of a text in YAML repeat: a few lines could stand for millions.
const ALIASED_MAX: usize = 50_000;

/// What stands in a text in YAML or JSON, document by document; empty ones left out.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>, String> {
    // Nearly all JSON is YAML too, but its errors are better told by its own reader.
    if text.trim_start().starts_with('{')
        && let Ok(document) = serde_json::from_str(text)
    {
        return Ok(vec![document]);
    }
    // There are as many values as fit into the text, and those that aliases repeat.
    let values = text.len() + ALIASED_MAX + 1;
    let options = serde_saphyr::options! {
        // `yes` is a text.
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_events: 2 * values,
            max_nodes: values,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: ALIASED_MAX,
        },
    };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| error.to_string().trim_start_matches("error: ").to_owned())?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// Adds the resources of a list, which are to have ids of their own; a mistake names `list`.
pub(crate) fn extend<T: Listed>(
    known: &mut Vec<T>,
    list: &str,
    value: Value,
) -> Result<(), String> {
    let items = match value {
        // A key with nothing after it.
        Value::Null => return Ok(()),
        Value::Array(items) => items,
        _ => return Err(format!("{list}: expected a list")),
    };
    let mut ids: HashSet<String> = known.iter().map(|item| item.id().to_owned()).collect();
    for (index, item) in items.into_iter().enumerate() {
        let place = format!("{list}[{index}]");
        let item: T =
            json::from_value(T::MESSAGE, item).map_err(|error| format!("{place}: {error}"))?;
        if item.id().is_empty() {
            let key = T::KEY;
            return Err(format!("{place}: {key} is missing; without it nothing is found again"));
        }
        if !ids.insert(item.id().to_owned()) {
            return Err(format!("{place}: {:?} was given before", item.id()));
        }
        known.push(item);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "
pipelines:
- pipeline_id: sales
  entity_kind: deal
  stages:
  - {stage_id: new, color: '#00aaff'}
  - {stage_id: won, semantics: WON}
---
# What customers do.
trigger_types:
triggers:
- trigger_id: t1
  pipeline_id: sales
  stage_id: won
  trigger_type: invoice.paid
  allow_reopen: true
";

    const JSON: &str = r##"{
        "pipelines": [{
            "pipelineId": "sales", "entityKind": "deal",
            "stages": [
                {"stageId": "new", "color": "#00aaff"},
                {"stageId": "won", "semantics": "STAGE_SEMANTICS_WON"}
            ]
        }],
        "triggers": [{
            "trigger_id": "t1", "pipeline_id": "sales", "stage_id": "won",
            "trigger_type": "invoice.paid", "allow_reopen": true
        }]
    }"##;

    fn parse(text: &str) -> Result<Manifest, String> {
        let mut manifest = Manifest::default();
        manifest.add(text).map(|()| manifest)
    }

    #[test]
    fn yaml_and_json_say_the_same() {
        let manifest = parse(YAML).unwrap();
        assert_eq!(manifest, parse(JSON).unwrap());
        assert_eq!(manifest.pipelines[0].stages.len(), 2);
        assert!(manifest.triggers[0].allow_reopen);
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let cases = [
            ("- 1", "expected the keys"),
            ("pipeline: []", "unknown key \"pipeline\""),
            ("triggers: {}", "triggers: expected a list"),
            ("triggers: [{stage_id: a}]", "triggers[0]: trigger_id is missing"),
            ("triggers: [{trigger_id: a}, {trigger_id: a}]", "triggers[1]: \"a\" was given before"),
            ("triggers: [{trigger_id: a, colour: b}]", "triggers[0]: "),
            ("triggers: [{trigger_id: 7}]", "triggers[0]: trigger_id: "),
            ("triggers: [{trigger_id: a, allow_reopen: yes}]", "triggers[0]: allow_reopen: "),
            ("pipelines: [{stages: [{semantics: WIN}]}]", "pipelines[0]: stages[0].semantics: "),
            ("triggers: []\ntriggers: []", "duplicate"),
            ("triggers: [", "line 1"),
            ("{\"triggers\": [}", "line 1"),
        ];
        for (text, part) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let mut twice = parse(YAML).unwrap();
        assert!(twice.add(YAML).unwrap_err().contains("was given before"));
    }

    #[test]
    fn a_text_is_as_long_as_it_likes_but_stands_for_no_more() {
        // More than the reader of YAML would take by itself.
        let triggers = (0..40_000).map(|number| {
            format!("- {{trigger_id: t{number}, pipeline_id: sales, stage_id: won, trigger_type: a.b}}\n")
        });
        let manifest = parse(&format!("triggers:\n{}", triggers.collect::<String>())).unwrap();
        assert_eq!(manifest.triggers.len(), 40_000);
        let few = "triggers: [{trigger_id: a, parameters: {l: &l [1, 2, 3], m: *l, n: *l}}]";
        assert_eq!(parse(few).unwrap().triggers.len(), 1);
        let ten =
            |of: usize| format!("a{}: &a{} [{}]\n", of + 1, of + 1, format!("*a{of},").repeat(10));
        let laughs = format!("a0: &a0 x\n{}", (0..9).map(ten).collect::<String>());
        let problem = parse(&laughs).unwrap_err();
        assert!(problem.contains("alias"), "{problem}");
    }
}
