//! Every verdict is told in its own words, on the page of the trigger and on that of the entity.

use pawl_api::pb;
use pawl_api::pb::VerdictResult as Result;
use pawl_tests::{Client, Server, entity, event, fields, pipeline, trigger, trigger_type};

use crate::visit::{Browser, said};

/// A trigger and an entity of which a verdict is given, and what is said of it.
struct Case {
    trigger: &'static str,
    entity: &'static str,
    /// On the page of the trigger.
    told: &'static str,
    /// On the page of the entity, where more is known of the case.
    why: &'static str,
}

/// A verdict that nobody wrote a case for does not compile.
fn case(of: Result) -> Option<Case> {
    let case = |trigger, entity, told, why| Some(Case { trigger, entity, told, why });
    let same = |trigger, entity, told| case(trigger, entity, told, told);
    match of {
        Result::Unspecified => None,
        Result::Moved => {
            case("moves", "deal/moves", "moved it to read", "moved from new to read by")
        }
        Result::WouldMove => same(
            "shadow",
            "deal/shadow",
            "did not move it: it is in shadow, to be tried out; active it would have moved the deal \
             to read",
        ),
        Result::Paused => {
            same("paused", "deal/paused", "did not move it: it is paused, so it was not considered")
        }
        Result::ParametersDiffer => same(
            "differs",
            "deal/differs",
            "did not move it: its parameters do not fit the event: from: wants \"ann\", came \"bob\"",
        ),
        Result::FilterFalse => {
            same("false", "deal/false", "did not move it: its filter `1 == 2` does not hold")
        }
        Result::EvaluationError => same(
            "error",
            "deal/error",
            "did not move it: its filter `event.attributes.sum > 100.0` cannot be evaluated: ",
        ),
        Result::SameStage => {
            same("same", "deal/same", "did not move it: the deal stands on its stage read already")
        }
        Result::EntityClosed => case(
            "closed",
            "deal/closed",
            "did not move it: the deal stands on a won or lost stage, which is closed",
            "did not move it: the deal stands on won, which is closed",
        ),
        Result::WouldMoveBack => case(
            "back",
            "deal/back",
            "did not move it: its stage read lies before the stage on which the deal stands",
            "did not move it: its stage read lies before order, where the deal stands",
        ),
        Result::Outranked => case(
            "second",
            "deal/second",
            "did not move it: “First” (trigger first) was picked instead",
            "did not move it: “First” (trigger first, revision 1) was picked instead",
        ),
        Result::Loop => same(
            "parts",
            "invoice/0",
            "did not move it: the invoice moved already because of this event, and along a chain it \
             moves only once",
        ),
        Result::HopLimit => same(
            "parts",
            "invoice/9",
            "did not move it: the chain that the event began is too long: a chain has at most 8 hops",
        ),
    }
}

/// An event type of its own for each case, and the event for its deal; what differs is changed.
async fn happen(client: &Client, id: &str, stage: &str, change: impl Fn(&mut pb::Trigger)) {
    client.trigger_type(trigger_type(id)).await;
    let mut one = trigger(id, "sales/read", id);
    "It".clone_into(&mut one.display_name);
    change(&mut one);
    client.trigger(one).await;
    let deal = format!("deal/{id}");
    client.entity(entity(&deal, &format!("sales/{stage}"))).await;
    if id != "second" {
        client.publish(event(id, id, &deal)).await;
    }
}

/// Invoices that are paid one after the other; the fourth is a part of the first besides.
async fn chain(client: &Client) {
    let entity_kind = "invoice".to_owned();
    client.pipeline(pb::Pipeline { entity_kind, ..pipeline("billing", "open paid:WON") }).await;
    let paid = "invoice.paid".to_owned();
    client.trigger_type(pb::TriggerType { event_type: paid, ..trigger_type("parts") }).await;
    client.trigger(trigger("parts", "billing/paid", "parts")).await;
    for index in 0..12 {
        let mut parent_ids = vec![format!("invoice/{}", index + 1)];
        if index == 3 {
            parent_ids.push("invoice/0".to_owned());
        }
        let invoice = entity(&format!("invoice/{index}"), "billing");
        client.entity(pb::Entity { parent_ids, ..invoice }).await;
    }
    client.publish(event("chain", "invoice.paid", "invoice/0")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verdict_is_told_in_its_own_words() {
    let server = Server::start().await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "new read order won:WON")).await;
    happen(&client, "moves", "new", |_| {}).await;
    happen(&client, "shadow", "new", |one| one.set_state(pb::TriggerState::Shadow)).await;
    happen(&client, "paused", "new", |one| one.set_state(pb::TriggerState::Paused)).await;
    happen(&client, "false", "new", |one| "1 == 2".clone_into(&mut one.filter)).await;
    let sum = "event.attributes.sum > 100.0";
    happen(&client, "error", "new", |one| sum.clone_into(&mut one.filter)).await;
    happen(&client, "same", "read", |_| {}).await;
    happen(&client, "closed", "won", |_| {}).await;
    happen(&client, "back", "order", |_| {}).await;
    happen(&client, "second", "new", |one| "order".clone_into(&mut one.stage_id)).await;
    let first = trigger("first", "sales/read", "second");
    client.trigger(pb::Trigger { display_name: "First".to_owned(), ..first }).await;
    client.publish(event("second", "second", "deal/second")).await;
    let ann = Some(fields([("from", Some("ann"))]));
    let differs = trigger("differs", "sales/read", "email.received");
    client.trigger(pb::Trigger { parameters: ann, ..differs }).await;
    client.entity(entity("deal/differs", "sales")).await;
    let attributes = Some(fields([("from", Some("bob"))]));
    let mail = event("differs", "email.received", "deal/differs");
    client.publish(pb::Event { attributes, ..mail }).await;
    chain(&client).await;

    let browser = Browser::of(&server, "");
    let all = (0..).map_while(|number| Result::try_from(number).ok());
    let mut told = Vec::new();
    for Case { trigger, entity, told: became, why } in all.filter_map(case) {
        let page = said(&browser.page(&format!("/triggers/{trigger}")).await);
        let sentence = format!("{entity}: {became}");
        assert!(page.contains(&sentence), "{sentence:?} is not said:\n{page}");
        let page = said(&browser.page(&format!("/entities/{entity}")).await);
        assert!(page.contains(why), "{why:?} is not said of {entity}:\n{page}");
        told.push(became);
    }
    let count = told.len();
    told.sort_unstable();
    told.dedup();
    assert_eq!((told.len(), count), (12, 12), "no two are told alike");
}
