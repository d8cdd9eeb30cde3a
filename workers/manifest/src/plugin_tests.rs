#![allow(clippy::unwrap_used)]

use super::*;
use if_schemas::price::Unit;

const PAGER: &str = r"
plugin: 1
id: pager
display_name: Pager
category: chat
summary: pages people
command: [python3, ./pager.py]
environment: [SSL_CERT_FILE]
resources: {memory_mib: 128}
instance:
  host: {type: string, help: where it is, required: true}
  port: {type: integer, help: its port, minimum: 1, maximum: 65535, default: 80}
  token: {type: string, help: the token, secret: true}
operations:
  send:
    summary: sends a page
    effect: once
    price: {metered: {sku: {fixed: page}, most: {message: {fixed: 2}}}}
    params:
      text: {type: string, help: what to say, required: true, positional: true}
      after: {type: integer, format: duration, help: how long to wait, default: 0}
  status: {summary: asks how it is, effect: read, price: free}
";

fn with(from: &str, to: &str) -> Result<Plugin, PluginError> {
    assert!(PAGER.contains(from), "{from}");
    parse(&PAGER.replacen(from, to, 1))
}

fn refused(from: &str, to: &str) -> String {
    with(from, to).unwrap_err().to_string()
}

#[test]
fn a_plugin_becomes_a_provider_with_meters_and_limits() {
    let plugin = parse(PAGER).unwrap();
    assert_eq!(plugin.id.as_str(), "pager");
    assert_eq!(plugin.resources, Resources { memory_mib: 128, ..Resources::default() });
    let ids: Vec<&str> = plugin.spec.operations.iter().map(|o| o.id.as_str()).collect();
    assert_eq!(ids, ["chat.send", "chat.status"]);
    assert_eq!(plugin.spec.operations[0].effect, Effect::Once);
    assert_eq!(plugin.spec.operations[0].params[1].kind, ParamKind::DurationMs);
    assert!(plugin.spec.instance[2].secret && plugin.spec.instance[0].required);
    let meter = plugin.meters[&"chat.send".parse().unwrap()].clone().unwrap();
    assert_eq!(meter.lines, [MeterLine { unit: Unit::Message, most: Quantity::Fixed(2) }]);
    assert_eq!(plugin.meters[&"chat.status".parse().unwrap()], None);
    let studio = with("category: chat", "category: studio").unwrap();
    assert_eq!(studio.spec.operations[0].id, "pager.send");
}

#[test]
fn a_wrong_key_is_refused_with_its_place_and_the_nearest_one() {
    let error = with("summary: pages people", "sumary: pages people").unwrap_err();
    let PluginError::Yaml { line, column, what, hint } = error else { panic!("{error}") };
    assert_eq!((line, column), (6, 1), "{what}");
    assert_eq!(hint.as_deref(), Some("did you mean \"summary\"?"));
    assert!(refused("effect: once", "effect: twice").contains("once"));
    assert!(refused("price: free", "prize: free").contains("did you mean \"price\"?"));
}

#[test]
fn what_could_not_be_kept_is_refused() {
    for (from, to, says) in [
        ("plugin: 1", "plugin: 2", "version 2"),
        ("id: pager", "id: Pager", "id"),
        ("display_name: Pager", "display_name: ' '", "empty"),
        ("[python3, ./pager.py]", "[]", "1 to 64"),
        ("[python3, ./pager.py]", "[bin/pager]", "no program"),
        ("[python3, ./pager.py]", "[python3, ./../pager.py]", "no file of the folder"),
        ("[SSL_CERT_FILE]", "['A=B']", "no name of a variable"),
        ("memory_mib: 128", "memory_mib: 0", "out of range"),
        ("  host: {", "  enabled: {", "every instance has"),
        ("  host: {", "  Host: {", "a name has"),
        ("secret: true", "secret: true, default: x", "a secret is a string"),
        ("maximum: 65535, default: 80", "maximum: 65535, default: 0", "does not fit"),
        ("minimum: 1, maximum: 65535", "minimum: 9, maximum: 8", "above"),
        ("text: {type: string,", "text: {type: string, pattern: a+,", "pattern"),
        ("text: {type: string,", "text: {type: number,", "plugins know"),
        ("text: {type: string,", "text: {type: string, minimum: 1,", "for integers"),
        ("text: {type: string,", "text: {type: string, from: host,", "`from`"),
        ("most: {message: {fixed: 2}}", "most: {}", "1 to 8 units"),
        ("most: {message: {fixed: 2}}", "most: {message: {fixed: 2}}, used: {message: $.n}", "reports its usage"),
        ("  send:", "  Send:", "operations.Send"),
    ] {
        let text = refused(from, to);
        assert!(text.contains(says), "{to}: {text}");
    }
    assert_eq!(parse(&" ".repeat(PLUGIN_YAML_MAX_BYTES + 1)).unwrap_err(), PluginError::TooLarge);
}
