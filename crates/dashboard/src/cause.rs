//! Who or what moved something, in the few words that fit on a card.

use std::collections::HashMap;

use pawl_domain::Cause;
use pawl_engine::Board;

/// What the triggers of a board are called, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    pub(crate) fn of(board: &Board) -> Self {
        let triggers = board.stages.iter().flat_map(|stage| &stage.triggers);
        let names = triggers.map(|one| (one.id.to_string(), one.display_name.to_string()));
        Self(names.collect())
    }

    /// `by Email viewed`, `by hand (ines: signed today)`.
    pub(crate) fn told(&self, cause: &Cause) -> String {
        match cause {
            Cause::Trigger { trigger_id, .. } => {
                let id = trigger_id.as_str();
                format!("by {}", self.0.get(id).map_or(id, String::as_str))
            }
            Cause::Manual { actor, comment, .. } => {
                let said = [actor.as_ref().map_or("", |actor| actor.as_str()), comment.as_str()];
                let said: Vec<_> = said.into_iter().filter(|text| !text.is_empty()).collect();
                if said.is_empty() {
                    "by hand".to_owned()
                } else {
                    format!("by hand ({})", said.join(": "))
                }
            }
        }
    }
}
