//! Writes the JSON Schemas of manifests, price files, cases and profiles to `schemas/json`.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/json");
    let profile = (if_profile::SCHEMA_FILE, if_profile::json_schema());
    for (name, schema) in if_manifest::json_schemas().into_iter().chain([profile]) {
        fs::write(folder.join(name), serde_json::to_string_pretty(&schema)? + "\n")?;
    }
    Ok(())
}
