//! Command branches made from provider descriptions: `vmix cut`, `chat send telegram`, and `add|list|test|remove`.

use super::catalog::{Family, FamilyKind};
use crate::{
    commands::{discover, watch},
    complete,
};
use clap::{Arg, ArgAction, Command, builder::PossibleValuesParser};
use clap_complete::engine::ArgValueCandidates;
use if_manifest::{FieldSpec, OperationSpec, ParamKind, ParamSpec, ProviderSpec};
use if_schemas::RouteMode;

/// Verbs every family has for its instances. No operation may begin with one of them, but for `list` of a category: with
/// an instance it is the operation, without one it lists instances.
#[cfg(test)]
pub const INSTANCE_VERBS: [&str; 7] = ["add", "list", "test", "remove", "discover", "watch", "providers"];
/// Prefix of clap ids that come from data, so that none can meet a global flag's.
const DATA_ID: &str = "arg:";

/// The clap id of a parameter or field.
pub fn data_id(name: &str) -> String {
    format!("{DATA_ID}{name}")
}

/// The branch of one family.
pub fn tree(command: Command, family: &Family, providers: &[ProviderSpec]) -> Command {
    let command = command.subcommand_required(true).arg_required_else_help(true);
    match family.kind {
        FamilyKind::Provider => providers.iter().fold(command, provider_tree),
        FamilyKind::Category(_) => category_tree(command, family, providers),
    }
}

fn provider_tree(command: Command, spec: &ProviderSpec) -> Command {
    let leaves: Vec<Leaf> = spec.operations.iter().map(|o| Leaf::new(o, &spec.id, false)).collect();
    let name = &spec.display_name;
    let command = branch(command, &leaves);
    let command = match discover::can_find(spec) {
        true => command.subcommand(discover::tree(
            Command::new("discover").about(format!("find instances of {name} on the network")),
        )),
        false => command,
    };
    command
        .subcommand(add(Command::new("add").about(format!("add an instance of {name}")), spec))
        .subcommand(Command::new("list").about(format!("instances of {name} and their live state")))
        .subcommand(Command::new("test").about("ask an instance who it is, end to end").arg(instance_arg(&spec.id)))
        .subcommand(Command::new("remove").about("forget an instance").arg(instance_arg(&spec.id)))
        .subcommand(watch::options(
            Command::new("watch").about("its live state, as it changes").arg(instance_arg(&spec.id)),
        ))
}

fn category_tree(command: Command, family: &Family, providers: &[ProviderSpec]) -> Command {
    let list = format!("{}.list", family.name);
    let all = providers.iter().flat_map(|p| p.operations.iter().map(move |o| (p, o)));
    let leaves: Vec<Leaf> = all.filter(|(_, o)| o.id != list).map(|(p, o)| Leaf::new(o, &p.id, true)).collect();
    let each = |name: &'static str, about: &'static str, leaf: &dyn Fn(Command, &ProviderSpec) -> Command| {
        let sub = |p: &ProviderSpec| leaf(Command::new(p.id.clone()).about(p.summary.clone()), p);
        Command::new(name).about(about).subcommands(providers.iter().map(sub))
    };
    let needs_one = |c: Command| c.subcommand_required(true).arg_required_else_help(true);
    branch(command, &leaves)
        .subcommand(needs_one(each("add", "add an instance", &add)))
        .subcommand(each("list", list_about(providers, &list), &|c, p| list_leaf(c, p, p.operation(&list))))
        .subcommand(needs_one(each("test", "prove that an instance works", &|c, p| c.arg(instance_arg(&p.id)))))
        .subcommand(needs_one(each("remove", "forget an instance", &|c, p| c.arg(instance_arg(&p.id)))))
        .subcommand(Command::new("providers").about("providers of this family and what each can do"))
}

fn list_about(providers: &[ProviderSpec], list: &str) -> &'static str {
    match providers.iter().any(|p| p.operation(list).is_some()) {
        true => "instances and their live state; with PROVIDER INSTANCE, what the provider lists",
        false => "instances and their live state",
    }
}

/// `payment list stripe` lists instances, `payment list stripe INSTANCE` asks the provider.
fn list_leaf(command: Command, provider: &ProviderSpec, operation: Option<&OperationSpec>) -> Command {
    match operation {
        None => command,
        Some(o) => {
            let leaf = Leaf::new(o, &provider.id, true);
            let params = o.params.iter().map(|p| param_arg(p, leaf.provider, leaf.place()));
            command.about(o.summary.clone()).arg(instance_arg(&provider.id).required(false)).args(params)
        }
    }
}

fn add(command: Command, spec: &ProviderSpec) -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    command
        .arg(Arg::new("instance").value_name("INSTANCE").required(true).help("name of the instance"))
        .args(spec.instance.iter().map(field_arg))
        .arg(flag("disabled", "write it down, do not serve it yet"))
        .arg(flag("simulated", "it is a stand-in: everything it does is recorded as simulated"))
        .arg(backup_arg(&spec.id))
        .arg(
            Arg::new("mode")
                .long("mode")
                .value_parser(RouteMode::ALL.map(RouteMode::as_str))
                .requires("backup")
                .help("how the backup is used: where this one cannot [default], or always beside it"),
        )
}

/// The instance that stands in for the new one; a shell offers those of the home directory.
fn backup_arg(provider: &str) -> Arg {
    let provider = provider.to_string();
    let arg = Arg::new("backup").long("backup").value_name("INSTANCE").help("another instance that stands in for it");
    arg.add(ArgValueCandidates::new(move || complete::instances(&provider)))
}

/// The name of an instance of `provider`; a shell offers those of the home directory.
fn instance_arg(provider: &str) -> Arg {
    let provider = provider.to_string();
    let arg = Arg::new("instance").value_name("INSTANCE").required(true).help("name of the instance");
    arg.add(ArgValueCandidates::new(move || complete::instances(&provider)))
}

/// An operation at the end of its verbs, and of the provider's name where the family has several.
#[derive(Clone)]
struct Leaf<'a> {
    /// What is still to be typed to get here.
    path: Vec<&'a str>,
    operation: &'a OperationSpec,
    provider: &'a str,
    has_provider: bool,
}

impl<'a> Leaf<'a> {
    /// `named`: the provider is the last word before the instance.
    fn new(operation: &'a OperationSpec, provider: &'a str, named: bool) -> Self {
        let path = operation.id.split('.').skip(1).chain(named.then_some(provider)).collect();
        Self { path, operation, provider, has_provider: named }
    }
    /// Where on the command line the instance is, the first word being 0.
    fn place(&self) -> usize {
        self.operation.id.split('.').count() + usize::from(self.has_provider)
    }
    /// One word further.
    fn below(&self) -> Self {
        Self { path: self.path[1..].to_vec(), ..self.clone() }
    }
}

/// Groups leaves by their next word, keeping the order of the descriptions.
fn branch(mut command: Command, leaves: &[Leaf]) -> Command {
    let mut seen: Vec<&str> = Vec::new();
    for leaf in leaves {
        let Some((word, rest)) = leaf.path.split_first() else { continue };
        if seen.contains(word) {
            continue;
        }
        seen.push(word);
        let sub = Command::new(word.to_string());
        command = command.subcommand(if rest.is_empty() { leaf_command(sub, leaf) } else { group(sub, word, leaves) });
    }
    command
}

fn group(command: Command, word: &str, leaves: &[Leaf]) -> Command {
    let under: Vec<Leaf> = leaves.iter().filter(|l| l.path.first() == Some(&word)).map(Leaf::below).collect();
    let mut names: Vec<&str> = under.iter().filter_map(|l| l.path.first().copied()).collect();
    names.dedup();
    let about = match under.first() {
        Some(leaf) if leaf.has_provider && leaf.path.len() == 1 => leaf.operation.summary.clone(),
        _ => names.join(", "),
    };
    branch(command.about(about).subcommand_required(true).arg_required_else_help(true), &under)
}

fn leaf_command(command: Command, leaf: &Leaf) -> Command {
    let operation = leaf.operation;
    let params = operation.params.iter().map(|p| param_arg(p, leaf.provider, leaf.place()));
    command.about(operation.summary.clone()).arg(instance_arg(leaf.provider)).args(params)
}

/// `place`: where the instance is on the command line.
fn param_arg(p: &ParamSpec, provider: &str, place: usize) -> Arg {
    let mut arg =
        Arg::new(data_id(&p.name)).required(p.required && p.from.is_none()).help(help(&p.help, p.default.as_deref()));
    if let Some(pattern) = p.live.clone() {
        let provider = provider.to_string();
        arg = arg.add(ArgValueCandidates::new(move || complete::live(&provider, place, &pattern)));
    }
    if p.positional {
        return match p.kind {
            ParamKind::List => arg.value_name(p.name.to_uppercase()).action(ArgAction::Append).num_args(1..),
            _ => arg.value_name(p.name.to_uppercase()),
        };
    }
    typed(arg.long(kebab(&p.name)), &p.kind)
}

fn field_arg(f: &FieldSpec) -> Arg {
    let secret =
        "; better than the value itself: env:NAME, file:/path, keychain:service/name, exec:command, or - to type it";
    let text = if f.secret { format!("{}{secret}", f.help) } else { help(&f.help, f.default.as_deref()) };
    typed(Arg::new(data_id(&f.name)).required(f.required).help(text).long(kebab(&f.name)), &f.kind)
}

fn typed(arg: Arg, kind: &ParamKind) -> Arg {
    match kind {
        ParamKind::Text | ParamKind::Pattern(_) => arg.value_name("TEXT"),
        ParamKind::Choice(choices) => arg.value_name("CHOICE").value_parser(PossibleValuesParser::new(choices.clone())),
        ParamKind::Url => arg.value_name("URL"),
        ParamKind::File => arg.value_name("FILE"),
        ParamKind::Amount => arg.value_name("AMOUNT"),
        ParamKind::NumberOrName { .. } => arg.value_name("NUMBER|NAME").allow_negative_numbers(true),
        ParamKind::Integer { .. } | ParamKind::Number { .. } => arg.value_name("NUMBER").allow_negative_numbers(true),
        ParamKind::DurationMs => arg.value_name("TIME").allow_negative_numbers(true),
        ParamKind::Flag => arg.action(ArgAction::SetTrue),
        ParamKind::List => arg.value_name("TEXT").action(ArgAction::Append),
        ParamKind::Object => arg.value_name("JSON"),
    }
}

fn kebab(name: &str) -> String {
    name.replace('_', "-")
}

fn help(text: &str, default: Option<&str>) -> String {
    default.map_or_else(|| text.to_string(), |d| format!("{text} [default: {d}]"))
}
