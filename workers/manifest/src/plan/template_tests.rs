use super::*;
use serde_json::json;

fn value(source: &str, context: Value) -> Result<Value, TemplateError> {
    let mut set = Templates::new();
    let template = set.add(source, Escape::None)?;
    set.value(&template, &context_of(context))
}

fn text(source: &str, escape: Escape, context: Value) -> Result<String, TemplateError> {
    let mut set = Templates::new();
    let template = set.add(source, escape)?;
    set.text(&template, &context_of(context))
}

#[test]
fn a_lone_expression_keeps_its_type_and_may_be_none() {
    let context = json!({"args": {"n": 5, "yes": true, "list": ["a"], "none": null, "text": "a\"b"}});
    assert_eq!(value("{{ args.n }}", context.clone()), Ok(json!(5)));
    assert_eq!(value("{{ args.yes }}", context.clone()), Ok(json!(true)));
    assert_eq!(value(" {{ args.list }} ", context.clone()), Ok(json!(["a"])));
    assert_eq!(value("{{ args.none }}", context.clone()), Ok(Value::Null));
    assert_eq!(value("{{ args.text }}", context.clone()), Ok(json!("a\"b")));
    assert_eq!(value("{{ args.n }} of {{ args.n }}", context), Ok(json!("5 of 5")));
}

#[test]
fn what_is_not_there_is_an_error_without_values() {
    let context = json!({"args": {"none": null}, "secret": {"token": "hunter2"}});
    let error = text("x{{ args.none }}", Escape::None, context.clone()).unwrap_err();
    assert_eq!(error.what, NOT_GIVEN);
    let error = text("{{ args.typo }}", Escape::None, context.clone()).unwrap_err();
    assert!(error.what.contains("does not exist"), "{error}");
    let error = text("{{ secret.token + 1 }}", Escape::None, context).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn only_expressions() {
    let mut set = Templates::new();
    assert!(set.add("{% for x in range(10) %}", Escape::None).is_err());
    assert!(set.add("{{ args. }}", Escape::None).is_err());
    assert!(set.add("{{ args.a|nofilter }}", Escape::None).is_err());
    assert!(set.add("{{ args.a }}|{{ args.b|upper }}|", Escape::None).is_ok());
    assert_eq!(set.add("plain", Escape::None).unwrap().variables().len(), 0);
    let template = set.add("{{ args.a }}-{{ secret.b }}", Escape::None).unwrap();
    assert_eq!(template.variables().iter().map(String::as_str).collect::<Vec<_>>(), ["args.a", "secret.b"]);
}

#[test]
fn values_cannot_break_out() {
    let context = json!({"args": {"x": "../a b/?&é", "y": "<a b='c'>&"}});
    assert_eq!(text("/v1/{{ args.x }}", Escape::Url, context.clone()).unwrap(), "/v1/..%2Fa%20b%2F%3F%26%C3%A9");
    assert!(!text("<t>{{ args.y }}</t>", Escape::Xml, context).unwrap()[3..].starts_with('<'));
}

#[test]
fn amounts() {
    let context = |amount: &str, currency: &str| json!({"a": amount, "c": currency});
    let minor = |amount, currency| value("{{ a|minor_units(c) }}", context(amount, currency));
    assert_eq!(minor("1000", "usd"), Ok(json!(1000)));
    assert_eq!(minor("10.00", "EUR"), Ok(json!(1000)));
    assert_eq!(minor("10", "JPY"), Ok(json!(10)));
    assert_eq!(minor("10.0", "JPY").unwrap_err().what, BAD_AMOUNT);
    let major = |amount, currency| value("{{ a|major_units(c) }}", context(amount, currency));
    assert_eq!(major("5", "usd"), Ok(json!("0.05")));
    assert_eq!(major("10", "jpy"), Ok(json!("10")));
    assert_eq!(major("1.5", "kwd"), Ok(json!("1.500")));
}
