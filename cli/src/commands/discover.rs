//! `discover` and `<provider> discover`: instances on the network, and the commands that add them. The worker's program
//! searches; nothing is signed, sent to the fabric or written down.

mod known;

use super::consent;
use crate::{
    CliError, Exit,
    context::Context,
    output::{table, value},
    supervise,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use if_discover::{Found, Network, NetworkError, Product, Report, network};
use if_manifest::ProviderSpec;
use if_schemas::Name;
use known::Known;
use serde_json::{Value, json};
use std::ffi::OsString;

/// What `discover` takes.
pub fn tree(command: Command) -> Command {
    command
        .arg(
            Arg::new("network")
                .long("network")
                .value_name("CIDR")
                .action(ArgAction::Append)
                .help("private network to ask address by address, like 192.168.1.0/24; may be repeated"),
        )
        .arg(Arg::new("yes").long("yes").action(ArgAction::SetTrue).help("do not ask before asking the network"))
        .after_help(
            "Home Assistant announces itself. vMix and OBS Studio do not: they are found with --network only.\n\
             Asks with at most 400 connections a second; logs in nowhere and changes nothing.",
        )
}

/// Whether instances of this provider can be looked for.
pub fn can_find(provider: &ProviderSpec) -> bool {
    Product::of(&provider.id).is_some()
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    search(context, &Product::ALL, matches)
}

pub fn of_provider(context: &Context, provider: &ProviderSpec, matches: &ArgMatches) -> Result<(), CliError> {
    let product = Product::of(&provider.id).ok_or_else(|| {
        CliError::usage(format!("{} cannot be looked for", provider.id), format!("add it: `ifctl {} add`", provider.id))
    })?;
    search(context, &[product], matches)
}

fn search(context: &Context, products: &[Product], matches: &ArgMatches) -> Result<(), CliError> {
    let said = matches.get_many::<String>("network").into_iter().flatten();
    let networks = said.map(|text| text.parse::<Network>()).collect::<Result<Vec<_>, _>>().map_err(refused)?;
    let addresses = network::addresses(&networks).map_err(refused)?.len();
    if networks.is_empty() && products.iter().all(|p| p.service().is_none()) {
        return Err(silent(products)?);
    }
    if !networks.is_empty() && !matches.get_flag("yes") && !agreed(context, products, &networks, addresses)? {
        return Err(CliError::new(Exit::Failed, "nobody was asked"));
    }
    let known = Known::load(context, products)?;
    let report = ask(products, &networks)?;
    let search = Search { context, products, networks, known, report };
    search.tell();
    if context.out.is_json() { context.out.document(&search.document()) } else { context.out.text(&search.human()) }
}

fn refused(e: NetworkError) -> CliError {
    CliError::usage(format!("--network: {e}"), e.hint())
}

/// Nothing can be heard of these: which network is it?
fn silent(products: &[Product]) -> Result<CliError, CliError> {
    let names = products.iter().map(|p| p.display_name()).collect::<Vec<_>>().join(" and ");
    let own = ask(products, &[])?.networks;
    let hint = match own.as_slice() {
        [] => "name the network it is in: --network 192.168.1.0/24".to_string(),
        own => format!("name the network it is in; this machine is in {}", flags(own.iter())),
    };
    Ok(CliError::usage(format!("{names} does not announce itself"), hint))
}

fn flags(networks: impl Iterator<Item = impl std::fmt::Display>) -> String {
    networks.map(|n| format!("--network {n}")).collect::<Vec<_>>().join(" ")
}

fn agreed(context: &Context, products: &[Product], networks: &[Network], addresses: usize) -> Result<bool, CliError> {
    let ports = products.iter().map(|p| format!("{} ({})", p.port(), p.display_name())).collect::<Vec<_>>().join(", ");
    let networks = networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let many = if addresses == 1 { "1 address".to_string() } else { format!("each of {addresses} addresses") };
    consent::given(
        context,
        &format!("This connects to {many} of {networks} on TCP port {ports}. Ask that network?"),
        "say --yes if that network may be asked",
    )
}

fn ask(products: &[Product], networks: &[Network]) -> Result<Report, CliError> {
    let mut words: Vec<OsString> = vec!["discover".into()];
    words.extend(products.iter().flat_map(|p| ["--provider".into(), p.id().into()]));
    words.extend(networks.iter().flat_map(|n| ["--network".into(), n.to_string().into()]));
    supervise::ask_worker(&words.iter().map(OsString::as_os_str).collect::<Vec<_>>())
}

struct Search<'a> {
    context: &'a Context<'a>,
    products: &'a [Product],
    networks: Vec<Network>,
    known: Known,
    report: Report,
}

/// One instance, and what to make of it.
struct Row<'a> {
    found: &'a Found,
    configured: Option<&'a Name>,
    /// The command that adds it, word by word; none where it is there.
    add: Option<Vec<String>>,
}

impl Search<'_> {
    /// In the order of the report. Names that are suggested differ from those that are taken and from each other.
    fn rows(&self) -> Vec<Row<'_>> {
        let mut given: Vec<(Product, String)> = Vec::new();
        let row = |found| {
            let configured = self.known.of(found);
            let add = (configured.is_none()).then(|| {
                let product = found.provider;
                let is_given = |name: &str| given.iter().any(|(p, n)| *p == product && n == name);
                let name = found.suggested_name(|name| self.known.is_taken(product, name) || is_given(name));
                given.push((product, name.clone()));
                self.add(found, name)
            });
            Row { found, configured, add }
        };
        self.report.found.iter().map(row).collect()
    }

    fn add(&self, found: &Found, name: String) -> Vec<String> {
        let start = [self.context.program, found.provider.id(), "add"].map(str::to_string);
        let settings = found.settings().into_iter().flat_map(|(flag, value)| [format!("--{flag}"), value]);
        start.into_iter().chain([name]).chain(settings).collect()
    }

    /// What is not data: on stderr.
    fn tell(&self) {
        let out = self.context.out;
        self.report.warnings.iter().for_each(|w| out.warning(&value::printable(w)));
        if !self.report.complete {
            out.warning(&format!(
                "the time was up: {} connections were tried, the rest was not asked; name a smaller network",
                self.report.asked
            ));
        }
        for found in &self.report.found {
            let place = format!("{} at {}", found.provider.display_name(), found.address);
            if let Some(note) = &found.note {
                out.warning(&format!("{place}: {}", value::printable(note)));
            }
            if !found.confirmed {
                out.warning(&format!("{place} announces itself, and was not heard otherwise: it may be somebody else"));
            }
        }
        let silent: Vec<&str> =
            self.products.iter().filter(|p| p.service().is_none()).map(|p| p.display_name()).collect();
        if self.networks.is_empty() && !silent.is_empty() {
            let own = self.report.networks.iter();
            let example = if own.len() == 0 { "--network 192.168.1.0/24".to_string() } else { flags(own) };
            out.note(&format!("{} announce nothing: to look for them add {example}", silent.join(" and ")));
        }
    }

    fn document(&self) -> Value {
        let row = |row: Row| {
            let mut document = json!(row.found);
            document["configured"] = json!(row.configured);
            document["add"] = json!(row.add);
            document
        };
        json!({
            "providers": self.products,
            "networks": self.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "found": self.rows().into_iter().map(row).collect::<Vec<_>>(),
            "other": self.report.other,
            "asked": self.report.asked,
            "complete": self.report.complete,
            "warnings": self.report.warnings,
        })
    }

    fn human(&self) -> String {
        let style = self.context.out.style();
        let rows = self.rows();
        let mut text = String::new();
        if rows.is_empty() {
            text.push_str("Nothing was found.\n");
        } else {
            let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
            text.push_str(&table::table(
                style,
                &["PROVIDER", "ADDRESS", "VERSION", "NAME", "CONFIGURED"],
                &cells,
                None,
            ));
        }
        let other = |o: &if_discover::Other| {
            let at = std::net::SocketAddr::new(o.address, o.port);
            style.dim(&format!("{at} is open, but not {}: {}", o.provider.display_name(), value::printable(&o.detail)))
        };
        text.extend(self.report.other.iter().map(|o| other(o) + "\n"));
        let commands: Vec<String> = rows.iter().filter_map(|r| r.add.as_deref()).map(line).collect();
        if !commands.is_empty() {
            text.push_str(&format!("\nTo add what is new:\n{}\n", commands.join("\n")));
        }
        text
    }
}

fn cells(row: &Row) -> Vec<String> {
    let found = row.found;
    let text = |t: &Option<String>| t.as_deref().map_or_else(|| "-".to_string(), value::printable);
    let at = std::net::SocketAddr::new(found.address, found.port).to_string();
    let configured = row.configured.map_or_else(|| "no".to_string(), |name| format!("as {name}"));
    vec![found.provider.id().to_string(), at, text(&found.version), text(&found.name), configured]
}

/// A command line for a shell.
fn line(words: &[String]) -> String {
    let word = |w: &String| {
        let is_plain = w.chars().all(|c| c.is_ascii_alphanumeric() || "-._:/".contains(c));
        if is_plain { w.clone() } else { format!("'{}'", w.replace('\'', r"'\''")) }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_command_survives_the_shell() {
        let words = |w: &[&str]| line(&w.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            words(&["if", "ha", "add", "home", "--token", "env:HA_TOKEN"]),
            "if ha add home --token env:HA_TOKEN"
        );
        assert_eq!(words(&["--url", "https://[fd00::1]:8123"]), "--url 'https://[fd00::1]:8123'");
        assert_eq!(words(&["it's; rm"]), r"'it'\''s; rm'");
    }
}
