//! The shape of the project: who may depend on whom, what documents name exists, files stay small.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

/// Lines at which a source file is a room too big to live in.
const FILE_LINES_MAX: usize = 800;

fn root() -> Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?.to_path_buf())
}

/// Normal (not dev) dependencies of every workspace package.
fn dependencies() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root()?)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut all = BTreeMap::new();
    for package in metadata["packages"].as_array().context("packages")? {
        let names = package["dependencies"].as_array().context("dependencies")?.iter();
        let normal =
            names.filter(|d| d["kind"].is_null()).filter_map(|d| d["name"].as_str()).map(String::from).collect();
        all.insert(package["name"].as_str().context("name")?.to_string(), normal);
    }
    Ok(all)
}

#[test]
fn dependencies_point_the_right_way() -> Result<()> {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("if-schemas", &[][..]),
        ("if-manifest", &["if-schemas"]),
        ("if-orchestrator", &["if-schemas"]),
        ("if-core", &["if-schemas"]),
        ("if-witness", &["if-schemas"]),
        ("if-bus", &["if-schemas"]),
        ("if-home", &["if-schemas", "if-manifest"]),
        ("if-profile", &["if-schemas", "if-manifest"]),
        ("if-engine", &["if-schemas", "if-manifest"]),
        // if-addrs is of the registry.
        ("if-discover", &["if-addrs"]),
        ("if-adapter-vmix", &["if-schemas", "if-manifest", "if-engine"]),
        ("if-adapter-obs", &["if-schemas", "if-manifest", "if-engine"]),
        ("if-plugin-files", &["if-schemas", "if-manifest"]),
        ("if-plugin", &["if-schemas", "if-manifest", "if-engine", "if-home", "if-plugin-files"]),
        ("if-adapter-home-assistant", &["if-schemas", "if-manifest", "if-engine"]),
        (
            "if-worker",
            &[
                "if-schemas",
                "if-manifest",
                "if-discover",
                "if-engine",
                "if-orchestrator",
                "if-plugin",
                "if-plugin-files",
                "if-bus",
                "if-home",
                "if-adapter-vmix",
                "if-adapter-obs",
                "if-adapter-home-assistant",
            ],
        ),
        ("if-broker", &["if-schemas", "if-core", "if-witness", "if-bus", "if-home"]),
        (
            "if-cli",
            &[
                "if-schemas",
                "if-core",
                "if-bus",
                "if-manifest",
                "if-home",
                "if-plugin-files",
                "if-discover",
                "if-orchestrator",
                "if-profile",
            ],
        ),
    ]);
    let tests = ["if-tests", "if-harness", "if-benches"];
    for (package, dependencies) in dependencies()? {
        if tests.contains(&package.as_str()) {
            continue;
        }
        let allowed = allowed
            .get(package.as_str())
            .with_context(|| format!("{package} has no rule: add it to ARCHITECTURE.md and here"))?;
        let wrong: Vec<_> =
            dependencies.iter().filter(|d| d.starts_with("if-") && !allowed.contains(&d.as_str())).collect();
        ensure!(wrong.is_empty(), "{package} may not depend on {wrong:?}");
    }
    Ok(())
}

#[test]
fn each_heavy_library_has_one_owner() -> Result<()> {
    let owners = [
        ("rocksdb", &["if-witness"][..]),
        ("async-nats", &["if-bus"]),
        ("reqwest", &["if-engine"]),
        // One adapter for each program that speaks websocket, and what looks for them.
        ("tokio-tungstenite", &["if-adapter-obs", "if-adapter-home-assistant", "if-discover"]),
        ("mdns-sd", &["if-discover"]),
    ];
    for (package, dependencies) in dependencies()? {
        for (library, owners) in owners {
            let may = owners.contains(&package.as_str()) || package == "if-benches";
            ensure!(may || !dependencies.contains(library), "{package} links {library}, which belongs to {owners:?}");
        }
    }
    Ok(())
}

#[test]
fn pure_crates_have_no_runtime() -> Result<()> {
    let all = dependencies()?;
    for package in ["if-schemas", "if-core", "if-manifest", "if-orchestrator", "if-profile"] {
        for impure in ["tokio", "getrandom", "rand", "async-nats", "reqwest"] {
            ensure!(!all[package].contains(impure), "{package} is pure and may not use {impure}");
        }
    }
    Ok(())
}

#[test]
fn paths_named_in_documents_exist() -> Result<()> {
    let root = root()?;
    for document in ["README.md", "ARCHITECTURE.md", "docs/adding-a-provider.md"] {
        let text = std::fs::read_to_string(root.join(document))?;
        let quoted = text.split('`').skip(1).step_by(2);
        let linked = text.split("](").skip(1).filter_map(|t| t.split(')').next());
        let base = root.join(document).parent().context("a directory")?.to_path_buf();
        for path in linked.filter(|l| !l.contains("://")) {
            ensure!(
                base.join(path.split('#').next().unwrap_or(path)).exists(),
                "{document} links {path}, which is not there"
            );
        }
        let is_path = |t: &&str| {
            t.contains('/')
                && t.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
                && !t.starts_with(['/', '.'])
        };
        let top = ["schemas", "broker", "workers", "cli", "ops", "tests", "benches", "docs"];
        for path in quoted.filter(is_path).filter(|p| top.iter().any(|t| p.starts_with(&format!("{t}/")))) {
            ensure!(root.join(path).exists(), "{document} names {path}, which is not there");
        }
    }
    Ok(())
}

#[test]
fn every_reject_code_has_its_page() -> Result<()> {
    let pages = root()?.join("docs/errors");
    for code in if_schemas::Code::ALL {
        let page = pages.join(format!("IF{}.md", code.number()));
        let text = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
        ensure!(text.contains(code.as_str()), "{} does not name {code}", page.display());
    }
    Ok(())
}

#[test]
fn source_files_stay_small() -> Result<()> {
    let mut folders = vec![root()?];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(&folder)? {
            let path = item?.path();
            let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.') || n == "target");
            if path.is_dir() && !hidden {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let lines = std::fs::read_to_string(&path)?.lines().count();
                ensure!(lines <= FILE_LINES_MAX, "{} has {lines} lines", path.display());
            }
        }
    }
    Ok(())
}
