//! The plugin `pager`: behaves, or misbehaves as the operation says.

use anyhow::{Context, ensure};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Copies it to `plugins/pager`; gives that folder.
pub fn install(plugins: &Path) -> anyhow::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/pager");
    let folder = plugins.join("pager");
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(source.join("pager.py"), folder.join("pager.py"))?;
    let text = std::fs::read_to_string(source.join("plugin.yaml"))?;
    // Where `python3` is a script, it leaves variables and descriptors of its own to what it starts.
    std::fs::write(folder.join("plugin.yaml"), text.replace("python3", &python()?))?;
    Ok(folder)
}

/// The path of the interpreter itself.
fn python() -> anyhow::Result<String> {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let output = output.context("python3 is needed")?;
    ensure!(output.status.success(), "python3: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_string())
}
