//! Verifying an exported file with nothing but the file.

use super::{Report, finish, progress};
use crate::{
    CliError,
    commands::witness::{
        against::SavedHead,
        anchor::{Anchor, owners},
        audit::Audit,
        finder::Finder,
        partial::Partial,
    },
    context::Context,
};
use if_core::Damage;
use if_schemas::{
    Envelope,
    export::{ExportError, Header, Reader, Record},
};
use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
    time::Instant,
};

/// Bytes read from the file at once.
const READ_BYTES: usize = 1024 * 1024;

pub fn verify(
    context: &Context,
    path: &Path,
    anchor: Anchor,
    saved: Option<SavedHead>,
    finder: Option<Finder>,
) -> Result<Report, CliError> {
    let started = Instant::now();
    let shown = path.display();
    let open = |e: std::io::Error| {
        CliError::usage(format!("{shown} cannot be read: {e}"), "give a file that `ifctl witness export` wrote")
    };
    let file = File::open(path).map_err(open)?;
    let length = file.metadata().map_err(open)?.len();
    let bar = progress(context, length, "{bar:40} {bytes}/{total_bytes}  {eta}");
    let reader =
        Reader::new(BufReader::with_capacity(READ_BYTES, bar.wrap_read(file))).map_err(|e| unreadable(&shown, &e))?;
    let from = reader.header().from;
    let report = match from {
        0 => whole(reader, &anchor, saved, finder, started, &shown),
        _ => range(reader, &anchor, saved, finder, started, &shown),
    };
    bar.finish_and_clear();
    report
}

/// A file that is cut off or garbled is damage, not a typing error.
fn unreadable(shown: &impl std::fmt::Display, e: &ExportError) -> CliError {
    match e {
        ExportError::Io(e) => CliError::io(shown, e),
        ExportError::Magic => CliError::usage(format!("{shown}: {e}"), "give a file that `ifctl witness export` wrote"),
        other => CliError::damaged(format!("{shown}: {other}")),
    }
}

fn whole<R: Read>(
    mut reader: Reader<R>,
    anchor: &Anchor,
    saved: Option<SavedHead>,
    finder: Option<Finder>,
    started: Instant,
    shown: &impl std::fmt::Display,
) -> Result<Report, CliError> {
    let header = reader.header().clone();
    let mut audit = Audit::new(saved, finder)?;
    let mut head: Option<Envelope> = None;
    let mut damage: Option<Damage> = None;
    while damage.is_none()
        && let Some(record) = reader.next_record().map_err(|e| unreadable(shown, &e))?
    {
        damage = match record {
            Record::Entry(raw) if audit.next() == 0 => anchor.check(&raw.entry).and_then(|()| audit.push(&raw)).err(),
            Record::Entry(raw) => audit.push(&raw).err(),
            Record::Footer(envelope) => {
                head = Some(envelope);
                None
            }
            Record::Trust(_) => None,
        };
    }
    let audited = audit.finish(damage)?;
    if audited.auditor.state().log() != Some(header.log) {
        return Err(CliError::damaged("entry 0: the file's header names another log"));
    }
    let head = footer(&header, head, shown)?;
    finish(audited, &head, anchor, started)
}

/// The signed head, by the key the header promises. (The reader gives no end without a footer.)
fn footer(header: &Header, head: Option<Envelope>, shown: &impl std::fmt::Display) -> Result<Envelope, CliError> {
    let head = head.ok_or_else(|| CliError::damaged(format!("{shown}: it has no signed head")))?;
    if head.key() != header.broker.key_id() {
        return Err(CliError::damaged(format!(
            "{shown}: its header names another broker key than its head is signed by"
        )));
    }
    Ok(head)
}

fn range<R: Read>(
    mut reader: Reader<R>,
    anchor: &Anchor,
    saved: Option<SavedHead>,
    finder: Option<Finder>,
    started: Instant,
    shown: &impl std::fmt::Display,
) -> Result<Report, CliError> {
    let header = reader.header().clone();
    if let Some(saved) = saved.as_ref().filter(|s| s.index() + 1 < header.from) {
        let text = format!(
            "the saved head is entry {}, the file begins with entry {}: they cannot be compared",
            saved.index(),
            header.from
        );
        return Err(CliError::usage(text, "export from an earlier entry, or from 0"));
    }
    let mut partial = Partial::new(&header, saved, finder);
    let mut head: Option<Envelope> = None;
    let mut seen_genesis = false;
    while let Some(record) = reader.next_record().map_err(|e| unreadable(shown, &e))? {
        match record {
            Record::Trust(bytes) => {
                if !std::mem::replace(&mut seen_genesis, true) {
                    anchor.check(&bytes)?;
                }
                partial.history(&bytes)?;
            }
            Record::Entry(raw) => partial.push(&raw)?,
            Record::Footer(envelope) => head = Some(envelope),
        }
    }
    let head = footer(&header, head, shown)?;
    let head = partial.check_head(&head)?;
    let trust = partial.trust()?.clone();
    let saved = partial.saved.as_ref().map(|s| s.check(&trust, Some(partial.log()), head.index)).transpose()?;
    Ok(Report {
        from: header.from,
        head,
        signatures: partial.signatures + 1,
        payloads: partial.payloads,
        unordered: partial.unordered,
        took: started.elapsed(),
        pinned: anchor.is_pinned(),
        owners: owners(&trust),
        saved,
        trust,
        found: partial.finder.map(Finder::done).transpose()?,
    })
}
