//! Profiles drawn from a seed, and their plans.

use crate::desk::Place;
use anyhow::{Result, anyhow};
use fastrand::Rng;
use if_manifest::provider;
use if_profile::{Fabric, Source, Sources, compile};
use if_schemas::{Name, Plan};
use if_tests::{noop::spec, world::new_salt};
use std::{collections::BTreeMap, fmt::Write as _};

/// Steps of one profile.
const STEPS: std::ops::Range<usize> = 2..7;
/// An input that the mixer does not have.
const NO_INPUT: &str = "77";

/// The text of a profile for one desk. What changes one instance is one after the other; the two go on beside each other.
pub fn text(dice: &mut Rng, place: &Place) -> Result<String> {
    let on_failure = ["stop", "rollback", "rollback"][dice.usize(0..3)];
    let mut text = format!("name: storm\nconcurrency: {}\non_failure: {on_failure}\nsteps:\n", dice.usize(1..5));
    let (mut last_cut, mut last_fired) = (None, None);
    for number in 0..dice.usize(STEPS) {
        let id = format!("s{number}");
        let (operation, args) = match dice.u8(0..12) {
            0..=2 => ("vmix.cut", format!("{{input: \"{}\"}}", dice.u8(1..5))),
            3 => ("vmix.overlay.in", format!("{{num: {}, input: \"{}\"}}", dice.u8(1..4), dice.u8(1..5))),
            4 => ("vmix.audio.mute", format!("{{input: \"{}\"}}", dice.u8(1..5))),
            5 => ("vmix.record.start", "{}".into()),
            6 => ("vmix.external.start", "{}".into()),
            7 => ("vmix.cut", format!("{{input: \"{NO_INPUT}\"}}")),
            8 => {
                writeln!(text, "  - id: {id}\n    wait: {}ms", dice.u16(10..300))?;
                continue;
            }
            _ => ("noop.fire", "{}".into()),
        };
        let is_mixer = operation.starts_with("vmix.");
        let instance = if is_mixer { &place.mixer } else { &place.noop };
        writeln!(text, "  - id: {id}\n    run: {{operation: {operation}, instance: {instance}, args: {args}}}")?;
        writeln!(text, "    timeout: {}s", dice.u8(2..5))?;
        // What must not happen twice is never sent again, so a profile may not ask for it.
        let is_once = ["vmix.cut", "vmix.overlay.in", "noop.fire"].contains(&operation);
        if !is_once && dice.bool() {
            writeln!(text, "    retry: {{times: {}, pause: 100ms}}", dice.u8(1..3))?;
        }
        if dice.u8(0..8) == 0 {
            writeln!(text, "    on_failure: continue")?;
        }
        let last: &mut Option<String> = if is_mixer { &mut last_cut } else { &mut last_fired };
        if let Some(last) = last.replace(id) {
            writeln!(text, "    needs: {last}")?;
        }
        if !is_mixer {
            writeln!(text, "    undo: none")?;
        }
    }
    Ok(text)
}

pub fn plan(text: String, place: &Place) -> Result<Plan> {
    let name: Name = "storm".parse()?;
    let shown = text.clone();
    let sources: Sources = [(name.clone(), Source { file: "storm.yaml".into(), text })].into();
    let providers = [provider("vmix").ok_or_else(|| anyhow!("no vmix"))?, spec()];
    let instances = [place.mixer.clone(), place.noop.clone()].into();
    let fabric = Fabric { providers: &providers, instances: &instances };
    let compiled = compile(&name, &sources, &BTreeMap::new(), fabric, &mut || Ok(new_salt()));
    let compiled = compiled.map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!("{}\n{shown}", lines.join("\n"))
    })?;
    Ok(compiled.plan)
}
