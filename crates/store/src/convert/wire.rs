use prost::encoding::{WireType, encode_key, encode_varint};

/// Writes a message field by field: what every event pays for is not to be built first and copied then.
/// Fields that are empty or 0 are left out, as in any message.
#[derive(Debug)]
pub(crate) struct Wire<'b>(pub(crate) &'b mut Vec<u8>);

impl Wire<'_> {
    pub(super) fn text(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.item(field, text.as_bytes());
        }
    }

    /// Text or bytes that are written even when empty: an item of a list, or one of several kinds.
    pub(super) fn item(&mut self, field: u32, bytes: &[u8]) {
        encode_key(field, WireType::LengthDelimited, self.0);
        encode_varint(bytes.len() as u64, self.0);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, field: u32, number: u64) {
        if number != 0 {
            self.chosen(field, number);
        }
    }

    /// A number that is written even when it is 0: one of several kinds.
    pub(super) fn chosen(&mut self, field: u32, number: u64) {
        encode_key(field, WireType::Varint, self.0);
        encode_varint(number, self.0);
    }

    pub(super) fn fixed64(&mut self, field: u32, number: u64) {
        if number != 0 {
            encode_key(field, WireType::SixtyFourBit, self.0);
            self.0.extend_from_slice(&number.to_le_bytes());
        }
    }

    pub(super) fn double(&mut self, field: u32, number: f64) {
        encode_key(field, WireType::SixtyFourBit, self.0);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// A message that is made already.
    pub(super) fn made(&mut self, field: u32, message: &impl prost::Message) {
        encode_key(field, WireType::LengthDelimited, self.0);
        // Encoding into a Vec cannot run out of room.
        let _ = message.encode_length_delimited(self.0);
    }

    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Wire<'_>)) {
        encode_key(field, WireType::LengthDelimited, self.0);
        self.delimited(write);
    }

    /// A message after its length.
    pub(crate) fn delimited(&mut self, write: impl FnOnce(&mut Wire<'_>)) {
        // Most lengths take one byte or two; who is longer makes room afterwards.
        let begin = self.0.len();
        self.0.push(0);
        write(&mut Wire(self.0));
        let len = self.0.len() - begin - 1;
        if let Some(short) = u8::try_from(len).ok().filter(|len| *len < 0x80) {
            self.0[begin] = short;
            return;
        }
        let mut prefix = Vec::with_capacity(10);
        encode_varint(len as u64, &mut prefix);
        self.0.splice(begin..=begin, prefix);
    }
}
