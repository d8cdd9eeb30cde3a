//! A fabric with real descriptions of providers, and profiles compiled for it.
#![allow(dead_code)]

use if_manifest::{ProviderSpec, provider};
use if_profile::{Compiled, Fabric, Problem, Source, Sources, compile};
use if_schemas::{Name, Salt, Target};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

pub const INSTANCES: [&str; 6] =
    ["vmix/myvmix", "obs/myobs", "obs/backup", "ha/myhome", "telegram/desk", "stripe/mypayments"];

static PROVIDERS: LazyLock<Vec<ProviderSpec>> = LazyLock::new(|| {
    ["vmix", "obs", "ha", "telegram", "slack", "stripe"].iter().map(|id| provider(id).unwrap()).collect()
});

pub fn instances() -> BTreeSet<Target> {
    INSTANCES.iter().map(|i| i.parse().unwrap()).collect()
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Files by name; each is called `NAME.yaml`.
pub fn sources(files: &[(&str, &str)]) -> Sources {
    files.iter().map(|(n, text)| (name(n), Source { file: format!("{n}.yaml"), text: (*text).into() })).collect()
}

pub fn set(vars: &[(&str, &str)]) -> BTreeMap<String, String> {
    vars.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

/// A salt of its own for each payload.
pub fn compile_all(sources: &Sources, root: &str, vars: &[(&str, &str)]) -> Result<Compiled, Vec<Problem>> {
    let instances = instances();
    let mut count = 0u64;
    let mut salts = || {
        count += 1;
        let mut salt = [0; Salt::LEN];
        salt[..8].copy_from_slice(&count.to_le_bytes());
        Ok(Salt(salt))
    };
    let fabric = Fabric { providers: &PROVIDERS, instances: &instances };
    compile(&name(root), sources, &set(vars), fabric, &mut salts)
}

/// The profile `p` of this text.
pub fn of(text: &str, vars: &[(&str, &str)]) -> Result<Compiled, Vec<Problem>> {
    compile_all(&sources(&[("p", text)]), "p", vars)
}

pub fn good(text: &str) -> Compiled {
    of(text, &[]).unwrap_or_else(|problems| panic!("{}", shown(&problems)))
}

pub fn shown(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("{p}\n")).collect()
}
