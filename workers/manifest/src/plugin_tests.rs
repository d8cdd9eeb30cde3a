#![allow(clippy::unwrap_used)]

use super::*;
use crate::{FieldSpec, ManifestError, ParamKind, compile_plugin, prices, unpriced};
use if_schemas::{
    Effect,
    price::{MeterLine, Quantity, Unit},
};
use serde_json::{Value, json};

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
  room: {type: string, help: who is paged where none is named}
  token: {type: string, help: the token, secret: true}
operations:
  send:
    summary: sends a page
    effect: once
    price: {metered: {sku: {fixed: page}, most: {message: {fixed: 2}}}}
    params:
      text: {type: string, help: what to say, required: true, positional: true}
      room: {type: string, help: who hears it, from: room, required: true}
      level: {type: string, enum: [low, high], help: how loud, default: low}
      number: {type: string, pattern: '[0-9]{3}', help: of the pager}
      after: {type: integer, format: duration, help: how long to wait, default: 2s}
      volume: {type: number, minimum: 0, maximum: 10, help: how loud}
      copies: {type: array, help: who else}
      extra: {type: object, help: what else}
      sound: {type: string, format: file, help: what to play}
      callback: {type: string, format: uri, help: where to answer}
      tip: {type: string, format: amount, help: for the messenger}
      currency: {type: string, help: of the tip, default: EUR}
    notice: pages {{ args.room }} through {{ instance.host }}
    redact: [text]
  status: {summary: asks how it is, effect: read, price: free}
";

fn shown(result: Result<Plugin, Vec<ManifestError>>) -> Vec<String> {
    result.err().into_iter().flatten().map(|e| e.to_string()).collect()
}

fn pager() -> Plugin {
    compile_plugin("pager", "p.yaml", PAGER).unwrap_or_else(|e| panic!("{e:#?}"))
}

#[test]
fn a_plugin_becomes_a_provider_with_meters_and_limits() {
    let plugin = pager();
    assert_eq!(plugin.id.as_str(), "pager");
    assert_eq!(plugin.resources, Resources { memory_mib: 128, ..Resources::default() });
    let ids: Vec<&str> = plugin.spec.operations.iter().map(|o| o.id.as_str()).collect();
    assert_eq!(ids, ["chat.send", "chat.status"]);
    let [send, status] = &plugin.spec.operations[..] else { panic!() };
    assert_eq!((send.effect, status.effect), (Effect::Once, Effect::Read));
    let setting = |name: &str| -> &FieldSpec { plugin.spec.field(name).unwrap() };
    assert!(setting("token").secret && setting("host").required);
    let meter = send.price.clone().unwrap();
    assert_eq!(meter.lines, [MeterLine { unit: Unit::Message, most: Quantity::Fixed(2) }]);
    assert_eq!(status.price, None);
    assert_eq!((send.notice.as_deref().unwrap().contains("args.room"), &send.redact[..]), (true, &["text".into()][..]));
    let studio = PAGER.replace("category: chat", "category: studio");
    assert_eq!(compile_plugin("pager", "p.yaml", &studio).unwrap().spec.operations[0].id, "pager.send");
}

#[test]
fn a_plugin_has_every_type_of_a_manifest() {
    let plugin = pager();
    let send = &plugin.spec.operations[0];
    let kind = |name: &str| send.params.iter().find(|p| p.name == name).unwrap().kind.clone();
    assert_eq!(kind("level"), ParamKind::Choice(vec!["low".into(), "high".into()]));
    assert!(matches!(kind("number"), ParamKind::Pattern(p) if p.matches("112") && !p.matches("1112")));
    assert_eq!(kind("volume"), ParamKind::Number { min: 0, max: 10 });
    let kinds = ["after", "copies", "extra", "sound", "callback", "tip"].map(kind);
    let expected =
        [ParamKind::DurationMs, ParamKind::List, ParamKind::Object, ParamKind::File, ParamKind::Url, ParamKind::Amount];
    assert_eq!(kinds, expected);
    let resolve = |args: Value, settings: Value| {
        send.resolve(args.as_object().unwrap(), settings.as_object().unwrap())
            .map(Value::from)
            .map_err(|e| e.to_string())
    };
    let filled = json!({"text": "hi", "room": "attic", "level": "low", "after": 2000, "currency": "EUR"});
    assert_eq!(resolve(json!({"text": "hi"}), json!({"room": "attic"})), Ok(filled));
    assert_eq!(resolve(json!({"text": "hi"}), json!({})), Err("chat.send needs room: who hears it".into()));
}

/// What is replaced in the file above, by what, and everything that is then said.
const REFUSED: &[(&str, &str, &[&str])] = &[
    ("plugin: 1", "plugin: 2", &["2:9: plugin is 2 (use 1)"]),
    (
        "id: pager",
        "id: Pager",
        &[
            r#"3:5: id is "Pager", but the folder is called "pager" (give both the same name)"#,
            r#"3:5: name "Pager" is not valid: use a-z, 0-9, '_' and '-', start with a letter or digit, at most 63 characters"#,
        ],
    ),
    (
        "display_name: Pager",
        "display_name: ' '",
        &["4:15: display_name is not one line of text (say it in a few words)"],
    ),
    (
        "summary: pages people",
        "sumary: pages people",
        &[r#"2:1: the file has no "summary""#, r#"6:1: unknown key "sumary" in the file (did you mean "summary"?)"#],
    ),
    ("category: chat", "category: chats", &[r#"5:11: category: there is no "chats" (did you mean "chat"?)"#]),
    ("[python3, ./pager.py]", "[]", &["7:10: the command has 0 words (use 1 to 64)"]),
    (
        "[python3, ./pager.py]",
        "[bin/pager]",
        &[r#"7:11: "bin/pager" is no program (use ./FILE of the folder, a name or an absolute path)"#],
    ),
    (
        "[python3, ./pager.py]",
        "[python3, ./../pager.py]",
        &[r#"7:20: "./../pager.py" is no file of the folder (use ./FILE)"#],
    ),
    ("[SSL_CERT_FILE]", "['A=B']", &[r#"8:15: "A=B" is no name of a variable (use A-Z, a-z, 0-9 and '_')"#]),
    ("memory_mib: 128", "memory_mib: 0", &["9:25: memory_mib is 0 (use 1 to 1048576)"]),
    ("memory_mib: 128", "memory: 128", &[r#"9:13: unknown key "memory" in resources (did you mean "memory_mib"?)"#]),
    (
        "  host: {",
        "  enabled: {",
        &[
            r#"11:3: every instance has "enabled" already (use another name)"#,
            r#"33:13: there is no "instance.host" (use enabled, port, room)"#,
        ],
    ),
    (
        "  host: {",
        "  Host: {",
        &[
            r#"11:3: "Host" is no name (use a-z, 0-9 and '_', begin with a letter)"#,
            r#"33:13: there is no "instance.host" (did you mean "Host"?)"#,
        ],
    ),
    ("secret: true", "secret: true, default: x", &["14:65: token is a secret with a default (leave the default out)"]),
    (
        "maximum: 65535, default: 80",
        "maximum: 65535, default: 0",
        &["12:78: default is 0 (it must be a whole number from 1 to 65535)"],
    ),
    (
        "minimum: 1, maximum: 65535",
        "minimum: 9, maximum: 8",
        &[
            "12:62: maximum 8 is below minimum 9 (swap them)",
            "12:74: default is 80 (it must be a whole number from 9 to 8)",
        ],
    ),
    (
        "text: {type: string,",
        "text: {type: string, pattern: a+, enum: [a],",
        &["21:37: both pattern and enum (leave one of them out)"],
    ),
    (
        "text: {type: string,",
        "text: {type: number, format: uri,",
        &["21:36: format does not fit the type (duration is for integers; uri, file and amount are for strings)"],
    ),
    (
        "text: {type: string,",
        "text: {type: string, minimum: 1,",
        &["21:37: minimum does not fit the type (it is for an integer or a number)"],
    ),
    ("from: room", "from: rom", &[r#"22:54: there is no "rom" (did you mean "room"?)"#]),
    ("from: room", "from: token", &["22:54: token is a secret (parameters are written to the log, secrets never are)"]),
    ("from: room", "from: port", &["22:54: port has another type than room (give both the same type and format)"]),
    (
        "copies: {type: array",
        "copies: {type: list",
        &[r#"27:22: type: there is no "list" (use string, integer, number, boolean, array, object)"#],
    ),
    ("currency: {", "coin: {", &["31:35: tip is an amount of no currency (add a parameter currency)"]),
    ("after: {", "deadline: {", &[r#"25:7: the command line has an option "deadline" of its own (use another name)"#]),
    (
        "default: 2s",
        "default: 2 parsecs",
        &[r#"25:81: default is "2 parsecs" (it must be a duration like 500ms or 2s)"#],
    ),
    ("args.room", "args.rom", &[r#"33:13: there is no "args.rom" (did you mean "room"?)"#]),
    ("instance.host", "secret.token", &["33:13: secret cannot be used here (use args, instance)"]),
    ("redact: [text]", "redact: [tekst]", &[r#"34:14: there is no "tekst" (did you mean "text"?)"#]),
    ("effect: once", "effect: twice", &[r#"18:13: effect: there is no "twice" (use read, idempotent, once)"#]),
    (
        "price: free",
        "prize: free",
        &[r#"35:11: status has no "price""#, r#"35:51: unknown key "prize" in status (did you mean "price"?)"#],
    ),
    ("most: {message: {fixed: 2}}", "most: {}", &["19:49: most holds no unit, or too many (use 1 to 8)"]),
    (
        "most: {message: {fixed: 2}}",
        "most: {message: {argument: txt}}",
        &[r#"19:70: there is no "txt" (did you mean "text"?)"#],
    ),
    (
        "most: {message: {fixed: 2}}",
        "most: {message: {fixed: 2}}, used: {message: $.n}",
        &["19:72: used is of manifests: a plugin reports its usage (leave it out)"],
    ),
    (
        "  send:",
        "  Send:",
        &[r#"16:3: "chat.Send" is no operation id (use lower-case words joined by dots, like vm.create)"#],
    ),
    (
        "  send:",
        "  status.send:",
        &[r#"35:3: "status" is an operation, and "status.send" is below it (rename one of them)"#],
    ),
];

#[test]
fn every_refusal_names_its_place() {
    let mut wrong = Vec::new();
    for (from, to, expected) in REFUSED {
        assert!(PAGER.contains(from), "{from:?} is not in the file");
        let found = shown(compile_plugin("pager", "p.yaml", &PAGER.replacen(from, to, 1)));
        let expected: Vec<String> = expected.iter().map(|e| format!("p.yaml:{e}")).collect();
        if found != expected {
            wrong.push(format!("{to}\n  found    {found:#?}\n  expected {expected:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_errors_of_a_file_are_told_at_once() {
    let form = PAGER.replace("effect: once", "effect: twice").replace("price: free", "prize: free");
    let form = shown(compile_plugin("pager", "p.yaml", &form.replace("memory_mib: 128", "memory: 128")));
    assert_eq!(form.len(), 4, "{form:#?}");
    let meaning = PAGER.replace("from: room", "from: rom").replace("[python3, ./pager.py]", "[]");
    assert_eq!(shown(compile_plugin("pager", "p.yaml", &meaning)).len(), 2);
}

#[test]
fn the_file_is_bounded_and_the_folder_has_its_name() {
    let large = " ".repeat(crate::MANIFEST_MAX_BYTES + 1);
    let found = shown(compile_plugin("pager", "p.yaml", &large));
    assert_eq!(found, ["p.yaml: the file has 262145 bytes, at most 262144 are read"]);
    let found = shown(compile_plugin("other", "p.yaml", PAGER));
    assert_eq!(found, [r#"p.yaml:3:5: id is "pager", but the folder is called "other" (give both the same name)"#]);
}

#[test]
fn a_sku_without_a_price_is_found_where_it_is_named() {
    let found = |sku: &str| {
        let row = "{ rates: { message: '0.05' }, effective_from: 2026-01-01, source_url: 'https://example.com' }";
        let skus = if sku.is_empty() { "{}".into() } else { format!("{{ {sku}: {row} }}") };
        let text = format!("version: '1'\ncurrency: EUR\nchecked_on: 2026-01-01\nskus: {skus}\n");
        let prices = prices("pager", "prices.yaml", &text).unwrap();
        let found = unpriced("p.yaml", PAGER, &pager().spec, &prices);
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(found("page"), [""; 0]);
    assert_eq!(found(""), [""; 0], "all prices are the operator's");
    assert_eq!(found("pages"), [r#"p.yaml:19:36: prices.yaml has no price of "page" (did you mean "pages"?)"#]);
    assert_eq!(found("call"), [r#"p.yaml:19:36: prices.yaml has no price of "page" (add it there)"#]);
}
