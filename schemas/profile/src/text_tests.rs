use super::*;

fn literal(text: &str) -> Text {
    Text { parts: if text.is_empty() { vec![] } else { vec![Part::Literal(text.into())] } }
}

fn var(name: &str) -> Part {
    Part::Ref(Ref::Var { name: name.into(), keys: vec![] })
}

#[test]
fn words_follow_the_quotes_of_a_shell() {
    let all = words(r#"obs  scene 'a "b"' "c 'd' \"e\"" f\ g "" x'y z'"#).unwrap();
    let expected = ["obs", "scene", "a \"b\"", "c 'd' \"e\"", "f g", "", "xy z"].map(literal);
    assert_eq!(all, expected);
}

#[test]
fn what_is_put_in_stays_in_its_word() {
    assert_eq!(
        words("say ${a} \"x ${b}\" '${c}'").unwrap(),
        [
            literal("say"),
            Text { parts: vec![var("a")] },
            Text { parts: vec![Part::Literal("x ".into()), var("b")] },
            literal("${c}"),
        ]
    );
    assert_eq!(parse("$${a} $5").unwrap(), literal("${a} $5"));
}

#[test]
fn results_of_steps_are_json_pointers() {
    let of = |text: &str| parse(text).unwrap().whole().cloned();
    let result = |step: &str, pointer: &str| Some(Ref::Result { step: step.into(), pointer: pointer.into() });
    assert_eq!(of("${steps.a.result.b.0}"), result("a", "/b/0"));
    assert_eq!(of("${steps.a[2].result}"), result("a[2]", ""));
    assert_eq!(of("${ item.name }"), Some(Ref::Var { name: "item".into(), keys: vec!["name".into()] }));
    for bad in ["${", "${}", "${a b}", "${steps.a}", "${steps.a.output.x}", "${steps..result}", "${a..b}", "'"] {
        assert!(words(bad).is_err(), "{bad}");
    }
}
