//! OBS Studio 28 and later, through obs-websocket 5.
//!
//! What sets a state is `idempotent`: setting it twice is setting it once. What makes, removes, renames or triggers is `once`.

mod outputs;
mod program;
mod restore;
mod sources;
mod system;

use crate::{Category, FieldSpec, OperationSpec, ParamKind, ProviderSpec};
use if_schemas::Effect;

pub fn spec() -> ProviderSpec {
    ProviderSpec {
        id: "obs".into(),
        display_name: "OBS Studio".into(),
        category: Category::Studio,
        summary: "OBS Studio through obs-websocket 5".into(),
        docs_url: None,
        maturity: None,
        checked_on: None,
        verify: None,
        instance: vec![
            FieldSpec::required("host", ParamKind::Text, "host name or address of the OBS computer"),
            FieldSpec::optional("port", ParamKind::Integer { min: 1, max: 65_535 }, Some("4455"), "obs-websocket port"),
            FieldSpec::secret("password", "obs-websocket password; leave out where authentication is off"),
            FieldSpec::secret("stream_key", "stream key that `stream configure` gives to OBS"),
        ],
        operations: [program::operations(), sources::operations(), outputs::operations(), system::operations()]
            .concat(),
    }
    .with_live(&[
        ("scene", "scenes.{}.index"),
        ("input", "inputs.{}.kind"),
        ("source", "inputs.{}.kind"),
        ("item", "items.*.*.source"),
    ])
    .with_restore(restore::table())
}

fn read(id: &str, summary: &str) -> OperationSpec {
    OperationSpec::new(id, Effect::Read, summary)
}

fn set(id: &str, summary: &str) -> OperationSpec {
    OperationSpec::new(id, Effect::Idempotent, summary)
}

fn once(id: &str, summary: &str) -> OperationSpec {
    OperationSpec::new(id, Effect::Once, summary)
}

/// What most operations are about.
trait Common: Sized {
    fn text(self, name: &str, help: &str) -> Self;
    fn option(self, name: &str, kind: ParamKind, help: &str) -> Self;
    fn flag(self, name: &str, help: &str) -> Self;
    fn scene(self) -> Self;
    fn input(self) -> Self;
    /// A scene and one item of it.
    fn item(self) -> Self;
    /// A source and one filter of it.
    fn filter(self) -> Self;
}

impl Common for OperationSpec {
    fn text(self, name: &str, help: &str) -> Self {
        self.positional(name, ParamKind::Text, help)
    }
    fn option(self, name: &str, kind: ParamKind, help: &str) -> Self {
        self.optional(name, kind, None, help)
    }
    fn flag(self, name: &str, help: &str) -> Self {
        self.option(name, ParamKind::Flag, help)
    }
    fn scene(self) -> Self {
        self.text("scene", "scene name")
    }
    fn input(self) -> Self {
        self.text("input", "input name")
    }
    fn item(self) -> Self {
        self.text("scene", "name of the scene or group").text("item", "name of the item's source, or the item's number")
    }
    fn filter(self) -> Self {
        self.text("source", "name of the input or scene").text("filter", "filter name")
    }
}

fn choice(words: &[&str]) -> ParamKind {
    ParamKind::Choice(words.iter().map(|w| (*w).to_string()).collect())
}
