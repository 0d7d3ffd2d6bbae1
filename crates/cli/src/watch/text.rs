use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use pawl_api::pb;
use pawl_api::pb::r#move::Cause;
use pawl_api::pb::watch_frame::Frame;

use crate::client::Wire;
use crate::output::plain;
use crate::watch::names::Names;

/// What happens as lines for people.
#[derive(Debug)]
pub(crate) struct Text {
    names: Names,
    with_entity_names: bool,
    zone: TimeZone,
    /// The day of the last line: times are told without it.
    day: Date,
}

impl Text {
    pub(crate) fn new(channel: Wire) -> Self {
        let now = Zoned::now();
        Self {
            names: Names::new(channel),
            with_entity_names: false,
            zone: now.time_zone().clone(),
            day: now.date(),
        }
    }

    /// Tells the name of each entity after its id.
    pub(crate) fn with_entity_names(self) -> Self {
        Self { with_entity_names: true, ..self }
    }

    /// The line of one frame, and before it one with the date if it is of another day than the
    /// last. `None` for what tells people nothing.
    pub(super) async fn line(&mut self, frame: &pb::WatchFrame) -> Option<String> {
        let of_snapshot = frame.resume_token.is_empty();
        Some(match frame.frame.as_ref()? {
            Frame::Move(moved) => self.moved(moved).await,
            Frame::Entity(entity) => {
                let line = self.stands(entity).await;
                // Of a snapshot it is no news, and the times would be in no order.
                if of_snapshot {
                    undated(&line)
                } else {
                    self.dated(entity.update_time.as_ref(), &line)
                }
            }
            Frame::EntityDeleted(deleted) => {
                let stage = self.names.stage(&deleted.pipeline_id, &deleted.stage_id).await;
                let line = plain(&format!("{}  deleted, was on {stage}", deleted.entity_id));
                self.dated(deleted.time.as_ref(), &line)
            }
            Frame::SnapshotComplete(complete) => undated(&match complete.entity_count {
                1 => "that is all: 1 entity".to_owned(),
                count => format!("that is all: {count} entities"),
            }),
            Frame::Started(_) | Frame::Heartbeat(_) | Frame::Closing(_) => return None,
        })
    }

    async fn stands(&mut self, entity: &pb::Entity) -> String {
        let stage = self.names.stage(&entity.pipeline_id, &entity.stage_id).await;
        let told: Vec<&str> = [entity.display_name.as_str(), entity.responsible.as_str()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        let line = format!("{}  on {stage}  {}", entity.entity_id, told.join(", "));
        plain(line.trim_end())
    }

    async fn moved(&mut self, moved: &pb::Move) -> String {
        let mut entity = moved.entity_id.clone();
        if self.with_entity_names {
            entity = format!("{entity} {}", self.names.entity(&moved.entity_id).await);
        }
        let (pipeline, other) = (&moved.pipeline_id, &moved.from_pipeline_id);
        let from_pipeline = if other.is_empty() { pipeline } else { other };
        let mut from = self.names.stage(from_pipeline, &moved.from_stage_id).await;
        let mut to = self.names.stage(pipeline, &moved.to_stage_id).await;
        if !other.is_empty() {
            from = format!("{other}/{from}");
            to = format!("{pipeline}/{to}");
        }
        let trigger_type = match &moved.cause {
            Some(Cause::Trigger(trigger)) => {
                self.names.trigger_type(&trigger.trigger_id, trigger.trigger_revision).await
            }
            Some(Cause::Manual(_)) | None => String::new(),
        };
        let by = cause(moved, &trigger_type);
        let line = plain(&format!("{entity}  {from} -> {to}  {by}"));
        self.dated(moved.time.as_ref(), &line)
    }

    fn dated(&mut self, time: Option<&prost_types::Timestamp>, line: &str) -> String {
        let time = time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok());
        let Some(time) = time.map(|time| time.to_zoned(self.zone.clone())) else {
            return format!("--:--:--  {line}");
        };
        let line = format!("{}  {line}", time.strftime("%H:%M:%S"));
        if time.date() == self.day {
            return line;
        }
        self.day = time.date();
        format!("{}\n{line}", time.strftime("%A, %F"))
    }
}

/// A line without a time, as far in as the others.
fn undated(line: &str) -> String {
    format!("{:8}  {line}", "")
}

/// Who or what caused a move.
fn cause(moved: &pb::Move, trigger_type: &str) -> String {
    match &moved.cause {
        Some(Cause::Trigger(trigger)) => {
            let pb::TriggerCause { trigger_id, event_source, event_id, .. } = trigger;
            let event = format!("{event_source}/{event_id}");
            let event = format!("{trigger_type} {event}");
            format!("by trigger {trigger_id} ({})", event.trim_start())
        }
        Some(Cause::Manual(manual)) => {
            let told: Vec<&str> = [manual.actor.as_str(), manual.comment.as_str()]
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect();
            if told.is_empty() {
                "by hand".to_owned()
            } else {
                format!("by hand ({})", told.join(": "))
            }
        }
        None => "for an unknown reason".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Target;

    /// Nobody is asked for names: what cannot be asked for is called by its id.
    fn text() -> Text {
        let nowhere = Target::local("127.0.0.1:0".parse().unwrap()).connect_lazily();
        let day = Date::constant(2026, 11, 2);
        Text { zone: TimeZone::UTC, day, ..Text::new(nowhere) }
    }

    fn frame(token: &[u8], frame: Frame) -> pb::WatchFrame {
        pb::WatchFrame { resume_token: token.to_vec().into(), frame: Some(frame) }
    }

    #[tokio::test]
    async fn entities_are_told_with_what_is_known_and_a_time_where_it_is_news() {
        // 2026-11-02 09:31:00
        let time = Some(prost_types::Timestamp { seconds: 1_793_611_860, nanos: 0 });
        let bare = pb::Entity {
            entity_id: "deal/1".to_owned(),
            pipeline_id: "sales".to_owned(),
            stage_id: "new".to_owned(),
            update_time: time,
            ..Default::default()
        };
        let full = pb::Entity {
            display_name: "Two\nwindows".to_owned(),
            responsible: "omar".to_owned(),
            ..bare.clone()
        };
        let deleted = pb::EntityDeleted {
            entity_id: "deal/1".to_owned(),
            stage_id: "new".to_owned(),
            time,
            ..Default::default()
        };
        let complete = |entity_count| pb::SnapshotComplete { entity_count };
        let table = [
            (frame(b"", Frame::Entity(bare)), Some("          deal/1  on new")),
            (frame(b"t", Frame::Entity(full)), Some("09:31:00  deal/1  on new  Two windows, omar")),
            (
                frame(b"t", Frame::EntityDeleted(deleted)),
                Some("09:31:00  deal/1  deleted, was on new"),
            ),
            (
                frame(b"t", Frame::SnapshotComplete(complete(2))),
                Some("          that is all: 2 entities"),
            ),
            (
                frame(b"t", Frame::SnapshotComplete(complete(1))),
                Some("          that is all: 1 entity"),
            ),
            (frame(b"t", Frame::Heartbeat(pb::Heartbeat::default())), None),
        ];
        let mut text = text();
        for (frame, line) in table {
            assert_eq!(text.line(&frame).await.as_deref(), line, "{frame:?}");
        }
    }

    #[test]
    fn causes_are_told_with_what_is_known() {
        let trigger = pb::TriggerCause {
            trigger_id: "offer-read".to_owned(),
            event_source: "mail-1".to_owned(),
            event_id: "evt-9".to_owned(),
            ..Default::default()
        };
        let moved = pb::Move { cause: Some(Cause::Trigger(trigger)), ..Default::default() };
        let shown = cause(&moved, "email.viewed");
        assert_eq!(shown, "by trigger offer-read (email.viewed mail-1/evt-9)");
        assert_eq!(cause(&moved, ""), "by trigger offer-read (mail-1/evt-9)");

        let by_hand = |actor: &str, comment: &str| {
            let manual = pb::ManualCause {
                actor: actor.to_owned(),
                comment: comment.to_owned(),
                ..Default::default()
            };
            cause(&pb::Move { cause: Some(Cause::Manual(manual)), ..Default::default() }, "")
        };
        assert_eq!(by_hand("anna", "called back"), "by hand (anna: called back)");
        assert_eq!(by_hand("anna", ""), "by hand (anna)");
        assert_eq!(by_hand("", ""), "by hand");
    }
}
