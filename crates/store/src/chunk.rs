//! Packing records into the log's values.
//!
//! A chunk is a run of records, dense in sequence. Its payload, the records each after its length,
//! is cut into parts of at most [`PART_MAX_BYTES`]: sled keeps larger values in files that it never
//! syncs. Every part has a header and a checksum.

use std::borrow::Cow;
use std::sync::Arc;

use pawl_domain::Rejection;
use prost::Message;

use crate::convert::{Decoder, Encoder};
use crate::outline::Outline;
use crate::{Record, StoreError, keys, pb};

/// How the payload lies in the parts: as it is, or as an LZ4 block after its length.
const PLAIN: u8 = 1;
const LZ4: u8 = 2;
/// Below this there is too little that repeats itself. Above, sled copies what is written several times
/// over when its pages fill up, so that every byte less pays.
const LZ4_MIN_BYTES: usize = 4 * 1_024;
/// What a byte of an LZ4 block stands for at most.
const LZ4_RATIO_MAX: usize = 255;
const HEADER_BYTES: usize = 28;
/// A chunk is closed once it has grown to this; small enough that reading one record stays cheap.
const CHUNK_TARGET_BYTES: usize = 48 * 1_024;
/// Far enough below a quarter of sled's segment for every page to stay inside the main file.
const PART_MAX_BYTES: usize = 96 * 1_024;

/// What a record takes, usually.
const RECORD_BYTES: usize = 512;

/// A key and a value to write.
pub(crate) type Part = ([u8; 11], Vec<u8>);
/// The same as sled gives it back.
pub(crate) type Stored = (sled::IVec, sled::IVec);

/// What stands at the head of every part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Sequence of the chunk's first record.
    pub(crate) first: u64,
    /// Sequence of its last record.
    pub(crate) last: u64,
    /// How many parts the chunk has.
    parts: u16,
    layout: u8,
}

/// Records, which follow each other in sequence, each after its length: a piece of a chunk's payload.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// Sequence of its first record.
    pub(crate) first: u64,
    /// Sequence of its last record.
    pub(crate) last: u64,
    /// The records.
    pub(crate) payload: Vec<u8>,
}

/// Encodes records, which follow each other in sequence, into segments none of which is larger than a
/// chunk may become.
pub(crate) fn encode(records: &[Arc<Record>]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut encoder = Encoder::default();
    for record in records {
        let sequence = record.sequence;
        let full = |segment: &&mut Segment| segment.payload.len() < CHUNK_TARGET_BYTES;
        let segment = if let Some(segment) = segments.last_mut().filter(full) {
            segment
        } else {
            // It is understood without those before it.
            encoder = Encoder::default();
            let room = (records.len() * RECORD_BYTES).min(CHUNK_TARGET_BYTES + RECORD_BYTES);
            let payload = Vec::with_capacity(room);
            segments.push_mut(Segment { first: sequence, last: 0, payload })
        };
        encoder.record(record, &mut segment.payload);
        segment.last = sequence;
    }
    segments
}

/// Packs segments, which follow each other in sequence, into as many chunks as they need.
pub(crate) fn pack(segments: &[Segment]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = segments;
    while let Some(first) = rest.first() {
        let mut payload = Vec::new();
        let mut last = first.first;
        while let Some((segment, behind)) = rest.split_first()
            && payload.len() < CHUNK_TARGET_BYTES
        {
            payload.extend_from_slice(&segment.payload);
            last = segment.last;
            rest = behind;
        }
        cut(first.first, last, &payload, &mut parts);
    }
    parts
}

fn cut(first: u64, last: u64, payload: &[u8], out: &mut Vec<Part>) {
    let smaller = (payload.len() >= LZ4_MIN_BYTES)
        .then(|| lz4_flex::compress_prepend_size(payload))
        .filter(|smaller| smaller.len() < payload.len());
    let (layout, payload) = match &smaller {
        Some(smaller) => (LZ4, smaller.as_slice()),
        None => (PLAIN, payload),
    };
    seal(layout, first, last, payload, out);
}

/// Makes parts of what lies in a chunk.
pub(crate) fn seal(layout: u8, first: u64, last: u64, payload: &[u8], out: &mut Vec<Part>) {
    let parts = payload.chunks(PART_MAX_BYTES);
    // The largest record, an event with 100 subjects that 1,000 triggers consider, has tens of
    // megabytes.
    let count = u16::try_from(parts.len()).unwrap_or_else(|_| unreachable!("a chunk of 6 GiB"));
    for (index, part) in (0..).zip(parts) {
        let mut value = Vec::with_capacity(HEADER_BYTES + part.len());
        value.extend_from_slice(&[layout, 0]);
        value.extend_from_slice(&count.to_be_bytes());
        value.extend_from_slice(&first.to_be_bytes());
        value.extend_from_slice(&last.to_be_bytes());
        value.extend_from_slice(&[0; 4]);
        let key = keys::log_part(first, index);
        value.extend_from_slice(&checksum(&key, &value, part).to_be_bytes());
        value.extend_from_slice(part);
        out.push((key, value));
    }
}

/// Covers the key too, so that a value under the wrong key is noticed.
fn checksum(key: &[u8], header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize()
}

/// Checks one part and takes it apart.
pub(crate) fn open<'v>(key: &[u8], value: &'v [u8]) -> Result<(Header, &'v [u8]), StoreError> {
    let first = keys::first_of_chunk(key).unwrap_or_default();
    let damaged = |problem: &str| StoreError::damaged(format!("log chunk {first}"), problem);
    let (head, payload) =
        value.split_at_checked(HEADER_BYTES).ok_or_else(|| damaged("it is too short"))?;
    let (head, sum) = head.split_at(HEADER_BYTES - 4);
    if ![PLAIN, LZ4].contains(&head[0]) {
        return Err(damaged(&format!("its layout {} is unknown", head[0])));
    }
    if checksum(key, head, payload).to_be_bytes() != sum {
        return Err(damaged("its checksum does not match"));
    }
    let number = |at: usize| head[at..at + 8].iter().fold(0, |n, b| n << 8 | u64::from(*b));
    let header = Header {
        layout: head[0],
        parts: u16::from_be_bytes([head[2], head[3]]),
        first: number(4),
        last: number(12),
    };
    if header.first != first || header.last < first {
        return Err(damaged("its header contradicts its key"));
    }
    Ok((header, payload))
}

/// The records of a whole chunk, from its parts in order.
pub(crate) fn unpack(parts: &[Stored]) -> Result<Vec<Record>, StoreError> {
    let (mut decoder, mut records) = (Decoder::default(), Vec::new());
    let sequence_of = |record: &pb::Record| record.sequence;
    decode(parts, sequence_of, |record| decoder.record(record), &mut records)?;
    Ok(records)
}

/// The same, but only what trimming and a start must know of them.
pub(crate) fn outline(parts: &[Stored]) -> Result<Vec<Outline>, StoreError> {
    let mut outlines = Vec::new();
    outline_into(&mut outlines, parts)?;
    Ok(outlines)
}

/// The same, behind those that are there already.
pub(crate) fn outline_into(
    outlines: &mut Vec<Outline>,
    parts: &[Stored],
) -> Result<(), StoreError> {
    decode(parts, |outline: &Outline| outline.sequence, Ok, outlines)
}

fn decode<M: Message + Default, T>(
    parts: &[Stored],
    sequence_of: impl Fn(&M) -> u64,
    mut convert: impl FnMut(M) -> Result<T, Rejection>,
    records: &mut Vec<T>,
) -> Result<(), StoreError> {
    let mut header = None;
    let mut joined = Cow::Borrowed(&[][..]);
    for (key, value) in parts {
        let (next, payload) = open(key, value)?;
        match header {
            None => joined = Cow::Borrowed(payload),
            Some(_) => joined.to_mut().extend_from_slice(payload),
        }
        header = Some(next);
    }
    let Some(Header { first, last, parts: count, layout }) = header else {
        return Ok(());
    };
    let damaged = |problem: String| StoreError::damaged(format!("log chunk {first}"), problem);
    if usize::from(count) != parts.len() {
        return Err(damaged(format!("{} of its {count} parts are there", parts.len())));
    }
    if layout == LZ4 {
        let (length, block) = lz4_flex::block::uncompressed_size(&joined)
            .map_err(|error| damaged(error.to_string()))?;
        // Room is made for as much as it says.
        if length / LZ4_RATIO_MAX > block.len() {
            return Err(damaged(format!("{} bytes cannot unpack to {length}", block.len())));
        }
        let plain = lz4_flex::decompress(block, length);
        joined = Cow::Owned(plain.map_err(|error| damaged(error.to_string()))?);
    }
    let mut payload = &*joined;
    for sequence in first..=last {
        let record =
            M::decode_length_delimited(&mut payload).map_err(|error| damaged(error.to_string()))?;
        let found = sequence_of(&record);
        if found != sequence {
            return Err(damaged(format!("record {found} stands in place of {sequence}")));
        }
        let record =
            convert(record).map_err(|error| damaged(format!("record {sequence}: {error}")))?;
        records.push(record);
    }
    if payload.is_empty() { Ok(()) } else { Err(damaged("it has bytes left over".to_owned())) }
}
