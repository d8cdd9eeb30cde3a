//! What can go wrong with the log on disk.

use if_schemas::SchemaError;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Stop the other process, or point to another directory.
    #[error("the log in {} is in use by another process\nhint: stop the other broker first", .path.display())]
    InUse { path: PathBuf },
    #[error("the log in {} cannot be opened: {why}\nhint: check that the directory exists, is writable and has space", .path.display())]
    Open { path: PathBuf, why: String },
    #[error("the log in {} has format {found}, this build reads {supported}", .path.display())]
    Format { path: PathBuf, found: String, supported: &'static str },
    /// Retry or stop; nothing was changed.
    #[error("reading the log in {} failed: {why}", .path.display())]
    Read { path: PathBuf, why: String },
    /// The process must end: it is unknown what reached the disk.
    #[error("writing the log in {} failed: {why}\nhint: free space or repair the disk, then start the broker again; nothing unacknowledged is lost", .path.display())]
    Write { path: PathBuf, why: String },
    /// An earlier write failed; the log stays closed until a restart reads what is on disk.
    #[error("the log in {} is closed after a failed write\nhint: start the broker again", .path.display())]
    Latched { path: PathBuf },
    /// A defect of the caller.
    #[error("entry {found} does not follow entry {head} (hash and index must be the next)")]
    NotNext { head: String, found: u64 },
    /// A defect of the caller.
    #[error("entry {index} cannot be appended: {why}")]
    BadEntry { index: u64, why: String },
    #[error("entry {index} on disk is damaged: {source}\nhint: run `if-broker fsck`")]
    Damaged { index: u64, source: SchemaError },
    #[error(transparent)]
    Schema(#[from] SchemaError),
}
