//! What goes on in a pipeline, in pictures: how often, how far, how long, and by which triggers.

mod charts;
mod numbers;

use axum::extract::Path;
use maud::{Markup, html};
use pawl_domain::{Move, PipelineId, Timestamp, Trigger, TriggerState};
use pawl_engine::{Board, Engine, EngineError, MoveQuery};

use crate::address;
use crate::board::stage_label;
use crate::door::Visitor;
use crate::page::{Frame, Sorry, ago, moment, name_of, span};
use charts::{Bar, bars, columns};
use numbers::{MINUTES, Silence, Stays, per_minute, silence, stays};

/// How many moves are looked at, the newest first, and how many at a time.
const MOVES_MAX: usize = 20_000;
const MOVES_AT_ONCE: usize = 2_000;
/// Through how many stretches of the log is looked for them: each may be long and hold few.
const WALKS_MAX: usize = 20;

pub(crate) async fn page(who: Visitor, Path(pipeline): Path<String>) -> Result<Markup, Sorry> {
    who.reader()?;
    let id = address::pipeline_in(&pipeline)?;
    let board = who.engine.board(id.clone(), 0).await?;
    let (moves, since) = moves(&who.engine, id).await?;
    let now = who.engine.options().clock.now();
    let title = format!("{} in pictures", name_of(&board.pipeline));
    let body = html! {
        main.sheet.pictures {
            h1 { (title) }
            (rate(&moves, since, now))
            (funnel(&board))
            (waits(&board, &stays(&moves, &board.pipeline.id), since, now))
            (triggers(&who, &board, now))
        }
    };
    Ok(Frame::new(&title).of(who.name()).within(&board.pipeline, "pictures").page(body))
}

/// The newest moves into and out of a pipeline, newest first; and since when these are all, if there
/// were more before.
async fn moves(
    engine: &Engine,
    pipeline: PipelineId,
) -> Result<(Vec<Move>, Option<Timestamp>), EngineError> {
    let query = MoveQuery { pipeline_id: Some(pipeline), ..MoveQuery::default() };
    let mut moves: Vec<Move> = Vec::new();
    let mut before = None;
    for _ in 0..WALKS_MAX {
        let room = MOVES_AT_ONCE.min(MOVES_MAX - moves.len());
        let page = engine.moves(query.clone(), before, room).await?;
        moves.extend(page.moves.into_iter().map(|logged| logged.moved));
        before = page.next;
        if before.is_none() || moves.len() >= MOVES_MAX {
            break;
        }
    }
    let since =
        before.map(|_| moves.last().map_or(engine.options().clock.now(), |moved| moved.time));
    Ok((moves, since))
}

fn rate(moves: &[Move], since: Option<Timestamp>, now: Timestamp) -> Markup {
    let counts = per_minute(moves.iter().map(|moved| moved.time), now);
    let total: usize = counts.iter().sum();
    let most = counts.iter().max().copied().unwrap_or_default();
    let text = format!("{total} moves within the last hour, at most {most} in one minute.");
    let begins = now.before(std::time::Duration::from_hours(1));
    html! {
        section aria-labelledby="rate" {
            h2 #rate { "Moves per minute" }
            (columns(&counts, &text))
            p { (text)
                @if let Some(since) = since.filter(|since| *since > begins) {
                    " Only the latest " (moves.len()) " moves were looked at: this tells from " (moment(since)) " on."
                } }
            details {
                summary { "As a table" }
                @if total == 0 { p.faint { "Nothing moved." } }
                @else {
                    table {
                        thead { tr { th scope="col" { "Minutes ago" } th.number scope="col" { "Moves" } } }
                        tbody {
                            @for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                                tr { td { (MINUTES - 1 - index) } td.number { (count) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn funnel(board: &Board) -> Markup {
    let rows: Vec<_> = board
        .pipeline
        .stages
        .in_order()
        .zip(&board.stages)
        .map(|(stage, on_it)| (stage_label(stage), on_it.entity_count))
        .collect();
    let total: u64 = rows.iter().map(|(_, count)| count).sum();
    let told: Vec<_> = rows.iter().map(|(stage, count)| format!("{stage}: {count}")).collect();
    let text = format!("{total} entities. {}.", told.join(", "));
    let shown: Vec<_> = rows
        .iter()
        .map(|(stage, count)| Bar {
            label: (*stage).to_owned(),
            value: *count,
            second: None,
            told: count.to_string(),
        })
        .collect();
    html! {
        section aria-labelledby="funnel" {
            h2 #funnel { "On which stages they stand" }
            (bars(&shown, &text))
            details {
                summary { "As a table" }
                table {
                    thead { tr { th scope="col" { "Stage" } th.number scope="col" { "Entities" } } }
                    tbody { @for (stage, count) in &rows { tr { th scope="row" { (stage) } td.number { (count) } } } }
                }
            }
        }
    }
}

fn waits(board: &Board, stays: &Stays, since: Option<Timestamp>, now: Timestamp) -> Markup {
    let stages = board.pipeline.stages.in_order();
    let rows: Vec<_> =
        stages.filter_map(|stage| Some((stage_label(stage), stays.of(&stage.id)?))).collect();
    let told: Vec<_> = rows
        .iter()
        .map(|(stage, stay)| format!("{stage}: {} and {}", span(stay.median), span(stay.p90)))
        .collect();
    let text = format!("Median and 90th percentile by stage. {}.", told.join(", "));
    let shown: Vec<_> = rows
        .iter()
        .map(|(stage, stay)| Bar {
            label: (*stage).to_owned(),
            value: stay.median.as_secs(),
            second: Some(stay.p90.as_secs()),
            told: format!("{} / {}", span(stay.median), span(stay.p90)),
        })
        .collect();
    html! {
        section aria-labelledby="waits" {
            h2 #waits { "How long they stay" }
            @if rows.is_empty() {
                p.faint { "No stay between two moves has come to its end yet." }
            } @else {
                (bars(&shown, &text))
                p { "Half of the stays were no longer than the full bar, nine of ten no longer than the other. \
                     From " (stays.count()) " stays that began and ended with a move"
                    @if let Some(since) = since { " within the last " (span(now.since(since))) } "." }
                details {
                    summary { "As a table" }
                    table {
                        thead { tr { th scope="col" { "Stage" } th.number scope="col" { "Median" }
                            th.number scope="col" { "90th percentile" } th.number scope="col" { "Stays" } } }
                        tbody { @for (stage, stay) in &rows { tr { th scope="row" { (stage) } td.number { (span(stay.median)) }
                            td.number { (span(stay.p90)) } td.number { (stay.count) } } } }
                    }
                }
            }
        }
    }
}

fn triggers(who: &Visitor, board: &Board, now: Timestamp) -> Markup {
    let mut rows: Vec<_> = board
        .stages
        .iter()
        .flat_map(|stage| &stage.triggers)
        .map(|trigger| (trigger, who.engine.stats_of(trigger)))
        .collect();
    rows.sort_by_key(|(_, stats)| std::cmp::Reverse(stats.moved));
    let shown: Vec<_> = rows
        .iter()
        .map(|(trigger, stats)| Bar {
            label: trigger.display_name.to_string(),
            value: stats.moved,
            second: None,
            told: stats.moved.to_string(),
        })
        .collect();
    let total: u64 = rows.iter().map(|(_, stats)| stats.moved).sum();
    let text = format!("{total} moves by {} triggers; the table below has each.", rows.len());
    html! {
        section aria-labelledby="triggers" {
            h2 #triggers { "What the triggers do" }
            @if rows.is_empty() { p.faint { "There is no trigger yet." } }
            @else {
                (bars(&shown, &text))
                details open {
                    summary { "As a table" }
                    div.scroll { table {
                        thead { tr { th scope="col" { "Trigger" } th.number scope="col" { "Moved" }
                            th.number scope="col" { "Considered" } th scope="col" { "Last moved" } th scope="col" { "Activity" } } }
                        tbody { @for (trigger, stats) in &rows {
                            tr data-trigger=(trigger.id) {
                                th scope="row" { a href=(address::trigger(&trigger.id)) { (trigger.display_name) } }
                                td.number { (stats.moved) } td.number { (stats.considered) }
                                td { @match stats.last_moved_time { Some(last) => { (ago(last, now)) " ago" }, None => "never" } }
                                td { (activity(trigger, silence(stats.last_moved_time, trigger.version.create_time, now))) }
                            }
                        } }
                    } }
                }
            }
        }
    }
}

fn activity(trigger: &Trigger, silence: Silence) -> Markup {
    html! {
        @match (trigger.state, silence) {
            (TriggerState::Paused, _) => span.faint { "paused" },
            (TriggerState::Shadow, _) => span.faint { "in shadow: moves nothing" },
            (TriggerState::Active, Silence::Busy) => span.good { "active" },
            (TriggerState::Active, Silence::For(long)) => span.care { "silent for " (span(long)) },
            (TriggerState::Active, Silence::Never(long)) => span.care { "never moved anything in " (span(long)) },
        }
    }
}
