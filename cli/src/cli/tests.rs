use super::*;
use if_manifest::ParamKind;

fn args(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

fn scan(line: &str) -> Words {
    Words::scan(&args(line))
}

#[test]
fn the_whole_tree_is_sound() {
    build_all("ifctl", &Catalog::default()).debug_assert();
}

#[test]
fn the_branch_of_every_top_level_word_is_sound_and_the_others_are_not_built() {
    for word in top_words(&Catalog::default()).iter().filter(|w| *w != "help") {
        let tree = build("ifctl", &scan(&format!("ifctl {word}")), &Catalog::default());
        tree.clone().debug_assert();
        for sub in tree.get_subcommands().filter(|s| s.get_name() != word) {
            assert_eq!(
                sub.get_subcommands().count() + sub.get_arguments().count(),
                0,
                "{} was built for {word}",
                sub.get_name()
            );
        }
    }
}

#[test]
fn names_from_descriptions_never_meet_a_global_flag_or_an_instance_verb() {
    let globals: Vec<String> = globals().iter().map(|a| a.get_id().to_string()).collect();
    for spec in Catalog::default().providers() {
        let params = spec.operations.iter().flat_map(|o| o.params.iter().map(|p| p.name.replace('_', "-")));
        let fields = spec.instance.iter().map(|f| f.name.replace('_', "-"));
        for name in params.chain(fields) {
            assert!(!globals.contains(&name) && name != "instance" && name != "help", "{} has {name}", spec.id);
        }
        for operation in &spec.operations {
            let verb = operation.id.split('.').nth(1).unwrap();
            let of_category = operation.id == format!("{}.list", spec.family());
            assert!(!family::INSTANCE_VERBS.contains(&verb) || of_category, "{}", operation.id);
            let flags = operation.params.iter().filter(|p| p.kind == ParamKind::Flag);
            assert!(flags.clone().all(|p| !p.positional), "{}: a positional flag cannot be written", operation.id);
        }
    }
}

#[test]
fn every_family_and_noun_has_a_name_of_its_own() {
    let mut words = top_words(&Catalog::default());
    let count = words.len();
    words.sort();
    words.dedup();
    assert_eq!(words.len(), count);
}

#[test]
fn words_are_found_around_global_flags() {
    let words = |line: &str| scan(line).words;
    assert_eq!(words("ifctl --json vmix cut my --input 1"), ["vmix", "cut", "my", "1"]);
    assert_eq!(words("ifctl --home vmix --why status obs list"), ["obs", "list"]);
    assert_eq!(words("ifctl --home=x witness log"), ["witness", "log"]);
    assert_eq!(words("ifctl obs -- vmix"), ["obs"]);
    assert!(scan("ifctl vmix cut --json").json());
    assert!(!scan("ifctl vmix cut -- --json").json());
    assert!(!scan("ifctl vmix cut --why --json").json());
    assert_eq!(scan("ifctl help vmix cut").focus(), Some("vmix"));
    assert_eq!(scan("ifctl").focus(), None);
}

#[test]
fn global_flags_are_taken_before_between_and_after_the_words() {
    for line in [
        "ifctl --json --deadline 5s vmix cut my --input 1",
        "ifctl vmix --json --deadline 5s cut my --input 1",
        "ifctl vmix cut my --input 1 --json --deadline 5s",
        "ifctl --json vmix cut my --deadline 5s --input 1",
    ] {
        let matches = build("ifctl", &scan(line), &Catalog::default()).try_get_matches_from(args(line)).unwrap();
        let innermost = crate::context::deepest(&matches);
        assert!(innermost.get_flag("json"), "{line}");
        assert_eq!(innermost.get_one::<String>("deadline").map(String::as_str), Some("5s"), "{line}");
    }
}

#[test]
fn the_program_is_called_by_the_name_it_was_started_under() {
    for (path, name) in
        [("/usr/bin/if", "if"), ("./ifctl", "ifctl"), ("ifctl.exe", "ifctl"), ("/tmp/other", "ifctl"), ("", "ifctl")]
    {
        assert_eq!(program_name(Some(&OsString::from(path))), name, "{path}");
    }
    assert_eq!(program_name(None), "ifctl");
}

#[test]
fn the_product_owners_lines_for_what_is_built_parse_as_written() {
    for line in [
        vec!["if", "vmix", "add", "myvmix", "--host", "192.168.1.100"],
        vec!["if", "vmix", "cut", "myvmix", "--input", "1"],
        vec!["if", "obs", "scene", "switch", "myobs", "Main Scene"],
        vec!["if", "witness", "log", "--operation", "vmix.cut", "--since", "1 hour ago"],
        vec!["if", "witness", "verify", "--operation-id", "abc123"],
        vec!["if", "witness", "chain", "--trace-from", "abc123"],
    ] {
        let line: Vec<OsString> = line.into_iter().map(OsString::from).collect();
        let parsed = build("if", &Words::scan(&line), &Catalog::default()).try_get_matches_from(&line);
        assert!(parsed.is_ok(), "{line:?}: {}", parsed.unwrap_err());
    }
}
