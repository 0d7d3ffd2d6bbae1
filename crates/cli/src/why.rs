pub(crate) mod lookup;
mod nothing;
mod recent;
pub(crate) mod story;

use pawl_api::pb;
use pawl_api::pb::event_service_client::EventServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use pawl_api::sentences::Mood;
use prost_types::Timestamp;
use tonic::Code;

use crate::args::{Telling, WhyArgs};
use crate::client::{Target, Wire};
use crate::failure::Failure;
use crate::output::{plain, print};
use crate::why::lookup::Lookup;
use crate::why::recent::{Occasion, regroup};
use crate::why::story::{Story, label, local};

/// `pawl why`: what became of triggers and entities of late, in sentences.
pub(crate) async fn run(args: WhyArgs, target: &Target) -> Result<(), Failure> {
    let mut asked = Asked::default();
    if let [source, event_id] = args.event.as_slice() {
        let mut asking = Asking::new(target.connect().await?, args.output);
        return asking.event(source, event_id).await;
    }
    for id in args.about {
        asked.add(id)?;
    }
    if let Some(problem) = nothing::customer(&asked.entity) {
        return Err(Failure::Incomplete(problem));
    }
    let mut asking = Asking::new(target.connect().await?, args.output);
    asking.recent(&asked, args.limit as usize).await
}

/// Tells of one event in sentences.
pub(crate) async fn tell_event(source: &str, event_id: &str, wire: Wire) -> Result<(), Failure> {
    Asking::new(wire, Telling::Text).event(source, event_id).await
}

/// What the verdicts are to be about; never both empty.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) trigger: String,
    pub(crate) entity: String,
}

impl Asked {
    /// What has a slash is the id of an entity, since that of a trigger has none.
    fn add(&mut self, id: String) -> Result<(), Failure> {
        let (place, what) = if id.contains('/') {
            (&mut self.entity, "entities")
        } else {
            (&mut self.trigger, "triggers")
        };
        if !place.is_empty() {
            return Err(Failure::Incomplete(format!(
                "{place} and {id} are both {what}; give one trigger, one entity such as deal/57, \
                 or one of each"
            )));
        }
        *place = id;
        Ok(())
    }
}

struct Asking {
    triggers: TriggerServiceClient<Wire>,
    events: EventServiceClient<Wire>,
    lookup: Lookup,
    output: Telling,
}

impl Asking {
    fn new(channel: Wire, output: Telling) -> Self {
        Self {
            triggers: TriggerServiceClient::new(channel.clone()),
            events: EventServiceClient::new(channel.clone()),
            lookup: Lookup::new(channel),
            output,
        }
    }

    async fn recent(&mut self, asked: &Asked, limit: usize) -> Result<(), Failure> {
        let (occasions, order) = recent::occasions(asked, limit, &mut self.triggers).await?;
        self.lookup.keep_order(order);
        if self.output == Telling::Text && !asked.trigger.is_empty() {
            self.introduce(&asked.trigger).await?;
        }
        if occasions.is_empty() && self.output == Telling::Text {
            let text = nothing::explain(asked, &mut self.lookup).await?;
            return print(&format!("{}\n", plain(&text)));
        }
        for (index, occasion) in occasions.into_iter().enumerate() {
            if self.output == Telling::Text && (index > 0 || !asked.trigger.is_empty()) {
                print("\n")?;
            }
            let story = self.story(occasion, asked).await?;
            self.tell(&story).await?;
        }
        Ok(())
    }

    /// What an event did to that which was asked for.
    async fn story(&mut self, occasion: Occasion, asked: &Asked) -> Result<Story, Failure> {
        let Occasion { source, event_id, time, verdicts } = occasion;
        let request = pb::GetEventRequest { source: source.clone(), event_id: event_id.clone() };
        let (event, mut decisions) = match self.events.get_event(request).await {
            Ok(response) => {
                let pb::GetEventResponse { event, outcome } = response.into_inner();
                (event.unwrap_or_default(), outcome.unwrap_or_default().decisions)
            }
            // Trimmed a moment ago: the verdicts still say enough.
            Err(status) if status.code() == Code::NotFound => {
                (pb::Event::default(), regroup(verdicts))
            }
            Err(status) => return Err(status.into()),
        };
        decisions.retain_mut(|decision| {
            if !asked.trigger.is_empty() {
                decision.verdicts.retain(|verdict| verdict.trigger_id == asked.trigger);
            }
            let is_about = asked.entity.is_empty() || decision.entity_id == asked.entity;
            is_about && !decision.verdicts.is_empty()
        });
        Ok(Story {
            source,
            event_id,
            event_type: event.r#type,
            committed: time,
            happened: event.time,
            changes: event.changes,
            mood: Mood::Happened,
            decisions,
        })
    }

    /// One event, with everything that it reached.
    async fn event(&mut self, source: &str, event_id: &str) -> Result<(), Failure> {
        let request =
            pb::GetEventRequest { source: source.to_owned(), event_id: event_id.to_owned() };
        let response = self.events.get_event(request).await?.into_inner();
        let decisions = response.outcome.unwrap_or_default().decisions;
        let mut moves = decisions.iter().filter_map(|decision| decision.r#move.as_ref());
        let committed = moves.find_map(|moved| moved.time);
        let event = response.event.unwrap_or_default();
        let story = Story {
            source: source.to_owned(),
            event_id: event_id.to_owned(),
            event_type: event.r#type,
            committed,
            happened: event.time,
            changes: event.changes,
            mood: Mood::Happened,
            decisions,
        };
        self.tell(&story).await
    }

    async fn tell(&mut self, story: &Story) -> Result<(), Failure> {
        if self.output == Telling::Json {
            let value = story.json(&mut self.lookup).await?;
            return print(&format!("{value}\n"));
        }
        let Story { source, event_id, event_type, .. } = story;
        let time = story
            .committed
            .or(story.happened)
            .and_then(local)
            .map_or(String::new(), |time| format!("{time}  "));
        let head = plain(&format!("{time}{event_type}  {source}/{event_id}"));
        let text = story.text(&mut self.lookup).await?;
        print(&format!("{head}\n{text}"))
    }

    /// What a trigger is, and how alive.
    async fn introduce(&mut self, id: &str) -> Result<(), Failure> {
        let Some(trigger) = self.lookup.trigger(id, 0).await? else {
            let text = format!("There is no trigger {id}, or it is deleted by now.");
            return print(&format!("{}\n", plain(&text)));
        };
        let stage = self.lookup.stage(&trigger.pipeline_id, &trigger.stage_id).await?;
        let label = label(id, trigger.revision, &mut self.lookup).await?.told();
        let state = match trigger.state() {
            pb::TriggerState::Unspecified | pb::TriggerState::Active => "active",
            pb::TriggerState::Paused => "paused",
            pb::TriggerState::Shadow => "in shadow",
        };
        let pipeline = &trigger.pipeline_id;
        let head = plain(&format!("{label}, {state}, on stage {stage} of pipeline {pipeline}"));
        let stats = statistics(&trigger.stats.unwrap_or_default());
        print(&format!("{head}\n  {stats}\n"))
    }
}

fn statistics(stats: &pb::TriggerStats) -> String {
    let pb::TriggerStats { considered, matched, moved, .. } = stats;
    let last = |time: Option<Timestamp>| {
        time.and_then(local).map_or(String::new(), |time| format!(" (last {time})"))
    };
    let (seen, acted) = (last(stats.last_considered_time), last(stats.last_moved_time));
    let times = if *considered == 1 { "time" } else { "times" };
    format!("considered {considered} {times}{seen}, matched {matched}, moved {moved}{acted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_slash_is_an_entity() {
        let asked = |ids: &[&str]| {
            let mut asked = Asked::default();
            let added = ids.iter().try_for_each(|id| asked.add((*id).to_owned()));
            added.map(|()| (asked.trigger, asked.entity)).map_err(|failure| failure.to_string())
        };
        let both = Ok(("read".to_owned(), "deal/57".to_owned()));
        assert_eq!(asked(&["read", "deal/57"]), both);
        assert_eq!(asked(&["deal/57", "read"]), both);
        assert!(asked(&["a", "b"]).unwrap_err().starts_with("a and b are both triggers"));
        assert!(asked(&["a/1", "b/1"]).unwrap_err().starts_with("a/1 and b/1 are both entities"));
    }
}
