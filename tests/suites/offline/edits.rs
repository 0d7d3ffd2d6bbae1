//! Rows of a database, changed behind the store's back.

use std::path::Path;

use pawl_store::Report;
use prost::Message;
use tempfile::TempDir;

/// Removes the journal, which would mend what it can.
pub(crate) fn forget_journal(data: &Path) {
    for name in ["journal.0", "journal.1"] {
        let _ = std::fs::remove_file(data.join(name));
    }
}

/// sled, as the store opens it; without the journal.
pub(crate) fn raw(data: &Path) -> sled::Db {
    forget_journal(data);
    let config = sled::Config::new().path(data.join("sled")).segment_size(8 * 1_024 * 1_024);
    let config = config.flush_every_ms(None);
    loop {
        match config.open() {
            // Who had it may be closing still.
            Err(sled::Error::Io(_)) => std::thread::yield_now(),
            opened => return opened.expect("sled opens"),
        }
    }
}

pub(crate) fn verified(data: &Path, limit: usize) -> Report {
    let scratch = TempDir::with_prefix("pawl-").expect("a temporary directory");
    pawl_store::verify(data, scratch.path(), limit, &mut |_| ()).expect("it can be checked")
}

/// Fields of messages by their numbers: appended to a message they take the place of what it says,
/// and messages within it are merged.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Edit {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) one: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) three: Option<u64>,
    #[prost(uint64, optional, tag = "4")]
    pub(crate) four: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    pub(crate) six: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Row {
    #[prost(message, optional, tag = "1")]
    pub(crate) resource: Option<Resource>,
    #[prost(bool, tag = "2")]
    pub(crate) deleted: bool,
}

/// An entity: id, pipeline, stage, name, responsible, customers. A trigger: id, pipeline, stage, name,
/// type.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Resource {
    #[prost(string, tag = "1")]
    pub(crate) one: String,
    #[prost(string, tag = "2")]
    pub(crate) two: String,
    #[prost(string, tag = "3")]
    pub(crate) three: String,
    #[prost(string, tag = "4")]
    pub(crate) four: String,
    #[prost(string, tag = "5")]
    pub(crate) five: String,
    #[prost(string, repeated, tag = "6")]
    pub(crate) six: Vec<String>,
    #[prost(message, optional, tag = "10")]
    pub(crate) version: Option<Version>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Version {
    #[prost(int64, tag = "1")]
    pub(crate) revision: i64,
}

pub(crate) fn resource(edit: impl FnOnce(&mut Resource)) -> Vec<u8> {
    let mut resource = Resource::default();
    edit(&mut resource);
    Row { resource: Some(resource), deleted: false }.encode_to_vec()
}

pub(crate) fn deleted() -> Vec<u8> {
    Row { resource: None, deleted: true }.encode_to_vec()
}

pub(crate) fn edit(edit: impl FnOnce(&mut Edit)) -> Vec<u8> {
    let mut edited = Edit::default();
    edit(&mut edited);
    edited.encode_to_vec()
}

/// A key as FORMAT.md writes it, with `|` for the zero byte.
pub(crate) fn key(text: &str) -> Vec<u8> {
    let (tag, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut key = vec![u8::from_str_radix(tag, 16).expect("a tag")];
    key.extend_from_slice(rest.replace('|', "\0").as_bytes());
    key
}

pub(crate) fn trigger(id: &str, revision: i64) -> Vec<u8> {
    [&key(&format!("22 {id}|"))[..], &revision.to_be_bytes()].concat()
}

pub(crate) fn append(db: &sled::Db, key: &[u8], edit: Vec<u8>) {
    let value = db.get(key).expect("it can be read").expect("it is there");
    db.insert(key, [&value[..], &edit].concat()).expect("it is written");
}

pub(crate) fn remove(db: &sled::Db, key: &[u8]) {
    db.remove(key).expect("it is removed").expect("it was there");
}

pub(crate) fn put(db: &sled::Db, key: &[u8], value: &[u8]) {
    db.insert(key, value).expect("it is written");
}

/// Puts a row under another key.
pub(crate) fn copy(db: &sled::Db, from: &[u8], to: &[u8], edit: &[u8]) {
    let value = db.get(from).expect("it can be read").expect("it is there");
    db.insert(to, [&value[..], edit].concat()).expect("it is written");
}

/// Keys of the log, in order.
pub(crate) fn chunks(db: &sled::Db) -> Vec<Vec<u8>> {
    db.scan_prefix([0x10]).keys().map(|key| key.expect("it can be read").to_vec()).collect()
}
