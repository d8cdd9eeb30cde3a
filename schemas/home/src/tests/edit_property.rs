//! Whatever is added reads back, and removing it gives the file's bytes back.

use super::*;
use crate::instances::{add, load, remove};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// One entry with its comments, in one of the styles people write.
fn entry() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "  NAME:\n    host: x\n",
        "  NAME: {host: x, port: 4455}\n",
        "  # about it\n  NAME:   # here\n    host: 'x # y'\n    # port: 1\n    enabled: false\n",
        "  NAME:\n\n    host: \"x: y\"\n\n",
        "\n# far left\n  NAME: {\n    host: x,\n  }\n",
        "  \"NAME\":\n      host: |\n        x\n        # y\n  # after\n",
    ])
}

/// A file of one to four entries, with or without a line end at its end.
fn document() -> impl Strategy<Value = String> {
    let entries = prop::collection::vec(entry(), 1..5);
    (entries, prop::sample::select(vec!["", "# Mine\n", "---\n"]), any::<bool>(), any::<bool>()).prop_map(
        |(entries, head, crlf, ended)| {
            let body: String = entries.iter().enumerate().map(|(n, e)| e.replace("NAME", &format!("obs{n}"))).collect();
            let mut text = format!("{head}instances:\n{body}");
            if !ended {
                text.truncate(text.trim_end().len());
            }
            if crlf { text.replace('\n', "\r\n") } else { text }
        },
    )
}

fn fields() -> impl Strategy<Value = Map<String, Value>> {
    let text =
        prop_oneof!["\\PC{1,20}", any::<String>(), "[0-9a-z:#@.~ -]{1,12}", Just("true".into()), Just("1e3".into())];
    let text = text.prop_filter("a secret is not empty", |t: &String| !t.is_empty());
    (text.clone(), prop::option::of(text), prop::option::of(1i64..65_536), prop::option::of(any::<bool>())).prop_map(
        |(host, password, port, enabled)| {
            let mut map = Map::new();
            map.insert("host".into(), host.into());
            map.extend(port.map(|p| ("port".into(), p.into())));
            map.extend(enabled.map(|e| ("enabled".into(), e.into())));
            // A broken reference is refused, which is not what is tested here.
            let password = password.filter(|p| crate::SecretRef::parse(p).is_ok());
            map.extend(password.map(|p| ("password".into(), p.into())));
            map
        },
    )
}

fn new_name() -> impl Strategy<Value = Name> {
    prop_oneof!["[a-z0-9][a-z0-9_-]{0,12}", Just("null".to_string()), Just("true".into()), Just("0x1".into())]
        .prop_filter("not one of the file's", |n| !n.starts_with("obs"))
        .prop_map(|n| n.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn add_reads_back_and_remove_restores(before in document(), name in new_name(), fields in fields()) {
        let (_dir, path) = file(&before);
        let old = load(&path, &spec()).unwrap();
        add(&path, &spec(), &name, fields.clone()).unwrap();
        let mut new = load(&path, &spec()).unwrap();
        let added = new.remove(&name).unwrap();
        prop_assert_eq!(new, old);
        for (field, value) in &fields {
            if field != "enabled" {
                prop_assert_eq!(&added.settings[field], value);
            }
        }
        remove(&path, &name).unwrap();
        prop_assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }
}
