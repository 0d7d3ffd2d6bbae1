//! What `error_reason.proto` promises of each reason, read from its comments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use pawl_api::FILE_DESCRIPTOR_SET;
use pawl_api::pb::ErrorReason;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Code;

/// What stands in the comment on a reason.
#[derive(Debug)]
pub(crate) struct Documented {
    pub(crate) codes: Vec<Code>,
    pub(crate) metadata: BTreeSet<String>,
    /// The parts of the comment, each on one line.
    pub(crate) meaning: String,
    pub(crate) code: String,
    pub(crate) retry: String,
    pub(crate) metadata_text: String,
    /// Where it stands among the others.
    place: usize,
}

static DOCUMENTED: LazyLock<BTreeMap<&'static str, Documented>> = LazyLock::new(read);

impl Documented {
    pub(crate) fn of(reason: ErrorReason) -> &'static Self {
        &DOCUMENTED[reason.as_str_name()]
    }

    /// All of them, as they stand in the contract.
    pub(crate) fn in_order() -> impl Iterator<Item = (ErrorReason, &'static Self)> {
        let mut all: Vec<_> = DOCUMENTED.iter().collect();
        all.sort_by_key(|(_, documented)| documented.place);
        let named = |name| ErrorReason::from_str_name(name).expect("it is one");
        all.into_iter().map(move |(name, documented)| (named(name), documented))
    }
}

fn read() -> BTreeMap<&'static str, Documented> {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("the build made it");
    let mut files = files.file.into_iter();
    let file = files.find(|file| file.name().ends_with("error_reason.proto")).expect("it is there");
    let locations = &file.source_code_info.as_ref().expect("comments are kept").location;
    let values = &file.enum_type[0].value;
    let known = (0_usize..).zip(values).filter_map(|(index, value)| {
        // The value of 0 is no reason.
        let reason = ErrorReason::from_str_name(value.name())?;
        (reason != ErrorReason::Unspecified).then_some((index, reason))
    });
    known
        .map(|(index, reason)| {
            // enum_type is field 5 of a file, value is field 2 of an enum.
            let path = [5, 0, 2, i32::try_from(index).expect("a small number")];
            let comment = locations.iter().find(|location| location.path == path);
            let comment = comment.expect("every value has a comment").leading_comments();
            let comment = comment.split_whitespace().collect::<Vec<_>>().join(" ");
            (reason.as_str_name(), parse(&comment, index))
        })
        .collect()
}

fn parse(comment: &str, place: usize) -> Documented {
    let (meaning, rest) = comment.split_once(" Code: ").expect("a code is documented");
    let (code, rest) = rest.split_once(" Retry: ").expect("it is documented whether to try again");
    let (retry, metadata_text) = rest.split_once(" Metadata: ").expect("metadata is documented");
    let known = (0..17).map(Code::from_i32);
    let is_named = |named: &Code| {
        let name = format!("{named:?}").to_uppercase();
        code.replace('_', "").split([' ', ',', '.']).any(|word| word == name)
    };
    let quoted = metadata_text.split('`').skip(1).step_by(2).map(str::to_owned);
    // Every error of an import carries it.
    let metadata = quoted.chain(["applied_messages".to_owned()]).collect();
    let codes = known.filter(is_named).collect();
    let [meaning, code, retry, metadata_text] =
        [meaning, code, retry, metadata_text].map(str::to_owned);
    Documented { codes, metadata, meaning, code, retry, metadata_text, place }
}
