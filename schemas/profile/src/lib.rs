//! Profiles: several commands written down as one run, with their order, conditions and ways back. YAML text → [`raw`] types
//! → checked → [`if_schemas::Plan`], which an operator signs. Pure: files, instances and salts come from the caller.

mod builtin;
mod call;
mod command;
mod compile;
mod condition;
mod conflict;
mod expand;
mod file;
mod order;
mod outline;
mod problem;
pub mod raw;
mod scope;
mod shape;
mod step;
mod text;
mod undo;
mod usage;
mod vars;

pub use builtin::{builtins, template};
pub use call::Salts;
pub use command::Fabric;
pub use compile::{Compiled, compile};
pub use file::{PROFILE_MAX_BYTES, Source, Sources};
pub use outline::{Outline, outline};
pub use problem::{Problem, Severity};

/// File name of the JSON Schema in `schemas/json`.
pub const SCHEMA_FILE: &str = "profile.v1.schema.json";

/// The JSON Schema of profiles, for editors.
pub fn json_schema() -> schemars::Schema {
    let mut schema = schemars::schema_for!(raw::Profile);
    schema.insert("$id".into(), SCHEMA_FILE.into());
    schema
}
