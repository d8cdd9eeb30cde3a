//! The `witness export` file: a range of the log that anybody can verify without the fabric.
//!
//! `MAGIC`, then records: a big-endian `u32` length and that many bytes of MessagePack. Their order is one header,
//! trust entries from before the range (only where it does not begin at 0), the entries, one footer, end of file.

use crate::{
    Entry, Envelope, Hash, Payload, PublicKey, SchemaError,
    codec::{self, check_size},
    limits::{ENTRY_MAX_BYTES, ENVELOPE_MAX_BYTES, PAYLOAD_MAX_BYTES, VERSION},
    query::RawEntry,
};
use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Read, Write};

/// First bytes of every export file.
pub const MAGIC: &[u8] = b"infrafabric export v1\n";
/// Room for the field names and lengths around an entry and its payload, bytes.
const RECORD_OVERHEAD_BYTES: usize = 1_024;
/// Largest record, bytes. A reader never holds more than one.
pub const RECORD_MAX_BYTES: usize = ENTRY_MAX_BYTES + PAYLOAD_MAX_BYTES + RECORD_OVERHEAD_BYTES;

/// What the file is about. Says nothing by itself: entries and the signed head prove it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub v: u8,
    /// Hash of entry 0.
    pub log: Hash,
    /// Index of the first entry in the file.
    pub from: u64,
    /// Hash of entry `from - 1`; zeroes where `from` is 0.
    pub prev: Hash,
    /// Public key of the broker that signed the footer.
    pub broker: PublicKey,
}

impl Header {
    pub fn new(log: Hash, from: u64, prev: Hash, broker: PublicKey) -> Self {
        Self { v: VERSION, log, from, prev, broker }
    }

    fn check(&self) -> Result<(), ExportError> {
        codec::check_version("export header", self.v)?;
        if self.from == 0 && self.prev != Hash::ZERO {
            return Err(ExportError::Order("the header of a range from 0 must have a zero prev"));
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wire {
    Header(Header),
    Trust(Bytes),
    Entry(RawEntry),
    Footer(Footer),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    #[serde(with = "serde_bytes")]
    entry: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    head: Envelope,
}

/// One record after the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Exact bytes of entry 0 or of a `trust` entry before the range, oldest first.
    Trust(Vec<u8>),
    /// An entry of the range, in order, with its payload unless erased or left out.
    Entry(RawEntry),
    /// The broker's signed [`crate::Head`] of the last entry. Nothing follows it.
    Footer(Envelope),
}

/// Why a file is not an export file. Nothing is said here about hashes and signatures of its entries.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("the export file could not be read or written: {0}")]
    Io(#[source] std::io::Error),
    #[error("this is not an export file: it must begin with \"infrafabric export v1\"")]
    Magic,
    #[error("the export file ends in the middle, after {records} records: it was cut off, copy it again")]
    Truncated { records: u64 },
    #[error("record {record} of the export file: {error}")]
    Record { record: u64, error: SchemaError },
    #[error("{0}")]
    Schema(#[from] SchemaError),
    #[error("the export file is out of order: {0}")]
    Order(&'static str),
    #[error("there are bytes after the footer of the export file")]
    TrailingBytes,
}

impl ExportError {
    /// Stable snake_case name, as the golden vectors give it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Io(_) => "io",
            Self::Magic => "magic",
            Self::Truncated { .. } => "truncated",
            Self::Record { error, .. } | Self::Schema(error) => error.name(),
            Self::Order(_) => "order",
            Self::TrailingBytes => "trailing_bytes",
        }
    }
}

/// Where in the file a reader or writer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Trust,
    Entries,
    Done,
}

/// The order rules, the same for reading and writing.
#[derive(Debug)]
struct Order {
    partial: bool,
    stage: Stage,
    entries: u64,
}

impl Order {
    fn new(header: &Header) -> Self {
        Self { partial: header.from > 0, stage: Stage::Trust, entries: 0 }
    }

    fn step(&mut self, record: &Wire) -> Result<(), ExportError> {
        match (record, self.stage) {
            (_, Stage::Done) => Err(ExportError::TrailingBytes),
            (Wire::Header(_), _) => Err(ExportError::Order("there is a second header")),
            (Wire::Trust(_), Stage::Entries) => Err(ExportError::Order("a trust record follows an entry")),
            (Wire::Trust(_), Stage::Trust) if !self.partial => {
                Err(ExportError::Order("a range from 0 has no trust records"))
            }
            (Wire::Trust(_), Stage::Trust) => Ok(()),
            (Wire::Entry(_), _) => {
                self.stage = Stage::Entries;
                self.entries += 1;
                Ok(())
            }
            (Wire::Footer(_), Stage::Trust) => Err(ExportError::Order("there is no entry before the footer")),
            (Wire::Footer(_), Stage::Entries) => {
                self.stage = Stage::Done;
                Ok(())
            }
        }
    }
}

/// Writes one export file. Dropped before [`Writer::finish`], it leaves a file that every reader refuses as cut off.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    order: Order,
}

impl<W: Write> Writer<W> {
    /// Writes the magic line and the header.
    pub fn new(mut out: W, header: &Header) -> Result<Self, ExportError> {
        header.check()?;
        out.write_all(MAGIC).map_err(ExportError::Io)?;
        write_record(&mut out, &Wire::Header(header.clone()))?;
        Ok(Self { out, order: Order::new(header) })
    }

    /// Exact bytes of entry 0 or of a trust entry before the range, oldest first.
    pub fn trust(&mut self, entry: &[u8]) -> Result<(), ExportError> {
        check_size("entry", entry, ENTRY_MAX_BYTES)?;
        self.put(&Wire::Trust(Bytes { entry: entry.to_vec() }))
    }

    /// The next entry of the range.
    pub fn entry(&mut self, entry: RawEntry) -> Result<(), ExportError> {
        check_raw(&entry)?;
        self.put(&Wire::Entry(entry))
    }

    /// `head` is the broker's signed head of the last entry written. Flushes, and gives the inner writer back.
    pub fn finish(mut self, head: Envelope) -> Result<W, ExportError> {
        self.put(&Wire::Footer(Footer { head }))?;
        self.out.flush().map_err(ExportError::Io)?;
        Ok(self.out)
    }

    fn put(&mut self, record: &Wire) -> Result<(), ExportError> {
        self.order.step(record)?;
        write_record(&mut self.out, record)
    }
}

/// Reads one export file, record by record.
#[derive(Debug)]
pub struct Reader<R: Read> {
    input: R,
    header: Header,
    order: Order,
    records: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the magic line and the header. Wrap files in a `BufReader`.
    pub fn new(mut input: R) -> Result<Self, ExportError> {
        let mut magic = [0; MAGIC.len()];
        input.read_exact(&mut magic).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => ExportError::Magic,
            _ => ExportError::Io(e),
        })?;
        if magic != MAGIC {
            return Err(ExportError::Magic);
        }
        let header = match read_record(&mut input, 0)? {
            Some(Wire::Header(header)) => header,
            Some(_) => return Err(ExportError::Order("the first record must be the header")),
            None => return Err(ExportError::Truncated { records: 0 }),
        };
        header.check()?;
        let order = Order::new(&header);
        Ok(Self { input, header, order, records: 1 })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next record; `None` after the footer, at the end of the file. Any error ends the file.
    pub fn next_record(&mut self) -> Result<Option<Record>, ExportError> {
        let Some(record) = read_record(&mut self.input, self.records)? else {
            return match self.order.stage {
                Stage::Done => Ok(None),
                _ => Err(ExportError::Truncated { records: self.records }),
            };
        };
        self.order.step(&record)?;
        let error = |error| ExportError::Record { record: self.records, error };
        let record = match record {
            Wire::Header(_) => return Err(ExportError::Order("there is a second header")),
            Wire::Trust(bytes) => {
                check_size("entry", &bytes.entry, ENTRY_MAX_BYTES).map_err(error)?;
                Record::Trust(bytes.entry)
            }
            Wire::Entry(raw) => {
                check_raw(&raw).map_err(error)?;
                Record::Entry(raw)
            }
            Wire::Footer(footer) => {
                let bytes = footer.head.encode().map_err(error)?;
                check_size("envelope", &bytes, ENVELOPE_MAX_BYTES).map_err(error)?;
                Record::Footer(footer.head)
            }
        };
        self.records += 1;
        Ok(Some(record))
    }
}

fn check_raw(raw: &RawEntry) -> Result<(), SchemaError> {
    check_size("entry", &raw.entry, ENTRY_MAX_BYTES)?;
    match &raw.payload {
        Some(Payload { bytes, .. }) => check_size("payload", bytes, PAYLOAD_MAX_BYTES),
        None => Ok(()),
    }
}

fn write_record<W: Write>(out: &mut W, record: &Wire) -> Result<(), ExportError> {
    let bytes = codec::encode("export record", record)?;
    check_size("export record", &bytes, RECORD_MAX_BYTES)?;
    let too_large = |_| SchemaError::TooLarge { what: "export record", bytes: bytes.len(), limit: RECORD_MAX_BYTES };
    let length = u32::try_from(bytes.len()).map_err(too_large)?;
    out.write_all(&length.to_be_bytes()).map_err(ExportError::Io)?;
    out.write_all(&bytes).map_err(ExportError::Io)
}

/// `None` at a clean end of file.
fn read_record<R: Read>(input: &mut R, record: u64) -> Result<Option<Wire>, ExportError> {
    let mut length = [0; 4];
    match read_up_to(input, &mut length)? {
        0 => return Ok(None),
        4 => {}
        _ => return Err(ExportError::Truncated { records: record }),
    }
    let length = u32::from_be_bytes(length) as usize;
    let located = |error| ExportError::Record { record, error };
    if length > RECORD_MAX_BYTES {
        return Err(located(SchemaError::TooLarge { what: "export record", bytes: length, limit: RECORD_MAX_BYTES }));
    }
    // Grows only by what is really there: a short file that claims a long record costs nothing.
    let mut bytes = Vec::new();
    input.by_ref().take(length as u64).read_to_end(&mut bytes).map_err(ExportError::Io)?;
    if bytes.len() < length {
        return Err(ExportError::Truncated { records: record });
    }
    codec::decode_canonical("export record", &bytes).map(Some).map_err(located)
}

/// Fills `buffer` as far as the input goes; the number of bytes read.
fn read_up_to<R: Read>(input: &mut R, buffer: &mut [u8]) -> Result<usize, ExportError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(ExportError::Io(e)),
        }
    }
    Ok(filled)
}

/// True if `entry` belongs among the trust records of a partial range.
pub fn is_trust_history(entry: &Entry) -> bool {
    matches!(entry.body, crate::Body::Genesis { .. } | crate::Body::Trust { .. })
}
