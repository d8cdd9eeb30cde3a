//! Embeds every provider found in `workers/providers`, with an index that needs no parsing at run time. Adding a provider
//! touches only its folder.

use serde::Deserialize;
use std::{
    env,
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// What the index holds; the rest of the manifest is read when it is needed.
#[derive(Deserialize)]
struct Head {
    id: String,
    display_name: String,
    category: String,
    summary: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../providers");
    println!("cargo::rerun-if-changed=build.rs");
    // The folder above, where it does not exist yet: a path that is not there would mean to build every time.
    println!("cargo::rerun-if-changed={}", if root.is_dir() { "../providers" } else { "src" });
    let mut folders: Vec<PathBuf> = match root.is_dir() {
        true => fs::read_dir(&root)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?,
        false => Vec::new(),
    };
    folders.retain(|f| f.join("manifest.yaml").is_file());
    folders.sort();
    let mut code = String::from("pub(super) static ENTRIES: &[CatalogEntry] = &[\n");
    for folder in &folders {
        entry(folder, &mut code).map_err(|e| format!("{}: {e}", folder.join("manifest.yaml").display()))?;
    }
    code.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("catalog.rs"), code)?;
    Ok(())
}

fn entry(folder: &Path, code: &mut String) -> Result<(), Box<dyn Error>> {
    let manifest = fs::read_to_string(folder.join("manifest.yaml"))?;
    let head: Head = serde_saphyr::from_str(&manifest)?;
    let category = match head.category.as_str() {
        "studio" => "Studio",
        "cloud" => "Cloud",
        "sip" => "Sip",
        "payment" => "Payment",
        "chat" => "Chat",
        "ai" => "Ai",
        other => return Err(format!("there is no category {other:?}").into()),
    };
    let prices = folder.join("prices.yaml");
    let prices = prices.is_file().then(|| fs::read_to_string(&prices)).transpose()?;
    // The texts themselves, not their paths: what was built in one checkout is then right in any other.
    writeln!(
        code,
        "CatalogEntry {{ id: {:?}, category: Category::{category}, display_name: {:?}, summary: {:?}, manifest: \
         {manifest:?}, prices: {prices:?} }},",
        head.id, head.display_name, head.summary
    )?;
    Ok(())
}
