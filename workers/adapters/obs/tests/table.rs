//! The description of the operations, the adapter and the documentation say the same.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use if_adapter_obs::Limits;
use if_engine::Execution;
use if_manifest::ParamKind;
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, time::Duration};
use support::{
    adapter, execute,
    fake::{Fake, Side},
};

const DOCS: &str = include_str!("../../../../docs/obs.md");

/// The rows of the table of operations: id and command.
fn rows() -> Vec<(&'static str, &'static str)> {
    let cells = |line: &'static str| {
        let mut cells = line.strip_prefix("| `obs.")?.split(" | ");
        Some((cells.next()?.trim_end_matches('`'), cells.next()?))
    };
    DOCS.lines().filter_map(cells).collect()
}

#[test]
fn every_operation_is_in_the_documentation_with_its_command() {
    let spec = if_manifest::native::obs::spec();
    let described: BTreeSet<&str> = spec.operations.iter().map(|o| o.id.trim_start_matches("obs.")).collect();
    let rows = rows();
    let documented: BTreeSet<&str> = rows.iter().map(|(id, _)| *id).collect();
    assert_eq!(documented, described);
    assert_eq!(rows.len(), spec.operations.len(), "a row stands twice");
    for (id, command) in rows {
        let operation = spec.operation(&format!("obs.{id}")).unwrap();
        let words = format!("`{} myobs", id.replace('.', " "));
        assert!(command.starts_with(&words), "{id}: {command}");
        for param in operation.params.iter().filter(|param| param.required && !param.positional) {
            let flag = format!("--{}", param.name.replace('_', "-"));
            assert!(command.contains(&flag), "{id} needs {flag}: {command}");
        }
        let positional = operation.params.iter().filter(|param| param.positional).count();
        let given = command.trim_matches('`').split(" --").next().unwrap();
        let words = given.split_whitespace().skip(id.split('.').count() + 1).count();
        assert_eq!(words, positional, "{id}: {command}");
    }
}

/// Something the parameter takes.
fn sample(kind: &ParamKind) -> Value {
    match kind {
        ParamKind::Choice(words) => json!(words[0]),
        ParamKind::Integer { min, .. } | ParamKind::Number { min, .. } => json!(min),
        ParamKind::DurationMs => json!(500),
        ParamKind::Object => json!({}),
        ParamKind::List => json!(["GetVersion"]),
        ParamKind::Flag => json!(true),
        _ => json!("x"),
    }
}

#[tokio::test]
async fn every_operation_is_known_to_the_adapter_and_none_succeeds_with_an_obs_that_refuses_everything() {
    let fake = Fake::identified(|mut side: Side| async move {
        while let Some(request) = side.request().await {
            if request.kind == "GetVersion" {
                let version = json!({"obsVersion": "29.0.2", "obsWebSocketVersion": "5.1.0", "rpcVersion": 1});
                side.answer(&request, version).await;
            } else {
                side.refuse(&request, 204, "Your request type is not valid.").await;
            }
        }
    })
    .await;
    let adapter = adapter(fake.port, None, Limits::default());
    adapter.connect().await.unwrap();
    for operation in if_manifest::native::obs::spec().operations {
        let args: Map<String, Value> =
            operation.params.iter().filter(|p| p.required).map(|p| (p.name.clone(), sample(&p.kind))).collect();
        let ended = execute(&adapter, &operation.id, Value::Object(args), Duration::from_secs(5)).await;
        match ended {
            Execution::Succeeded(_) => assert_eq!(operation.id, "obs.version"),
            Execution::Failed(failure) => {
                let fine = ["unsupported", "not_found", "bad_argument", "refused"].contains(&failure.code.as_str());
                assert!(fine, "{}: {failure:?}", operation.id);
            }
            other => panic!("{}: {other:?}", operation.id),
        }
    }
}

#[test]
fn the_documentation_names_every_path_of_the_live_state() {
    for path in
        ["scene.program", "studio_mode", "record.paused", "audio.<input>.volume_db", "items.<scene>.<number>.enabled"]
    {
        assert!(DOCS.contains(&format!("`{path}`")), "{path}");
    }
}
