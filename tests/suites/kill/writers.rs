//! Who writes: entities that come, change, move and go, and the triggers and pipelines beside them.

use pawl_api::pb;
use pawl_tests::{fields, trigger};

use crate::call::Call;
use crate::claims::Standing;
use crate::load::{Caller, customer};
use crate::scenario::world::{event_type, person};

/// Who writes entities, each its own, and moves those of all.
pub(crate) const WRITERS: usize = 3;
const TRIGGERS: usize = 8;

impl Caller {
    /// Creates, updates and deletes its own entities, and moves any.
    pub(crate) async fn writes(mut self, writer: usize) {
        let own: Vec<_> =
            self.shared.world.entity_ids.iter().skip(writer).step_by(WRITERS).cloned().collect();
        loop {
            let id = self.rng.choice(&own).expect("it has some").clone();
            let claims = self.shared.book().entities.get(&id).cloned().unwrap_or_default();
            let (revision, standing) = claims.latest();
            let call = match self.rng.u32(..20) {
                _ if standing == Standing::Gone => self.create(id),
                0..8 => self.update(id),
                8..17 => self.move_by_hand(),
                _ => Call::Delete(pb::DeleteEntityRequest {
                    entity_id: id,
                    expected_revision: revision,
                }),
            };
            if !self.call(call).await {
                return;
            }
        }
    }

    /// Mostly with an id, so that it can be made again. Where the log is trimmed what became of a call
    /// without one may never be known.
    fn request_id(&mut self) -> String {
        let may_lack = !self.shared.trims && self.rng.u32(..4) == 0;
        if may_lack { String::new() } else { self.id() }
    }

    fn create(&mut self, id: String) -> Call {
        let mut entity = self.shared.world.entity(&mut self.rng, &id);
        entity.customer_ids = self.customers();
        Call::Create(pb::CreateEntityRequest { entity: Some(entity), request_id: self.id() })
    }

    fn customers(&mut self) -> Vec<String> {
        let mut customers: Vec<_> =
            (0..self.rng.usize(..3)).map(|_| customer(&mut self.rng)).collect();
        customers.sort();
        customers.dedup();
        customers
    }

    fn update(&mut self, entity_id: String) -> Call {
        let mut entity = pb::Entity { entity_id, ..Default::default() };
        match self.rng.u32(..4) {
            0 => entity.responsible = person(&mut self.rng),
            1 => entity.customer_ids = self.customers(),
            _ => entity.fields = Some(fields([("amount", Some(&self.id()))])),
        }
        let request_id = self.request_id();
        Call::Update(pb::UpdateEntityRequest {
            entity: Some(entity),
            request_id,
            actor: "ann".to_owned(),
            ..Default::default()
        })
    }

    fn move_by_hand(&mut self) -> Call {
        let entity_id = self.shared.world.entity_id(&mut self.rng);
        let (pipeline_id, stage_id) = self.shared.world.place(&mut self.rng, &entity_id);
        Call::Move(pb::MoveEntityRequest {
            entity_id,
            stage_id,
            pipeline_id,
            actor: "bob".to_owned(),
            request_id: self.request_id(),
            ..Default::default()
        })
    }

    /// Creates, changes, pauses and deletes triggers, and changes pipelines.
    pub(crate) async fn configures(mut self) {
        loop {
            let id = format!("k{}", self.rng.usize(..TRIGGERS));
            let is_there = self.shared.book().triggers.is_there(&id);
            let call = match self.rng.u32(..10) {
                0..3 => self.pipeline(),
                _ if !is_there => self.new_trigger(&id),
                3..9 => self.trigger(&id),
                _ => Call::DeleteTrigger(pb::DeleteTriggerRequest {
                    trigger_id: id,
                    expected_revision: 0,
                }),
            };
            if !self.call(call).await {
                return;
            }
        }
    }

    fn pipeline(&mut self) -> Call {
        let (pipeline_id, _) = self.shared.world.place(&mut self.rng, "deal/any");
        let reach = [pb::CustomerReach::Latest, pb::CustomerReach::All, pb::CustomerReach::None];
        let (name, reach) = (self.id(), reach[self.rng.usize(..3)].into());
        let one = [("display_name", name, 0), ("customer_reach", String::new(), reach)];
        let (field, display_name, customer_reach) = one[self.rng.usize(..2)].clone();
        let pipeline =
            pb::Pipeline { pipeline_id, display_name, customer_reach, ..Default::default() };
        Call::UpdatePipeline(pb::UpdatePipelineRequest {
            pipeline: Some(pipeline),
            update_mask: Some(prost_types::FieldMask { paths: vec![field.to_owned()] }),
            ..Default::default()
        })
    }

    fn new_trigger(&mut self, id: &str) -> Call {
        let (pipeline, stage) = self.shared.world.place(&mut self.rng, "deal/any");
        let event_type = event_type(&mut self.rng);
        let trigger = pb::Trigger {
            allow_move_back: self.rng.bool(),
            ..trigger(id, &format!("{pipeline}/{stage}"), event_type)
        };
        let request_id = self.id();
        Call::CreateTrigger(pb::CreateTriggerRequest {
            trigger: Some(trigger),
            request_id,
            validate_only: false,
        })
    }

    fn trigger(&mut self, id: &str) -> Call {
        let states = [pb::TriggerState::Active, pb::TriggerState::Paused, pb::TriggerState::Shadow];
        let state = states[self.rng.usize(..3)].into();
        let trigger = pb::Trigger {
            trigger_id: id.to_owned(),
            state,
            allow_reopen: true,
            ..Default::default()
        };
        let field = ["state", "allow_reopen"][self.rng.usize(..2)];
        Call::UpdateTrigger(pb::UpdateTriggerRequest {
            trigger: Some(trigger),
            update_mask: Some(prost_types::FieldMask { paths: vec![field.to_owned()] }),
            ..Default::default()
        })
    }
}
