use std::fmt::Write;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use pawl_api::pb;
use serde_json::Value;
use tonic::Code;

use crate::args::ApplyArgs;
use crate::client::{ServerError, Target};
use crate::diff;
use crate::export::written;
use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::output::{plain, print};
use crate::resource::{Clients, Configured, Planned};

/// `pawl apply`: creates what is missing, changes what differs, leaves the rest.
pub(crate) async fn run(args: ApplyArgs, target: &Target) -> Result<(), Failure> {
    let mut manifest = Manifest::default();
    for file in &args.files {
        let (name, text) = read(file)?;
        manifest.add(&text).map_err(|problem| Failure::Content { name, problem })?;
    }
    if manifest.is_empty() {
        return print("nothing to apply\n");
    }
    let planned = planned(&manifest);
    let (dry_run, channel) = (args.dry_run, target.connect().await?);
    let clients =
        if dry_run { Clients::that_only_validate(channel) } else { Clients::new(channel) };
    let mut applying = Applying { clients, dry_run, planned, tally: Tally::default() };
    let Manifest { pipelines, trigger_types, triggers } = manifest;
    applying.all(pipelines).await?;
    applying.all(trigger_types).await?;
    applying.all(triggers).await?;
    applying.end()
}

fn planned(manifest: &Manifest) -> Planned {
    let stages = |pipeline: &pb::Pipeline| {
        let stages = pipeline.stages.iter().map(|stage| stage.stage_id.clone()).collect();
        (pipeline.pipeline_id.clone(), stages)
    };
    Planned {
        pipelines: manifest.pipelines.iter().map(stages).collect(),
        trigger_types: manifest.trigger_types.iter().map(|found| found.code.clone()).collect(),
    }
}

/// The text of a file, where `-` is standard input, and what to call it.
pub(crate) fn read(file: &Path) -> Result<(String, String), Failure> {
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
    unchecked: usize,
    refused: usize,
}

/// What applying one resource came to.
#[derive(Debug)]
enum Applied {
    Created,
    /// With the resource before and after.
    Changed(Value, Value),
    Unchanged,
    /// It could not be checked, and why.
    Unchecked(&'static str),
}

struct Applying {
    clients: Clients,
    dry_run: bool,
    planned: Planned,
    tally: Tally,
}

impl Applying {
    async fn all<R: Configured>(&mut self, resources: Vec<R>) -> Result<(), Failure> {
        for resource in resources {
            let what = format!("{} {}", R::NAME, resource.id());
            match self.one(resource).await {
                Ok(applied) => self.tell(&what, applied)?,
                // Whatever else is wrong is of interest too.
                Err(error) if self.dry_run && !error.reason().is_empty() => {
                    self.tally.refused += 1;
                    print(&format!("would be refused: {what}: {error}\n"))?;
                }
                Err(error) => return Err(Failure::At { what, error, advice: String::new() }),
            }
        }
        Ok(())
    }

    async fn one<R: Configured>(&mut self, wanted: R) -> Result<Applied, ServerError> {
        let before = match R::get(&mut self.clients, wanted.id()).await {
            Ok(before) => Some(before),
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => return Err(status.into()),
        };
        let (asked, clients) = (wanted.clone(), &mut self.clients);
        let after = match &before {
            Some(before) => {
                let mask = asked.update_mask();
                asked.update(mask, before.revision(), clients).await
            }
            None => asked.create(clients).await,
        };
        let after = match after.map_err(ServerError::from) {
            Ok(after) => after,
            Err(error) if self.dry_run => {
                let waits_for = wanted.waits_for(&error.reason(), &self.planned);
                return waits_for.map(Applied::Unchecked).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        // An update to what is there already is none, so that the server need not be second-guessed
        // on what an absent field stands for.
        let Some(before) = before else { return Ok(Applied::Created) };
        let (before, after) = (written(&before), written(&after));
        Ok(if before == after { Applied::Unchanged } else { Applied::Changed(before, after) })
    }

    fn tell(&mut self, what: &str, applied: Applied) -> Result<(), Failure> {
        let (dry_run, tally) = (self.dry_run, &mut self.tally);
        match applied {
            Applied::Created => {
                tally.created += 1;
                let verb = if dry_run { "would create" } else { "created" };
                print(&format!("{verb} {what}\n"))
            }
            Applied::Changed(before, after) if dry_run => {
                tally.changed += 1;
                let mut text = format!("would change {what}\n");
                for line in diff::lines(&before, &after) {
                    let _ = writeln!(text, "  {}", plain(&line));
                }
                print(&text)
            }
            Applied::Changed(before, after) => {
                tally.changed += 1;
                let fields = differences(&before, &after);
                print(&format!("changed {what}: {}\n", fields.join(", ")))
            }
            Applied::Unchanged => {
                tally.unchanged += 1;
                print(&format!("unchanged {what}\n"))
            }
            Applied::Unchecked(why) => {
                tally.unchecked += 1;
                print(&format!("not checked {what}: {why}\n"))
            }
        }
    }

    fn end(self) -> Result<(), Failure> {
        let Tally { created, changed, unchanged, unchecked, refused } = self.tally;
        if !self.dry_run {
            let summary = format!("{created} created, {changed} changed, {unchanged} unchanged\n");
            return print(&summary);
        }
        print(&format!(
            "dry run, nothing was changed: {created} would be created, {changed} changed, \
             {unchanged} unchanged, {unchecked} not checked\n"
        ))?;
        match refused {
            0 => Ok(()),
            refused => Err(Failure::Incomplete(format!("{refused} would be refused"))),
        }
    }
}

/// The names of the fields that differ.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<String> {
    let keys = |value: &Value| {
        value.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect::<Vec<_>>()
    };
    let removed = keys(before).into_iter().filter(|name| after.get(name).is_none());
    let names = keys(after).into_iter().chain(removed);
    names.filter(|name| before.get(name) != after.get(name)).collect()
}

#[cfg(test)]
mod tests {
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
        let (before, after) = (written(&before), written(&after));
        assert_eq!(differences(&before, &after), ["display_name", "allow_reopen"]);
        assert_eq!(differences(&before, &before), [""; 0]);
        let lines = diff::lines(&before, &after);
        assert_eq!(lines, [r#"display_name: "old" -> "new""#, "allow_reopen: true -> (none)"]);
    }
}
