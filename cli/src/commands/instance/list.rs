//! `<provider> list`: what is written down here and what is live anywhere, in one table.

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
use std::collections::BTreeMap;

pub fn list(context: &Context, provider: &ProviderSpec) -> Result<(), CliError> {
    let home = context.home()?;
    let file = home.provider_file(&provider_name(provider)?);
    let written = if_home::instances::load_each(&file, provider)?;
    let live = live::all(context, &home);
    let fabric_up = live.is_some();
    let rows = join(written, live.unwrap_or_default().into_iter().filter(|l| l.provider.as_str() == provider.id));
    if context.out.is_json() {
        let instances: Vec<Value> = rows.iter().map(|(name, row)| row.document(name)).collect();
        return context
            .out
            .document(&json!({"provider": provider.id, "fabric_up": fabric_up, "file": file, "instances": instances}));
    }
    if rows.is_empty() {
        let add = format!("{} {} add NAME --help", context.program, provider.id);
        return context.out.text(&format!("No instances of {} yet: `{add}`", provider.display_name));
    }
    if !fabric_up {
        context.out.note(&format!("the fabric is not running: states are unknown (`{} up`)", context.program));
    }
    context.out.text(&render(context.out.style(), fabric_up, &rows))
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

fn render(style: Style, fabric_up: bool, rows: &BTreeMap<Name, Row>) -> String {
    let cells = |(name, row): (&Name, &Row)| {
        let node = row.live.as_ref().map_or("-".to_string(), |l| l.node.to_string());
        vec![name.to_string(), row.state(fabric_up), row.target(), node, row.detail()]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    table::table(style, &["INSTANCE", "STATE", "TARGET", "NODE", "DETAIL"], &rows, Some(1))
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
            (Some(live), _) => live.detail.as_deref().map(value::printable).unwrap_or_default(),
            (None, Some(Err(e))) => e.message(),
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
        json!({
            "name": name,
            "enabled": written.map(|i| i.enabled),
            "simulated": live.map(|l| l.simulated).or(written.map(|i| i.simulated)),
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
