use pawl_api::json;

use super::*;

/// With everything that can make a text something else than a text.
const FILE: &str = r##"
pipelines:
- pipeline_id: "1e3"
  display_name: "yes"
  entity_kind: smart_process.repairs
  stages:
  - {stage_id: "null", display_name: "Ann's \"new\": #1", semantics: OPEN, color: "#9fb3c8"}
  - {stage_id: won, semantics: WON}
  trigger_selection: NEXT_STAGE
  customer_reach: ALL
trigger_types:
- code: app.signal
  title: " begins and ends with a space "
  description: "two\nlines\twith \\ and \u0007 and \u2028"
  event_type: "7"
  parameters:
  - {name: level, kind: NUMBER, comparison: AT_LEAST, required: true}
  - {name: colour, options: ["no", "- dash", "?", "{a}", ""]}
triggers:
- trigger_id: z
  pipeline_id: "1e3"
  stage_id: won
  trigger_type: app.signal
  parameters: {level: 3.5, state: TRIGGER_STATE_PAUSED, "a b: c": [1, null, true, {x: []}], e: 1e300}
  filter: "event.source == 'a'\n  && entity.fields.n > 3"
  allow_reopen: true
  state: SHADOW
- {trigger_id: a, pipeline_id: "1e3", stage_id: won, trigger_type: app.signal}
"##;

fn read(text: &str) -> Manifest {
    let mut manifest = Manifest::default();
    manifest.add(text).unwrap();
    manifest
}

#[test]
fn what_is_written_is_read_as_the_same() {
    let manifest = read(FILE);
    let written = document(read(FILE));
    let yaml = yaml::write(&written);
    assert_eq!(read(&yaml), manifest, "{yaml}");
    assert_eq!(read(&written.to_string()), manifest);
    assert_eq!(read(&format!("{written:#}")), manifest);
    assert!(yaml.contains("trigger_selection: NEXT_STAGE"), "{yaml}");
    assert!(yaml.contains("state: SHADOW"), "{yaml}");
    assert!(yaml.contains("comparison: AT_LEAST"), "{yaml}");
    assert!(yaml.contains("TRIGGER_STATE_PAUSED"), "what is not an enum is left alone: {yaml}");
    assert!(read(&yaml::write(&document(Manifest::default()))).is_empty());
}

#[test]
fn what_the_server_sets_is_left_out_and_triggers_keep_their_order() {
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let trigger = |id: &str, created| pb::Trigger {
        trigger_id: id.to_owned(),
        revision: 4,
        create_time: time(created),
        update_time: time(9),
        stats: Some(pb::TriggerStats { considered: 2, ..Default::default() }),
        ..Default::default()
    };
    let manifest =
        Manifest { triggers: vec![trigger("a", 8), trigger("b", 7)], ..Default::default() };
    let wanted = json!({"triggers": [{"trigger_id": "b"}, {"trigger_id": "a"}]});
    assert_eq!(document(manifest), wanted);
    let built: pb::TriggerType =
        json::from_value("pawl.v1.TriggerType", json!({"code": "a", "built_in": true})).unwrap();
    assert_eq!(written(&built), json!({"code": "a"}));
}
