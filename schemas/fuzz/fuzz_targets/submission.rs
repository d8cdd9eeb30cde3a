//! Messages of the bus and the documents in them.
#![no_main]

use if_schemas::{
    Command, Envelope,
    outcome::Outcome,
    payload::Arguments,
    wire::{Committed, Message, Submission},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    drop(Envelope::from_message(bytes));
    if let Ok(submission) = Submission::from_message(bytes) {
        drop(submission.envelope.read_unverified::<Command>());
        if let Some(payload) = submission.payload {
            payload.check(&payload.hash()).unwrap();
            drop(payload.read::<Arguments>());
            drop(payload.read::<Outcome>());
        }
    }
    if let Ok(committed) = Committed::from_message(bytes) {
        let again = Committed::from_message(&committed.to_message().unwrap()).unwrap();
        assert_eq!(again, committed);
    }
});
