use clap::ValueEnum;
use pawl_api::pb;
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use crate::case::Mix;

/// Events of this type move their entity, whatever stage it is on.
pub(crate) const MOVING: &str = "load.moving";
/// Events of this type are considered by as many triggers and move nothing.
pub(crate) const STAYING: &str = "campaign.viewed";
/// In the real mix, one event in this many moves its entity.
const MOVES_ONE_IN: u64 = 5;

/// How events choose among the entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// All are as likely.
    Uniform,
    /// The n-th is about 1/n as likely as the first.
    Zipf,
}

/// What all generators of a run have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub(crate) mix: Mix,
    pub(crate) choice: Choice,
    pub(crate) entities: u64,
    pub(crate) seed: u64,
    /// Characters of one more attribute, which no compression makes much shorter.
    pub(crate) note: usize,
}

/// Makes the events of one lane in one round: the same for both servers, and no event twice.
#[derive(Debug)]
pub(crate) struct Events {
    source: Source,
    round: u32,
    lane: usize,
    made: u64,
    random: u64,
    template: pb::Event,
}

impl Source {
    pub(crate) fn events(self, round: u32, lane: usize) -> Events {
        let random = self.seed ^ (u64::from(round) << 40) ^ ((lane as u64) << 20);
        let mut events =
            Events { source: self, round, lane, made: 0, random, template: template() };
        // Neighbouring seeds begin alike.
        events.random();
        events
    }
}

impl Events {
    /// The next event.
    pub(crate) fn make(&mut self) -> pb::Event {
        self.made += 1;
        let moves = match self.source.mix {
            Mix::Real => self.made.is_multiple_of(MOVES_ONE_IN),
            Mix::NoMove => false,
            Mix::AllMove => true,
        };
        let mut event = self.template.clone();
        event.event_id = format!("{:04}-{:03}-{:010}", self.round, self.lane, self.made);
        event.r#type.push_str(if moves { MOVING } else { STAYING });
        let entity = self.choose();
        event.subjects.push(entity_id(entity));
        if self.source.note > 0 {
            let note = Value { kind: Some(Kind::StringValue(self.note())) };
            event.attributes.get_or_insert_default().fields.insert("note".to_owned(), note);
        }
        event
    }

    /// Some more of them.
    pub(crate) fn make_some(&mut self, count: usize) -> Vec<pb::Event> {
        (0..count).map(|_| self.make()).collect()
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "entities are far fewer than 2^53"
    )]
    fn choose(&mut self) -> u64 {
        let entities = self.source.entities as f64;
        // 53 random bits: at least 0, below 1.
        let chance = (self.random() >> 11) as f64 / (1_u64 << 53) as f64;
        let chosen = match self.source.choice {
            Choice::Uniform => chance * entities,
            // Its logarithm is uniform.
            Choice::Zipf => (entities + 1.0).powf(chance) - 1.0,
        };
        (chosen as u64).min(self.source.entities - 1)
    }

    /// Ten of 64 characters for each random number.
    fn note(&mut self) -> String {
        let mut note = String::with_capacity(self.source.note);
        let mut random = 0;
        for index in 0..self.source.note {
            random = if index % 10 == 0 { self.random() } else { random >> 6 };
            note.push(char::from(b'0' + (random & 63) as u8));
        }
        note
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// An event that moves so many entities, each of them once.
pub(crate) fn wide(number: u64, subjects: u64, entities: u64) -> pb::Event {
    let mut event = template();
    event.event_id = format!("wide-{number:010}");
    event.r#type.push_str(MOVING);
    let first = number * subjects;
    event.subjects.extend((first..first + subjects).map(|n| entity_id(n % entities)));
    event
}

/// The id of an entity by its number, from 0.
pub(crate) fn entity_id(number: u64) -> String {
    format!("deal/{number:08}")
}

/// What all events share.
fn template() -> pb::Event {
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let attributes = [
        ("campaign".to_owned(), text("spring-offer")),
        ("url".to_owned(), text("https://shop.example/offers/spring?from=mail")),
        ("amount".to_owned(), Value { kind: Some(Kind::NumberValue(129.5)) }),
    ];
    pb::Event {
        source: "mailer.example".to_owned(),
        actor: "contact/4711".to_owned(),
        attributes: Some(Struct { fields: attributes.into() }),
        ..pb::Event::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn thousand(mix: Mix, choice: Choice, lane: usize) -> Vec<pb::Event> {
        Source { mix, choice, entities: 50, seed: 1, note: 0 }.events(3, lane).make_some(1_000)
    }

    #[test]
    fn one_event_in_five_moves_in_the_real_mix() {
        let moving = |mix| {
            let events = thousand(mix, Choice::Uniform, 0);
            events.iter().filter(|event| event.r#type == MOVING).count()
        };
        assert_eq!([Mix::Real, Mix::NoMove, Mix::AllMove].map(moving), [200, 0, 1_000]);
    }

    #[test]
    fn every_entity_is_chosen_and_zipf_prefers_the_first() {
        let subjects = |choice| {
            thousand(Mix::Real, choice, 0).into_iter().map(|mut event| event.subjects.remove(0))
        };
        let all: HashSet<_> = (0..50).map(entity_id).collect();
        assert_eq!(subjects(Choice::Uniform).collect::<HashSet<_>>(), all);
        let first = |choice| subjects(choice).filter(|id| *id == entity_id(0)).count();
        assert!(first(Choice::Zipf) > 5 * first(Choice::Uniform));
    }

    #[test]
    fn a_lane_repeats_itself_and_shares_no_event_with_another() {
        let lane = |lane| thousand(Mix::Real, Choice::Zipf, lane);
        assert_eq!(lane(0), lane(0));
        let ids: HashSet<_> = (0..3).flat_map(lane).map(|event| event.event_id).collect();
        assert_eq!(ids.len(), 3_000);
    }
}
