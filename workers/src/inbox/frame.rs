//! Frames of the journal: `length (u32 LE) ‖ checksum (8 bytes) ‖ record`, after a header `magic ‖ salt`.
//! The checksum is keyed with the salt of the file, so nothing a provider or sender wrote into a record can pass for a
//! frame.

use if_schemas::codec;

/// What every journal begins with; the last digit is the format version.
const MAGIC: &[u8; 8] = b"IFINBOX1";
pub const SALT_BYTES: usize = 16;
pub const HEADER_BYTES: usize = MAGIC.len() + SALT_BYTES;
const CHECKSUM_BYTES: usize = 8;
/// Bytes a frame adds to its record.
pub const FRAME_BYTES: usize = 4 + CHECKSUM_BYTES;
/// Largest record, bytes: a whole submission and its fields.
pub const RECORD_MAX_BYTES: usize = if_schemas::limits::MESSAGE_MAX_BYTES + 4_096;
/// Hash context of the checksum.
const CONTEXT: &str = "infrafabric 2026 inbox journal v1";

pub type Salt = [u8; SALT_BYTES];

pub fn header(salt: &Salt) -> Vec<u8> {
    [MAGIC.as_slice(), salt].concat()
}

/// Appends one frame. `None` if the record is too large for one.
pub fn write(out: &mut Vec<u8>, salt: &Salt, record: &[u8]) -> Option<()> {
    let length = u32::try_from(record.len()).ok().filter(|l| *l as usize <= RECORD_MAX_BYTES)?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(salt, record));
    out.extend_from_slice(record);
    Some(())
}

/// Everything a journal file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// None if not even the header is whole.
    pub salt: Option<Salt>,
    pub records: Vec<Vec<u8>>,
    /// Bytes that are no whole frame: a torn tail, or damage in the middle.
    pub damaged: usize,
}

/// Reads all whole frames. Writes that were not synced may reach the disk in any order before a power loss, so bytes
/// after a damaged place still count.
pub fn scan(bytes: &[u8]) -> Scan {
    let header = bytes.get(..HEADER_BYTES).and_then(|h| h.strip_prefix(MAGIC)).and_then(|s| Salt::try_from(s).ok());
    let Some(salt) = header else { return Scan { salt: None, records: Vec::new(), damaged: bytes.len() } };
    let (mut at, mut scan) = (HEADER_BYTES, Scan { salt: Some(salt), ..Scan::default() });
    while at < bytes.len() {
        match frame_at(&salt, bytes.get(at..).unwrap_or_default()) {
            Some(record) => {
                at += FRAME_BYTES + record.len();
                scan.records.push(record.to_vec());
            }
            None => {
                at += 1;
                scan.damaged += 1;
            }
        }
    }
    scan
}

fn frame_at<'a>(salt: &Salt, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || length > RECORD_MAX_BYTES {
        return None;
    }
    let (sum, rest) = rest.split_first_chunk::<CHECKSUM_BYTES>()?;
    let record = rest.get(..length)?;
    (checksum(salt, record) == *sum).then_some(record)
}

fn checksum(salt: &Salt, record: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let full = codec::hash(CONTEXT, &[salt, record]);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&full.0[..CHECKSUM_BYTES]);
    sum
}
