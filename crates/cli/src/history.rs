//! What happened: moves, verdicts, and events with what came of them.

use pawl_api::pb;
use pawl_api::pb::event_service_client::EventServiceClient;
use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use tonic::Code;

use crate::args::{EventGetArgs, Format, ListArgs, MoveFilter, VerdictFilter};
use crate::client::{ServerError, Target};
use crate::clock::{Clock, stored};
use crate::failure::Failure;
use crate::output::{plain, print_styled, shorten_enums, to_json};
use crate::pages;
use crate::show::{self, details};
use crate::table::{Cell, GOOD, Table};

/// `pawl move list`.
pub(crate) async fn moves(args: ListArgs<MoveFilter>, target: &Target) -> Result<(), Failure> {
    let ListArgs { filter, bounds, shape } = args;
    let mut client = MoveServiceClient::new(target.connect().await?);
    let ask = async |page: pages::Page| {
        let request = pb::ListMovesRequest {
            entity_id: filter.entity.clone(),
            pipeline_id: filter.pipeline.clone(),
            trigger_id: filter.trigger.clone(),
            start_time: filter.since.map(stored),
            end_time: filter.until.map(stored),
            page_size: page.size,
            page_token: page.token,
        };
        let page = client.list_moves(request).await?.into_inner();
        Ok((page.moves, page.next_page_token))
    };
    show::list(&pages::collect(bounds.limit(), ask).await?, shape.output)
}

/// `pawl verdict list`.
pub(crate) async fn verdicts(
    args: ListArgs<VerdictFilter>,
    target: &Target,
) -> Result<(), Failure> {
    let ListArgs { filter, bounds, shape } = args;
    let mut client = TriggerServiceClient::new(target.connect().await?);
    let ask = async |page: pages::Page| {
        let request = pb::ListVerdictsRequest {
            trigger_id: filter.trigger.clone(),
            entity_id: filter.entity.clone(),
            page_size: page.size,
            page_token: page.token,
        };
        let page = client.list_verdicts(request).await?.into_inner();
        Ok((page.verdicts, page.next_page_token))
    };
    show::list(&pages::collect(bounds.limit(), ask).await?, shape.output)
}

/// `pawl event get`.
pub(crate) async fn event(args: EventGetArgs, target: &Target) -> Result<(), Failure> {
    let EventGetArgs { source, event_id, shape } = args;
    let mut client = EventServiceClient::new(target.connect().await?);
    let what = format!("event {} of {}", plain(&event_id), plain(&source));
    let response = client.get_event(pb::GetEventRequest { source, event_id }).await;
    let response = response.map_err(|status| {
        let error = ServerError::from(status);
        let advice = match error.code() {
            Code::NotFound => "\n  it was never published, or is older than what is retained",
            _ => "",
        };
        Failure::At { what, error, advice: advice.to_owned() }
    })?;
    let response = response.into_inner();
    if shape.output != Format::Table {
        return show::document(&to_json("pawl.v1.GetEventResponse", &response), shape.output);
    }
    let event = to_json("pawl.v1.Event", &response.event.unwrap_or_default());
    let mut table = Table::new(&["ENTITY", "OUTCOME", "FROM", "TO", "TRIGGER", "EVENT TYPE"]);
    let outcome = response.outcome.unwrap_or_default();
    for decision in &outcome.decisions {
        table.add(row(decision));
    }
    let mut text = details(&event, &Clock::new());
    if !outcome.decisions.is_empty() {
        text.push('\n');
        text.push_str(&table.text(""));
    }
    print_styled(&text)
}

fn row(decision: &pb::Decision) -> Vec<Cell> {
    let mut value = to_json("pawl.v1.Decision", decision);
    shorten_enums(&mut value);
    let outcome = value["outcome"].as_str().unwrap_or_default();
    let moved = decision.r#move.clone().unwrap_or_default();
    let trigger = match &moved.cause {
        Some(pb::r#move::Cause::Trigger(cause)) => cause.trigger_id.as_str(),
        _ => "",
    };
    let entity =
        if decision.entity_id.is_empty() { &decision.subject } else { &decision.entity_id };
    vec![
        Cell::plain(entity),
        if decision.r#move.is_some() { Cell::styled(outcome, GOOD) } else { Cell::plain(outcome) },
        Cell::plain(&moved.from_stage_id),
        Cell::plain(&moved.to_stage_id),
        Cell::plain(trigger),
        Cell::plain(&decision.event_type),
    ]
}
