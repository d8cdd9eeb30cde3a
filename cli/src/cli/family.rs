//! Command branches made from provider descriptions: `vmix cut`, `obs scene switch`, and `add|list|test|remove`.

use clap::{Arg, ArgAction, Command, builder::PossibleValuesParser};
use if_manifest::{FieldSpec, OperationSpec, ParamKind, ParamSpec, ProviderSpec};

/// Verbs every provider has for its instances; no operation may begin with one of them.
#[cfg(test)]
pub const INSTANCE_VERBS: [&str; 4] = ["add", "list", "test", "remove"];
/// Prefix of clap ids that come from data, so that none can meet a global flag's.
const DATA_ID: &str = "arg:";

/// A top-level word that stands for one provider.
pub struct Family {
    pub name: String,
    pub about: String,
    pub spec: ProviderSpec,
}

/// Every family, by name.
pub fn families() -> Vec<Family> {
    let of = |spec: ProviderSpec| Family { name: spec.id.clone(), about: spec.summary.clone(), spec };
    if_manifest::providers().into_iter().map(of).collect()
}

/// The clap id of a parameter or field.
pub fn data_id(name: &str) -> String {
    format!("{DATA_ID}{name}")
}

impl Family {
    pub fn tree(&self, command: Command) -> Command {
        let operations: Vec<(Vec<&str>, &OperationSpec)> =
            self.spec.operations.iter().map(|o| (verbs(&o.id), o)).collect();
        let command = branch(command.subcommand_required(true).arg_required_else_help(true), &operations);
        command
            .subcommand(self.add())
            .subcommand(
                Command::new("list").about(format!("instances of {} and their live state", self.spec.display_name)),
            )
            .subcommand(Command::new("test").about("ask an instance who it is, end to end").arg(instance_arg()))
            .subcommand(Command::new("remove").about("forget an instance").arg(instance_arg()))
    }

    fn add(&self) -> Command {
        let flag =
            |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
        Command::new("add")
            .about(format!("add an instance of {}", self.spec.display_name))
            .arg(instance_arg())
            .args(self.spec.instance.iter().map(field_arg))
            .arg(flag("disabled", "write it down, do not serve it yet"))
            .arg(flag("simulated", "it is a stand-in: everything it does is recorded as simulated"))
    }
}

fn verbs(id: &str) -> Vec<&str> {
    id.split('.').skip(1).collect()
}

/// Groups operations by their next verb, keeping the order of the description.
fn branch(mut command: Command, operations: &[(Vec<&str>, &OperationSpec)]) -> Command {
    let mut seen: Vec<&str> = Vec::new();
    for (verbs, operation) in operations {
        let Some((verb, rest)) = verbs.split_first() else { continue };
        if seen.contains(verb) {
            continue;
        }
        seen.push(verb);
        let sub = Command::new(verb.to_string());
        command = command.subcommand(if rest.is_empty() { leaf(sub, operation) } else { group(sub, verb, operations) });
    }
    command
}

fn group(command: Command, verb: &str, operations: &[(Vec<&str>, &OperationSpec)]) -> Command {
    let under = operations.iter().filter(|(v, _)| v.first() == Some(&verb));
    let under: Vec<_> = under.map(|(v, o)| (v[1..].to_vec(), *o)).collect();
    let names = under.iter().filter_map(|(v, _)| v.first().copied()).collect::<Vec<_>>().join(", ");
    branch(command.about(names).subcommand_required(true).arg_required_else_help(true), &under)
}

fn leaf(command: Command, operation: &OperationSpec) -> Command {
    command.about(operation.summary.clone()).arg(instance_arg()).args(operation.params.iter().map(param_arg))
}

fn instance_arg() -> Arg {
    Arg::new("instance").value_name("INSTANCE").required(true).help("name of the instance")
}

fn param_arg(p: &ParamSpec) -> Arg {
    let arg =
        Arg::new(data_id(&p.name)).required(p.required && p.from.is_none()).help(help(&p.help, p.default.as_deref()));
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
