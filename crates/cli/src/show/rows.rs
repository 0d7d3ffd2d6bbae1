//! The columns of each kind.

use anstyle::Style;
use pawl_api::pb;
use pawl_api::pb::r#move::Cause;
use pawl_api::pb::{StageSemantics, TriggerState, VerdictResult};

use crate::clock::Clock;
use crate::show::Shown;
use crate::table::{ASIDE, BAD, CARE, Cell, FAINT, GOOD};

impl Shown for pb::Pipeline {
    const LIST: &'static str = "pipelines";
    const COLUMNS: &'static [&'static str] =
        &["PIPELINE", "NAME", "KIND", "STAGES", "REVISION", "UPDATED"];

    fn row(&self, clock: &Clock) -> Vec<Cell> {
        vec![
            Cell::plain(&self.pipeline_id),
            Cell::plain(&self.display_name),
            Cell::plain(&self.entity_kind),
            Cell::list(self.stages.iter().map(|stage| stage.stage_id.as_str())),
            Cell::number(self.revision),
            Cell::plain(&clock.ago(self.update_time)),
        ]
    }
}

impl Shown for pb::TriggerType {
    const LIST: &'static str = "trigger_types";
    const COLUMNS: &'static [&'static str] =
        &["CODE", "SECTION", "TITLE", "PARAMETERS", "KINDS", "FROM"];

    fn row(&self, _clock: &Clock) -> Vec<Cell> {
        let parameters = self.parameters.iter().map(|parameter| {
            let mark = if parameter.required { "*" } else { "" };
            format!("{}{mark}", parameter.name)
        });
        let parameters: Vec<String> = parameters.collect();
        vec![
            Cell::plain(&self.code),
            Cell::plain(&self.section),
            Cell::plain(&self.title),
            Cell::list(parameters.iter().map(String::as_str)),
            Cell::list(self.entity_kinds.iter().map(String::as_str)),
            if self.built_in { Cell::styled("built in", FAINT) } else { Cell::plain("registered") },
        ]
    }
}

impl Shown for pb::Trigger {
    const LIST: &'static str = "triggers";
    const COLUMNS: &'static [&'static str] = &[
        "TRIGGER",
        "PIPELINE",
        "STAGE",
        "TYPE",
        "STATE",
        "CONSIDERED",
        "MOVED",
        "LAST MOVED",
        "NAME",
    ];

    fn row(&self, clock: &Clock) -> Vec<Cell> {
        let stats = self.stats.unwrap_or_default();
        vec![
            Cell::plain(&self.trigger_id),
            Cell::plain(&self.pipeline_id),
            Cell::plain(&self.stage_id),
            Cell::plain(&self.trigger_type),
            state(self.state()),
            Cell::number(stats.considered),
            Cell::number(stats.moved),
            Cell::plain(&clock.ago(stats.last_moved_time)),
            Cell::plain(&self.display_name),
        ]
    }
}

impl Shown for pb::Entity {
    const LIST: &'static str = "entities";
    const COLUMNS: &'static [&'static str] =
        &["ENTITY", "PIPELINE", "STAGE", "ENTERED", "NAME", "RESPONSIBLE", "UPDATED"];

    fn row(&self, clock: &Clock) -> Vec<Cell> {
        vec![
            Cell::plain(&self.entity_id),
            Cell::plain(&self.pipeline_id),
            Cell::plain(&self.stage_id),
            Cell::plain(&clock.ago(self.stage_entered_time)),
            Cell::plain(&self.display_name),
            Cell::plain(&self.responsible),
            Cell::plain(&clock.ago(self.update_time)),
        ]
    }
}

impl Shown for pb::Move {
    const LIST: &'static str = "moves";
    const COLUMNS: &'static [&'static str] =
        &["MOVED", "ENTITY", "PIPELINE", "FROM", "TO", "BY", "EVENT", "COMMENT"];

    fn row(&self, clock: &Clock) -> Vec<Cell> {
        let from = match self.from_pipeline_id.as_str() {
            "" => self.from_stage_id.clone(),
            other => format!("{other}: {}", self.from_stage_id),
        };
        let to_style = match self.direction() {
            pb::MoveDirection::Backward => CARE,
            _ => Style::new(),
        };
        let (by, source, event_id, comment) = match &self.cause {
            Some(Cause::Trigger(cause)) => {
                let by = Cell::plain(&format!("trigger {}", cause.trigger_id));
                (by, &*cause.event_source, &*cause.event_id, "")
            }
            Some(Cause::Manual(cause)) => {
                let by = if cause.actor.is_empty() { "hand" } else { &cause.actor };
                let by = Cell::styled(by, ASIDE);
                (by, &*cause.event_source, &*cause.event_id, &*cause.comment)
            }
            None => (Cell::plain(""), "", "", ""),
        };
        vec![
            Cell::plain(&clock.ago(self.time)),
            Cell::plain(&self.entity_id),
            Cell::plain(&self.pipeline_id),
            Cell::plain(&from),
            Cell::styled(&self.to_stage_id, to_style),
            by,
            Cell::plain(&format!("{source} {event_id}")),
            Cell::plain(comment),
        ]
    }
}

impl Shown for pb::Verdict {
    const LIST: &'static str = "verdicts";
    const COLUMNS: &'static [&'static str] =
        &["JUDGED", "ENTITY", "TRIGGER", "STAGE", "RESULT", "EVENT", "DETAIL"];

    fn row(&self, clock: &Clock) -> Vec<Cell> {
        let occasion = self.occasion.clone().unwrap_or_default();
        let result = self.result();
        let name = result.as_str_name();
        let style = match result {
            VerdictResult::Moved => GOOD,
            VerdictResult::WouldMove => ASIDE,
            VerdictResult::EvaluationError | VerdictResult::Loop | VerdictResult::HopLimit => BAD,
            _ => Style::new(),
        };
        vec![
            Cell::plain(&clock.ago(occasion.time)),
            Cell::plain(&occasion.entity_id),
            Cell::plain(&self.trigger_id),
            Cell::plain(&self.stage_id),
            Cell::styled(name.strip_prefix("VERDICT_RESULT_").unwrap_or(name), style),
            Cell::plain(&format!("{} {}", occasion.event_source, occasion.event_id)),
            Cell::plain(&self.detail),
        ]
    }
}

pub(super) fn state(state: TriggerState) -> Cell {
    let name = state.as_str_name();
    let style = match state {
        TriggerState::Active => GOOD,
        TriggerState::Paused => CARE,
        TriggerState::Shadow => ASIDE,
        TriggerState::Unspecified => Style::new(),
    };
    Cell::styled(name.strip_prefix("TRIGGER_STATE_").unwrap_or(name), style)
}

/// What a stage means for the entities on it.
pub(crate) fn semantics(semantics: StageSemantics) -> Cell {
    let name = semantics.as_str_name();
    let style = match semantics {
        StageSemantics::Won => GOOD,
        StageSemantics::Lost => BAD,
        StageSemantics::Open | StageSemantics::Unspecified => Style::new(),
    };
    Cell::styled(name.strip_prefix("STAGE_SEMANTICS_").unwrap_or(name), style)
}
