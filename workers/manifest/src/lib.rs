//! What providers and operations look like: data that the CLI builds its commands from, adapters check arguments with,
//! nodes announce and the engine executes. YAML text → [`raw`] types → checked → [`Plan`]. Pure.

pub mod args;
pub mod cases;
mod catalog;
mod compile;
mod error;
pub mod native;
pub mod plan;
pub mod plugin;
pub mod prices;
pub mod raw;
mod redact;
pub mod restore;
pub mod spec;
pub mod yaml;

pub use args::ArgumentError;
pub use catalog::{CatalogEntry, IndexEntry, builtin_index, catalog, provider, providers, providers_of};
pub use compile::{MANIFEST_MAX_BYTES, compile, compile_as, compile_plugin};
pub use error::ManifestError;
pub use plan::Plan;
pub use plugin::Plugin;
pub use prices::{Prices, prices, unpriced};
pub use redact::{REDACTED, redact};
pub use restore::RestoreSpec;
pub use spec::{Category, FieldSpec, OperationSpec, ParamKind, ParamSpec, Pattern, ProviderSpec};

/// The JSON Schemas of everything people write for a provider, by file name, as they stand in `schemas/json`.
pub fn json_schemas() -> [(&'static str, schemars::Schema); 4] {
    [
        ("provider-manifest.v1.schema.json", schemars::schema_for!(raw::Manifest)),
        ("provider-plugin.v1.schema.json", of_plugin()),
        ("prices.v1.schema.json", schemars::schema_for!(raw::PriceFile)),
        ("provider-case.v1.schema.json", schemars::schema_for!(cases::Case)),
    ]
    .map(|(name, mut schema)| {
        schema.insert("$id".into(), name.into());
        (name, schema)
    })
}

/// A plugin reports what a call used, so its price has no paths to read it by: see [`compile_plugin`].
fn of_plugin() -> schemars::Schema {
    let mut schema = schemars::schema_for!(raw::PluginManifest);
    if let Some(defs) = schema.get_mut("$defs").and_then(serde_json::Value::as_object_mut) {
        if let Some(metered) = defs.get_mut("Metered").and_then(|m| m["properties"].as_object_mut()) {
            metered.remove("used");
        }
        // Only the paths needed them.
        ["Extract", "FullExtract"].into_iter().for_each(|name| drop(defs.remove(name)));
    }
    schema
}
