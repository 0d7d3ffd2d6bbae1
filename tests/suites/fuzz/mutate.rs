//! Inputs by chance, from those that are good.

use fastrand::Rng;

/// The longest input.
const INPUT_MAX_BYTES: usize = 16 * 1_024;
/// Numbers at which things end.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// Makes inputs of those that it knows.
pub(crate) struct Mutator {
    rng: Rng,
    known: Vec<Vec<u8>>,
    words: &'static [&'static str],
}

impl Mutator {
    pub(crate) fn new(seed: u64, known: Vec<Vec<u8>>, words: &'static [&'static str]) -> Self {
        Self { rng: Rng::with_seed(seed), known, words }
    }

    /// The next input: one of those that are known after a few changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut input = self.any().clone();
        // Few changes reach further, many reach what nobody thought of.
        for _ in 0..=self.rng.usize(..4) * self.rng.usize(..3) {
            self.change(&mut input);
        }
        input.truncate(INPUT_MAX_BYTES);
        input
    }

    /// Keeps an input that is good, so that others are made of it, in place of one by chance.
    pub(crate) fn keep(&mut self, input: Vec<u8>, at_least: usize) {
        if self.known.len() < 4 * at_least {
            self.known.push(input);
        } else {
            let place = self.rng.usize(at_least..self.known.len());
            self.known[place] = input;
        }
    }

    fn any(&mut self) -> &Vec<u8> {
        let place = self.rng.usize(..self.known.len());
        &self.known[place]
    }

    /// A piece of the input.
    fn piece(&mut self, length: usize) -> std::ops::Range<usize> {
        let begin = self.rng.usize(..=length);
        let most = if self.rng.bool() { 8 } else { length };
        begin..(begin + self.rng.usize(..=most)).min(length)
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let place = self.rng.usize(..=input.len());
        let is_there = place < input.len();
        match self.rng.u8(..10) {
            0 if is_there => input[place] ^= 1 << self.rng.u8(..8),
            1 if is_there => input[place] = self.rng.u8(..),
            2 if is_there => {
                input[place] = input[place].wrapping_add(self.rng.u8(0..3)).wrapping_sub(1);
            }
            3 => input.truncate(place),
            4 => {
                let piece = self.piece(input.len());
                input.drain(piece);
            }
            5 => {
                let piece = self.piece(input.len());
                let copied = input[piece].repeat(1 + self.rng.usize(..3));
                input.splice(place..place, copied);
            }
            6 => {
                // What another one has there, or anywhere.
                let other = self.any().clone();
                let piece = self.piece(other.len());
                let over = if self.rng.bool() { piece.len().min(input.len() - place) } else { 0 };
                input.splice(place..place + over, other[piece].iter().copied());
            }
            7 => {
                let edge = EDGES[self.rng.usize(..EDGES.len())];
                let mut bytes = edge.to_be_bytes()[8 - (1 << self.rng.usize(..4))..].to_vec();
                if self.rng.bool() {
                    bytes.reverse();
                }
                let over = if self.rng.bool() { bytes.len().min(input.len() - place) } else { 0 };
                input.splice(place..place + over, bytes);
            }
            8 if !self.words.is_empty() => {
                let word = self.words[self.rng.usize(..self.words.len())];
                input.splice(place..place, word.bytes());
            }
            _ => {
                let count = self.rng.usize(1..6);
                let bytes: Vec<_> = (0..count).map(|_| self.rng.u8(..)).collect();
                input.splice(place..place, bytes);
            }
        }
    }
}
