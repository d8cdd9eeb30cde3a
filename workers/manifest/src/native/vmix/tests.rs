use super::*;

#[test]
fn functions_are_sorted_names() {
    let all: Vec<&str> = functions().collect();
    assert!(all.len() > 700, "{}", all.len());
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each once");
    assert!(all.iter().all(|name| name.bytes().all(|b| b.is_ascii_alphanumeric())));
    for known in ["Cut", "Merge", "PTZMoveUp", "StreamingSetURL", "OverlayInput8Off"] {
        assert!(all.contains(&known), "{known}");
    }
    for invented in ["PTZ", "PTZPreset", "SetStreamURL", "OverlayInputIn1", "Shortcuts"] {
        assert!(!all.contains(&invented), "{invented}");
    }
}

#[test]
fn toggles_steps_and_what_adds_or_removes_are_once() {
    let spec = spec();
    let effect = |id: &str| spec.operation(id).unwrap().effect;
    for id in
        ["vmix.cut", "vmix.fade-to-black", "vmix.title.next", "vmix.input.add", "vmix.input.remove", "vmix.function"]
    {
        assert_eq!(effect(id), Effect::Once, "{id}");
    }
    // A word with a toggle among its choices must not be sent again.
    for operation in &spec.operations {
        let toggles =
            operation.params.iter().any(|p| matches!(&p.kind, ParamKind::Choice(c) if c.iter().any(|w| w == "toggle")));
        assert!(!toggles || operation.effect == Effect::Once, "{}", operation.id);
    }
}

#[test]
fn a_stream_key_is_never_shown() {
    let spec = spec();
    for operation in &spec.operations {
        for secret in operation.params.iter().filter(|p| p.name == "key" || p.name == "password") {
            assert!(operation.redact.contains(&secret.name), "{} shows {}", operation.id, secret.name);
        }
    }
}
