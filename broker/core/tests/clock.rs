//! The broker's clock may step back; the log's time never does.
#![allow(clippy::unwrap_used)]

mod support;

use if_schemas::Timestamp;
use support::{World, code, key};

const SECOND: i64 = 1_000_000;

#[test]
fn a_command_is_judged_by_the_time_its_entry_will_carry() {
    let mut w = World::new();
    w.now = w.now.saturating_add_us(60 * SECOND);
    let first = w.command("obs.scene.switch");
    assert_eq!(code(&w.send(&first, &key(2)).0), "accepted");
    let newest: Timestamp = w.state.at();

    w.now = newest.saturating_add_us(-20 * SECOND);
    let short = w.command("obs.scene.switch");
    assert!(short.deadline < newest);
    // Admitting it would write an entry later than its deadline, which no verifier accepts.
    assert_eq!(code(&w.send(&short, &key(2)).0), "expired");

    let mut long = w.command("obs.scene.switch");
    long.deadline = long.issued_at.saturating_add_us(60 * SECOND);
    assert_eq!(code(&w.send(&long, &key(2)).0), "accepted");
    assert_eq!(w.state.at(), newest);
}
