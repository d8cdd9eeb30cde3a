//! `vmix list`, `chat list [PROVIDER]`: what is written down here and what is live anywhere, in one table.

use super::{Live, live, provider_name};
use crate::{
    CliError,
    context::Context,
    output::{Style, table, value},
};
use if_home::{HomeError, Instance, SecretRef, instances::Each};
use if_manifest::ProviderSpec;
use if_schemas::Name;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};

/// The instances of these providers.
pub fn list(context: &Context, providers: &[ProviderSpec]) -> Result<(), CliError> {
    let home = context.home()?;
    let live = live::all(context, &home);
    let fabric_up = live.is_some();
    let live = live.unwrap_or_default();
    let mut found = Vec::new();
    for provider in providers {
        let file = home.provider_file(&provider_name(provider)?);
        let written = if_home::instances::load_each(&file, provider)?;
        let live = live.iter().filter(|l| l.provider.as_str() == provider.id).cloned();
        found.push(Found { provider, file, rows: join(written, live) });
    }
    match (context.out.is_json(), found.as_slice()) {
        (true, [one]) => context.out.document(&one.document(fabric_up)),
        (true, all) => {
            let providers: Vec<Value> = all.iter().map(|f| f.document(fabric_up)).collect();
            context.out.document(&json!({"fabric_up": fabric_up, "providers": providers}))
        }
        (false, all) => human(context, fabric_up, all),
    }
}

/// The instances of one provider.
struct Found<'a> {
    provider: &'a ProviderSpec,
    file: PathBuf,
    rows: BTreeMap<Name, Row>,
}

impl Found<'_> {
    fn document(&self, fabric_up: bool) -> Value {
        let instances: Vec<Value> = self.rows.iter().map(|(name, row)| row.document(name)).collect();
        json!({"provider": self.provider.id, "fabric_up": fabric_up, "file": self.file, "instances": instances})
    }
}

fn human(context: &Context, fabric_up: bool, found: &[Found]) -> Result<(), CliError> {
    if found.iter().all(|f| f.rows.is_empty()) {
        let (names, add) = match found {
            [one] => {
                (one.provider.display_name.clone(), format!("{} NAME --help", one.provider.instance_command("add")))
            }
            [first, ..] => (first.provider.family().to_string(), format!("{} add --help", first.provider.family())),
            [] => return context.out.text("There are no providers of this family."),
        };
        return context.out.text(&format!("No instances of {names} yet: `{} {add}`", context.program));
    }
    if !fabric_up {
        context.out.note(&format!("the fabric is not running: states are unknown (`{} up`)", context.program));
    }
    context.out.text(&render(context.out.style(), fabric_up, found))
}

/// What is known of one name.
#[derive(Default)]
struct Row {
    written: Option<Result<Instance, HomeError>>,
    live: Option<Live>,
}

fn join(written: Each, live: impl Iterator<Item = Live>) -> BTreeMap<Name, Row> {
    let mut rows: BTreeMap<Name, Row> = BTreeMap::new();
    for (name, instance) in written {
        rows.entry(name).or_default().written = Some(instance);
    }
    for live in live {
        let name = live.instance.clone();
        rows.entry(name).or_default().live = Some(live);
    }
    rows
}

fn render(style: Style, fabric_up: bool, found: &[Found]) -> String {
    let rows = found.iter().flat_map(|f| f.rows.iter().map(|(name, row)| (f.provider.id.as_str(), name, row)));
    let cells = |(provider, name, row): (&str, &Name, &Row)| {
        let node = row.live.as_ref().map_or("-".to_string(), |l| l.node.to_string());
        let cells = vec![name.to_string(), row.state(fabric_up), row.target(), node, row.detail()];
        if found.len() > 1 { [vec![provider.to_string()], cells].concat() } else { cells }
    };
    let rows: Vec<Vec<String>> = rows.map(cells).collect();
    let header = ["PROVIDER", "INSTANCE", "STATE", "TARGET", "NODE", "DETAIL"];
    match found.len() {
        1 => table::table(style, &header[1..], &rows, Some(1)),
        _ => table::table(style, &header, &rows, Some(2)),
    }
}

impl Row {
    fn state(&self, fabric_up: bool) -> String {
        match (&self.live, &self.written) {
            (Some(live), _) => live.state.as_str().into(),
            (None, Some(Err(_))) => "bad_config".into(),
            (None, Some(Ok(i))) if !i.enabled => "disabled".into(),
            _ if fabric_up => "not served".into(),
            _ => "unknown".into(),
        }
    }

    fn target(&self) -> String {
        let Some(Ok(instance)) = &self.written else { return "-".into() };
        let open = instance.open_settings();
        let text = |name: &str| open.get(name).map(value::scalar);
        match (text("host"), text("port")) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host,
            _ => open.iter().map(|(k, v)| format!("{k}={}", value::scalar(v))).collect::<Vec<_>>().join(" "),
        }
    }

    fn detail(&self) -> String {
        let simulated =
            self.live.as_ref().is_some_and(|l| l.simulated) || matches!(&self.written, Some(Ok(i)) if i.simulated);
        let text = match (&self.live, &self.written) {
            // Its node names the backup.
            (Some(live), _) => live.detail.as_deref().map(value::printable).unwrap_or_default(),
            (None, Some(Err(e))) => e.message(),
            (None, Some(Ok(i))) => i.backup.as_ref().map(|b| format!("backup {b}")).unwrap_or_default(),
            _ => String::new(),
        };
        if simulated { format!("[simulated] {text}").trim_end().to_string() } else { text }
    }

    fn document(&self, name: &Name) -> Value {
        let written = self.written.as_ref().and_then(|w| w.as_ref().ok());
        let error = self.written.as_ref().and_then(|w| w.as_ref().err());
        // A reference is shown, a literal never.
        let shown = |s: &SecretRef| if s.is_literal() { "literal".to_string() } else { format!("{s:?}") };
        let secrets: Option<BTreeMap<_, _>> =
            written.map(|i| i.secrets.iter().map(|(k, s)| (k.clone(), shown(s))).collect());
        let live = self.live.as_ref();
        let backup = written.and_then(|i| i.backup.as_ref());
        json!({
            "name": name,
            "enabled": written.map(|i| i.enabled),
            "simulated": live.map(|l| l.simulated).or(written.map(|i| i.simulated)),
            "backup": backup.map(|b| b.instance.clone()),
            "mode": backup.map(|b| b.mode),
            "settings": written.map(Instance::open_settings),
            "secrets": secrets,
            "state": live.map(|l| l.state.as_str()),
            "detail": live.and_then(|l| l.detail.clone()),
            "since": live.map(|l| l.since),
            "node": live.map(|l| l.node.clone()),
            "error": error.map(|e| json!({"message": e.message(), "hint": e.hint()})),
        })
    }
}
