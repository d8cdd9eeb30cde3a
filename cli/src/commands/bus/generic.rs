//! The commands of providers in one form for all of them: `bus add PROVIDER …`, `bus exec PROVIDER INSTANCE --command …`.
//! Each is the provider's own command line with its words in another order, and is carried out as that.

use crate::{
    CliError,
    cli::FamilyKind,
    commands::{self, typed},
    context::Context,
};
use clap::{ArgMatches, Command};
use if_manifest::{ProviderSpec, args::nearest};
use std::ffi::OsString;

/// Verbs of instances, and what each is for.
const VERBS: [(&str, &str); 4] = [
    ("add", "add an instance: bus add vmix myvmix --host 192.0.2.7"),
    ("test", "connect to an instance and read from it: bus test vmix myvmix"),
    ("remove", "remove an instance: bus remove vmix myvmix"),
    ("discover", "find instances of a provider on the network: bus discover obs"),
];
const COMMAND: &str = "--command";

pub fn trees() -> Vec<Command> {
    let words = |help| typed::words("words", help);
    let mut all: Vec<Command> = VERBS
        .iter()
        .map(|(verb, about)| {
            Command::new(*verb).about(*about).arg(words("a provider, then what its own command takes"))
        })
        .collect();
    all.push(Command::new("list").about("every instance and how it is"));
    all.push(
        Command::new("exec")
            .about("one command: bus exec vmix myvmix --command Cut --input 1")
            .arg(words("a provider, an instance, --command and its name, then its arguments")),
    );
    all
}

/// None where the verb is not one of these.
pub fn run(context: &Context, verb: &str, m: &ArgMatches) -> Option<Result<(), CliError>> {
    match verb {
        "list" => Some(commands::instance::list(context, &context.catalog.providers())),
        "exec" => Some(exec(context, words(m))),
        _ if VERBS.iter().any(|(known, _)| *known == verb) => Some(instance(context, verb, words(m))),
        _ => None,
    }
}

fn words(m: &ArgMatches) -> Vec<String> {
    m.get_many::<String>("words").unwrap_or_default().cloned().collect()
}

/// `vmix myvmix …` with a verb is `vmix VERB myvmix …`; `openai mygpt4 …` is `ai VERB openai mygpt4 …`.
fn instance(context: &Context, verb: &str, words: Vec<String>) -> Result<(), CliError> {
    let mut words = words.into_iter();
    let (family, provider) = family_of(context, &words.next().unwrap_or_default())?;
    redo(context, [family, verb.to_string()].into_iter().chain(provider).chain(words))
}

fn exec(context: &Context, words: Vec<String>) -> Result<(), CliError> {
    let form = || CliError::usage("that is no command", "like `bus exec vmix myvmix --command Cut --input 1`");
    let at = words.iter().position(|w| w == COMMAND || w.starts_with("--command=")).ok_or_else(form)?;
    let (mut before, mut after) = (words[..at].iter().cloned(), words[at..].iter().cloned());
    let said = after.next().ok_or_else(form)?;
    let named = match said.split_once('=') {
        Some((_, name)) => name.to_string(),
        None => after.next().ok_or_else(form)?,
    };
    let provider = before.next().ok_or_else(form)?;
    let spec = spec_of(context, &provider)?;
    let verbs = verbs(&spec, &named)?;
    let (family, provider) = family_of(context, &provider)?;
    redo(context, [family].into_iter().chain(verbs).chain(provider).chain(before).chain(after))
}

/// The verbs of an operation, however its name is written: `Cut`, `scene.switch`, `SceneSwitch`, `obs.scene.switch`.
fn verbs(spec: &ProviderSpec, named: &str) -> Result<Vec<String>, CliError> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let short = |id: &str| id.split_once('.').map_or(id, |(_, verbs)| verbs).to_string();
    let wanted = plain(named);
    let found = spec.operations.iter().find(|o| plain(&short(&o.id)) == wanted || plain(&o.id) == wanted);
    let found = found.ok_or_else(|| {
        let known: Vec<String> = spec.operations.iter().map(|o| short(&o.id)).collect();
        let hint = match nearest(&named.to_ascii_lowercase(), known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("`provider show {}` lists them", spec.id),
        };
        CliError::usage(format!("{} has no command {named}", spec.display_name), hint)
    })?;
    Ok(short(&found.id).split('.').map(str::to_string).collect())
}

fn spec_of(context: &Context, id: &str) -> Result<ProviderSpec, CliError> {
    context.catalog.provider(id).ok_or_else(|| {
        let all = context.catalog.providers();
        let hint = match nearest(id, all.iter().map(|p| p.id.as_str())) {
            Some(near) => format!("did you mean {near}?"),
            None => "`provider list` shows them".into(),
        };
        CliError::usage(format!("there is no provider {id:?}"), hint)
    })
}

/// The first word of the provider's own command line, and the provider's where that is another one.
fn family_of(context: &Context, provider: &str) -> Result<(String, Option<String>), CliError> {
    let spec = spec_of(context, provider)?;
    let family = context.catalog.family(spec.family());
    let is_own = family.is_none_or(|f| matches!(f.kind, FamilyKind::Provider));
    Ok((spec.family().to_string(), (!is_own).then(|| spec.id.clone())))
}

fn redo(context: &Context, words: impl Iterator<Item = String>) -> Result<(), CliError> {
    let matches = typed::parse(context, words.map(OsString::from))?;
    let said = context.saying(&matches)?;
    commands::dispatch(&said, &matches)
}
