//! What is done to a directory.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;

use crate::blow::Blow;
use crate::sample::snapshot;
use crate::table::SNAPSHOT;

/// A step, most of them with the name of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Nothing,
    Remove(&'static str),
    Cut(&'static str, usize),
    Halve(&'static str),
    Flip(&'static str, usize),
    Zero(&'static str),
    /// A file of another database takes its place.
    Another(&'static str),
    /// A file with something in it is there.
    Write(&'static str),
    /// A directory takes its place.
    Directory(&'static str),
    /// A whole directory goes.
    Tree(&'static str),
    /// A file is where the directory was.
    File,
    /// As if a newer Pawl had written it.
    Newer,
}

impl Step {
    /// Takes it in `data`; `other` is the directory of another database.
    pub(crate) fn take(self, data: &Path, other: &Path) {
        let in_data = |name: &str| match name {
            "" => data.to_owned(),
            SNAPSHOT => snapshot(data),
            name => data.join(name),
        };
        match self {
            Self::Nothing => {}
            Self::Remove(name) => fs::remove_file(in_data(name)).expect("it is there"),
            Self::Cut(name, bytes) => strike(&in_data(name), Blow::Cut { bytes }),
            Self::Halve(name) => {
                let path = in_data(name);
                // Of what is written: behind it there are only zeros.
                let file = fs::read(&path).expect("it is there");
                let bytes = file.iter().rposition(|byte| *byte != 0).unwrap_or_default() / 2;
                strike(&path, Blow::Cut { bytes });
            }
            Self::Flip(name, at) => strike(&in_data(name), Blow::Flip { at, bit: 1 }),
            Self::Zero(name) => strike(&in_data(name), Blow::Zero { from: 0, bytes: usize::MAX }),
            Self::Another(name) => {
                fs::copy(other.join(name), in_data(name)).expect("it is there");
            }
            Self::Write(name) => fs::write(in_data(name), "begun").expect("there is room"),
            Self::Directory(name) => directory(in_data(name)),
            Self::Tree(name) => fs::remove_dir_all(in_data(name)).expect("it is there"),
            Self::File => {
                fs::remove_dir_all(data).expect("it is there");
                fs::write(data, "").expect("there is room");
            }
            Self::Newer => newer(data),
        }
    }
}

fn strike(path: &Path, blow: Blow) {
    blow.strike(path).expect("it is there");
}

fn directory(path: PathBuf) {
    if path.is_file() {
        fs::remove_file(&path).expect("it is there");
    }
    fs::create_dir(path).expect("its name is free");
}

/// The `Identity` row, as FORMAT.md describes it.
#[derive(Clone, PartialEq, prost::Message)]
struct Identity {
    #[prost(uint32, tag = "1")]
    format_version: u32,
    #[prost(bytes = "vec", tag = "2")]
    database_id: Vec<u8>,
}

fn newer(data: &Path) {
    let config = sled::Config::new().path(data.join("sled")).segment_size(8 * 1_024 * 1_024);
    let db = config.open().expect("nothing is damaged");
    let row = db.get([1]).expect("it is read").expect("it is there");
    let row = Identity::decode(&*row).expect("it is one");
    let newer = Identity { format_version: row.format_version + 1, ..row };
    db.insert([1], newer.encode_to_vec()).expect("it is written");
    db.flush().expect("it is written");
}
