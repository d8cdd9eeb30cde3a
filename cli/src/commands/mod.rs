//! One file per command. Each has `tree`, its branch of the command line, and `run`.

mod bus;
mod completions;
mod config;
mod consent;
pub mod discover;
mod down;
mod guard;
mod init;
mod instance;
mod key;
mod node;
mod on;
mod operate;
mod optimise;
mod plugin;
mod provider;
mod shell_init;
mod status;
mod trigger;
mod trust;
mod typed;
mod up;
pub mod watch;
mod witness;

use crate::{
    CliError,
    cli::{Family, FamilyKind},
    context::Context,
};
use clap::{ArgMatches, Command};
use if_manifest::ProviderSpec;
use if_schemas::{Name, SchemaError};

/// A top-level command that is no provider.
pub struct Noun {
    pub name: &'static str,
    pub about: &'static str,
    pub tree: fn(Command) -> Command,
    pub run: fn(&Context, &ArgMatches) -> Result<(), CliError>,
}

/// All of them, in the order of the help text.
pub const NOUNS: &[Noun] = &[
    Noun {
        name: "init",
        about: "make a home directory: keys, trust anchor, configuration",
        tree: init::tree,
        run: init::run,
    },
    Noun { name: "up", about: "start the fabric: NATS, broker and worker", tree: up::tree, run: up::run },
    Noun { name: "down", about: "stop what `up` started", tree: down::tree, run: down::run },
    Noun { name: "status", about: "the fabric on one screen", tree: status::tree, run: status::run },
    Noun { name: "witness", about: "the log: search, show, verify, export", tree: witness::tree, run: witness::run },
    Noun {
        name: "optimise",
        about: "what things cost, budgets, and what was spent",
        tree: optimise::tree,
        run: optimise::run,
    },
    Noun { name: "bus", about: "profiles and runs: several commands as one", tree: bus::tree, run: bus::run },
    Noun {
        name: "guard",
        about: "steps of runs that wait for guardians, and votes",
        tree: guard::tree,
        run: guard::run,
    },
    Noun { name: "watch", about: "the live state of an instance, as it changes", tree: watch::tree, run: watch::run },
    Noun { name: "on", about: "do something by itself whenever something is seen", tree: on::tree, run: on::run },
    Noun {
        name: "trigger",
        about: "what is done by itself: list, add, remove, test, log",
        tree: trigger::tree,
        run: trigger::run,
    },
    Noun { name: "discover", about: "find instances on the network", tree: discover::tree, run: discover::run },
    Noun { name: "provider", about: "what can be operated, and how", tree: provider::tree, run: provider::run },
    Noun { name: "plugin", about: "providers of your own: make, check, trust", tree: plugin::tree, run: plugin::run },
    Noun { name: "node", about: "live worker nodes and what they serve", tree: node::tree, run: node::run },
    Noun { name: "trust", about: "who may do what", tree: trust::tree, run: trust::run },
    Noun { name: "key", about: "keys of this machine", tree: key::tree, run: key::run },
    Noun { name: "config", about: "check or show the configuration", tree: config::tree, run: config::run },
    Noun {
        name: "completions",
        about: "completion script for a shell",
        tree: completions::tree,
        run: completions::run,
    },
    Noun {
        name: "shell-init",
        about: "make the bare word `if` work at an interactive prompt",
        tree: shell_init::tree,
        run: shell_init::run,
    },
];

/// Runs the command that was parsed.
pub fn dispatch(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let Some((name, sub)) = matches.subcommand() else { return Err(missing(context.program)) };
    if let Some(noun) = NOUNS.iter().find(|n| n.name == name) {
        return (noun.run)(context, sub);
    }
    match context.catalog.family(name) {
        Some(family) => family_verb(context, &family, sub),
        None => Err(missing(context.program)),
    }
}

/// Runs an operation of a provider, and nothing else.
pub fn dispatch_operation(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    match matches.subcommand().and_then(|(name, sub)| Some((context.catalog.family(name)?, sub))) {
        Some((family, sub)) => family_verb(context, &family, sub),
        None => Err(CliError::usage(
            "only operations of providers cost anything",
            "like `ai complete openai mygpt4 --prompt hello`",
        )),
    }
}

/// The provider, the id and the matches of an operation; none where the line asks for something else.
fn operation_of<'a>(context: &Context, matches: &'a ArgMatches) -> Option<(ProviderSpec, String, &'a ArgMatches)> {
    let (name, sub) = matches.subcommand()?;
    let family = context.catalog.family(name)?;
    let (mut verbs, innermost) = words_of(sub);
    let spec = provider_of(&context.catalog.providers_of(&family), &family, &mut verbs)?.clone();
    let own = matches!(verbs.as_slice(), ["add" | "test" | "remove" | "discover" | "watch" | "providers"]);
    let id = format!("{}.{}", family.name, verbs.join("."));
    (!own && !verbs.is_empty()).then_some((spec, id, innermost))
}

/// The words below a family, and the matches of the last.
fn words_of(matches: &ArgMatches) -> (Vec<&str>, &ArgMatches) {
    let mut words = Vec::new();
    let mut innermost = matches;
    while let Some((word, sub)) = innermost.subcommand() {
        words.push(word);
        innermost = sub;
    }
    (words, innermost)
}

/// The provider that is meant; where it is a word of its own, that is taken off.
fn provider_of<'a>(providers: &'a [ProviderSpec], family: &Family, words: &mut Vec<&str>) -> Option<&'a ProviderSpec> {
    let id = match family.kind {
        FamilyKind::Provider => family.name.as_str(),
        FamilyKind::Category(_) => words.pop().unwrap_or_default(),
    };
    providers.iter().find(|p| p.id == id)
}

fn family_verb(context: &Context, family: &Family, matches: &ArgMatches) -> Result<(), CliError> {
    let (mut words, innermost) = words_of(matches);
    let providers = context.catalog.providers_of(family);
    match (family.kind, words.as_slice()) {
        (FamilyKind::Category(_), ["providers"]) => return provider::of_family(context, &providers),
        (FamilyKind::Category(_), ["list"]) => return instance::list(context, &providers),
        _ => {}
    }
    let spec = provider_of(&providers, family, &mut words).ok_or_else(|| missing(context.program))?;
    provider_verb(context, family, spec, &words, innermost)
}

fn provider_verb(
    context: &Context,
    family: &Family,
    spec: &ProviderSpec,
    verbs: &[&str],
    matches: &ArgMatches,
) -> Result<(), CliError> {
    match verbs {
        ["add"] => instance::add(context, spec, matches),
        // `payment list stripe INSTANCE` asks the provider.
        ["list"] if matches.try_get_one::<String>("instance").ok().flatten().is_none() => {
            instance::list(context, std::slice::from_ref(spec))
        }
        ["test"] => instance::test(context, spec, matches),
        ["remove"] => instance::remove(context, spec, matches),
        ["discover"] => discover::of_provider(context, spec, matches),
        ["watch"] => watch::watch(context, spec.id.parse()?, instance_name(matches)?, matches),
        _ => {
            let id = format!("{}.{}", family.name, verbs.join("."));
            let operation = spec.operation(&id).ok_or_else(|| missing(context.program))?;
            operate::run(context, spec, operation, matches)
        }
    }
}

/// clap lets no command line without a command pass; this says so should it ever.
fn missing(program: &str) -> CliError {
    CliError::usage("a command is missing", format!("see `{program} --help`"))
}

/// Reads a name before anything is done with it.
pub fn name(what: &str, text: &str) -> Result<Name, CliError> {
    text.parse().map_err(|e| match e {
        SchemaError::Invalid { value, rule, .. } => CliError::usage(format!("{value:?} is no {what}"), rule),
        other => CliError::usage(format!("{what}: {other}"), "see --help"),
    })
}

/// The instance name on a command line.
pub fn instance_name(matches: &ArgMatches) -> Result<Name, CliError> {
    let text = matches.get_one::<String>("instance").map(String::as_str).unwrap_or_default();
    name("instance name", text)
}
