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
}

static DOCUMENTED: LazyLock<BTreeMap<&'static str, Documented>> = LazyLock::new(read);

impl Documented {
    pub(crate) fn of(reason: ErrorReason) -> &'static Self {
        &DOCUMENTED[reason.as_str_name()]
    }
}

fn read() -> BTreeMap<&'static str, Documented> {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("the build made it");
    let mut files = files.file.into_iter();
    let file = files.find(|file| file.name().ends_with("error_reason.proto")).expect("it is there");
    let locations = &file.source_code_info.as_ref().expect("comments are kept").location;
    let values = &file.enum_type[0].value;
    let known = (0..).zip(values).filter_map(|(index, value)| {
        // The value of 0 is no reason.
        let reason = ErrorReason::from_str_name(value.name())?;
        (reason != ErrorReason::Unspecified).then_some((index, reason))
    });
    known
        .map(|(index, reason)| {
            // enum_type is field 5 of a file, value is field 2 of an enum.
            let path = [5, 0, 2, index];
            let comment = locations.iter().find(|location| location.path == path);
            let comment = comment.expect("every value has a comment").leading_comments();
            let comment = comment.split_whitespace().collect::<Vec<_>>().join(" ");
            (reason.as_str_name(), parse(&comment))
        })
        .collect()
}

fn parse(comment: &str) -> Documented {
    let (_, rest) = comment.split_once("Code: ").expect("a code is documented");
    let (codes, metadata) = rest.split_once("Metadata: ").expect("metadata is documented");
    let known = (0..17).map(Code::from_i32);
    let is_named = |code: &Code| {
        let name = format!("{code:?}").to_uppercase();
        codes.replace('_', "").split([' ', ',', '.']).any(|word| word == name)
    };
    let quoted = metadata.split('`').skip(1).step_by(2).map(str::to_owned);
    // Every error of an import carries it.
    let metadata = quoted.chain(["applied_messages".to_owned()]).collect();
    Documented { codes: known.filter(is_named).collect(), metadata }
}
