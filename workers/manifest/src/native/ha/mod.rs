//! Home Assistant, through its websocket API; REST for camera pictures alone.

mod control;
mod media;
mod query;
mod restore;

use crate::{Category, FieldSpec, OperationSpec, ParamKind, ProviderSpec};

const PORT: ParamKind = ParamKind::Integer { min: 1, max: 65_535 };

pub fn spec() -> ProviderSpec {
    ProviderSpec {
        id: "ha".into(),
        display_name: "Home Assistant".into(),
        category: Category::Studio,
        summary: "Home Assistant through its websocket API".into(),
        docs_url: None,
        maturity: None,
        checked_on: None,
        verify: None,
        instance: vec![
            FieldSpec::optional("url", ParamKind::Url, None, "address like https://ha.example:8123; or give host"),
            FieldSpec::optional("host", ParamKind::Text, None, "host name or address of Home Assistant"),
            FieldSpec::optional("port", PORT, Some("8123"), "its port, where no url is given"),
            FieldSpec::optional("tls", ParamKind::Flag, Some("false"), "with host: use TLS"),
            FieldSpec::optional(
                "ca_file",
                ParamKind::File,
                None,
                "certificate authority (PEM) on the worker's machine, where it is not a public one",
            ),
            FieldSpec::optional(
                "verify_tls",
                ParamKind::Flag,
                Some("true"),
                "false in the instance file: take any certificate, from private addresses alone",
            ),
            FieldSpec::secret("token", "long-lived access token, made on the profile page of Home Assistant"),
        ],
        operations: [query::operations(), control::operations(), media::operations()].concat(),
    }
    .with_live(&[("entity", "entity.{}.state")])
    .with_restore(restore::table())
}

/// The operation with the entity it is about as its first argument.
fn of(operation: OperationSpec, help: &str) -> OperationSpec {
    operation.positional("entity", ParamKind::Text, help)
}

fn choice(choices: &[&str]) -> ParamKind {
    ParamKind::Choice(choices.iter().map(|c| (*c).to_string()).collect())
}
