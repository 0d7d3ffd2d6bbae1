//! P1 and P2.

use pawl_api::pb;
use pawl_tests::{Client, entity, event, pipeline, trigger};
use tonic::Code;

use crate::{Case, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("P1", "a new entity enters the first OPEN stage", enters),
        case("P1", "a pipeline may have 200 stages", full),
        case(
            "P2",
            "reordering leaves all where it is, and the next event sees the new order",
            reorder,
        ),
        case("P2", "a stage can go once nothing stands on it, and then the pipeline", remove),
    ]
}

async fn update(client: &Client, pipeline: pb::Pipeline) -> Result<pb::Pipeline, tonic::Status> {
    let request = pb::UpdatePipelineRequest { pipeline: Some(pipeline), ..Default::default() };
    let updated = client.pipelines.clone().update_pipeline(request).await?;
    Ok(updated.into_inner().pipeline.expect("it is given"))
}

async fn enters(client: Client, number: usize) {
    let id = format!("p{number}");
    client.pipeline(pipeline(&id, "lost:LOST new offer won:WON")).await;
    let stage = |created: pb::Entity| created.stage_id;
    assert_eq!(stage(client.entity(entity(&format!("deal/a{number}"), &id)).await), "new");
    let named = entity(&format!("deal/b{number}"), &format!("{id}/won"));
    assert_eq!(stage(client.entity(named).await), "won", "unless it names another");
}

async fn full(client: Client, number: usize) {
    let stages: Vec<_> = (0..200).map(|index| format!("s{index}")).collect();
    let created = client.pipeline(pipeline(&format!("p{number}"), &stages.join(" "))).await;
    let ids: Vec<_> = created.stages.into_iter().map(|stage| stage.stage_id).collect();
    assert_eq!(ids, stages);
}

async fn reorder(client: Client, number: usize) {
    let (id, deal) = (format!("p{number}"), format!("deal/p{number}"));
    client.pipeline(pipeline(&id, "new offer won:WON")).await;
    client.trigger(trigger(&format!("t{number}"), &format!("{id}/offer"), "happened")).await;
    client.entity(entity(&deal, &format!("{id}/new"))).await;
    // What was ahead is now behind, under another name.
    let mut turned = pipeline(&id, "offer new won:WON");
    turned.stages[0].display_name = "Offer sent".into();
    let updated = update(&client, turned).await.expect("nothing is removed");
    assert_eq!((updated.revision, &*updated.stages[0].display_name), (2, "Offer sent"));
    assert_eq!(client.get_entity(&deal).await.stage_id, "new");
    let outcome = client.publish(event(&format!("p{number}"), "happened", &deal)).await;
    assert_eq!(outcome.decisions[0].verdicts[0].result(), pb::VerdictResult::WouldMoveBack);
}

async fn remove(client: Client, number: usize) {
    let (id, deal) = (format!("p{number}"), format!("deal/p{number}"));
    client.pipeline(pipeline(&id, "new offer won:WON")).await;
    client.entity(entity(&deal, &format!("{id}/offer"))).await;
    let without = pipeline(&id, "new won:WON");
    let refused = update(&client, without.clone()).await.expect_err("the deal stands on it");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let delete = pb::DeletePipelineRequest { pipeline_id: id.clone(), ..Default::default() };
    let refused = client.pipelines.clone().delete_pipeline(delete.clone()).await;
    assert_eq!(refused.expect_err("the deal is in it").code(), Code::FailedPrecondition);

    let entity = pb::DeleteEntityRequest { entity_id: deal, ..Default::default() };
    client.entities.clone().delete_entity(entity).await.expect("it is there");
    let updated = update(&client, without).await.expect("nothing stands on it");
    assert_eq!(updated.stages.len(), 2);
    client.pipelines.clone().delete_pipeline(delete).await.expect("nothing is in it");
    let get = pb::GetPipelineRequest { pipeline_id: id };
    let gone = client.pipelines.clone().get_pipeline(get).await;
    assert_eq!(gone.expect_err("it is deleted").code(), Code::NotFound);
}
