//! The entities of a pipeline as a table: to search, to filter and to sort.

use axum::extract::{Path, Query};
use maud::{Markup, html};
use pawl_api::sentences::noun_of;
use pawl_domain::{Entity, EntityId, Pipeline, Responsible, StageId, Timestamp, Value};
use pawl_engine::{Engine, EntityQuery};
use serde::Deserialize;

use crate::address;
use crate::board::stage_label;
use crate::card::{name_of, value};
use crate::door::Visitor;
use crate::page::{Frame, Sorry, ago, component, name_of as pipeline_name};

/// How many entities a table shows at most, and how many are read at once.
const ROWS_MAX: usize = 1_000;
/// Through how many a search looks.
const SEARCHED_MAX: usize = 20_000;
/// How many fields the table shows when nobody chose, and at most.
const FIELDS_UNCHOSEN: usize = 2;
const FIELDS_MAX: usize = 6;

/// What is to be shown, and how: the filters of the form, and the order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Look {
    stage: String,
    responsible: String,
    q: String,
    sort: Sort,
    dir: Dir,
    /// Only entities with ids after this one are read.
    after: String,
    /// Fields, between commas.
    fields: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sort {
    Name,
    #[default]
    Id,
    Stage,
    Responsible,
    Age,
    Updated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Dir {
    #[default]
    Asc,
    Desc,
}

const COLUMNS: [(Sort, &str, &str); 6] = [
    (Sort::Name, "name", "Name"),
    (Sort::Id, "id", "Id"),
    (Sort::Stage, "stage", "Stage"),
    (Sort::Responsible, "responsible", "In charge"),
    (Sort::Age, "age", "Time on stage"),
    (Sort::Updated, "updated", "Changed"),
];

pub(crate) async fn page(
    who: Visitor,
    Path(pipeline): Path<String>,
    Query(look): Query<Look>,
) -> Result<Markup, Sorry> {
    who.reader()?;
    let pipeline = who.engine.pipeline(address::pipeline_in(&pipeline)?).await?;
    let Found { mut entities, next, looked_at } = find(&who.engine, &pipeline, &look).await?;
    sort(&mut entities, &pipeline, &look);
    let now = who.engine.options().clock.now();
    let title = format!("{}: list", pipeline_name(&pipeline));
    let fields = look.fields(&entities);
    let fields: Vec<_> =
        fields.iter().map(|name| (name.as_str(), is_numeric(&entities, name))).collect();
    let noun = noun_of(pipeline.kind.as_str());
    let body = html! {
        main.sheet.wide {
            h1 { (title) }
            (filters(&pipeline, &look))
            p role="status" {
                @match entities.len() {
                    0 => { "No " (noun) " fits." },
                    1 => { "1 " (noun) " fits." },
                    count => { (count) " " (noun) "s fit." },
                }
                @if let Some(next) = &next {
                    " There are more: these are out of the first " (looked_at) " by id"
                    @if !look.after.is_empty() { " after " (look.after) }
                    ", and sorted among themselves. "
                    a href={ "?" (look.query(&Change::After(next))) } { "The next" }
                }
                @if !look.after.is_empty() { " " a href={ "?" (look.query(&Change::After(""))) } { "From the beginning" } }
            }
            @if !entities.is_empty() {
                div.scroll tabindex="0" role="region" aria-label="Entities" {
                    table {
                        thead { tr { @for column in COLUMNS { (head(column, &look)) } @for (name, is_number) in &fields { th .number[*is_number] scope="col" { (name) } } } }
                        tbody { @for entity in &entities { (row(entity, &pipeline, &fields, now)) } }
                    }
                }
            }
        }
    };
    Ok(Frame::new(&title).of(who.name()).within(&pipeline, "list").page(body))
}

struct Found {
    entities: Vec<Entity>,
    /// Where to go on.
    next: Option<String>,
    looked_at: usize,
}

async fn find(engine: &Engine, pipeline: &Pipeline, look: &Look) -> Result<Found, Sorry> {
    let query = EntityQuery {
        pipeline_id: Some(pipeline.id.clone()),
        stage_id: some(&look.stage).map(|id| StageId::parse("stage", id)).transpose()?,
        responsible: some(&look.responsible)
            .map(|name| Responsible::parse("responsible", name))
            .transpose()?,
        ..EntityQuery::default()
    };
    let words = look.q.trim().to_lowercase();
    let mut found = Found { entities: Vec::new(), next: None, looked_at: 0 };
    // Whoever knows the id need not wait until it is come across.
    if look.after.is_empty()
        && let Ok(id) = EntityId::parse("q", look.q.trim())
        && let Ok(entity) = engine.entity(id).await
        && entity.pipeline_id == pipeline.id
    {
        return Ok(Found { entities: vec![entity], next: None, looked_at: 1 });
    }
    let most = if words.is_empty() { ROWS_MAX } else { SEARCHED_MAX };
    let mut after = look.after.clone();
    loop {
        let room = (most - found.looked_at).min(ROWS_MAX - found.entities.len());
        let page = engine.entities(query.clone(), after, room).await?;
        found.looked_at += page.items.len();
        found.entities.extend(page.items.into_iter().filter(|entity| has(entity, &words)));
        let is_full = found.looked_at >= most || found.entities.len() >= ROWS_MAX;
        match page.next {
            Some(next) if !is_full => after = next,
            next => {
                found.next = next;
                return Ok(found);
            }
        }
    }
}

fn some(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// Whether all words stand in what an entity is called, or in its id.
fn has(entity: &Entity, words: &str) -> bool {
    let text = format!("{} {}", entity.display_name, entity.id).to_lowercase();
    words.split_whitespace().all(|word| text.contains(word))
}

fn sort(entities: &mut [Entity], pipeline: &Pipeline, look: &Look) {
    let position = |entity: &Entity| pipeline.stages.position(&entity.stage_id);
    let responsible =
        |entity: &Entity| entity.responsible.as_ref().map(|name| name.as_str().to_lowercase());
    match look.sort {
        Sort::Id => entities.sort_by(|one, other| one.id.cmp(&other.id)),
        Sort::Name => entities.sort_by_cached_key(|entity| name_of(entity).to_lowercase()),
        Sort::Stage => entities.sort_by_key(position),
        Sort::Responsible => entities.sort_by_cached_key(responsible),
        // The longest time is the earliest moment.
        Sort::Age => entities.sort_by_key(|entity| std::cmp::Reverse(entity.stage_entered_time)),
        Sort::Updated => entities.sort_by_key(|entity| entity.version.update_time),
    }
    if look.dir == Dir::Desc {
        entities.reverse();
    }
}

/// Whether a column holds numbers, which are read from the right.
fn is_numeric(entities: &[Entity], field: &str) -> bool {
    let mut values = entities.iter().filter_map(|entity| entity.fields.as_map().get(field));
    values.all(|value| matches!(value, Value::Number(_) | Value::Null))
}

/// What a link changes.
enum Change<'a> {
    After(&'a str),
    Order(&'a str, &'a str),
}

impl Look {
    /// The same with a change, as a query.
    fn query(&self, change: &Change<'_>) -> String {
        let sort =
            COLUMNS.iter().find(|(sort, ..)| *sort == self.sort).map_or("id", |(_, key, _)| key);
        let dir = if self.dir == Dir::Desc { "desc" } else { "asc" };
        let (after, sort, dir) = match *change {
            Change::After(after) => (after, sort, dir),
            Change::Order(sort, dir) => (self.after.as_str(), sort, dir),
        };
        let pairs = [
            ("stage", self.stage.as_str()),
            ("responsible", &self.responsible),
            ("q", &self.q),
            ("fields", &self.fields),
            ("sort", sort),
            ("dir", dir),
            ("after", after),
        ];
        let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<_> =
            pairs.map(|(name, value)| format!("{name}={}", component(value))).collect();
        pairs.join("&")
    }

    /// The fields that the table shows: those that were chosen, or the first that entities have.
    fn fields(&self, entities: &[Entity]) -> Vec<String> {
        let chosen = self.fields.split(',').map(str::trim).filter(|name| !name.is_empty());
        let chosen: Vec<_> = chosen.take(FIELDS_MAX).map(str::to_owned).collect();
        if !chosen.is_empty() {
            return chosen;
        }
        let mut names: Vec<String> = Vec::new();
        for name in entities.iter().flat_map(|entity| entity.fields.as_map().keys()) {
            if names.len() == FIELDS_UNCHOSEN {
                break;
            }
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}

fn filters(pipeline: &Pipeline, look: &Look) -> Markup {
    html! {
        form.grid method="get" {
            label { "Search" input type="search" name="q" value=(look.q) placeholder="name or id"; }
            label { "Stage"
                select name="stage" {
                    option value="" { "All" }
                    @for stage in pipeline.stages.in_order() {
                        option value=(stage.id) selected[stage.id.as_str() == look.stage] { (stage_label(stage)) }
                    }
                }
            }
            label { "In charge" input name="responsible" value=(look.responsible) placeholder="the whole name"; }
            label { "Fields to show" input name="fields" value=(look.fields) placeholder="amount, city" autocomplete="off"; }
            @for (sort, key, _) in COLUMNS {
                @if sort == look.sort { input type="hidden" name="sort" value=(key); }
            }
            @if look.dir == Dir::Desc { input type="hidden" name="dir" value="desc"; }
            p.actions { button.primary { "Show" } a href={ (address::board(&pipeline.id)) "/list" } { "Clear" } }
        }
    }
}

fn head((sort, key, title): (Sort, &str, &str), look: &Look) -> Markup {
    let order = (sort == look.sort).then_some(look.dir);
    let said = order.map(|dir| if dir == Dir::Desc { "descending" } else { "ascending" });
    let next = if order == Some(Dir::Asc) { "desc" } else { "asc" };
    html! {
        th scope="col" aria-sort=[said] {
            a href={ "?" (look.query(&Change::Order(key, next))) } {
                (title)
                @match order { Some(Dir::Asc) => " ↑", Some(Dir::Desc) => " ↓", None => {} }
            }
        }
    }
}

fn row(entity: &Entity, pipeline: &Pipeline, fields: &[(&str, bool)], now: Timestamp) -> Markup {
    let stage = pipeline.stages.in_order().find(|stage| stage.id == entity.stage_id);
    html! {
        tr data-id=(entity.id) {
            th scope="row" { a href=(address::entity(&entity.id)) { (name_of(entity)) } }
            td.id { (entity.id) }
            td { @match stage { Some(stage) => (stage_label(stage)), None => (entity.stage_id) } }
            td { @if let Some(name) = &entity.responsible { (name) } }
            td { (ago(entity.stage_entered_time, now)) }
            td { (ago(entity.version.update_time, now)) }
            @for (name, is_number) in fields {
                td .number[*is_number] { @if let Some(of_it) = entity.fields.as_map().get(*name) { (value(of_it)) } }
            }
        }
    }
}
