//! The published JSON Schemas are those of the code, and say what the code says.

use if_manifest::{catalog, json_schemas};
use serde_json::{Value, json};
use std::{fs, path::Path};

const TELEGRAM: &str = include_str!("data/telegram/manifest.yaml");

fn published(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/json").join(name);
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn tree(text: &str) -> Value {
    if_manifest::yaml::parse(text).unwrap().unwrap().to_json()
}

#[test]
fn published_schemas_are_up_to_date() {
    for (name, schema) in json_schemas() {
        let said = "run `cargo run -p if-manifest --example make_schemas`";
        assert_eq!(published(name), serde_json::to_value(&schema).unwrap(), "{name} is out of date: {said}");
    }
}

#[test]
fn built_in_manifests_are_valid_and_unknown_keys_are_not() {
    let schema = jsonschema::validator_for(&published("provider-manifest.v1.schema.json")).unwrap();
    let manifests = catalog().iter().map(|e| e.manifest).chain([TELEGRAM]);
    for text in manifests {
        let found: Vec<String> = schema.iter_errors(&tree(text)).map(|e| e.to_string()).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
    for place in ["", "/operations/send", "/operations/send/request", "/instance/token", "/limits/rate", "/errors/0"] {
        let mut manifest = tree(TELEGRAM);
        manifest.pointer_mut(place).unwrap()["unknown"] = json!(1);
        assert!(!schema.is_valid(&manifest), "an unknown key at {place:?} is valid");
    }
}

#[test]
fn what_a_new_plugin_begins_with_is_valid_and_unknown_keys_are_not() {
    let schema = jsonschema::validator_for(&published("provider-plugin.v1.schema.json")).unwrap();
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin/files/template/plugin.yaml");
    let text = fs::read_to_string(template).unwrap().replace("@ID@", "note").replace("@CATEGORY@", "chat");
    let found: Vec<String> = schema.iter_errors(&tree(&text)).map(|e| e.to_string()).collect();
    assert!(found.is_empty(), "{found:#?}");
    for place in ["", "/operations/write", "/operations/write/params/text", "/instance/token"] {
        let mut plugin = tree(&text);
        plugin.pointer_mut(place).unwrap()["unknown"] = json!(1);
        assert!(!schema.is_valid(&plugin), "an unknown key at {place:?} is valid");
    }
}

/// Editors say what the compiler says.
#[test]
fn what_the_compiler_refuses_of_a_plugin_is_not_valid_either() {
    let schema = jsonschema::validator_for(&published("provider-plugin.v1.schema.json")).unwrap();
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin/files/template/plugin.yaml");
    let text = fs::read_to_string(template).unwrap().replace("@ID@", "note").replace("@CATEGORY@", "chat");
    let metered = json!({"metered": {"sku": {"fixed": "note"}, "most": {"call": {"fixed": 1}}}});
    let with = |place: &str, key: &str, value: Value| {
        let mut plugin = tree(&text);
        plugin["operations"]["write"]["price"] = metered.clone();
        plugin.pointer_mut(place).unwrap()[key] = value;
        let compiled = if_manifest::compile_plugin("note", "plugin.yaml", &plugin.to_string());
        assert_eq!(schema.is_valid(&plugin), compiled.is_ok(), "{key} at {place:?}: {compiled:?}");
        compiled.is_ok()
    };
    assert!(with("", "summary", json!("a note")));
    assert!(with("", "environment", json!(["LANG", "_x1"])));
    assert!(with("", "resources", json!({"memory_mib": 1, "files": 65_536})));
    assert!(!with("/operations/write/price/metered", "used", json!({"call": "$.n"})));
    assert!(!with("", "command", json!([])));
    assert!(!with("", "command", json!(vec!["x"; 65])));
    assert!(!with("", "environment", json!(["A-B"])));
    assert!(!with("", "environment", json!(vec!["A"; 65])));
    assert!(!with("", "plugin", json!(2)));
    for (name, most) in [("memory_mib", 1 << 20), ("files", 65_536), ("file_mib", 1 << 20), ("cpu_seconds", 31_536_000)]
    {
        assert!(with("", "resources", json!({ name: most })));
        assert!(!with("", "resources", json!({ name: most + 1 })));
        assert!(!with("", "resources", json!({ name: 0 })));
    }
}

#[test]
fn built_in_prices_are_valid_and_unknown_keys_are_not() {
    let schema = jsonschema::validator_for(&published("prices.v1.schema.json")).unwrap();
    let row = json!({"rates": {"call": "1/1k"}, "effective_from": "2026-01-01", "source_url": "https://example.com"});
    let mut file = json!({"version": "1", "currency": "USD", "checked_on": "2026-01-01", "skus": {"x": row}});
    assert!(schema.is_valid(&file));
    file["skus"]["x"]["unknown"] = json!(1);
    assert!(!schema.is_valid(&file));
    for text in catalog().iter().filter_map(|e| e.prices) {
        assert!(schema.is_valid(&tree(text)));
    }
}
