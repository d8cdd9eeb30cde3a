//! The files of executable plugins: which folders are plugins, the hash that is pinned, what a new one begins with. Nothing
//! here runs a plugin, so the command line needs no more than this.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod folder;
mod hash;
mod template;

pub use folder::{Folder, FolderError, PLUGIN_FILE, PRICES_FILE, scan};
pub use hash::{Contents, FileInfo, FilesError, content_hash, contents, list};
pub use template::template;
