use super::*;
use crate::{OperationSpec, ProviderSpec, provider};
use serde_json::json;

fn natives() -> Vec<ProviderSpec> {
    ["obs", "vmix", "ha"].iter().map(|id| provider(id).unwrap()).collect()
}

fn names(template: &str) -> Vec<&str> {
    template.split('{').skip(1).filter_map(|t| t.split('}').next()).map(|n| n.trim_end_matches('#')).collect()
}

fn each(check: impl Fn(&ProviderSpec, &OperationSpec, &RestoreSpec)) {
    for spec in natives() {
        for operation in &spec.operations {
            operation.restore.iter().for_each(|restore| check(&spec, operation, restore));
        }
    }
}

#[test]
fn paths_take_arguments_as_one_part_each() {
    let args = json!({"entity": "light.bed", "input": 3, "name": "3"});
    let args = args.as_object().unwrap();
    assert_eq!(path("entity.{entity}.state", args).as_deref(), Some("entity.light=2Ebed.state"));
    assert_eq!(path("inputs.{input#}.muted", args).as_deref(), Some("inputs.3.muted"));
    assert_eq!(path("scene.program", args).as_deref(), Some("scene.program"));
    for none in ["inputs.{name#}.muted", "inputs.{missing}.muted", "inputs.{input"] {
        assert_eq!(path(none, args), None, "{none}");
    }
}

#[test]
fn every_way_back_is_an_operation_with_its_arguments() {
    each(|spec, operation, restore| {
        let of = &operation.id;
        assert!(!restore.record.is_empty() && !restore.ways.is_empty(), "{of}");
        let has = |o: &OperationSpec, name: &str| o.params.iter().any(|p| p.name == name);
        assert!(restore.record.iter().flat_map(|p| names(p)).all(|n| has(operation, n)), "{of}");
        // One table is for several operations, not all of which take every argument.
        let taken = |name: &String| spec.operations.iter().any(|o| has(o, name));
        assert!(restore.unless.iter().all(taken), "{of}");
        for way in &restore.ways {
            let back = spec.operation(&way.operation).unwrap_or_else(|| panic!("{of}: {}", way.operation));
            let seen = way.when.iter().map(|w| &w.path);
            let taken = way.args.iter().filter_map(|(_, arg)| match arg {
                BackArg::Recorded(path) => Some(path),
                _ => None,
            });
            assert!(seen.chain(taken).all(|path| restore.record.contains(path)), "{of}: something is not recorded");
            for (name, arg) in &way.args {
                let param = back.params.iter().find(|p| p.name == *name).unwrap_or_else(|| panic!("{of}: {name}"));
                match arg {
                    BackArg::Value(value) => assert!(param.kind.accepts(value), "{of}: {name}"),
                    BackArg::Same => assert!(has(operation, name), "{of}: {name}"),
                    BackArg::Recorded(_) => {}
                }
            }
            let missing = back.params.iter().filter(|p| p.required && p.default.is_none());
            assert!(missing.clone().all(|p| way.args.iter().any(|(n, _)| *n == p.name)), "{of} by {}", back.id);
        }
    });
}

/// Every part of a recorded path that is no argument is named in the document of the provider.
#[test]
fn only_published_values_are_recorded() {
    let document = |id: &str| match id {
        "obs" => include_str!("../../../docs/obs.md"),
        "vmix" => include_str!("../../../docs/vmix.md"),
        _ => include_str!("../../../docs/home-assistant.md"),
    };
    each(|spec, operation, restore| {
        let text = document(&spec.id);
        for part in restore.record.iter().flat_map(|p| p.split('.')).filter(|part| !part.contains('{')) {
            assert!(text.contains(part), "{}: {part:?} is not in the document", operation.id);
        }
    });
}

#[test]
fn the_first_that_fits_the_arguments_counts() {
    let spec = provider("vmix").unwrap();
    let fitting = |id: &str, args: Value| {
        let operation = spec.operation(id).unwrap();
        let fits = operation.restore.iter().find(|r| r.fits(args.as_object().unwrap()));
        fits.map(|r| path(&r.record[0], args.as_object().unwrap()).unwrap())
    };
    assert_eq!(fitting("vmix.audio.mute", json!({"input": 3})).as_deref(), Some("inputs.3.muted"));
    assert_eq!(fitting("vmix.audio.mute", json!({"bus": "a"})).as_deref(), Some("audio.a.muted"));
    assert_eq!(fitting("vmix.audio.mute", json!({"input": "Guest"})), None, "live state knows no titles");
    assert_eq!(fitting("vmix.stream.start", json!({"channel": 2})).as_deref(), Some("streams.2"));
    assert_eq!(fitting("vmix.stream.start", json!({})).as_deref(), Some("streaming"));
    assert_eq!(fitting("vmix.stream.start", json!({"channel": 2, "url": "rtmp://x"})), None);
    assert_eq!(fitting("vmix.overlay.off", json!({})), None, "which overlays were on is not known");
}

/// A restored call takes what its own operation takes.
#[test]
fn operations_that_only_look_need_no_way_back() {
    each(|_, operation, _| assert_ne!(operation.effect, if_schemas::Effect::Read, "{}", operation.id));
}
