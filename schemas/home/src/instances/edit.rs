//! Adding and removing instances without disturbing what people wrote in the file.

use super::{
    TOP,
    check::{check, known_fields},
    load,
};
use crate::{HomeError, Place, entries, private::Exposure, yaml};
use if_manifest::ProviderSpec;
use if_schemas::Name;
use serde_json::{Map, Value};
use std::path::Path;

/// Adds an instance with the fields given (`enabled` and `simulated` may be among them); defaults are not written.
/// Comments and other entries keep their exact text. The file is replaced atomically and is of mode 0600 afterwards.
/// Refuses a name that exists and fields the provider does not have.
pub fn add(path: &Path, spec: &ProviderSpec, name: &Name, fields: Map<String, Value>) -> Result<(), HomeError> {
    let fields = in_order(path, spec, &fields)?;
    entries::edit(path, TOP, |file, before| {
        if before.names().any(|n| n == name.as_str()) {
            return Err(HomeError::invalid(Place::file(file), format!("instance {name} exists already"))
                .or_hint(format!("choose another name, or `ifctl {} remove {name}` first", spec.id)));
        }
        let after = before.with(name, &fields)?;
        if fields.iter().any(|(field, _)| field == "backup") {
            check_backup(path, spec, name, &after)?;
        }
        Ok(after)
    })
}

/// What is wrong with the new entry only beside the others: a backup that is none. Shown without a place, as the file is
/// not written.
fn check_backup(path: &Path, spec: &ProviderSpec, name: &Name, after: &str) -> Result<(), HomeError> {
    let Some(document) = yaml::parse(path, after)? else { return Ok(()) };
    match load::each(path, spec, Exposure::Private, &document)?.remove(name) {
        Some(Err(HomeError::Invalid { what, hint, .. })) => {
            Err(HomeError::Invalid { place: Place::file(path), what, hint })
        }
        Some(Err(other)) => Err(other),
        _ => Ok(()),
    }
}

/// Removes an instance: its lines and the comments inside them. Everything else keeps its exact text.
/// Refuses a name that is not there and names the nearest.
pub fn remove(path: &Path, name: &Name) -> Result<(), HomeError> {
    entries::remove(path, TOP, "instance", name)
}

/// The fields, checked, in the order they are written.
fn in_order(path: &Path, spec: &ProviderSpec, fields: &Map<String, Value>) -> Result<Vec<(String, Value)>, HomeError> {
    check(spec, fields).map_err(|w| HomeError::Invalid { place: Place::file(path), what: w.what, hint: w.hint })?;
    Ok(known_fields(spec).filter_map(|f| fields.get(f).map(|v| (f.to_string(), v.clone()))).collect())
}
