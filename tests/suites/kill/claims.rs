//! What answers claim of an entity, revision by revision. Two that claim the same one tell of something
//! that was acknowledged and lost.

use std::collections::BTreeMap;

use pawl_api::pb;

use crate::truth::after;

/// What was answered of one revision.
#[derive(Debug, Clone, Default)]
struct Claim {
    entity: Option<Box<pb::Entity>>,
    moved: Option<Box<pb::Move>>,
    /// It is that of the deletion.
    gone: bool,
}

/// All that is known of one entity.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims(BTreeMap<i64, Claim>);

/// How an entity stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// It is not there.
    Gone,
    Whole(Box<pb::Entity>),
    /// Only where it is.
    At {
        pipeline_id: String,
        stage_id: String,
    },
}

impl Claims {
    /// It was answered as it is with its revision.
    pub(crate) fn entity(&mut self, entity: &pb::Entity) -> Result<(), String> {
        let claim = self.0.entry(entity.revision).or_default();
        let agrees = claim.entity.as_ref().is_none_or(|known| **known == *entity);
        let stage = claim.moved.as_ref().map(|moved| (&moved.pipeline_id, &moved.to_stage_id));
        let agrees = agrees
            && !claim.gone
            && stage.is_none_or(|stage| stage == (&entity.pipeline_id, &entity.stage_id));
        if !agrees {
            return Err(format!("{entity:?} has the revision of {claim:?}"));
        }
        claim.entity = Some(Box::new(entity.clone()));
        Ok(())
    }

    /// A move made its revision.
    pub(crate) fn moved(&mut self, moved: &pb::Move) -> Result<(), String> {
        let claim = self.0.entry(moved.entity_revision).or_default();
        let agrees = claim.moved.as_ref().is_none_or(|known| **known == *moved);
        let stage = claim.entity.as_ref().map(|entity| (&entity.pipeline_id, &entity.stage_id));
        let agrees = agrees
            && !claim.gone
            && stage.is_none_or(|stage| stage == (&moved.pipeline_id, &moved.to_stage_id));
        if !agrees {
            return Err(format!("{moved:?} has the revision of {claim:?}"));
        }
        claim.moved = Some(Box::new(moved.clone()));
        Ok(())
    }

    /// It was deleted with this revision.
    pub(crate) fn gone(&mut self, revision: i64) -> Result<(), String> {
        let claim = self.0.entry(revision).or_default();
        if claim.entity.is_some() || claim.moved.is_some() {
            return Err(format!("the deletion has the revision of {claim:?}"));
        }
        claim.gone = true;
        Ok(())
    }

    /// The newest revision with how it stands then.
    pub(crate) fn latest(&self) -> (i64, Standing) {
        let Some((newest, last)) = self.0.last_key_value() else { return (0, Standing::Gone) };
        if last.gone {
            return (*newest, Standing::Gone);
        }
        let whole = self.0.iter().rev().find_map(|(_, claim)| claim.entity.as_ref());
        let mut whole = whole.cloned();
        let behind = whole.as_ref().map_or(0, |entity| entity.revision) + 1;
        for (revision, claim) in self.0.range(behind..) {
            let before = whole.filter(|entity| entity.revision + 1 == *revision);
            let both = before.zip(claim.moved.as_ref());
            whole = both.map(|(entity, moved)| Box::new(after(&entity, moved)));
        }
        let place = |moved: &pb::Move| Standing::At {
            pipeline_id: moved.pipeline_id.clone(),
            stage_id: moved.to_stage_id.clone(),
        };
        let standing = whole.map(Standing::Whole);
        let moved = last.moved.as_ref();
        let standing = standing.or_else(|| moved.map(|moved| place(moved)));
        (*newest, standing.expect("a claim says something"))
    }
}

impl Standing {
    /// Whether an entity stands like this.
    pub(crate) fn fits(&self, entity: &pb::Entity) -> bool {
        match self {
            Self::Gone => false,
            Self::Whole(known) => **known == *entity,
            Self::At { pipeline_id, stage_id } => {
                (pipeline_id, stage_id) == (&entity.pipeline_id, &entity.stage_id)
            }
        }
    }
}
