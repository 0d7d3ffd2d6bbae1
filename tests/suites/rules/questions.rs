//! What one can ask: why, which, and how alive (Q1 to Q3).

use pawl_api::pb;
use pawl_tests::{Client, Port, Server, entity, event, trigger};

use crate::stories::{given, stage, told};
use crate::{Case, case};

use pb::DecisionOutcome::Moved;
use pb::VerdictResult as Is;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("Q1", "a preview says what publishing says, and nothing of it stays", previewed),
        case(
            "Q1",
            "verdicts are listed by trigger and by entity, newest first, page by page",
            listed,
        ),
        case("Q2", "entities by customer, responsible and time; a board with a token", which),
        case("Q3", "statistics survive a restart", |_, _| alive()),
    ]
}

async fn preview(
    client: &Client,
    event: pb::Event,
    triggers: Vec<pb::Trigger>,
) -> pb::EventOutcome {
    let request = pb::PreviewEventRequest { event: Some(event), triggers };
    let previewed = client.events.clone().preview_event(request).await.expect("it is previewed");
    previewed.into_inner().outcome.expect("it is given")
}

async fn previewed(client: Client, number: usize) {
    let (id, deal) = given(&client, number, "new offer won:WON").await;
    let kept =
        client.trigger(trigger(&format!("kept{number}"), &format!("{id}/won"), "order.paid")).await;
    let sent = event(&format!("paid{number}"), "order.paid", &deal);
    let before = client.info().await;
    let nearer = trigger("", &format!("{id}/offer"), "order.paid");
    let paused = pb::Trigger { state: pb::TriggerState::Paused.into(), ..kept };
    let what_if = preview(&client, sent.clone(), vec![nearer, paused]).await;
    assert_eq!(told(Some(&what_if)), (Moved, vec![Is::Paused, Is::Moved]));
    let mut would = preview(&client, sent.clone(), Vec::new()).await;
    assert_eq!(stage(&client, &deal).await, "new");
    let after = client.info().await;
    assert_eq!(
        (after.event_count, after.trigger_count),
        (before.event_count, before.trigger_count)
    );

    let did = client.publish(sent).await;
    assert!(!did.duplicate, "a preview leaves no identity");
    let moved = would.decisions[0].r#move.as_mut().expect("it would move");
    assert_eq!(moved.move_id, "");
    let made = did.decisions[0].r#move.as_ref().expect("it moved");
    (moved.move_id, moved.time) = (made.move_id.clone(), made.time);
    assert_eq!(would, did);
}

async fn listed(client: Client, number: usize) {
    let (id, deal) = given(&client, number, "new offer won:WON").await;
    let back = pb::Trigger {
        allow_move_back: true,
        ..trigger(&format!("back{number}"), &format!("{id}/new"), "email.viewed")
    };
    client.trigger(back).await;
    client.trigger(trigger(&format!("on{number}"), &format!("{id}/offer"), "email.viewed")).await;
    for index in 0..6 {
        client.publish(event(&format!("v{number}-{index}"), "email.viewed", &deal)).await;
    }
    let mut request = pb::ListVerdictsRequest {
        trigger_id: format!("on{number}"),
        entity_id: deal.clone(),
        page_size: 4,
        ..Default::default()
    };
    let mut found = Vec::new();
    loop {
        let page = client.triggers.clone().list_verdicts(request.clone()).await.expect("listed");
        let page = page.into_inner();
        found.extend(page.verdicts);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let occasions: Vec<_> = found
        .iter()
        .map(|v| (&*v.occasion.as_ref().expect("it is given").event_id, v.result()))
        .collect();
    let expected: Vec<_> = (0..6)
        .rev()
        .map(|index| {
            let result = if index % 2 == 0 { Is::Moved } else { Is::SameStage };
            (format!("v{number}-{index}"), result)
        })
        .collect();
    assert_eq!(occasions, expected.iter().map(|(id, is)| (&**id, *is)).collect::<Vec<_>>());
    let stats = client.triggers.clone();
    let request = pb::GetTriggerRequest { trigger_id: format!("on{number}"), revision: 0 };
    let read = stats.clone().get_trigger(request).await.expect("it is there").into_inner();
    let stats = read.trigger.and_then(|trigger| trigger.stats).expect("they are given");
    assert_eq!((stats.considered, stats.matched, stats.moved), (6, 6, 3));
}

async fn which(client: Client, number: usize) {
    let (id, deal) = given(&client, number, "new offer won:WON").await;
    client.trigger(trigger(&format!("b{number}"), &format!("{id}/offer"), "email.viewed")).await;
    let contact = format!("contact/which{number}");
    let second = format!("deal/which{number}");
    let other = pb::Entity {
        customer_ids: vec![contact.clone()],
        responsible: format!("ann{number}"),
        ..entity(&second, &format!("{id}/offer"))
    };
    client.entity(other).await;
    let list = async |request: pb::ListEntitiesRequest| {
        let listed = client.entities.clone().list_entities(request).await.expect("listed");
        listed.into_inner().entities.into_iter().map(|e| e.entity_id).collect::<Vec<_>>()
    };
    let of = pb::ListEntitiesRequest::default;
    assert_eq!(
        list(pb::ListEntitiesRequest { customer_id: contact.clone(), ..of() }).await,
        [&*second]
    );
    let responsible = format!("ann{number}");
    assert_eq!(list(pb::ListEntitiesRequest { responsible, ..of() }).await, [&*second]);
    let updated_after = client.get_entity(&second).await.update_time;
    let later = pb::ListEntitiesRequest { pipeline_id: id.clone(), updated_after, ..of() };
    assert_eq!(list(later).await, [&*second]);
    let updated_before = updated_after;
    let earlier = pb::ListEntitiesRequest { pipeline_id: id.clone(), updated_before, ..of() };
    assert_eq!(list(earlier).await, [&*deal]);

    let request = pb::GetBoardRequest { pipeline_id: id.clone(), entities_per_stage: 1 };
    let board =
        client.pipelines.clone().get_board(request).await.expect("it is there").into_inner();
    let shown: Vec<_> = board
        .stages
        .iter()
        .map(|s| (&*s.stage_id, s.triggers.len(), s.entity_count, s.entities.len()))
        .collect();
    assert_eq!(shown, [("new", 0, 1, 1), ("offer", 1, 1, 1), ("won", 0, 0, 0)]);
    client.publish(event(&format!("seen{number}"), "email.viewed", &deal)).await;
    let filter = pb::MoveFilter { pipeline_ids: vec![id], ..Default::default() };
    let resume = pawl_tests::resume(&board.resume_token);
    let mut watch = client.watch(pb::WatchMovesRequest { filter: Some(filter), ..resume }).await;
    assert_eq!(watch.next_move().await.expect("it comes").entity_id, deal, "what came after it");
}

async fn alive() {
    let mut server = Server::start().await;
    let client = server.client().await;
    let (id, deal) = given(&client, 0, "new offer").await;
    client.trigger(trigger("t", &format!("{id}/offer"), "email.viewed")).await;
    client.publish(event("e1", "email.viewed", &deal)).await;
    client.publish(event("e2", "email.viewed", &deal)).await;
    let stats = async |client: Client| {
        let request = pb::GetTriggerRequest { trigger_id: "t".to_owned(), revision: 0 };
        let read = client.triggers.clone().get_trigger(request).await.expect("it is there");
        read.into_inner().trigger.and_then(|trigger| trigger.stats).expect("they are given")
    };
    let before = stats(client).await;
    assert_eq!((before.considered, before.matched, before.moved), (2, 2, 1));
    server.kill_9().await;
    server.restart(Port::Any).await;
    assert_eq!(stats(server.client().await).await, before);
}
