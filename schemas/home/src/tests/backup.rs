use super::*;
use crate::instances::{Backup, add, load, load_each};
use if_schemas::{
    RouteMode,
    price::{Meter, SkuName},
};
use serde_json::json;

fn refused(spec: &ProviderSpec, text: &str) -> String {
    let (_dir, path) = file(text);
    let each = load_each(&path, spec).unwrap();
    assert_eq!(each.values().filter(|i| i.is_err()).count(), 1, "the others are as good as before: {text:?}");
    shown(&load(&path, spec).unwrap_err(), &path)
}

#[test]
fn an_instance_names_the_one_that_stands_in_for_it() {
    let (_dir, path) = file(
        "instances:\n  a: {host: x, backup: b}\n  b: {host: y}\n  c: {host: z, backup: b, mode: mirror}\n  d: {host: z, backup: b, mode: failover}\n",
    );
    let found = load(&path, &spec()).unwrap();
    let backup = |mode| Some(Backup { instance: name("b"), mode });
    assert_eq!(found[&name("a")].backup, backup(RouteMode::Failover));
    assert_eq!(found[&name("b")].backup, None);
    assert_eq!(found[&name("c")].backup, backup(RouteMode::Mirror));
    assert_eq!(found[&name("d")].backup, backup(RouteMode::Failover));
    assert!(!found[&name("a")].settings.contains_key("backup"));
}

#[test]
fn a_backup_that_is_none_is_pointed_at_and_stops_nothing_else() {
    let cases = [
        (
            "instances:\n  a: {host: x, backup: spre}\n  spare: {host: y}\n",
            "obs.yaml:2:24: instance a: its backup spre is no instance of this file\nhint: did you mean spare?",
        ),
        (
            "instances:\n  a: {host: x, backup: zzz}\n  spare: {host: y}\n",
            "obs.yaml:2:24: instance a: its backup zzz is no instance of this file\nhint: there are: spare",
        ),
        (
            "instances:\n  a: {host: x, backup: b}\n",
            "obs.yaml:2:24: instance a: its backup b is no instance of this file\nhint: add b to the file first",
        ),
        (
            "instances:\n  a:\n    host: x\n    backup: a\n",
            "obs.yaml:4:13: instance a: it names itself as its backup\nhint: name another instance",
        ),
        (
            "instances:\n  a: {host: x, backup: b}\n  b: {host: y, backup: c}\n  c: {host: z}\n",
            "obs.yaml:2:24: instance a: its backup b has a backup itself, c\n\
             hint: an instance with a backup cannot be one; remove one of the two",
        ),
        (
            "instances:\n  a: {host: x, backup: b}\n  b: {host: y, enabled: false}\n",
            "obs.yaml:2:24: instance a: its backup b is disabled\n\
             hint: set `enabled: true` there, or remove `backup` here",
        ),
        (
            "instances:\n  a: {host: x, backup: 5}\n",
            "obs.yaml:2:24: instance a: backup is 5, expected the name of an instance",
        ),
        (
            "instances:\n  a: {host: x, backup: b, mode: both}\n  b: {host: y}\n",
            "obs.yaml:2:33: instance a: mode is \"both\", expected failover or mirror",
        ),
        (
            "instances:\n  a: {host: x, mode: mirror}\n",
            "obs.yaml:2:16: instance a: mode without a backup means nothing\n\
             hint: add `backup: NAME`, or remove the line",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(&spec(), text), expected, "{text:?}");
    }
}

#[test]
fn what_costs_money_is_not_mirrored() {
    let mut paid = spec();
    paid.operations[0].price = Some(Meter { sku: SkuName::Fixed("call".into()), lines: vec![] });
    let text = |mode: &str| format!("instances:\n  a: {{host: x, backup: b, mode: {mode}}}\n  b: {{host: y}}\n");
    let (_dir, path) = file(&text("failover"));
    load(&path, &paid).unwrap();
    let error = refused(&paid, &text("mirror"));
    assert!(
        error.starts_with("obs.yaml:2:33: instance a: mode is mirror, but operations of obs cost money ("),
        "{error}"
    );
    assert!(error.ends_with("would cost twice\nhint: use `mode: failover`"), "{error}");
}

/// Its own error is enough: the main instance goes on.
#[test]
fn a_wrong_entry_of_the_backup_is_no_error_of_the_main_instance() {
    let (_dir, path) = file("instances:\n  a: {host: x, backup: b}\n  b: {host: 5}\n");
    let each = load_each(&path, &spec()).unwrap();
    assert!(each[&name("a")].is_ok() && each[&name("b")].is_err());
}

#[test]
fn add_writes_a_backup_and_refuses_one_that_is_none() {
    let before = "instances:\n  b: {host: y}\n";
    let (_dir, path) = file(before);
    let fields = |backup: &str| json!({"host": "x", "backup": backup, "mode": "mirror"}).as_object().unwrap().clone();
    let error = add(&path, &spec(), &name("a"), fields("bb")).unwrap_err();
    let expected = "obs.yaml: instance a: its backup bb is no instance of this file\nhint: did you mean b?";
    assert_eq!(shown(&error, &path), expected);
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    add(&path, &spec(), &name("a"), fields("b")).unwrap();
    let found = load(&path, &spec()).unwrap();
    assert_eq!(found[&name("a")].backup, Some(Backup { instance: name("b"), mode: RouteMode::Mirror }));
}
