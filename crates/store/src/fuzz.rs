//! What is read of a disk, past the checksums before it: for `pawl-fuzz`, and in no build that is shipped.

use std::collections::HashMap;

use pawl_domain::TriggerTally;
use prost::Message;

use crate::chunk::{self, Segment};
use crate::convert::Encoder;
use crate::journal::Frame;
use crate::keys::Family;
use crate::read::{decode, entity_of, pipeline_of, trigger_of, type_of};
use crate::recount::Recount;
use crate::{Change, Entry, Record, StoreError, pb};

/// How the payload of a chunk lies in it, as FORMAT.md says.
pub const LAYOUTS: [u8; 2] = [1, 2];

/// Records as a chunk holds them: each after its length.
pub fn payload(records: &[Record]) -> Vec<u8> {
    let (mut encoder, mut payload) = (Encoder::default(), Vec::new());
    for record in records {
        encoder.record(record, &mut payload);
    }
    payload
}

/// The same in the other layout: an LZ4 block after its length.
pub fn packed(payload: &[u8]) -> Vec<u8> {
    lz4_flex::compress_prepend_size(payload)
}

/// The records of a chunk with this payload, whose headers and checksums are as they should be.
///
/// # Panics
///
/// When what trimming and a start read of them is something else.
pub fn records(
    layout: u8,
    first: u64,
    last: u64,
    payload: &[u8],
) -> Result<Vec<Record>, StoreError> {
    let mut parts = Vec::new();
    chunk::seal(layout, first, last, payload, &mut parts);
    stored(parts.into_iter().map(|(key, value)| (key.to_vec(), value)))
}

/// The records of a chunk as it lies in the store.
///
/// # Panics
///
/// When what trimming and a start read of them is something else.
pub fn stored(parts: impl Iterator<Item = Entry>) -> Result<Vec<Record>, StoreError> {
    let parts: Vec<_> = parts.map(|(key, value)| (key.into(), value.into())).collect();
    let records = chunk::unpack(&parts)?;
    let outlines = chunk::outline(&parts)?;
    assert_eq!(records.len(), outlines.len());
    let (mut tally, mut recount) = (TriggerTally::default(), Recount::default());
    for (record, outline) in records.iter().zip(outlines) {
        assert_eq!(record.sequence, outline.sequence);
        assert_eq!(record.moves_before, outline.moves_before);
        assert_eq!(record.time, outline.time());
        let event = record.event().map(|event| (event.source.as_str(), event.id.as_str()));
        assert_eq!(event, outline.event());
        assert_eq!(record.request.as_ref().map(|request| request.id.as_str()), outline.request());
        assert_eq!(record.moves().count() as u64, outline.moves());
        let written: Vec<_> = outline.entities().collect();
        let moved = record.moves().map(|moved| (moved.entity_id.as_str(), moved.entity_revision));
        assert!(moved.eq(written[written.len() - record.moves().count()..].iter().copied()));
        recount.take(&outline)?;
        tally.count(record.decisions(), record.sequence, record.time);
        if let Change::TriggerDeleted(trigger) = &record.change {
            tally.forget(&trigger.id);
        }
    }
    let told =
        |tally: &TriggerTally| tally.busiest(usize::MAX).0.into_iter().collect::<HashMap<_, _>>();
    assert_eq!(told(&recount.tally), told(&tally));
    Ok(records)
}

/// Reads a row and writes it again; `None` for a key of no family that has rows.
pub fn row(tag: u8, value: &[u8]) -> Option<Result<Vec<u8>, String>> {
    const PIPELINE: u8 = Family::Pipeline as u8;
    const TRIGGER_TYPE: u8 = Family::TriggerType as u8;
    const TRIGGER: u8 = Family::Trigger as u8;
    const ENTITY: u8 = Family::Entity as u8;
    let written = match tag {
        PIPELINE => decode(value).and_then(pipeline_of).map(|(pipeline, deleted)| {
            pb::PipelineRow { pipeline: Some((&pipeline).into()), deleted }.encode_to_vec()
        }),
        TRIGGER_TYPE => decode(value).and_then(type_of).map(|(trigger_type, deleted)| {
            let trigger_type = Some((&trigger_type).into());
            pb::TriggerTypeRow { trigger_type, deleted }.encode_to_vec()
        }),
        TRIGGER => decode(value).and_then(trigger_of).map(|(trigger, deleted)| {
            pb::TriggerRow { trigger: Some((&trigger).into()), deleted }.encode_to_vec()
        }),
        ENTITY => {
            decode(value).and_then(entity_of).map(|row| pb::EntityRow::from(&row).encode_to_vec())
        }
        _ => return None,
    };
    Some(written.map_err(|error| error.to_string()))
}

/// A frame of the journal with records, and with keys that are written or removed.
pub fn frame(segment: (u64, u64, &[u8]), keys: &[(&[u8], Option<&[u8]>)]) -> Vec<u8> {
    let (first, last, payload) = segment;
    let mut frame = Frame::new(first, last, Vec::new());
    frame.push_segment(&Segment { first, last, payload: payload.to_vec() });
    for (key, value) in keys {
        frame.push_key(key, *value);
    }
    frame.into_sealed()
}

/// The length of the frame at the beginning of `bytes`, if there is a whole one, and how many
/// operations it is made of.
pub fn replay(bytes: &[u8]) -> Option<(usize, usize)> {
    Frame::replay(bytes)
}
