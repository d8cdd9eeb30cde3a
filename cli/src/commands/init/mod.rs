//! `init`: everything a home directory needs, made once and never overwritten.

mod config_text;
mod found;
pub use found::LOCAL_NODE;
mod join;

use crate::{CliError, context::Context, output::table};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use if_home::{Home, keys, private};
use if_schemas::{Name, SigningKey};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Names the genesis gives to its other members.
const RESERVED_NAMES: [&str; 2] = ["broker", "local"];
/// Used where the user's own name gives none.
const NAME_DEFAULT: &str = "operator";
/// Longest name, characters.
const NAME_MAX: usize = 63;

pub fn tree(command: Command) -> Command {
    let path = || value_parser!(PathBuf);
    command
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .help("name of the first operator (or of this worker) [default: your user name]"),
        )
        .arg(
            Arg::new("join")
                .long("join")
                .visible_alias("genesis")
                .value_name("FILE")
                .value_parser(path())
                .help("join a fabric: its genesis.bin, copied from another machine"),
        )
        .arg(
            Arg::new("worker")
                .long("worker")
                .action(ArgAction::SetTrue)
                .requires("join")
                .help("join as a worker node instead of as an operator"),
        )
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let home = context.home()?;
    let name = match matches.get_one::<String>("name") {
        Some(text) => super::name("name", text)?,
        None => user_name()?,
    };
    let mut made = Made::new(&home);
    match matches.get_one::<PathBuf>("join") {
        Some(genesis) => join::join(context, &mut made, genesis, name, matches.get_flag("worker")),
        None => found::found(context, &mut made, name),
    }
}

/// What was made and what was there already.
struct Made<'a> {
    home: &'a Home,
    created: Vec<PathBuf>,
    kept: Vec<PathBuf>,
}

impl<'a> Made<'a> {
    fn new(home: &'a Home) -> Self {
        Self { home, created: Vec::new(), kept: Vec::new() }
    }

    /// Writes a private file unless it exists.
    fn file(&mut self, path: PathBuf, content: impl FnOnce() -> Result<Vec<u8>, CliError>) -> Result<(), CliError> {
        if path.exists() {
            self.kept.push(path);
            return Ok(());
        }
        private::write_new(&path, &content()?)?;
        self.created.push(path);
        Ok(())
    }

    fn directory(&self, path: &Path) -> Result<(), CliError> {
        private::create_dir(path)?;
        Ok(())
    }

    /// The key `name`, made unless it exists.
    fn key(&mut self, name: &str) -> Result<SigningKey, CliError> {
        let path = self.home.key_file(name);
        if path.exists() {
            let key = keys::read(&path)?;
            self.kept.push(path);
            return Ok(key);
        }
        let key = keys::write_new(&path, &*keys::random_seed()?)?;
        self.created.push(path);
        Ok(key)
    }

    fn config(&mut self) -> Result<(), CliError> {
        self.file(self.home.config_file(), || Ok(config_text::CONFIG.into()))
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(self.home.root()).unwrap_or(path).display().to_string()
    }

    fn document(&self) -> Value {
        json!({"home": self.home.root(), "created": self.created, "kept": self.kept})
    }

    /// Two lists for a person.
    fn human(&self, context: &Context) -> String {
        let list = |paths: &[PathBuf]| paths.iter().map(|p| self.relative(p)).collect::<Vec<_>>().join(", ");
        let mut rows = vec![("home".to_string(), self.home.root().display().to_string())];
        if !self.created.is_empty() {
            rows.push(("created".into(), list(&self.created)));
        }
        if !self.kept.is_empty() {
            rows.push(("kept as they were".into(), list(&self.kept)));
        }
        table::fields(context.out.style(), "  ", &rows)
    }
}

/// The user's name as a member name.
fn user_name() -> Result<Name, CliError> {
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_default();
    sanitised(&user)
}

fn sanitised(user: &str) -> Result<Name, CliError> {
    let mapped: String =
        user.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let trimmed: String = mapped.trim_matches(['-', '_']).chars().take(NAME_MAX).collect();
    let name = if RESERVED_NAMES.contains(&trimmed.as_str()) { format!("{trimmed}-admin") } else { trimmed };
    Ok(name.parse().or_else(|_| NAME_DEFAULT.parse())?)
}

#[cfg(test)]
mod tests {
    use super::sanitised;

    #[test]
    fn user_names_become_member_names() {
        for (user, name) in [
            ("danny", "danny"),
            ("Danny Stocker", "danny-stocker"),
            ("DOMAIN\\x", "domain-x"),
            ("", "operator"),
            ("日本", "operator"),
            ("broker", "broker-admin"),
            ("local", "local-admin"),
            ("_x_", "x"),
        ] {
            assert_eq!(sanitised(user).unwrap().as_str(), name, "{user}");
        }
        assert_eq!(sanitised(&"a".repeat(200)).unwrap().as_str().len(), 63);
    }
}
