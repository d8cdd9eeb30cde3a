//! Entry bytes: what decodes is canonical; a genesis that is accepted is signed.
#![no_main]

use if_schemas::{Body, Entry, Trust};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(entry) = Entry::decode(bytes) else { return };
    assert_eq!(entry.encode().unwrap(), bytes);
    if let Body::Genesis { envelope } = &entry.body {
        if let Ok(mut trust) = Trust::from_genesis(envelope) {
            assert!(trust.broker().is_some());
            drop(trust.replay(envelope, 1));
        }
    }
});
