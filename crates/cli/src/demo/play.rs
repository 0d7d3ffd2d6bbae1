use std::convert::Infallible;
use std::time::Duration;

use jiff::Timestamp;
use pawl_api::pb;
use pawl_api::pb::entity_service_client::EntityServiceClient;
use pawl_api::pb::event_service_client::EventServiceClient;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tonic::Status;
use tracing::warn;

use crate::client::Wire;
use crate::demo::story::{Act, Dice, next_act};
use crate::demo::{PIPELINE, cast};

/// Soon enough for who has just started it.
const FIRST_MOVE_AFTER: Duration = Duration::from_millis(500);
const MOVE_EVERY: Duration = Duration::from_secs(1);
/// How many deals are open at a time: for each that is closed a new one comes in.
const OPEN_DEALS: usize = 12;
/// How many closed deals stay to be looked at.
const CLOSED_DEALS: usize = 30;
/// With it a fresh demo soon shows a bit of everything.
const SEED: u64 = 23;
/// Of so many moves, one concerns a deal that was lost.
const REOPEN_ONE_IN: u32 = 10;

/// Plays the customers and the colleagues.
#[derive(Debug)]
pub(super) struct Player {
    entities: EntityServiceClient<Wire>,
    events: EventServiceClient<Wire>,
    dice: Dice,
    /// Makes the ids of this run's events others than those of earlier runs.
    run: String,
    event_count: u64,
    /// The number of the newest deal.
    last_deal: u64,
}

impl Player {
    /// Goes on where an earlier run stopped, or begins with the first deals.
    pub(super) async fn new(channel: Wire) -> Result<Self, Status> {
        let mut player = Self {
            entities: EntityServiceClient::new(channel.clone()),
            events: EventServiceClient::new(channel),
            dice: Dice::new(0),
            run: Timestamp::now().strftime("%m%d-%H%M%S").to_string(),
            event_count: 0,
            last_deal: 0,
        };
        let known = player.deals().await?.into_iter();
        player.last_deal =
            known.filter_map(|deal| cast::number(&deal.entity_id)).max().unwrap_or(0);
        if player.last_deal == 0 {
            for deal in cast::first_deals() {
                player.create(deal).await?;
            }
        }
        player.dice = Dice::new(SEED + player.last_deal);
        Ok(player)
    }

    /// Plays on and on. What fails is logged: the next move may do better.
    pub(super) async fn play(&mut self) -> Infallible {
        let mut pace = interval_at(Instant::now() + FIRST_MOVE_AFTER, MOVE_EVERY);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            if let Err(status) = self.step().await {
                warn!(code = ?status.code(), problem = status.message(), "the demo missed a move");
            }
        }
    }

    /// One deal moves on; the ranks are filled up and cleared.
    async fn step(&mut self) -> Result<(), Status> {
        let deals = self.deals().await?;
        let on = |stage: &str| deals.iter().filter(|d| d.stage_id == stage).collect::<Vec<_>>();
        let (lost, won) = (on("lost"), on("won"));
        let is_open = |deal: &&pb::Entity| deal.stage_id != "lost" && deal.stage_id != "won";
        let open: Vec<_> = deals.iter().filter(is_open).collect();

        let reopen = !lost.is_empty() && self.dice.below(REOPEN_ONE_IN) == 0;
        if let Some(deal) = self.dice.pick(if reopen { &lost } else { &open })
            && let Some(act) = next_act(&deal.stage_id, &mut self.dice)
        {
            self.act(deal, act).await?;
        }
        for _ in open.len()..OPEN_DEALS {
            self.create(cast::deal(self.last_deal + 1)).await?;
        }
        let mut closed = [lost, won].concat();
        closed.sort_by_key(|deal| deal.stage_entered_time.map(|time| (time.seconds, time.nanos)));
        for deal in closed.iter().take(closed.len().saturating_sub(CLOSED_DEALS)) {
            let request = pb::DeleteEntityRequest {
                entity_id: deal.entity_id.clone(),
                expected_revision: deal.revision,
            };
            self.entities.delete_entity(request).await?;
        }
        Ok(())
    }

    async fn act(&mut self, deal: &pb::Entity, act: Act) -> Result<(), Status> {
        match act {
            Act::Event { source, event_type } => {
                self.event_count += 1;
                let event = pb::Event {
                    event_id: format!("{}-{}", self.run, self.event_count),
                    source: source.to_owned(),
                    r#type: event_type.to_owned(),
                    subjects: vec![deal.entity_id.clone()],
                    ..Default::default()
                };
                let request = pb::PublishEventRequest { event: Some(event), ..Default::default() };
                self.events.publish_event(request).await?;
            }
            Act::ByHand { stage_id, actor, comment } => {
                let request = pb::MoveEntityRequest {
                    entity_id: deal.entity_id.clone(),
                    stage_id: stage_id.to_owned(),
                    actor: actor.to_owned(),
                    comment: comment.to_owned(),
                    ..Default::default()
                };
                self.entities.move_entity(request).await?;
            }
        }
        Ok(())
    }

    async fn create(&mut self, deal: pb::Entity) -> Result<(), Status> {
        // Also when it fails, so that a deal which is in the way is passed over.
        self.last_deal = cast::number(&deal.entity_id).unwrap_or(self.last_deal);
        let request = pb::CreateEntityRequest { entity: Some(deal), ..Default::default() };
        self.entities.create_entity(request).await.map(drop)
    }

    /// The deals of the demo as they stand; those of users are left alone.
    async fn deals(&mut self) -> Result<Vec<pb::Entity>, Status> {
        let mut deals = Vec::new();
        let mut request = pb::ListEntitiesRequest {
            pipeline_id: PIPELINE.to_owned(),
            page_size: 1_000,
            ..Default::default()
        };
        loop {
            let page = self.entities.list_entities(request.clone()).await?.into_inner();
            let of_demo = |deal: &pb::Entity| cast::number(&deal.entity_id).is_some();
            deals.extend(page.entities.into_iter().filter(of_demo));
            if page.next_page_token.is_empty() {
                return Ok(deals);
            }
            request.page_token = page.next_page_token;
        }
    }
}
