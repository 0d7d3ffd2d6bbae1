use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::thread;

use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use pawl_api::json;
use tokio::sync::mpsc;

use crate::failure::Failure;

/// The longest line, and the largest message. Far above what an event or an entity may weigh, so that
/// a file without line ends is noticed before it fills the memory, and half of what the server takes
/// in one message, so that it can always answer.
pub(crate) const LINE_MAX_BYTES: usize = 2 * 1024 * 1024;
/// How many messages are read ahead.
const READ_AHEAD: usize = 2_048;
const BUFFER_BYTES: usize = 256 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A file of JSON messages, one in each line, plain or gzip, that has not been read yet.
pub(crate) struct Source {
    /// What to call it.
    name: String,
    reader: Box<dyn Read + Send>,
    /// Shows how far it is read, on a terminal only.
    progress: ProgressBar,
}

/// A message and where it stood.
#[derive(Debug)]
pub(crate) struct Line<T> {
    pub(crate) number: u64,
    pub(crate) message: T,
    /// What it weighs on the wire.
    pub(crate) bytes: usize,
}

impl Source {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            let progress = ProgressBar::no_length().with_style(style("{spinner} {msg}"));
            let reader = Box::new(progress.wrap_read(io::stdin()));
            return Ok(Self { name: "standard input".to_owned(), reader, progress });
        }
        let name = path.display().to_string();
        let read = |source| Failure::Read { name: name.clone(), source };
        let file = File::open(path).map_err(read)?;
        let metadata = file.metadata().map_err(read)?;
        if metadata.is_dir() {
            return Err(read(io::ErrorKind::IsADirectory.into()));
        }
        let progress = ProgressBar::new(metadata.len())
            .with_style(style("{wide_bar} {percent:>3} %  {msg}  {eta} left"));
        let reader = Box::new(progress.wrap_read(file));
        Ok(Self { name, reader, progress })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn progress(&self) -> ProgressBar {
        self.progress.clone()
    }

    /// Reads on a thread of its own, as far ahead as the receiver allows. What cannot be read comes
    /// last. `message` names the type, such as `pawl.v1.Event`.
    ///
    /// Nothing waits for the thread: it may be blocked on a terminal for good.
    pub(crate) fn read<T>(
        self,
        message: &'static str,
    ) -> Result<mpsc::Receiver<Result<Line<T>, Failure>>, Failure>
    where
        T: prost::Message + Default + 'static,
    {
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let read = move || {
            let mut lines = match Lines::new(self.name, self.reader) {
                Ok(lines) => lines,
                Err(failure) => return drop(sender.blocking_send(Err(failure))),
            };
            while let Some(line) = lines.next(message).transpose() {
                let last = line.is_err();
                if sender.blocking_send(line).is_err() || last {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("pawl-read".to_owned())
            .spawn(read)
            .map_err(|source| Failure::System { what: "start a thread", source })?;
        Ok(receiver)
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|error| unreachable!("{template:?}: {error}"))
}

/// Gives what the lines of a source hold, up to one that cannot be read.
#[cfg(feature = "fuzz")]
pub(crate) fn every<T>(
    reader: Box<dyn Read + Send>,
    message: &str,
    mut give: impl FnMut(T),
) -> Result<(), Failure>
where
    T: prost::Message + Default,
{
    let mut lines = Lines::new("f".to_owned(), reader)?;
    while let Some(line) = lines.next(message)? {
        give(line.message);
    }
    Ok(())
}

/// The lines of one source.
struct Lines {
    name: String,
    reader: Box<dyn BufRead>,
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    /// Finds out whether it is compressed.
    fn new(name: String, mut reader: Box<dyn Read + Send>) -> Result<Self, Failure> {
        let mut magic = Vec::new();
        // A pipe may hand over its bytes one by one.
        if let Err(source) = reader.by_ref().take(2).read_to_end(&mut magic) {
            return Err(Failure::Read { name, source });
        }
        let compressed = magic == GZIP_MAGIC;
        let whole = Cursor::new(magic).chain(reader);
        let reader: Box<dyn BufRead> = if compressed {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole)))
        } else {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, whole))
        };
        Ok(Self { name, reader, number: 0, line: Vec::new() })
    }

    /// The next line that is not blank; `None` at the end.
    fn next<T>(&mut self, message: &str) -> Result<Option<Line<T>>, Failure>
    where
        T: prost::Message + Default,
    {
        loop {
            self.line.clear();
            self.number += 1;
            let mut limited = self.reader.by_ref().take(LINE_MAX_BYTES as u64 + 1);
            match limited.read_until(b'\n', &mut self.line) {
                Ok(0) => return Ok(None),
                Ok(length) if length > LINE_MAX_BYTES => {
                    return Err(self.malformed(format!("is longer than {LINE_MAX_BYTES} bytes")));
                }
                Ok(_) => {}
                Err(source) => return Err(Failure::Read { name: self.name.clone(), source }),
            }
            let Ok(text) = str::from_utf8(&self.line) else {
                return Err(self.malformed("is not UTF-8".to_owned()));
            };
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            return match json::from_json(message, text) {
                Ok(message) => self.weighed(message).map(Some),
                // It is the line's own first line.
                Err(error) => {
                    Err(self.malformed(error.to_string().replace("at line 1 column", "at column")))
                }
            };
        }
    }

    fn weighed<T: prost::Message>(&self, message: T) -> Result<Line<T>, Failure> {
        let bytes = message.encoded_len();
        if bytes > LINE_MAX_BYTES {
            return Err(
                self.malformed(format!("is longer than {LINE_MAX_BYTES} bytes on the wire"))
            );
        }
        Ok(Line { number: self.number, message, bytes })
    }

    fn malformed(&self, problem: String) -> Failure {
        Failure::Line { name: self.name.clone(), line: self.number, problem }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use pawl_api::pb;

    use super::*;

    const TWO: &str = "{\"event_id\": \"a\"}\r\n\n  \n{\"eventId\": \"b\"}";

    /// Hands over its bytes one by one, as a pipe may.
    struct Trickle(Cursor<Vec<u8>>);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let end = buffer.len().min(1);
            self.0.read(&mut buffer[..end])
        }
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn ids(bytes: Vec<u8>) -> Result<Vec<(u64, String)>, Failure> {
        let mut lines = Lines::new("f".to_owned(), Box::new(Trickle(Cursor::new(bytes))))?;
        let mut found = Vec::new();
        while let Some(line) = lines.next::<pb::Event>("pawl.v1.Event")? {
            found.push((line.number, line.message.event_id));
        }
        Ok(found)
    }

    #[test]
    fn plain_and_gzip_read_the_same() {
        let expected = vec![(1, "a".to_owned()), (4, "b".to_owned())];
        assert_eq!(ids(TWO.into()).unwrap(), expected);
        assert_eq!(ids(gzip(TWO)).unwrap(), expected);
        let (first, rest) = TWO.split_at(19);
        assert_eq!(ids([gzip(first), gzip(rest)].concat()).unwrap(), expected, "two members");
        for empty in [Vec::new(), b"\n\n".to_vec(), gzip("")] {
            assert_eq!(ids(empty).unwrap(), []);
        }
    }

    #[test]
    fn what_is_wrong_names_the_line() {
        let numbers =
            format!("{{\"attributes\": {{\"a\": [0{}]}}}}", ",0".repeat(LINE_MAX_BYTES / 4));
        let cases = [
            (b"{}\n\n{\"subjects\": [1]}".to_vec(), "f, line 3: subjects[0]: ", "at column 15"),
            (b"{}\nx".to_vec(), "f, line 2: ", "at column 1"),
            (b"{}\n\xff".to_vec(), "f, line 2: is not UTF-8", ""),
            (vec![b' '; LINE_MAX_BYTES + 1], "f, line 1: is longer", "bytes"),
            (numbers.into_bytes(), "f, line 1: is longer", "on the wire"),
            (gzip(TWO)[..20].to_vec(), "cannot read f: ", ""),
        ];
        for (bytes, start, part) in cases {
            let error = ids(bytes).unwrap_err().to_string();
            assert!(error.starts_with(start) && error.contains(part), "{error}");
        }
    }
}
