use std::fs;
use std::io::{self, Read};
use std::path::Path;

use pawl_api::json;
use serde_json::Value;
use tonic::Code;

use crate::args::ApplyArgs;
use crate::client::{Address, ServerError};
use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::output::print;
use crate::resource::{Clients, Resource};

/// `pawl apply`: creates what is missing, changes what differs, leaves the rest.
pub(crate) async fn run(args: ApplyArgs, address: &Address) -> Result<(), Failure> {
    let mut manifest = Manifest::default();
    for file in &args.files {
        let (name, text) = read(file)?;
        manifest.add(&text).map_err(|problem| Failure::Content { name, problem })?;
    }
    if manifest.is_empty() {
        return print("nothing to apply\n");
    }
    let mut clients = Clients::new(address.connect().await?);
    let mut tally = Tally::default();
    let Manifest { pipelines, trigger_types, triggers } = manifest;
    apply_all(pipelines, &mut clients, &mut tally).await?;
    apply_all(trigger_types, &mut clients, &mut tally).await?;
    apply_all(triggers, &mut clients, &mut tally).await?;
    let Tally { created, changed, unchanged } = tally;
    print(&format!("{created} created, {changed} changed, {unchanged} unchanged\n"))
}

fn read(file: &Path) -> Result<(String, String), Failure> {
    let (name, text) = if file == Path::new("-") {
        let mut text = String::new();
        ("standard input".to_owned(), io::stdin().read_to_string(&mut text).map(|_| text))
    } else {
        (file.display().to_string(), fs::read_to_string(file))
    };
    match text {
        Ok(text) => Ok((name, text)),
        Err(source) => Err(Failure::Read { name, source }),
    }
}

#[derive(Debug, Default)]
struct Tally {
    created: usize,
    changed: usize,
    unchanged: usize,
}

/// What applying one resource came to.
#[derive(Debug, PartialEq)]
enum Applied {
    Created,
    /// With the names of the fields that are now others.
    Changed(Vec<String>),
    Unchanged,
}

async fn apply_all<R: Resource>(
    resources: Vec<R>,
    clients: &mut Clients,
    tally: &mut Tally,
) -> Result<(), Failure> {
    for resource in resources {
        let what = format!("{} {}", R::NAME, resource.id());
        let at = |error| Failure::At { what: what.clone(), error, advice: String::new() };
        match apply(resource, clients).await.map_err(at)? {
            Applied::Created => {
                tally.created += 1;
                print(&format!("created {what}\n"))?;
            }
            Applied::Changed(fields) => {
                tally.changed += 1;
                print(&format!("changed {what}: {}\n", fields.join(", ")))?;
            }
            Applied::Unchanged => {
                tally.unchanged += 1;
                print(&format!("unchanged {what}\n"))?;
            }
        }
    }
    Ok(())
}

async fn apply<R: Resource>(wanted: R, clients: &mut Clients) -> Result<Applied, ServerError> {
    let before = match R::get(clients, wanted.id()).await {
        Ok(before) => before,
        Err(status) if status.code() == Code::NotFound => {
            wanted.create(clients).await?;
            return Ok(Applied::Created);
        }
        Err(status) => return Err(status.into()),
    };
    // An update to what is there already is none, so that the server need not be second-guessed on
    // what an absent field stands for.
    let after = wanted.update(clients, before.revision()).await?;
    let changed = differences(&before, &after);
    Ok(if changed.is_empty() { Applied::Unchanged } else { Applied::Changed(changed) })
}

/// The names of the fields that differ, those that follow from every change left out.
fn differences<R: Resource>(before: &R, after: &R) -> Vec<String> {
    let fields = |resource: &R| match json::to_json(R::MESSAGE, resource) {
        Ok(Value::Object(fields)) => fields,
        other => unreachable!("{} is no JSON object: {other:?}", R::MESSAGE),
    };
    let (before, after) = (fields(before), fields(after));
    let names = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
    names
        .filter(|name| before.get(*name) != after.get(*name))
        .filter(|name| !matches!(name.as_str(), "revision" | "create_time" | "update_time"))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use pawl_api::pb;

    use super::*;

    #[test]
    fn differences_are_told_by_field_also_when_one_falls_back_to_its_default() {
        let before = pb::Trigger {
            trigger_id: "t1".to_owned(),
            display_name: "old".to_owned(),
            allow_reopen: true,
            revision: 1,
            ..Default::default()
        };
        let after = pb::Trigger {
            display_name: "new".to_owned(),
            allow_reopen: false,
            revision: 2,
            ..before.clone()
        };
        assert_eq!(differences(&before, &after), ["display_name", "allow_reopen"]);
        assert_eq!(differences(&before, &before), [""; 0]);
    }
}
