//! Wakes the sequencer so that overdue commands are settled, but only while results could have come in.

use crate::sequencer::Signal;
use if_bus::Bus;
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};

/// How often overdue commands are looked for.
const TICK: Duration = Duration::from_millis(250);
/// After a start or a lost connection workers get this long to deliver results they kept.
const SETTLE_AFTER_LINK: Duration = Duration::from_secs(3);

pub async fn run(bus: Bus, sequencer: mpsc::Sender<Signal>) {
    let mut link = bus.link();
    let mut up_since = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            changed = link.changed() => {
                if changed.is_err() {
                    return;
                }
                up_since = Instant::now();
            }
            _ = ticks.tick() => {
                let up = link.borrow().up && up_since.elapsed() >= SETTLE_AFTER_LINK;
                // A full queue means the sequencer is busy and will be ticked again.
                if up && sequencer.try_send(Signal::Tick).is_err() && sequencer.is_closed() {
                    return;
                }
            }
        }
    }
}
