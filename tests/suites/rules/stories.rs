//! The stories of the trade, from end to end: T2 to T4, T7, T8, E3, X1 and X2.

use pawl_api::pb;
use pawl_tests::{Client, entity, event, fields, pipeline, trigger, trigger_type};

use crate::{Case, case};

use pb::DecisionOutcome::{self, Moved, NotMoved};
use pb::VerdictResult as Is;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("T2", "an offer is mailed, the customer opens the mail, the deal jumps on", mailed),
        case(
            "X1",
            "the responsible changes, and the deal follows: forward, and back with leave",
            handed,
        ),
        case("X2", "an invoice that is won moves its deal and its estimate", paid),
        case("T7", "five stages are skipped in one move", skipped),
        case("T2", "a smart process of the user's own, with a type of its own", own_process),
        case("E3", "a contact reaches the latest deal, all of them, or none", reached),
        case(
            "T3",
            "a filter is evaluated, explained part by part, and its errors harm nobody",
            filtered,
        ),
        case("T4", "a trigger in shadow is judged and moves nothing", shadow),
        case("T8", "a trigger that nobody named says what it waits for", named),
        case("X2", "a chain ends where it meets itself, and after 8 hops", chained),
    ]
}

pub(crate) async fn stage(client: &Client, id: &str) -> String {
    client.get_entity(id).await.stage_id
}

/// A pipeline of deals `p{number}` and a deal on its first stage.
pub(crate) async fn given(client: &Client, number: usize, stages: &str) -> (String, String) {
    let (id, deal) = (format!("story{number}"), format!("deal/story{number}"));
    client.pipeline(pipeline(&id, stages)).await;
    client.entity(entity(&deal, &id)).await;
    (id, deal)
}

async fn mailed(client: Client, number: usize) {
    let (id, deal) = given(&client, number, "new sent read won:WON").await;
    client.trigger(trigger("", &format!("{id}/sent"), "email.sent")).await;
    client.trigger(trigger("", &format!("{id}/read"), "email.viewed")).await;
    client.publish(event(&format!("mail{number}"), "email.sent", &deal)).await;
    assert_eq!(stage(&client, &deal).await, "sent");
    client.publish(event(&format!("view{number}"), "email.viewed", &deal)).await;
    assert_eq!(stage(&client, &deal).await, "read");
}

async fn update(client: &Client, changed: pb::Entity) -> pb::UpdateEntityResponse {
    let request = pb::UpdateEntityRequest {
        entity: Some(changed),
        actor: "boss".to_owned(),
        ..Default::default()
    };
    client.entities.clone().update_entity(request).await.expect("it is there").into_inner()
}

/// Outcome and verdicts of the only decision.
pub(crate) fn told(outcome: Option<&pb::EventOutcome>) -> (DecisionOutcome, Vec<Is>) {
    let [decision] = &outcome.expect("it is an event").decisions[..] else { panic!("one entity") };
    (decision.outcome(), decision.verdicts.iter().map(pb::Verdict::result).collect())
}

async fn handed(client: Client, number: usize) {
    let (id, deal) = given(&client, number, "one two three").await;
    let two = format!("{id}/two");
    let made =
        client.trigger(trigger(&format!("to-two{number}"), &two, "responsible.changed")).await;
    let hand_to = |name: &str| {
        update(&client, pb::Entity { responsible: name.to_owned(), ..entity(&deal, "") })
    };
    let answer = hand_to("ann").await;
    assert_eq!(told(answer.outcome.as_ref()), (Moved, vec![Is::Moved]));
    let after = answer.entity.expect("it is given");
    assert_eq!((&*after.stage_id, after.revision), ("two", 3), "the write and the move");
    assert_eq!(after, client.get_entity(&deal).await);

    let by_hand = pb::MoveEntityRequest {
        entity_id: deal.clone(),
        stage_id: "three".to_owned(),
        ..Default::default()
    };
    client.entities.clone().move_entity(by_hand).await.expect("it moves");
    let answer = hand_to("bob").await;
    assert_eq!(told(answer.outcome.as_ref()), (NotMoved, vec![Is::WouldMoveBack]));
    let request = pb::UpdateTriggerRequest {
        trigger: Some(pb::Trigger { allow_move_back: true, ..made }),
        ..Default::default()
    };
    client.triggers.clone().update_trigger(request).await.expect("it may");
    let answer = hand_to("cy").await;
    assert_eq!(told(answer.outcome.as_ref()), (Moved, vec![Is::Moved]));
    assert_eq!(stage(&client, &deal).await, "two");

    // Found again under the identity that the answer gives, with what changed.
    let outcome = answer.outcome.expect("it is an event");
    let request = pb::GetEventRequest { source: "pawl".to_owned(), event_id: outcome.event_id };
    let kept = client.events.clone().get_event(request).await.expect("it is kept").into_inner();
    let kept_event = kept.event.expect("it is given");
    assert_eq!((&*kept_event.r#type, &*kept_event.actor), ("entity.updated", "boss"));
    let changes = kept_event.changes.expect("they are given");
    assert!(changes.fields.contains_key("responsible"), "{changes:?}");
    let kept = kept.outcome.expect("it is given");
    assert_eq!(told(Some(&kept)), (Moved, vec![Is::Moved]));

    let same = update(&client, pb::Entity { responsible: "cy".to_owned(), ..entity(&deal, "") });
    assert_eq!(same.await.outcome, None, "what changes nothing is no event");
}

async fn paid(client: Client, number: usize) {
    let (id, deal) = given(&client, number, "new won:WON").await;
    client.trigger(trigger("", &format!("{id}/won"), "invoice.paid")).await;
    let kind = |kind: &str, name: &str, stages| {
        let entity_kind = kind.to_owned();
        pb::Pipeline { entity_kind, ..pipeline(&format!("{name}{number}"), stages) }
    };
    client.pipeline(kind("estimate", "estimates", "open accepted:WON")).await;
    client.pipeline(kind("invoice", "invoices", "sent paid:WON")).await;
    client.trigger(trigger("", &format!("estimates{number}/accepted"), "invoice.paid")).await;
    client.trigger(trigger("", &format!("invoices{number}/paid"), "payment.received")).await;
    let estimate = format!("estimate/story{number}");
    client.entity(entity(&estimate, &format!("estimates{number}"))).await;
    let invoice = format!("invoice/story{number}");
    let parents = pb::Entity {
        parent_ids: vec![deal.clone(), estimate.clone()],
        ..entity(&invoice, &format!("invoices{number}"))
    };
    client.entity(parents).await;
    let outcome =
        client.publish(event(&format!("pay{number}"), "payment.received", &invoice)).await;
    let decided: Vec<_> =
        outcome.decisions.iter().map(|d| (&*d.entity_id, d.hop, d.outcome())).collect();
    assert_eq!(decided, [(&*invoice, 0, Moved), (&*deal, 1, Moved), (&*estimate, 1, Moved)]);
    let moved = outcome.decisions[1].r#move.as_ref().expect("it moved");
    let Some(pb::r#move::Cause::Trigger(cause)) = &moved.cause else { panic!("{moved:?}") };
    assert_eq!((moved.hop, &*cause.event_id), (1, &*format!("pay{number}")), "of the first event");
    assert_eq!(stage(&client, &deal).await, "won");
    assert_eq!(stage(&client, &estimate).await, "accepted");
}

async fn skipped(client: Client, number: usize) {
    let (id, deal) = given(&client, number, "a b c d e f g").await;
    client.trigger(trigger("", &format!("{id}/g"), "order.paid")).await;
    client.trigger(trigger("", &format!("{id}/c"), "email.viewed")).await;
    client.publish(event(&format!("skip{number}"), "order.paid", &deal)).await;
    assert_eq!(client.get_entity(&deal).await.revision, 2, "one move");
    assert_eq!(stage(&client, &deal).await, "g");
}

async fn own_process(client: Client, number: usize) {
    let id = format!("repairs{number}");
    let kind = "smart_process.repairs".to_owned();
    client.pipeline(pb::Pipeline { entity_kind: kind, ..pipeline(&id, "in bench out:WON") }).await;
    let own = pb::TriggerType {
        parameters: vec![pb::Parameter { name: "bench".to_owned(), ..Default::default() }],
        entity_kinds: vec!["smart_process".to_owned()],
        ..trigger_type(&format!("bench.taken{number}"))
    };
    client.trigger_type(own).await;
    let made = pb::Trigger {
        parameters: Some(fields([("bench", Some("3"))])),
        ..trigger("", &format!("{id}/bench"), &format!("bench.taken{number}"))
    };
    client.trigger(made).await;
    let item = format!("smart_process.repairs/{number}");
    client.entity(entity(&item, &id)).await;
    let taken = |event_id: &str, bench| pb::Event {
        attributes: Some(fields([("bench", Some(bench))])),
        ..event(&format!("{event_id}{number}"), &format!("bench.taken{number}"), &item)
    };
    let other = client.publish(taken("other", "4")).await;
    assert_eq!(told(Some(&other)), (NotMoved, vec![Is::ParametersDiffer]));
    let detail = &other.decisions[0].verdicts[0].detail;
    assert_eq!(detail, "bench: wants \"3\", came \"4\"");
    client.publish(taken("third", "3")).await;
    assert_eq!(stage(&client, &item).await, "bench");
}

async fn reached(client: Client, number: usize) {
    let contact = format!("contact/story{number}");
    let of_contact = |deal: &str, pipeline: &str| pb::Entity {
        customer_ids: vec![contact.clone()],
        ..entity(&format!("deal/{deal}{number}"), &format!("{pipeline}{number}"))
    };
    for (name, reach) in [
        ("one", pb::CustomerReach::Latest),
        ("all", pb::CustomerReach::All),
        ("none", pb::CustomerReach::None),
    ] {
        let id = format!("{name}{number}");
        let made = pipeline(&id, "new seen won:WON");
        client.pipeline(pb::Pipeline { customer_reach: reach.into(), ..made }).await;
        client.trigger(trigger("", &format!("{id}/seen"), "email.viewed")).await;
        client.entity(of_contact(&format!("{name}-a"), name)).await;
        client.entity(of_contact(&format!("{name}-b"), name)).await;
        let closed = of_contact(&format!("{name}-c"), name);
        client.entity(pb::Entity { stage_id: "won".to_owned(), ..closed }).await;
    }
    let outcome = client.publish(event(&format!("view{number}"), "email.viewed", &contact)).await;
    let decided: Vec<_> = outcome.decisions.iter().map(|d| (&*d.subject, &*d.entity_id)).collect();
    let deal = |name: &str| format!("deal/{name}{number}");
    let expected = [deal("all-a"), deal("all-b"), deal("one-b")];
    assert_eq!(decided, expected.each_ref().map(|id| (&*contact, &**id)));
    // The latest is whichever was written last, by whatever write.
    let name = "renamed".to_owned();
    update(&client, pb::Entity { display_name: name, ..entity(&deal("one-a"), "") }).await;
    let outcome = client.publish(event(&format!("again{number}"), "email.viewed", &contact)).await;
    assert_eq!(outcome.decisions[2].entity_id, deal("one-a"));
    let stranger = format!("contact/stranger{number}");
    let outcome = client.publish(event(&format!("who{number}"), "email.viewed", &stranger)).await;
    assert_eq!(told(Some(&outcome)), (DecisionOutcome::NotReached, vec![]));
    assert_eq!(outcome.decisions[0].entity_id, "");
}

async fn filtered(client: Client, number: usize) {
    let (id, deal) = given(&client, number, "new offer won:WON").await;
    let with = |name: &str, filter: &str| pb::Trigger {
        filter: filter.to_owned(),
        ..trigger(&format!("{name}{number}"), &format!("{id}/offer"), "order.paid")
    };
    client.trigger(with("rich", "entity.responsible == 'ann' && has(event.attributes.vip)")).await;
    client.trigger(with("broken", "event.attributes.amount > 5")).await;
    client.trigger(with("any", "event.source == 'test' || event.attributes.amount > 5")).await;
    let outcome = client.publish(event(&format!("paid{number}"), "order.paid", &deal)).await;
    let expected = vec![Is::FilterFalse, Is::EvaluationError, Is::Moved];
    assert_eq!(told(Some(&outcome)), (Moved, expected));
    let verdicts = &outcome.decisions[0].verdicts;
    assert_eq!(verdicts[0].detail, "entity.responsible == 'ann', entity.responsible is \"\"");
    assert_eq!(verdicts[1].detail, "there is no \"amount\" here");
    let parts: Vec<_> = verdicts[2].filter_parts.iter().map(|p| &*p.expression).collect();
    assert_eq!(
        parts,
        [
            "event.source == 'test'",
            "event.source",
            "event.attributes.amount > 5",
            "event.attributes.amount"
        ]
    );
    assert_eq!(verdicts[2].filter_parts[3].error, "there is no \"amount\" here");
}

async fn shadow(client: Client, number: usize) {
    let (id, deal) = given(&client, number, "new offer won:WON").await;
    let state = pb::TriggerState::Shadow.into();
    let made = trigger("", &format!("{id}/offer"), "order.paid");
    client.trigger(pb::Trigger { state, ..made }).await;
    let outcome = client.publish(event(&format!("alone{number}"), "order.paid", &deal)).await;
    assert_eq!(told(Some(&outcome)), (NotMoved, vec![Is::WouldMove]));
    client.trigger(trigger("", &format!("{id}/won"), "order.paid")).await;
    let outcome = client.publish(event(&format!("both{number}"), "order.paid", &deal)).await;
    assert_eq!(told(Some(&outcome)), (Moved, vec![Is::WouldMove, Is::Moved]));
}

async fn named(client: Client, number: usize) {
    let (id, _) = given(&client, number, "new offer").await;
    let made = client.trigger(trigger("", &format!("{id}/offer"), "invoice.paid")).await;
    assert_eq!(made.display_name, "Invoice paid");
    let amount = pb::Trigger {
        parameters: Some(fields([("fields", Some("amount"))])),
        ..trigger("", &format!("{id}/offer"), "field.changed")
    };
    let made = client.trigger(amount).await;
    assert_eq!(made.display_name, "Field changed: amount");
    // What was read and is sent back stays a sentence.
    let changed = pb::Trigger { parameters: Some(fields([("fields", Some("budget"))])), ..made };
    let request = pb::UpdateTriggerRequest { trigger: Some(changed), ..Default::default() };
    let updated = client.triggers.clone().update_trigger(request).await.expect("it may");
    let updated = updated.into_inner().trigger.expect("it is given");
    assert_eq!(updated.display_name, "Field changed: budget");
}

async fn chained(client: Client, number: usize) {
    let id = format!("chain{number}");
    let entity_kind = "invoice".to_owned();
    client.pipeline(pb::Pipeline { entity_kind, ..pipeline(&id, "open paid:WON") }).await;
    let code = format!("parts.paid{number}");
    let own = pb::TriggerType { event_type: "invoice.paid".to_owned(), ..trigger_type(&code) };
    client.trigger_type(own).await;
    client.trigger(trigger("", &format!("{id}/paid"), &code)).await;
    let invoice = |index: usize| format!("invoice/{number}-{index}");
    for index in 0..12 {
        // The fourth names the first besides: the chain meets itself there.
        let mut parent_ids = vec![invoice(index + 1)];
        if index == 3 {
            parent_ids.push(invoice(0));
        }
        client.entity(pb::Entity { parent_ids, ..entity(&invoice(index), &id) }).await;
    }
    let outcome = client.publish(event(&format!("go{number}"), "invoice.paid", &invoice(0))).await;
    let verdict = |d: &pb::Decision| (d.hop, d.verdicts[0].result());
    let verdicts: Vec<_> = outcome.decisions.iter().map(verdict).collect();
    let mut expected: Vec<_> = (0..=8).map(|hop| (hop, Is::Moved)).collect();
    expected.insert(5, (4, Is::Loop));
    expected.push((9, Is::HopLimit));
    assert_eq!(verdicts, expected);
    assert_eq!(stage(&client, &invoice(8)).await, "paid");
    assert_eq!(stage(&client, &invoice(9)).await, "open");
}
