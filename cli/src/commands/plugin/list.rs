//! `plugin list`

use super::shown;
use crate::{CliError, Exit, context::Context, output::table};
use if_home::Home;
use if_plugin_files::{Folder, content_hash};
use if_schemas::{Hash, Name};
use serde::Serialize;
use serde_json::json;
use std::{collections::BTreeMap, path::Path};

/// File of a declarative plugin.
const MANIFEST_FILE: &str = "manifest.yaml";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Executable,
    /// Data alone: nothing of it is executed, so nothing is pinned.
    Manifest,
    /// Trusted, and not in this home directory.
    Elsewhere,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Trusted,
    NotTrusted,
    ChangedSinceTrusted,
    Broken,
    NeedsNoTrust,
    /// The fabric does not answer.
    Unknown,
}

impl State {
    fn text(self) -> &'static str {
        match self {
            State::Trusted => "trusted",
            State::NotTrusted => "not trusted",
            State::ChangedSinceTrusted => "changed since trusted",
            State::Broken => "broken",
            State::NeedsNoTrust => "needs no trust",
            State::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    kind: Kind,
    state: State,
    /// Of the files as they are.
    hash: Option<Hash>,
    detail: Option<String>,
}

/// By plugin: what is trusted, and since which entry.
type Pins = BTreeMap<Name, (Hash, u64)>;

pub fn list(context: &Context) -> Result<(), CliError> {
    let home = context.home()?;
    let pins = pins(context, &home)?;
    let rows = rows(context, &home.plugins_dir(), pins.as_ref())?;
    if context.out.is_json() {
        return context.out.document(&json!({"plugins": rows}));
    }
    if rows.is_empty() {
        return context.out.text("there is no plugin yet: `ifctl plugin new ID` makes one");
    }
    let kind = |k| match k {
        Kind::Executable => "executable",
        Kind::Manifest => "manifest",
        Kind::Elsewhere => "-",
    };
    let cells =
        |r: &Row| vec![r.id.clone(), kind(r.kind).into(), r.state.text().into(), r.detail.clone().unwrap_or_default()];
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    context.out.text(&table::table(context.out.style(), &["PLUGIN", "KIND", "STATE", ""], &rows, None))
}

/// From verified trust; none if the fabric cannot be reached.
fn pins(context: &Context, home: &Home) -> Result<Option<Pins>, CliError> {
    let config = context.config(home)?;
    let asked = context.block_on(async {
        let mut client = context.connect(home, &config).await?;
        client.refresh_trust().await?;
        Ok(client.trust.trust().pins().map(|(name, pin)| (name.clone(), (pin.hash, pin.index))).collect())
    });
    match asked {
        Ok(pins) => Ok(Some(pins)),
        Err(e) if e.exit == Exit::Unreachable => {
            context.out.warning(&format!("what is trusted is not known: {e}"));
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

fn rows(context: &Context, dir: &Path, pins: Option<&Pins>) -> Result<Vec<Row>, CliError> {
    let folders = if_plugin_files::scan(dir).map_err(|e| super::broken(context, &e))?;
    let name = |p: &Path| p.file_name().map(shown_name).unwrap_or_default();
    let mut rows: Vec<Row> = folders.iter().map(|folder| executable(name(folder), folder, pins)).collect();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.join(MANIFEST_FILE).is_file() && !folders.contains(&path) {
            let row =
                Row { id: name(&path), kind: Kind::Manifest, state: State::NeedsNoTrust, hash: None, detail: None };
            rows.push(row);
        }
    }
    for (plugin, (hash, index)) in pins.into_iter().flatten() {
        if !rows.iter().any(|r| r.id == plugin.as_str()) {
            let detail = Some(format!("by entry #{index}; its folder is not in this home directory"));
            let (id, state) = (plugin.to_string(), State::Trusted);
            rows.push(Row { id, kind: Kind::Elsewhere, state, hash: Some(*hash), detail });
        }
    }
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(rows)
}

fn shown_name(name: &std::ffi::OsStr) -> String {
    shown(Path::new(name))
}

fn executable(id: String, dir: &Path, pins: Option<&Pins>) -> Row {
    let broken =
        |id, detail: String| Row { id, kind: Kind::Executable, state: State::Broken, hash: None, detail: Some(detail) };
    let folder = match Folder::load(dir) {
        Ok(folder) => folder,
        Err(e) => return broken(id, e.to_string()),
    };
    let hash = match content_hash(dir) {
        Ok(hash) => hash,
        Err(e) => return broken(id, e.to_string()),
    };
    let pin = pins.map(|p| p.get(&folder.plugin.id));
    let (state, detail) = match pin {
        None => (State::Unknown, None),
        Some(None) => (State::NotTrusted, Some(format!("an admin runs `ifctl plugin trust {id}`"))),
        Some(Some((pinned, index))) if *pinned == hash => (State::Trusted, Some(format!("by entry #{index}"))),
        Some(Some((_, index))) => (State::ChangedSinceTrusted, Some(format!("entry #{index} trusts other files"))),
    };
    Row { id, kind: Kind::Executable, state, hash: Some(hash), detail }
}
