//! The simulator against `vmix-tcp`, a client the project did not write.
#![allow(clippy::unwrap_used)]

use if_harness::vmix::{SimOptions, VmixSim};
use std::time::{Duration, Instant};
use vmix_tcp::{ActivatorsData, RecvCommand, SUBSCRIBECommand, SendCommand, TallyData, VmixApi, vmix_core};

const LIMIT: Duration = Duration::from_secs(5);

/// The first message `pick` takes; what comes before (pushes) is passed over.
fn receive<T>(client: &VmixApi, pick: impl Fn(RecvCommand) -> Option<T>) -> T {
    let until = Instant::now() + LIMIT;
    loop {
        let message = client.try_receive_command(until.saturating_duration_since(Instant::now())).unwrap();
        if let Some(picked) = pick(message) {
            return picked;
        }
    }
}

fn on_program(message: RecvCommand) -> Option<Vec<u16>> {
    let RecvCommand::TALLY(tally) = message else { return None };
    let mut on: Vec<u16> =
        tally.body.iter().filter(|(_, d)| matches!(d, TallyData::PROGRAM)).map(|(n, _)| *n).collect();
    on.sort_unstable();
    Some(on)
}

fn talk(sim: &VmixSim) {
    let client = VmixApi::new(sim.tcp_addr, LIMIT).unwrap();
    let version = receive(&client, |m| if let RecvCommand::VERSION(v) = m { v.version } else { None });
    assert_eq!(version, "29.0.0.49");

    client.send_command(SendCommand::XML).unwrap();
    let xml = receive(&client, |m| if let RecvCommand::XML(x) = m { Some(x.body) } else { None });
    let state = vmix_core::from_str(&xml).unwrap();
    assert_eq!((state.edition.as_str(), state.active.as_str(), state.preview.as_str()), ("Simulator", "1", "2"));
    assert_eq!(state.inputs.input.len(), 4);
    assert_eq!(state.inputs.input[2].title, "Q&A <Café ☕>.mp4");
    assert!(!state.recording && !state.fade_to_black);

    client.send_command(SendCommand::SUBSCRIBE(SUBSCRIBECommand::TALLY)).unwrap();
    client.send_command(SendCommand::SUBSCRIBE(SUBSCRIBECommand::ACTS)).unwrap();
    client.send_command(SendCommand::FUNCTION("Cut".into(), Some("Input=3".into()))).unwrap();
    receive(&client, |m| match m {
        RecvCommand::ACTS(acts) => matches!(acts.body, ActivatorsData::Input(3, true)).then_some(()),
        _ => None,
    });
    receive(&client, |m| on_program(m).filter(|on| *on == [3]));
    assert_eq!(sim.model().program, 3);
}

#[test]
fn an_independent_client_reads_the_state_and_sees_a_cut() {
    let sim = VmixSim::start(SimOptions::default()).unwrap();
    talk(&sim);
}
