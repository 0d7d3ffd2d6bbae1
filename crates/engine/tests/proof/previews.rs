//! Q1: a preview says what publishing says, and changes nothing.

use pawl_domain::{
    EntityPatch, Event, Fields, Filter, NewTrigger, Outcome, Rejection, TriggerState, Value,
};
use pawl_engine::{Told, UpdateByHand};

use crate::support::{Bed, entity_on, id, refused, trigger, viewed};

fn fields(amount: f64) -> Fields {
    let pair = ("amount".to_owned(), Value::Number(amount));
    Fields::parse("fields", [pair].into_iter().collect()).unwrap()
}

/// Triggers of every state and option, some with a filter.
fn triggers(dice: &mut fastrand::Rng) -> Vec<NewTrigger> {
    let one = |number: usize| {
        let stage = ["a", "b", "c", "W", "L"][dice.usize(..5)];
        let option = ["", "/back", "/reopen", "/back/reopen", "/paused"][dice.usize(..5)];
        let mut new = trigger(&format!("t{number}"), &format!("{stage}{option}"));
        if dice.u8(..5) == 0 {
            new.state = TriggerState::Shadow;
        }
        if dice.bool() {
            let filter = ["event.attributes.amount > 5", "entity.fields.amount < 3"];
            new.filter = Some(Filter::parse("filter", filter[dice.usize(..2)]).unwrap());
        }
        new
    };
    (0..8).map(one).collect()
}

fn event(dice: &mut fastrand::Rng, number: usize) -> Event {
    let subjects = ["deal/1", "deal/2", "deal/1 contact/9", "contact/9 deal/3 contact/8"];
    let sent = viewed(&format!("e{number}"), subjects[dice.usize(..4)]);
    Event {
        attributes: if dice.bool() { fields(dice.f64() * 10.0) } else { Fields::default() },
        ..sent
    }
}

#[tokio::test]
async fn a_preview_says_what_publishing_says() {
    let seed = 7;
    let mut dice = fastrand::Rng::with_seed(seed);
    let bed = Bed::new("a b c W+ L-").await;
    for new in triggers(&mut dice) {
        bed.engine.create_trigger(new, None, false).await.unwrap();
    }
    for (name, stage) in [("deal/1", "a"), ("deal/2", "b"), ("deal/3", "c")] {
        let new = entity_on(name, stage);
        let customer_ids = vec![id("contact/9")];
        let new = pawl_domain::NewEntity { customer_ids, fields: fields(4.0), ..new };
        bed.engine.create_entity(new, None).await.unwrap();
    }
    let mut moved = 0;
    for number in 0..500 {
        let event = event(&mut dice, number);
        let would = bed.engine.preview(event.clone(), Vec::new()).await.unwrap();
        let did = bed.publish(event).await.unwrap();
        assert!(!did.duplicate, "a preview leaves no identity");
        assert_eq!(would.decisions, did.record.decisions(), "seed {seed}, {number}");
        moved += did.record.moves().count();
        if number % 7 == 0 {
            let stage = ["a", "b", "c"][dice.usize(..3)];
            bed.move_by_hand("deal/1", stage, 0, None).await.unwrap();
        }
    }
    println!("previews: 500 cases, {moved} moves");
    assert!(moved > 20, "only {moved} moves");
}

#[tokio::test]
async fn a_preview_changes_not_one_byte() {
    let bed = Bed::new("a b c").await;
    bed.trigger("t1", "b").await;
    bed.entity("deal/1", "a").await;
    let bed = bed.reopen().await;
    let before = bed.bytes();
    let head = bed.engine.head();
    for number in 0..50 {
        let hypothetical = vec![trigger("t1", "c"), trigger(&format!("new{number}"), "c")];
        let event = viewed(&format!("e{number}"), "deal/1");
        let would = bed.engine.preview(event, hypothetical).await.unwrap();
        let Outcome::Moved(moved) = &would.decisions[0].outcome else { panic!("{would:?}") };
        assert_eq!(moved.to_stage_id.as_str(), "c");
    }
    let wish = UpdateByHand {
        id: id("deal/1"),
        patch: EntityPatch { fields: Some(fields(1.0)), ..EntityPatch::default() },
        actor: None,
        event_id: id("u1"),
        expected_revision: 1,
    };
    let would = bed.engine.update_entity(wish, None, true).await.unwrap();
    assert!(matches!(would.told, Some(Told::Previewed(_))));
    assert_eq!(would.entity.version.revision, 2, "as it would be");
    assert_eq!((bed.engine.head(), bed.bytes()), (head, before));
    // The hypothetical triggers are gone, and the real one is as it was.
    assert_eq!(bed.viewed("e", "deal/1").await, "deal/1 a>b by t1@1");
}

#[tokio::test]
async fn a_bad_hypothetical_trigger_is_refused_and_leaves_the_others_as_they_were() {
    let bed = Bed::new("a b c").await;
    bed.trigger("t1", "b").await;
    bed.entity("deal/1", "a").await;
    let bad = vec![trigger("t1", "c"), trigger("t2", "nowhere")];
    let answer = bed.engine.preview(viewed("e1", "deal/1"), bad).await;
    let expected = Rejection::missing("x", pawl_domain::Resource::Stage, &"sales/nowhere");
    let expected = expected.to_string().replace("x:", "triggers[1].stage_id:");
    assert_eq!(refused(answer), expected);
    assert_eq!(bed.viewed("e1", "deal/1").await, "deal/1 a>b by t1@1");
}
