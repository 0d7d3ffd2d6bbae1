//! Filters: what is let through runs, whatever it looks at, and says the same each time.

use std::sync::Arc;

use pawl_api::{convert, pb};
use pawl_domain::limits::FILTER_MAX_BYTES;
use pawl_domain::{
    CustomerId, Done, Entity, EntityId, Event, EventType, Filter, Listener, Listening, Pipeline,
    PipelineId, Rejection, Timestamp, Trigger, TriggerType, Unfolded, Version, World, unfold,
};

use crate::{Target, valid};

/// The filter, in UTF-8.
pub(crate) struct Filters {
    pipeline: Arc<Pipeline>,
    trigger_type: Arc<TriggerType>,
    trigger: Trigger,
    /// An entity each, and what happens to it.
    scenes: Vec<(Arc<Entity>, Event)>,
}

/// Where one entity lives, whom one trigger watches.
struct Scene<'a> {
    filters: &'a Filters,
    entity: &'a Arc<Entity>,
    listening: Listening,
}

impl Default for Filters {
    fn default() -> Self {
        let (version, now) = (Version::default(), Timestamp::default());
        let new = convert::new_pipeline(valid::pipeline("sales", "deal")).expect("it is in order");
        let (id, display_name, kind, stages) = (new.id, new.display_name, new.kind, new.stages);
        let (selection, reach) = (new.selection, new.reach);
        let pipeline = Pipeline { id, display_name, kind, stages, selection, reach, version };
        let trigger_type =
            pb::TriggerType { parameters: Vec::new(), ..valid::trigger_type("shop.paid") };
        let new = convert::new_trigger_type(trigger_type).expect("it is in order");
        let trigger_type = TriggerType::create(new, version).expect("it is in order");
        let trigger =
            pb::Trigger { parameters: None, ..valid::trigger("t", "won", "shop.paid", "") };
        let new = convert::new_trigger("trigger", trigger).expect("it is in order");
        let trigger = Trigger::create(new, &pipeline, &trigger_type, 1, version);
        let scene = |entity: pb::Entity, event: pb::Event| {
            let new = convert::new_entity("entity", entity).expect("it is in order");
            let entity = Entity::create(new, &pipeline, version).expect("it is in order");
            (Arc::new(entity), convert::event("event", event).expect("it is in order"))
        };
        let long = (0..800).map(|n| (format!("key {n}"), valid::text("a text of some bytes")));
        let long = prost_types::Struct { fields: long.collect() };
        let subjects = vec!["deal/1".to_owned()];
        let event = pb::Event { subjects, ..valid::event("e", "shop.paid") };
        let entity = valid::entity("deal/1");
        let bare = |fields| pb::Entity {
            fields,
            responsible: String::new(),
            customer_ids: Vec::new(),
            ..valid::entity("deal/1")
        };
        let scenes = vec![
            scene(entity, event.clone()),
            scene(bare(None), pb::Event { attributes: None, time: None, ..event.clone() }),
            scene(bare(Some(long.clone())), pb::Event { attributes: Some(long), ..event }),
        ];
        let mut filters = Self {
            trigger: trigger.expect("it is in order"),
            pipeline: Arc::new(pipeline),
            trigger_type: Arc::new(trigger_type),
            scenes,
        };
        // An update of the first, with what it changed.
        let (old, event) = filters.scenes[0].clone();
        let (new, _) = filters.scenes[1].clone();
        let changes = pawl_domain::Changes::between(&old, &new);
        filters.scenes.push((old, Event { changes, time: Some(now), ..event }));
        filters
    }
}

impl World for Scene<'_> {
    type Error = Rejection;

    fn entity(&mut self, id: &EntityId) -> Result<Option<Arc<Entity>>, Rejection> {
        Ok((*id == self.entity.id).then(|| Arc::clone(self.entity)))
    }

    fn pipeline(&mut self, _: &PipelineId) -> Result<Arc<Pipeline>, Rejection> {
        Ok(Arc::clone(&self.filters.pipeline))
    }

    fn listening(&self, _: &PipelineId, _: &EventType) -> &Listening {
        &self.listening
    }

    fn entities_of(&mut self, _: &CustomerId) -> Result<Vec<(Arc<Entity>, u64)>, Rejection> {
        Ok(Vec::new())
    }
}

impl Filters {
    fn run(&self, filter: &Filter, (entity, event): &(Arc<Entity>, Event), why: bool) -> Unfolded {
        let trigger = Trigger { filter: Some(filter.clone()), ..self.trigger.clone() };
        let trigger_type = Arc::clone(&self.trigger_type);
        let listener = Listener { trigger: Arc::new(trigger), trigger_type };
        let mut scene =
            Scene { filters: self, entity, listening: [listener].into_iter().collect() };
        unfold(&mut scene, event, Done::Nothing, Timestamp::default(), why).expect("it is decided")
    }
}

impl Target for Filters {
    fn seeds(&self) -> Vec<Vec<u8>> {
        valid::FILTERS.iter().map(|filter| filter.as_bytes().to_vec()).collect()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "event.attributes.",
            "entity.fields.",
            "changes.fields.",
            ".exists(i, ",
            ".all(i, ",
            "&&",
            "||",
            "!",
            "(",
            ")",
            "[",
            "]",
            " in ",
            "==",
            "<",
            "?",
            ":",
            "size(",
            "has(",
            ".matches('",
            "timestamp('",
            "duration('1h')",
            "true",
            "null",
            "-9223372036854775808",
            "1e308",
            "0x7f",
            "'\\u0000'",
            "b'x'",
            "{'a': 1}",
            "string(",
            "bytes(",
            "dyn(",
            "-",
            "* 2",
            "/ 0",
            "% 0",
        ]
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Ok(text) = str::from_utf8(input) else { return false };
        let filter = match Filter::parse("filter", text) {
            Ok(filter) => filter,
            Err(Rejection::BadFilter { field, line, column, problem }) => {
                assert_eq!(field, "filter");
                assert!(!problem.is_empty());
                let lines: Vec<_> = text.split('\n').collect();
                let line = lines.get(line as usize - 1).expect("the line that is named is there");
                // One further than the end is where something is missing.
                assert!(column as usize - 1 <= line.chars().count(), "{column} in {line:?}");
                return false;
            }
            Err(other) => panic!("{other:?} is no refusal of a filter"),
        };
        assert!(text.len() <= FILTER_MAX_BYTES);
        for scene in &self.scenes {
            let decided = self.run(&filter, scene, false).decisions;
            let explained = self.run(&filter, scene, true);
            assert_eq!(decided, explained.decisions, "whether it is explained makes no difference");
            let stored = self.run(&Filter::stored(text), scene, false);
            assert_eq!(decided, stored.decisions, "it is stored as it was sent");
        }
        true
    }
}
