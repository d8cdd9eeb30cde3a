//! Bodies out and in: JSON, forms, XML, text, charsets; secrets in answers.

use crate::{
    server::{Script, Server},
    world::{SECRET, config, engine, engine_at, message, plan, run, told},
};
use if_engine::Execution;
use serde_json::{Value, json};

const OPERATIONS: &str = r#"
  json:
    summary: json
    effect: read
    price: free
    params: &params
      text: { type: string, help: text }
      n: { type: integer, help: number }
      tags: { type: array, help: tags }
    request:
      method: POST
      path: "/a/{{ args.text }}"
      query: { q: "{{ args.text }}", n: "{{ args.n }}", tag: "{{ args.tags }}" }
      headers: { X-N: "{{ args.n }}" }
      body: { json: { text: "{{ args.text }}", n: "{{ args.n }}", deep: { tags: "{{ args.tags }}" }, none: null } }
    response: { result: { v: [$.a, $.b], all: "$.many[*].x", made: { value: "{{ response.b }}-{{ args.text }}" } } }
  form:
    summary: form
    effect: read
    price: free
    params: *params
    request:
      method: POST
      path: /form
      body: { form: { text: "{{ args.text }}", n: "{{ args.n }}", tag: "{{ args.tags }}", "meta[k]": v } }
    response: { format: text, result: { v: $ } }
  xml:
    summary: xml
    effect: read
    price: free
    params: *params
    request: { method: POST, path: /xml, body: { xml: "<t>{{ args.text }}</t>" } }
    response: { format: xml, lists: [item], result: { v: { path: $.r.item, required: true } } }
"#;

async fn ask(operation: &str, args: Value, script: Script) -> (Execution, crate::server::Seen) {
    let server = Server::start(vec![script]).await;
    // Anchors are written out: a manifest has none.
    let params = OPERATIONS.split("&params").nth(1).unwrap().split("    request").next().unwrap();
    let text = OPERATIONS.replace("&params", "").replace("*params", params);
    let (execution, _) = run(&engine(&plan("{}", "{ attempts: 1 }", &text), &server), operation, args).await;
    (execution, server.seen().pop().unwrap_or_default())
}

#[tokio::test]
async fn requests() {
    let args = json!({"text": "a b/é?&", "tags": ["x", "y z"]});
    let (got, seen) =
        ask("chat.json", args.clone(), Script::json(200, json!({"b": 2, "many": [{"x": 1}, {"x": 2}]}))).await;
    assert_eq!(seen.line, "POST /a/a%20b%2F%C3%A9%3F%26?q=a%20b%2F%C3%A9%3F%26&tag=x&tag=y%20z");
    assert_eq!(
        serde_json::from_str::<Value>(&seen.text()).unwrap(),
        json!({"text": "a b/é?&", "deep": {"tags": ["x", "y z"]}, "none": null})
    );
    assert_eq!((seen.header("content-type"), seen.header("x-n")), (Some("application/json"), None));
    assert!(seen.header("user-agent").unwrap().starts_with("InfraFabric/"));
    assert_eq!(got, Execution::Succeeded(json!({"v": 2, "all": [1, 2], "made": "2-a b/é?&"})));
    let (_, seen) = ask("chat.form", args, Script::answer(200, "", "ok")).await;
    assert_eq!(seen.text(), "text=a%20b%2F%C3%A9%3F%26&tag=x&tag=y%20z&meta%5Bk%5D=v");
    let (_, seen) = ask("chat.xml", json!({"text": "<&\">"}), Script::answer(200, "", "<r><item>1</item></r>")).await;
    assert_eq!(seen.text(), "<t>&lt;&amp;&quot;&gt;</t>");
    let (_, seen) = ask("chat.json", json!({"text": "x", "n": 5}), Script::json(200, json!({}))).await;
    assert_eq!((seen.line.as_str(), seen.header("x-n")), ("POST /a/x?q=x&n=5", Some("5")));
}

#[tokio::test]
async fn charsets() {
    let typed = |charset: &str| format!("content-type: text/plain; charset={charset}\r\n");
    for (headers, body, want) in [
        (String::new(), "\u{feff}é".as_bytes().to_vec(), Some("é")),
        (typed("utf-8"), "é".into(), Some("é")),
        (typed("\"ISO-8859-1\""), vec![0xe9], Some("é")),
        (typed("shift_jis"), vec![0x82, 0xa0], Some("あ")),
        (typed("utf-8"), vec![0xe9], None),
        (String::new(), vec![b'a', 0xff], None),
        (typed("klingon"), b"a".to_vec(), None),
    ] {
        let (got, _) = ask("chat.form", json!({"text": "x"}), Script::answer(200, &headers, body)).await;
        match want {
            Some(text) => assert_eq!(got, Execution::Succeeded(json!({ "v": text })), "{headers}"),
            None => assert_eq!(told(&got), "failed malformed_answer", "{headers}"),
        }
    }
}

#[tokio::test]
async fn xml_answers() {
    let ok = Script::answer(200, "content-type: text/xml\r\n", "<r><item><n>1</n></item></r>");
    assert_eq!(ask("chat.xml", json!({"text": "x"}), ok).await.0, Execution::Succeeded(json!({"v": [{"n": "1"}]})));
    for body in ["<r><item>", "<r></q>", "{}", "<!DOCTYPE r [<!ENTITY x 'y'>]><r><item>&x;</item></r>", "<r/>"] {
        let (got, _) = ask("chat.xml", json!({"text": "x"}), Script::answer(200, "", body)).await;
        assert_eq!(told(&got), "failed malformed_answer", "{body}");
    }
}

#[tokio::test]
async fn a_provider_that_repeats_the_secret_is_not_repeated() {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("user:{SECRET}"));
    for said in [format!("bad key {SECRET}"), format!("Basic {encoded}")] {
        let (got, _) = ask("chat.form", json!({"text": "x"}), Script::json(400, json!({"message": said}))).await;
        let text = message(&got);
        assert!(text.contains("[secret]") && !text.contains(SECRET) && !text.contains(&encoded[8..20]), "{text}");
        let (got, _) = ask("chat.form", json!({"text": "x"}), Script::answer(200, "", said)).await;
        assert!(message(&got).contains("[secret]") && !message(&got).contains(SECRET), "{got:?}");
    }
    let (got, _) = ask("chat.json", json!({"text": null}), Script::json(200, json!({}))).await;
    assert_eq!(told(&got), "failed bad_argument");
}

/// What is not given comes from the instance, then from the parameter's own default.
#[tokio::test]
async fn a_setting_goes_before_a_default_and_a_default_before_nothing() {
    let operations = r#"
  list:
    summary: list
    effect: read
    price: free
    params:
      base: { type: string, format: uri, from: other, default: "https://default.example", help: where }
      most: { type: integer, default: 20, help: most }
      note: { type: string, help: note }
    request: { method: GET, path: /list, query: { base: "{{ args.base }}", most: "{{ args.most }}", note: "{{ args.note }}" } }
    response: { format: text, result: { v: $ } }
"#;
    let plan = plan("{}", "{ attempts: 1 }", operations);
    let (default, set) = ("https://default.example", "https://set.example");
    let asked = async |setting: Option<&str>, args: Value| {
        let server = Server::start(vec![Script::answer(200, "", "ok")]).await;
        let mut config = config(&server, None);
        config.settings.extend(setting.map(|url| ("other".to_string(), json!(url))));
        // As a command arrives: checked without the instance, which only the worker has.
        let args = plan.spec.operation("chat.list").unwrap().check(args.as_object().unwrap()).unwrap();
        let (execution, _) = run(&engine_at(&plan, config), "chat.list", Value::Object(args)).await;
        assert_eq!(told(&execution), "succeeded", "{}", message(&execution));
        server.seen().pop().unwrap().line
    };
    let line =
        |base: &str, rest: &str| format!("GET /list?base={}&most={rest}", base.replace(':', "%3A").replace('/', "%2F"));
    assert_eq!(asked(None, json!({})).await, line(default, "20"));
    assert_eq!(asked(Some(set), json!({})).await, line(set, "20"));
    assert_eq!(asked(Some(set), json!({"base": default, "most": 3})).await, line(default, "3"));
}
