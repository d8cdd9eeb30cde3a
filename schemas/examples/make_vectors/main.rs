//! Writes `schemas/vectors/`: golden bytes, valid and invalid, the same on every run.
//!
//! `cargo run -p if-schemas --example make_vectors` after a deliberate change of the format; `tests/vectors.rs`
//! fails until the files match this program again.

mod fixtures;
mod invalid;
mod invalid_log;
mod invalid_money;
mod invalid_rules;
mod invalid_runs;
mod log;
mod policies;
mod raw;
mod runs;
mod valid;
mod valid_runs;

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    for folder in ["valid", "invalid"] {
        let folder = root.join(folder);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
    }
    let vectors = fixtures::all();
    for vector in &vectors {
        let path = root.join(vector.folder()).join(&vector.name);
        fs::write(path.with_extension("bin"), &vector.bytes)?;
        let mut text = serde_json::to_string_pretty(&vector.json).map_err(io::Error::other)?;
        text.push('\n');
        fs::write(path.with_extension("json"), text)?;
    }
    println!("{} vectors written to {}", vectors.len(), root.display());
    Ok(())
}
