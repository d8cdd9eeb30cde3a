//! OBS Studio 28 and later, through obs-websocket 5.

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
        ],
        operations: vec![
            OperationSpec::new("obs.scene.list", Effect::Read, "list of scenes, program and preview"),
            OperationSpec::new("obs.scene.current", Effect::Read, "scene on program"),
            OperationSpec::new("obs.scene.switch", Effect::Idempotent, "put a scene on program").positional(
                "scene",
                ParamKind::Text,
                "scene name",
            ),
            OperationSpec::new("obs.scene.create", Effect::Once, "create an empty scene").positional(
                "scene",
                ParamKind::Text,
                "name of the new scene",
            ),
            OperationSpec::new("obs.scene.remove", Effect::Once, "remove a scene").positional(
                "scene",
                ParamKind::Text,
                "scene name",
            ),
            OperationSpec::new("obs.record.start", Effect::Idempotent, "start recording"),
            OperationSpec::new("obs.record.stop", Effect::Idempotent, "stop recording; gives the file written"),
            OperationSpec::new("obs.record.status", Effect::Read, "recording state, time and bytes"),
            OperationSpec::new("obs.status", Effect::Read, "scene, recording and streaming state in one"),
            OperationSpec::new("obs.stats", Effect::Read, "CPU, memory, frame and disk figures"),
            OperationSpec::new("obs.version", Effect::Read, "versions of OBS Studio and obs-websocket"),
        ],
    }
}
