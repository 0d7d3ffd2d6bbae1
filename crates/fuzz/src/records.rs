//! What lies on the disk: records in chunks of the log, rows, frames of the journal. Checksums are made
//! to fit, so that what is behind them is read.

use pawl_store::{Entry, Record, fuzz};

use crate::Target;
use crate::world::stored;

/// How the payload lies, how many records it is to have, and the payload. Anything but a layout: a part
/// of a chunk as it is.
pub(crate) struct Records;

/// The first byte of a row's key, and the row.
pub(crate) struct Rows;

/// A frame of the journal, whose length and checksum are made to fit when the first byte is even.
pub(crate) struct Journal;

/// The key of the chunk that begins with the first record.
fn first_part() -> Vec<u8> {
    [&[0x10][..], &1_u64.to_be_bytes(), &[0, 0]].concat()
}

impl Target for Records {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let records = stored().records;
        let seed = |layout: u8, last: usize, payload: &[u8]| {
            [&[layout, u8::try_from(last - 1).expect("a few")][..], payload].concat()
        };
        let mut seeds = Vec::new();
        for (index, record) in records.iter().enumerate() {
            // Each by itself, as the first of a log.
            let alone = Record { sequence: 1, ..record.clone() };
            seeds.push(seed(1, 1, &fuzz::payload(&[alone])));
            let so_far = fuzz::payload(&records[..=index]);
            if index % 4 == 3 {
                seeds.push(seed(1, index + 1, &so_far));
                seeds.push(seed(2, index + 1, &fuzz::packed(&so_far)));
            }
        }
        seeds.extend(stored().parts.into_iter().map(|(_, value)| [vec![0], value].concat()));
        seeds
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let [layout, rest @ ..] = input else { return false };
        if !fuzz::LAYOUTS.contains(layout) {
            let part: Entry = (first_part(), rest.to_vec());
            return fuzz::stored([part].into_iter()).is_ok();
        }
        let Some((more, payload)) = rest.split_first() else { return false };
        // There is no chunk without anything in it.
        if payload.is_empty() {
            return false;
        }
        let last = 1 + u64::from(*more);
        let Ok(records) = fuzz::records(*layout, 1, last, payload) else { return false };
        assert_eq!(records.len() as u64, last);
        // Compared as bytes, since a number need not equal itself.
        let written = fuzz::payload(&records);
        let again = fuzz::records(fuzz::LAYOUTS[0], 1, last, &written)
            .unwrap_or_else(|error| panic!("{records:?} were written and cannot be read: {error}"));
        assert_eq!(fuzz::payload(&again), written, "{records:?} turned into {again:?}");
        true
    }
}

impl Target for Rows {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let rows = stored().rows.into_iter();
        rows.filter(|(key, value)| fuzz::row(key[0], value).is_some())
            .map(|(key, value)| [vec![key[0]], value].concat())
            .collect()
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Some((tag, value)) = input.split_first() else { return false };
        let Some(Ok(written)) = fuzz::row(*tag, value) else { return false };
        let again = fuzz::row(*tag, &written).expect("it is of the same family");
        assert_eq!(again.as_ref(), Ok(&written), "what was written can be read");
        true
    }
}

impl Target for Journal {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let payload = fuzz::payload(&stored().records);
        let rows = stored().rows;
        let keys = |count: usize| {
            let keys = rows.iter().take(count);
            keys.map(|(key, value)| (&key[..], Some(&value[..]))).collect::<Vec<_>>()
        };
        let removed: Vec<_> = rows.iter().take(3).map(|(key, _)| (&key[..], None)).collect();
        let frames = [
            fuzz::frame((1, 12, &payload), &keys(2)),
            fuzz::frame((1, 1, &[]), &keys(40)),
            fuzz::frame((7, 7, &payload), &removed),
        ];
        frames.into_iter().flat_map(|frame| [0, 1].map(|b| [&[b], &frame[..]].concat())).collect()
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Some((how, frame)) = input.split_first() else { return false };
        let mut frame = frame.to_vec();
        let fits = how % 2 == 0 && frame.len() >= 40;
        if fits {
            let length = u32::try_from(frame.len()).expect("it is short");
            frame[4..8].copy_from_slice(&length.to_be_bytes());
            let checksum = crc32fast::hash(&frame[4..]);
            frame[..4].copy_from_slice(&checksum.to_be_bytes());
        }
        let read = fuzz::replay(&frame);
        assert!(read.is_some() || !fits, "a frame that is whole is read");
        if let Some((length, operations)) = read {
            assert!(length <= frame.len() && operations * 7 <= length);
        }
        read.is_some()
    }
}
