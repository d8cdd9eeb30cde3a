//! Text from outside: subjects, grants, names, ids, durations, times.
#![no_main]

use if_schemas::{
    CommandId, Currency, Grant, Name, OperationId, PublicKey, Role, Timestamp, TraceId, subject,
    time::{parse_duration_us, parse_instant},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok((provider, instance, operation)) = subject::parse_command(text) {
        assert_eq!(subject::command(&provider, &instance, &operation), text);
        assert!(!text.contains(['*', '>', ' ']));
    }
    let _ = subject::event_kind(text);
    if let Ok(name) = text.parse::<Name>() {
        assert_eq!(name.as_str(), text);
        assert!(!text.contains(['.', '*', '>']));
    }
    if let Ok(grant) = text.parse::<Grant>() {
        assert_eq!(grant.to_string(), text);
    }
    if let Ok(operation) = text.parse::<OperationId>() {
        assert_eq!(format!("{}.{}", operation.family(), operation.verb()), text);
    }
    if let Ok(us) = parse_duration_us(text) {
        assert!(us >= 0);
    }
    if let Ok(time) = parse_instant(text, Timestamp(0)) {
        drop(time.to_string());
    }
    drop((text.parse::<CommandId>(), text.parse::<TraceId>(), text.parse::<PublicKey>()));
    let _ = (text.parse::<Role>(), text.parse::<Currency>());
});
