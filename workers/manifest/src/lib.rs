//! What providers and operations look like: data that the CLI builds its commands from,
//! adapters check arguments with, and nodes announce. Pure.

pub mod args;
pub mod native;
pub mod plan;
pub mod plugin;
pub mod raw;
pub mod spec;

pub use args::ArgumentError;
pub use spec::{Category, FieldSpec, OperationSpec, ParamKind, ParamSpec, ProviderSpec};

/// Every built-in provider, by id.
pub fn providers() -> Vec<ProviderSpec> {
    vec![native::obs::spec(), native::vmix::spec()]
}

/// The built-in provider `id`.
pub fn provider(id: &str) -> Option<ProviderSpec> {
    providers().into_iter().find(|p| p.id == id)
}
