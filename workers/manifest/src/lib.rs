//! What providers and operations look like: data that the CLI builds its commands from,
//! adapters check arguments with, and nodes announce. Pure.

pub mod args;
mod compile;
mod error;
pub mod native;
pub mod plan;
pub mod prices;
pub mod raw;
pub mod spec;
pub mod yaml;

pub use args::ArgumentError;
pub use compile::{compile, compile_as};
pub use error::ManifestError;
pub use plan::Plan;
pub use prices::{Prices, prices};
pub use spec::{Category, FieldSpec, OperationSpec, ParamKind, ParamSpec, Pattern, ProviderSpec};

/// Every built-in provider, by id.
pub fn providers() -> Vec<ProviderSpec> {
    vec![native::obs::spec(), native::vmix::spec()]
}

/// The built-in provider `id`.
pub fn provider(id: &str) -> Option<ProviderSpec> {
    providers().into_iter().find(|p| p.id == id)
}
