mod kinds;

use super::*;
use crate::plan::HostPattern;

const TELEGRAM: &str = include_str!("../../tests/data/telegram/manifest.yaml");

fn shown<T>(result: Result<T, Vec<ManifestError>>) -> Vec<String> {
    result.err().into_iter().flatten().map(|e| e.to_string()).collect()
}

#[test]
fn a_manifest_becomes_a_plan() {
    let plan = compile_as("telegram", "m.yaml", TELEGRAM).unwrap_or_else(|e| panic!("{e:#?}"));
    assert_eq!(plan.verify, "chat.me");
    assert_eq!(plan.operations.keys().collect::<Vec<_>>(), ["chat.me", "chat.send"]);
    assert_eq!(plan.spec.operations.iter().map(|o| o.id.as_str()).collect::<Vec<_>>(), ["chat.me", "chat.send"]);
    assert_eq!(plan.host_fields, ["api_url"]);
    let send = &plan.operations["chat.send"];
    assert_eq!((send.retry.attempts, send.retry.attempts_not_done), (1, RETRY_ATTEMPTS_DEFAULT));
    assert_eq!(plan.operations["chat.me"].retry.attempts, RETRY_ATTEMPTS_DEFAULT);
    let params = &plan.spec.operation("chat.send").unwrap().params;
    assert_eq!(params.iter().find(|p| p.name == "chat").unwrap().from.as_deref(), Some("chat"));
    let rules: Vec<_> = send.errors.iter().map(|r| (r.built_in, r.outcome)).collect();
    assert_eq!(rules.len(), 7);
    assert_eq!(rules[0], (false, crate::raw::Outcome::RateLimited));
    assert!(rules[2].0);
}

#[test]
fn the_folder_has_the_name_of_the_provider() {
    let found = shown(compile_as("telegramm", "m.yaml", TELEGRAM));
    assert_eq!(
        found,
        [r#"m.yaml:3:5: id is "telegram", but the folder is called "telegramm" (give both the same name)"#]
    );
}

/// What is replaced in the manifest above, by what, and everything that is then said.
type Refused<'a> = &'a [(&'a str, &'a str, &'a [&'a str])];

const REFUSED: Refused = &[
    ("auth: none", "auth: { bearr: { token: a } }", &[r#"28:9: auth: there is no "bearr" (did you mean "bearer"?)"#]),
    (
        "summary: Telegram bots",
        "sumary: Telegram bots",
        &[r#"1:1: the file has no "summary""#, r#"6:1: unknown key "sumary" in the file (did you mean "summary"?)"#],
    ),
    ("    notice: sends", "    notise: sends", &[r#"65:5: unknown key "notise" in send (did you mean "notice"?)"#]),
    (
        "first_byte: 20s",
        "first_bite: 20s",
        &[r#"32:3: unknown key "first_bite" in limits (did you mean "first_byte"?)"#],
    ),
    ("effect: once", "effect: twice", &[r#"59:13: effect: there is no "twice" (use read, idempotent, once)"#]),
    ("positional: true", "positional: 1", &[r#"62:41: positional is a number, expected a boolean"#]),
    ("manifest: 1", "manifest: 2", &["2:11: manifest is 2 (use 1)"]),
    (
        "manifest: 1",
        "manifest: 1\nmanifest: 1",
        &["3:1: not valid YAML: duplicate mapping key `manifest` is not allowed here"],
    ),
    (
        "id: telegram",
        "id: Tele gram",
        &[
            r#"3:5: name "Tele gram" is not valid: use a-z, 0-9, '_' and '-', start with a letter or digit, at most 63 characters"#,
        ],
    ),
    ("2026-11-01", "2026-11-31", &[r#"8:13: checked_on is "2026-11-31" (use YYYY-MM-DD)"#]),
    ("https://core.telegram.org/bots/api", "http://x", &[r#"7:11: docs_url is "http://x" (use an https URL)"#]),
    (
        "allowed_hosts: []",
        "allowed_hosts: [API.example.com]",
        &[r#"10:17: "API.example.com" is no host name (use lower case, like api.example.com or *.example.com)"#],
    ),
    (
        r#""{{ instance.api_url }}""#,
        "https://api.telegram.org",
        &["11:11: api.telegram.org is not in allowed_hosts (add it there)"],
    ),
    (
        r#""{{ instance.api_url }}""#,
        r#""{{ instance.chat }}""#,
        &[
            "11:11: a URL cannot begin with {{ instance.chat }} (begin with https://, or with {{ instance.NAME }} of format uri)",
        ],
    ),
    (
        "default: https://api.telegram.org",
        "default: api.telegram.org",
        &[r#"18:14: default is "api.telegram.org" (it must be a URL that begins with https:// or http://)"#],
    ),
    (
        "secret: true\n",
        "secret: true\n    default: x\n",
        &["22:14: token is a secret with a default (leave the default out)"],
    ),
    (
        "rate: { requests: 30, per: 1s }",
        "rate: { requests: 0, per: 3 }",
        &[r#"31:29: per is a number, expected a string"#],
    ),
    (
        "first_byte: 20s",
        "first_byte: 20 parsecs",
        &[r#"32:15: first_byte is "20 parsecs", no duration (use a number and a unit: 500ms, 30s, 10m, 2h)"#],
    ),
    ("requests: 30", "requests: 0", &["31:21: requests is 0 (use 1 to 100000)"]),
    ("first_byte: 20s", "first_byte: 1h", &[r#"32:15: first_byte is "1h" (use 1ms to 600s)"#]),
    ("status: [429]", "status: [9xx]", &["35:14: no status code (use 429, 4xx or 500-599, from 100 to 599)"]),
    (
        "  - path: $.ok\n    equals: [false]",
        "  - equals: [false]",
        &[
            "38:5: the rule fits every answer (give status, path or matches)",
            "38:13: equals needs a path (say where the value is)",
        ],
    ),
    (
        "path: $.ok",
        "path: .ok",
        &["38:11: \".ok\" is no JSONPath: at position 0, parser error (see RFC 9535: $.field[0])"],
    ),
    ("verify: me", "verify: mee", &[r#"43:9: there is no "mee" (did you mean "me"?)"#]),
    (
        "verify: me",
        "verify: send",
        &[
            "43:9: send changes something (name an operation whose effect is read)",
            "43:9: send needs text (name an operation without required parameters)",
        ],
    ),
    (
        "  send:",
        "  Send:",
        &[r#"57:3: "chat.Send" is no operation id (use lower-case words joined by dots, like vm.create)"#],
    ),
    ("  send:", "  me.send:", &[r#"46:3: "me" is an operation, and "me.send" is below it (rename one of them)"#]),
    (
        "{{ secret.token }}/sendMessage",
        "{{ instance.token }}/sendMessage",
        &["68:13: there is no instance.token (it is secret.token)"],
    ),
    ("{{ args.text }}", "{{ args.txt }}", &[r#"72:17: there is no "args.txt" (did you mean "text"?)"#]),
    (
        "{{ args.text }}",
        "{{ response.x }}",
        &["72:17: response cannot be used here (use args, instance, secret, command)"],
    ),
    ("{{ args.text }}", "{{ args }}", &[r#"72:17: "args" is not one value (name one, like args.NAME)"#]),
    (
        "{{ args.text }}",
        "{{ debug() }}",
        &[r#"72:17: there is no "debug" in templates (use args, instance, secret, command)"#],
    ),
    (
        "{{ args.text }}",
        "{{ secret[args.text] }}",
        &[r#"72:17: "secret" is not one value (name one, like secret.NAME)"#],
    ),
    (
        "{{ args.text }}",
        "{{ args.text",
        &[r#"72:17: unexpected end of input, expected end of variable block in "{{ args.text""#],
    ),
    (
        "sends a message to {{ args.chat }}",
        "uses {{ secret.token }}",
        &["65:13: secret cannot be used here (use args, instance)"],
    ),
    (
        "{ path: $.result.message_id, required: true }",
        "{ value: '{{ secret.token }}' }",
        &["76:30: secret cannot be used here (use args, instance, response)"],
    ),
    ("redact: [text]", "redact: [tex]", &[r#"78:14: there is no "tex" (did you mean "text"?)"#]),
    ("from: chat", "from: token", &["63:35: token is a secret (parameters are written to the log, secrets never are)"]),
    (
        "from: chat",
        "from: api_url",
        &["63:35: api_url has another type than chat (give both the same type and format)"],
    ),
    (
        "silent: { type: boolean",
        "json: { type: boolean",
        &[
            r#"64:7: the command line has an option "json" of its own (use another name)"#,
            r#"73:33: there is no "args.silent" (use text, chat, json)"#,
        ],
    ),
    (
        "silent: { type: boolean,",
        "silent: { type: boolean, minimum: 1,",
        &["64:41: minimum does not fit the type (it is for an integer or a number)"],
    ),
    (
        "silent: { type: boolean,",
        "silent: { type: boolean, format: uri,",
        &["64:40: format does not fit the type (duration is for integers; uri, file and amount are for strings)"],
    ),
    (
        "silent: { type: boolean,",
        "silent: { type: boolean, default: maybe,",
        &[r#"64:41: default is "maybe" (it must be true or false)"#],
    ),
    (
        "silent: { type: boolean,",
        "silent: { type: string, format: amount,",
        &["64:39: silent is an amount of no currency (add a parameter currency)"],
    ),
    (
        "silent: { type: boolean,",
        "silent: { type: string, pattern: '(',",
        &[r#"64:40: "(" is no regular expression: unclosed group"#],
    ),
    ("silent: { type: boolean,", "silent: { type: string, positional: true, required: true,", &[]),
    ("text: { type: string, positional: true, required: true,", "text: { type: string, positional: true,", &[]),
    (
        "chat: { type: string, from: chat, required: true, help: chat to write to }",
        "chat: { type: string, positional: true, help: x }\n      later: { type: string, positional: true, required: true, help: x }",
        &[
            r#"64:7: "later" is required but comes after an optional one (put positional parameters that are required first)"#,
        ],
    ),
    (
        "price: free\n    params",
        "price: { metered: { sku: { fixed: m }, most: { message: { argument: text } }, used: { call: $.n } } }\n    params",
        &[
            "60:73: text cannot be counted (it must be of type integer)",
            "60:91: call is used but not in most (say how much it can be at most)",
        ],
    ),
    (
        "    response:\n      result:\n        message_id",
        "    pagination: { link: {} }\n    response:\n      result:\n        message_id",
        &["74:17: pagination needs a list (say with response.list which items a page holds)"],
    ),
    (
        "    response:\n      result:\n        message_id",
        "    response:\n      format: sse\n      result:\n        message_id",
        &["75:7: a streamed response needs stream (say which path holds the text)"],
    ),
    (
        "    response:\n      result:\n        message_id",
        "    response:\n      save: text\n      result:\n        message_id",
        &[
            "75:13: save needs the format bytes (set format: bytes)",
            "75:13: text is no file (give the parameter format: file)",
        ],
    ),
    ("    redact: [text]", "    retry: { attempts: 99 }", &["78:24: attempts is 99 (use 1 to 10)"]),
    (
        "auth: none",
        "auth: { bearer: { token: '{{ args.text }}' } }",
        &["28:26: args cannot be used here (use instance, secret)"],
    ),
    (
        "auth: none",
        "auth: { bearer: { token: a }, basic: {} }",
        &[
            "28:7: auth is a map, expected exactly one of none, bearer, basic, header, query, oauth2_client_credentials, oauth2_refresh_token, jwt_bearer, session, aws_sigv4, hmac, mtls",
        ],
    ),
    (
        "auth: none",
        "auth: { session: { steps: [], headers: { a b: c } } }",
        &["28:27: a login of 0 steps (use 1 to 8)", r#"28:47: "a b" is no header name (use letters, digits and '-')"#],
    ),
];

#[test]
fn every_refusal_names_its_place() {
    all_refused(REFUSED);
}

fn all_refused(refused: Refused) {
    let mut wrong = Vec::new();
    for (from, to, expected) in refused {
        assert_eq!(TELEGRAM.matches(from).count(), 1, "{from:?} is not once in the manifest");
        let found = shown(compile("m.yaml", &TELEGRAM.replace(from, to)));
        let expected: Vec<String> = expected.iter().map(|e| format!("m.yaml:{e}")).collect();
        if found != expected {
            wrong.push(format!("{to}\n  found    {found:#?}\n  expected {expected:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_errors_of_a_file_are_told_at_once() {
    let text = TELEGRAM.replace("effect: once", "effect: twice").replace("effect: read", "efect: read");
    let found = shown(compile("m.yaml", &text.replace("type: boolean", "type: bool")));
    assert_eq!(found.len(), 3, "{found:#?}");
    let text = TELEGRAM.replace("args.text", "args.txt").replace("verify: me", "verify: you");
    assert_eq!(shown(compile("m.yaml", &text)).len(), 2);
}

#[test]
fn no_file_and_no_yaml() {
    assert_eq!(shown(compile("m.yaml", "")), ["m.yaml: the file is empty"]);
    assert_eq!(shown(compile("m.yaml", "- 1"))[0], "m.yaml:1:1: the file is a list, expected a map");
    let large = "#".repeat(MANIFEST_MAX_BYTES + 1);
    assert_eq!(shown(compile("m.yaml", &large)), ["m.yaml: the file has 262145 bytes, at most 262144 are read"]);
}

#[test]
fn hosts() {
    let below = HostPattern::Below("example.com".into());
    assert!(below.matches("a.example.com") && below.matches("a.b.example.com"));
    assert!(!below.matches("example.com") && !below.matches("badexample.com"));
    let with = |hosts: &str, url: &str| {
        let text = TELEGRAM.replace("allowed_hosts: []", &format!("allowed_hosts: [{hosts}]"));
        shown(compile("m.yaml", &text.replace(r#""{{ instance.api_url }}""#, &format!("{url:?}")))).len()
    };
    assert_eq!(with("'*.example.com'", "https://{{ instance.chat }}.example.com/v1"), 0);
    assert_eq!(with("'*.example.com'", "https://{{ instance.chat }}.example.com:8443"), 0);
    assert_eq!(with("'*.example.com'", "https://example.com.{{ instance.chat }}"), 1);
    assert_eq!(with("'*.example.com'", "https://user@a.example.com"), 1);
    assert_eq!(with("'*.com'", "https://a.com"), 1);
    assert_eq!(with("a.example.com", "http://a.example.com"), 1);
}
