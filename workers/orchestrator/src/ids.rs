//! Ids follow from what they name, so that what is sent again after a kill is known to be the same.

use if_schemas::{CommandId, codec, plan::Phase};

const CONTEXT: &str = "infrafabric 2026 run id v1";
/// Bytes at the front of a UUIDv7 that are its time.
const TIME_BYTES: usize = 6;
const RANDOM_BYTES: usize = 10;

/// The id of the `number`th command (from 0) of a phase of a step. Its time is that of the run.
pub fn command_id(run: CommandId, step: u32, phase: Phase, number: u32) -> CommandId {
    let phase: &[u8] = match phase {
        Phase::Do => b"do",
        Phase::Undo => b"undo",
    };
    of(run, &[phase, &step.to_be_bytes(), &number.to_be_bytes()])
}

/// The id of a note. `counts` tell it from notes of the same kind on the same step.
pub(crate) fn note_id(run: CommandId, kind: &str, step: u32, counts: [u32; 4]) -> CommandId {
    let counts = counts.map(u32::to_be_bytes).concat();
    of(run, &[b"note", kind.as_bytes(), &step.to_be_bytes(), &counts])
}

fn of(run: CommandId, parts: &[&[u8]]) -> CommandId {
    let parts: Vec<&[u8]> = std::iter::once(&run.as_bytes()[..]).chain(parts.iter().copied()).collect();
    let hash = codec::hash(CONTEXT, &parts);
    let time = run.as_bytes()[..TIME_BYTES].iter().fold(0, |ms, byte| (ms << 8) | u64::from(*byte));
    let mut random = [0; RANDOM_BYTES];
    random.copy_from_slice(&hash.0[..RANDOM_BYTES]);
    CommandId::new(time, random)
}
