//! Get, list, create, update and delete, the same for every kind of resource.

use std::fmt::Write;
use std::path::Path;

use pawl_api::json;
use prost_types::FieldMask;
use serde_json::Value;
use tonic::{Code, Status};

use crate::apply::{differences, read};
use crate::args::{
    CreateArgs, DeleteArgs, Fields, Format, GetArgs, Keep, ListArgs, Members, Shape, UpdateArgs,
};
use crate::client::{ServerError, Target};
use crate::diff;
use crate::export::written;
use crate::failure::Failure;
use crate::output::{plain, print, to_json};
use crate::resource::{Clients, Resource};
use crate::{manifest, pages, show};

/// `pawl pipeline …`, `pawl trigger …` and so on.
pub(crate) async fn run<R, New, Changes>(
    command: Keep<R::Filter, New, Changes>,
    target: &Target,
) -> Result<(), Failure>
where
    R: Resource,
    R::Filter: clap::Args,
    New: Fields,
    Changes: Fields,
{
    match command {
        Keep::Get(args) => get::<R>(args, target).await,
        Keep::List(args) => list::<R>(args, target).await,
        Keep::Create(args) => create::<R, New>(args, target).await,
        Keep::Update(args) => update::<R, Changes>(args, target).await,
        Keep::Delete(args) => delete::<R>(args, target).await,
    }
}

async fn get<R: Resource>(args: GetArgs, target: &Target) -> Result<(), Failure> {
    let clients = &mut Clients::new(target.connect().await?);
    let found = R::get(clients, &args.id).await.map_err(|status| refused::<R>(&args.id, status))?;
    show::one(&found, args.shape.output)
}

async fn list<R: Resource>(args: ListArgs<R::Filter>, target: &Target) -> Result<(), Failure>
where
    R::Filter: clap::Args,
{
    let clients = &mut Clients::new(target.connect().await?);
    let ask = async |page| R::list(clients, &args.filter, page).await;
    let found = pages::collect::<R>(args.bounds.limit(), ask).await?;
    show::list(&found, args.shape.output)
}

async fn create<R: Resource, New: Fields>(
    args: CreateArgs<New>,
    target: &Target,
) -> Result<(), Failure> {
    let CreateArgs { id, file, fields, shape } = args;
    let dry_run = fields.is_dry_run();
    let mut members = given::<R>(file.as_deref())?;
    members.remove("revision");
    members.extend(fields.members());
    if let Some(id) = id {
        members.insert(R::KEY.to_owned(), id.into());
    }
    let wanted: R = resource(members, file.as_deref())?;
    let id = wanted.id().to_owned();
    let wire = target.connect().await?;
    let mut clients = if dry_run { Clients::that_only_validate(wire) } else { Clients::new(wire) };
    let created = wanted.create(&mut clients).await;
    let created = created.map_err(|status| refused::<R>(&id, status))?;
    let verb = if dry_run { "would create" } else { "created" };
    tell(&created, &format!("{verb} {} {}", R::NAME, created.id()), shape)
}

async fn update<R: Resource, Changes: Fields>(
    args: UpdateArgs<Changes>,
    target: &Target,
) -> Result<(), Failure> {
    let UpdateArgs { id, file, fields, expected_revision, dry_run, shape } = args;
    let actor = fields.actor();
    let mut members = given::<R>(file.as_deref())?;
    let its_own = members.remove("revision").and_then(|revision| revision_of(&revision));
    members.extend(fields.members());
    let id = match (id, members.remove(R::KEY)) {
        (Some(id), Some(Value::String(other))) if id != other => {
            let problem = format!("the file is about {other}, and not about {id}");
            return Err(Failure::Usage(problem));
        }
        (Some(id), _) | (None, Some(Value::String(id))) => id,
        (None, _) => {
            let problem = format!("{} is neither in the file nor on the command line", R::KEY);
            return Err(Failure::Usage(problem));
        }
    };
    if members.is_empty() {
        let (command, name) = (R::COMMAND, R::NAME);
        return Err(Failure::Usage(format!(
            "nothing says what to change; `pawl {command} update --help` lists what a {name} has"
        )));
    }
    let names: Vec<String> = members.keys().cloned().collect();
    members.insert(R::KEY.to_owned(), id.clone().into());
    let wanted: R = resource(members, file.as_deref())?;

    let wire = target.connect().await?;
    let clients = if dry_run { Clients::that_only_validate(wire) } else { Clients::new(wire) };
    let mut clients = clients.with_actor(actor);
    let refused = |status| refused::<R>(&id, status);
    let before = R::get(&mut clients, &id).await.map_err(refused)?;
    let mask = changed(&before, &wanted, names);
    let after = if mask.paths.is_empty() {
        before.clone()
    } else {
        let revision = expected_revision.or(its_own).unwrap_or(0);
        wanted.update(mask, revision, &mut clients).await.map_err(refused)?
    };
    let changes = (written(&before), written(&after));
    tell(&after, &told(&format!("{} {id}", R::NAME), &changes.0, &changes.1, dry_run), shape)
}

/// What an update came to, in a line, and for a dry run in a line for each field.
fn told(what: &str, before: &Value, after: &Value, dry_run: bool) -> String {
    let names = differences(before, after);
    if names.is_empty() {
        return format!("unchanged {what}");
    }
    if !dry_run {
        return format!("changed {what}: {}", names.join(", "));
    }
    let mut text = format!("would change {what}");
    for line in diff::lines(before, after) {
        let _ = write!(text, "\n  {}", plain(&line));
    }
    text
}

/// Masks those of the fields that are not so already: what only stands in a file because it was
/// there before is nothing to ask for.
fn changed<R: Resource>(before: &R, wanted: &R, names: Vec<String>) -> FieldMask {
    let (before, wanted) = (to_json(R::MESSAGE, before), to_json(R::MESSAGE, wanted));
    let differs = |name: &String| before.get(name) != wanted.get(name);
    FieldMask { paths: names.into_iter().filter(differs).collect() }
}

async fn delete<R: Resource>(args: DeleteArgs, target: &Target) -> Result<(), Failure> {
    let DeleteArgs { ids, expected_revision } = args;
    if expected_revision.is_some() && ids.len() > 1 {
        let problem = "--expected-revision is of one resource; name only one";
        return Err(Failure::Usage(problem.to_owned()));
    }
    let clients = &mut Clients::new(target.connect().await?);
    let mut failures = Vec::new();
    for id in &ids {
        match R::delete(clients, id, expected_revision.unwrap_or(0)).await {
            Ok(()) => print(&format!("deleted {} {}\n", R::NAME, plain(id)))?,
            Err(status) => failures.push(refused::<R>(id, status)),
        }
    }
    // One that was to be deleted alone fails as itself.
    if ids.len() > 1 && !failures.is_empty() {
        let count = failures.len();
        for failure in failures {
            eprintln!("{failure}");
        }
        return Err(Failure::Incomplete(format!("{count} of {} were not deleted", ids.len())));
    }
    failures.pop().map_or(Ok(()), Err)
}

/// The line, or instead of it the resource where a program asks for it.
fn tell<R: Resource>(resource: &R, line: &str, shape: Shape) -> Result<(), Failure> {
    match shape.output {
        Format::Table => print(&format!("{line}\n")),
        format => show::one(resource, format),
    }
}

fn revision_of(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// What the file says, if there is one.
fn given<R: Resource>(file: Option<&Path>) -> Result<Members, Failure> {
    file.map_or_else(|| Ok(Members::new()), members_of::<R>)
}

/// What a file says about one resource, without what only the server says; the revision stays.
fn members_of<R: Resource>(file: &Path) -> Result<Members, Failure> {
    let (name, text) = read(file)?;
    let problem = |problem: String| Failure::Content { name: name.clone(), problem };
    let mut documents = manifest::documents(&text).map_err(problem)?;
    let (Some(document), None) = (documents.pop(), documents.pop()) else {
        return Err(problem("expected one document".to_owned()));
    };
    let Value::Object(mut members) = document else {
        return Err(problem(format!("expected a {} with its fields", R::NAME)));
    };
    if let Some(list) = members.remove(R::LIST) {
        match list {
            Value::Array(mut items) if items.len() == 1 && members.is_empty() => {
                match items.pop() {
                    Some(Value::Object(item)) => members = item,
                    _ => return Err(problem(format!("{}[0]: expected fields", R::LIST))),
                }
            }
            _ => {
                return Err(problem(format!(
                    "expected one {} and nothing else; `pawl apply` takes files with more",
                    R::NAME
                )));
            }
        }
    }
    // In the spelling of the contract, whatever the file's.
    let mut named = Members::new();
    for (name, value) in members {
        named.insert(snake(&name), value);
    }
    named.retain(|name, _| !OF_THE_SERVER.contains(&name.as_str()));
    Ok(named)
}

/// What only the server says about a resource; the revision is a question too.
const OF_THE_SERVER: [&str; 5] =
    ["create_time", "update_time", "stats", "built_in", "stage_entered_time"];

/// `displayName` as `display_name`.
fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// A resource with these fields, which come from a file if there is one.
fn resource<R: Resource>(members: Members, file: Option<&Path>) -> Result<R, Failure> {
    json::from_value(R::MESSAGE, Value::Object(members)).map_err(|error| {
        let problem = error.to_string();
        match file {
            Some(file) => Failure::Content { name: file.display().to_string(), problem },
            None => Failure::Usage(problem),
        }
    })
}

/// A refusal with what it was about, and where to look.
fn refused<R: Resource>(id: &str, status: Status) -> Failure {
    let (name, command) = (R::NAME, R::COMMAND);
    let what = if id.is_empty() { name.to_owned() } else { format!("{name} {}", plain(id)) };
    let error = ServerError::from(status);
    let advice = match error.code() {
        Code::NotFound => format!("\n  `pawl {command} list` shows what there is"),
        Code::AlreadyExists => format!("\n  `pawl {command} update {id}` changes it"),
        Code::Aborted => {
            format!("\n  `pawl {command} get {id}` shows it as it is now; then change it again")
        }
        _ => String::new(),
    };
    Failure::At { what, error, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_both_spellings() {
        for name in ["displayName", "display_name"] {
            assert_eq!(snake(name), "display_name");
        }
    }
}
