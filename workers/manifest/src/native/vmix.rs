//! vMix: TCP 8099 for functions and tally, HTTP 8088 for the XML state.

use crate::{Category, FieldSpec, OperationSpec, ParamKind, ProviderSpec};
use if_schemas::Effect;

/// Highest input number vMix accepts.
const INPUT_MAX: i64 = 1_000;
const PORT: ParamKind = ParamKind::Integer { min: 1, max: 65_535 };
const INPUT: ParamKind = ParamKind::Integer { min: 1, max: INPUT_MAX };

pub fn spec() -> ProviderSpec {
    ProviderSpec {
        id: "vmix".into(),
        display_name: "vMix".into(),
        category: Category::Studio,
        summary: "vMix live production software".into(),
        docs_url: None,
        maturity: None,
        checked_on: None,
        verify: None,
        instance: vec![
            FieldSpec::required("host", ParamKind::Text, "host name or address of the vMix computer"),
            FieldSpec::optional("port", PORT, Some("8088"), "HTTP port, for the XML state"),
            FieldSpec::optional("tcp_port", PORT, Some("8099"), "TCP API port, for functions and tally"),
        ],
        operations: vec![
            // On-air changes are `once`: a redelivered cut could put an input on air a second time, after somebody moved on.
            OperationSpec::new("vmix.cut", Effect::Once, "cut an input (or the preview) to program").optional(
                "input",
                INPUT,
                None,
                "input number; without it the preview is cut to program",
            ),
            OperationSpec::new("vmix.fade", Effect::Once, "fade an input (or the preview) to program")
                .optional("input", INPUT, None, "input number; without it the preview is faded to program")
                .optional("duration", ParamKind::DurationMs, Some("500ms"), "length of the fade"),
            OperationSpec::new("vmix.preview", Effect::Idempotent, "put an input on preview").required(
                "input",
                INPUT,
                "input number",
            ),
            OperationSpec::new("vmix.status", Effect::Read, "program, preview, recording and streaming state"),
            OperationSpec::new("vmix.inputs", Effect::Read, "list of inputs with number, title, type and tally"),
        ],
    }
}
