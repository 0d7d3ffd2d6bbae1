//! Where pages are: names of pipelines, entities and triggers stand in the path.
//!
//! Two legal names do not survive there, `.` and `..`, which browsers take for directories, however they
//! are written: an `=`, with which no name begins, goes before them.

use pawl_domain::{EntityId, PipelineId, Rejection, TriggerId};

/// The board of a pipeline; its other pages are below it.
pub(crate) fn board(id: &PipelineId) -> String {
    format!("/boards/{}", written(id.as_str()))
}

/// The page of an entity. The script makes the same (`pageOf`).
pub(crate) fn entity(id: &EntityId) -> String {
    let (kind, name) = id.as_str().split_once('/').unwrap_or_default();
    format!("/entities/{kind}/{}", written(name))
}

/// The page of a trigger.
pub(crate) fn trigger(id: &TriggerId) -> String {
    format!("/triggers/{}", written(id.as_str()))
}

/// The pipeline in a path.
pub(crate) fn pipeline_in(path: &str) -> Result<PipelineId, Rejection> {
    PipelineId::parse("pipeline", read(path))
}

/// The entity in a path: its kind, and its name within that.
pub(crate) fn entity_in((kind, name): &(String, String)) -> Result<EntityId, Rejection> {
    EntityId::parse("entity", &format!("{kind}/{}", read(name)))
}

/// The trigger in a path.
pub(crate) fn trigger_in(path: &str) -> Result<TriggerId, Rejection> {
    TriggerId::parse("trigger", read(path))
}

fn written(name: &str) -> String {
    let escape = if is_directory(name) { "=" } else { "" };
    format!("{escape}{name}")
}

fn read(segment: &str) -> &str {
    segment.strip_prefix('=').filter(|name| is_directory(name)).unwrap_or(segment)
}

fn is_directory(name: &str) -> bool {
    matches!(name, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_what_it_names() {
        for (name, segment) in
            [("57", "57"), (".", "=."), ("..", "=.."), ("...", "..."), (".a", ".a"), ("~:", "~:")]
        {
            let id: EntityId = format!("deal/{name}").parse().unwrap();
            assert_eq!(entity(&id), format!("/entities/deal/{segment}"));
            assert_eq!(entity_in(&("deal".to_owned(), segment.to_owned())).unwrap(), id);
            let id: PipelineId = name.parse().unwrap();
            assert_eq!(board(&id), format!("/boards/{segment}"));
            assert_eq!(pipeline_in(segment).unwrap(), id);
            let id: TriggerId = name.parse().unwrap();
            assert_eq!(trigger(&id), format!("/triggers/{segment}"));
            assert_eq!(trigger_in(segment).unwrap(), id);
        }
        assert!(pipeline_in("=a").is_err() && trigger_in("==.").is_err());
    }
}
