//! Export files: what reads to the end writes to the same bytes.
#![no_main]

use if_schemas::export::{ExportError, Reader, Record, Writer};
use libfuzzer_sys::fuzz_target;

fn copy(bytes: &[u8]) -> Result<Vec<u8>, ExportError> {
    let mut reader = Reader::new(bytes)?;
    let mut writer = Writer::new(Vec::new(), reader.header())?;
    loop {
        match reader.next_record()? {
            Some(Record::Trust(entry)) => writer.trust(&entry)?,
            Some(Record::Entry(raw)) => writer.entry(raw)?,
            Some(Record::Footer(head)) => {
                assert!(!matches!(reader.next_record(), Ok(Some(_))));
                return writer.finish(head);
            }
            None => unreachable!("a footer comes before the end"),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(written) = copy(bytes) {
        assert!(bytes.starts_with(&written));
    }
});
