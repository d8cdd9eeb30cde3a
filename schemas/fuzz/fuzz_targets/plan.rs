//! Plans, changes of runs and commands of runs: an order covers the leaves of its plan and nothing that differs.
#![no_main]

use if_schemas::{Command, Envelope, Kind, Payload, Plan, RunChange, RunOp, codec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(plan) = codec::decode::<Plan>("plan", bytes) {
        plan_of(&plan);
    }
    if let Ok(payload) = codec::decode::<Payload>("payload", bytes) {
        drop(payload.read::<Plan>().map(|plan| plan_of(&plan)));
    }
    let Ok(envelope) = Envelope::decode(bytes) else { return };
    match envelope.kind() {
        Kind::Run => drop(envelope.read_unverified::<RunChange>().map(|change| change_of(&change))),
        Kind::Command => drop(envelope.read_unverified::<Command>().map(|command| {
            let step = command.run.as_ref()?;
            step.path.root(step.leaf(&command).hash().ok()?).ok()
        })),
        _ => {}
    }
});

fn plan_of(plan: &Plan) {
    drop(plan.check());
    let Ok(tree) = plan.tree() else { return };
    for (leaf, path) in &tree.leaves {
        assert_eq!(path.root(leaf.hash().unwrap()).unwrap(), tree.root);
    }
}

fn change_of(change: &RunChange) {
    let checked = change.check();
    if let (Ok(()), RunOp::Start(_)) = (checked, &change.op) {
        assert!(change.payload.is_some());
        assert_eq!(change.run(), change.id);
    }
}
