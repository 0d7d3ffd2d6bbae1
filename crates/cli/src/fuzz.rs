//! What only a file leads to: for `pawl-fuzz`, and in no build that is shipped.

use std::io::Cursor;

use pawl_api::pb;

use crate::manifest::Manifest;
use crate::{cases, ndjson, settings};

/// The pipelines, trigger types and triggers that an apply file asks for.
pub type Resources = (Vec<pb::Pipeline>, Vec<pb::TriggerType>, Vec<pb::Trigger>);

/// Reads an apply file.
pub fn manifest(text: &str) -> Result<Resources, String> {
    let mut manifest = Manifest::default();
    manifest.add(text)?;
    Ok((manifest.pipelines, manifest.trigger_types, manifest.triggers))
}

/// Reads a file of cases, and says how many there are.
pub fn cases(text: &str) -> Result<usize, String> {
    cases::count(text)
}

/// Reads a file of settings, and says how many it has, and how much is wrong with it.
pub fn settings(text: &str) -> (usize, usize) {
    settings::count(text)
}

/// Reads a file with a message in each line, plain or gzip, and gives each to `give`.
pub fn lines<T>(bytes: Vec<u8>, message: &str, give: impl FnMut(T)) -> Result<(), String>
where
    T: prost::Message + Default,
{
    let read = ndjson::every(Box::new(Cursor::new(bytes)), message, give);
    read.map_err(|failure| failure.to_string())
}
