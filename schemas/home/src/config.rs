//! `config.yaml`. Everything has a default, so the file may be missing, empty or hold one line.
//!
//! Paths in it may begin with `~/` (the user's directory). `~/.if/…` always means the home directory the file is in,
//! also where `--home` or `IF_HOME` put that elsewhere: a configuration can be copied between machines as it is.

use crate::{
    HomeError, Place,
    home::{self, Home},
    private,
    yaml::{self, Key, KeyExt, Node, NodeExt, YAML_MAX_BYTES},
};
use if_schemas::{Name, limits::DEADLINE_MAX_US, time::parse_duration_us};
use serde::Serialize;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The whole configuration, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    pub witness: Witness,
    pub optimise: Optimise,
    pub ground: Ground,
    pub nats: Nats,
    pub broker: Broker,
    pub worker: Worker,
    pub defaults: Defaults,
}

/// The log. It cannot be switched off: `enabled: false` is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witness {
    pub enabled: bool,
    /// The operator's private key.
    pub signing_key: PathBuf,
}

/// Costs and budgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Optimise {
    pub enabled: bool,
    pub budget_alerts: bool,
    pub cost_tracking: bool,
}

/// Why things are done as they are. For people; nothing depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ground {
    pub philosophy: Option<String>,
    pub principles: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Nats {
    pub url: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Broker {
    /// Where metrics and health are served.
    pub http_addr: Option<SocketAddr>,
    /// Where the log is; by default `witness` in the home directory.
    pub data_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Worker {
    /// Name of this node; by default the machine's.
    pub node: Option<Name>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Defaults {
    /// Deadline of a command that names none, microseconds from now.
    pub deadline_us: Option<i64>,
}

const SECTIONS: [&str; 7] = ["witness", "optimise", "ground", "nats", "broker", "worker", "defaults"];

impl Config {
    /// Reads and checks the file; one that does not exist means all defaults. Its directory is the home directory.
    pub fn load(path: &Path) -> Result<Self, HomeError> {
        let text = match private::read(path, YAML_MAX_BYTES) {
            Ok((text, _)) => text,
            Err(e) if e.is_missing() => return Ok(Self::defaults(root_of(path))),
            Err(e) => return Err(e),
        };
        Self::parse(path, &text)
    }

    /// Checks `text` as the content of `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, HomeError> {
        let root = root_of(path);
        let mut config = Self::defaults(root);
        let Some(document) = yaml::parse(path, text)? else { return Ok(config) };
        let top = Section::read(path, root, "the configuration", &document, &["if"])?;
        let Some(node) = top.get("if") else { return Ok(config) };
        let sections = Section::read(path, root, "if", node, &SECTIONS)?;
        if let Some(s) = sections.section("witness", &["enabled", "signing_key"])? {
            config.witness.read(&s)?;
        }
        if let Some(s) = sections.section("optimise", &["enabled", "budget_alerts", "cost_tracking"])? {
            config.optimise.read(&s)?;
        }
        if let Some(s) = sections.section("ground", &["philosophy", "principles"])? {
            config.ground.read(&s)?;
        }
        if let Some(s) = sections.section("nats", &["url"])? {
            config.nats.url = s.url("url")?;
        }
        if let Some(s) = sections.section("broker", &["http_addr", "data_dir"])? {
            config.broker = Broker {
                http_addr: s.parsed("http_addr", "an address and port like 127.0.0.1:9464", |t| t.parse().ok())?,
                data_dir: s.path("data_dir")?,
            };
        }
        if let Some(s) = sections.section("worker", &["node"])? {
            config.worker.node = s.parsed("node", "a name of a-z, 0-9, '_' and '-'", |t| t.parse().ok())?;
        }
        if let Some(s) = sections.section("defaults", &["deadline"])? {
            config.defaults.deadline_us =
                s.parsed("deadline", "a duration like 500ms, 5s or 2m, at most 24h", deadline)?;
        }
        Ok(config)
    }

    /// What holds where the file says nothing.
    pub fn defaults(root: &Path) -> Self {
        Self {
            witness: Witness { enabled: true, signing_key: Home::at(root).key_file("ed25519") },
            optimise: Optimise { enabled: true, budget_alerts: true, cost_tracking: true },
            ground: Ground::default(),
            nats: Nats::default(),
            broker: Broker::default(),
            worker: Worker::default(),
            defaults: Defaults::default(),
        }
    }
}

impl Witness {
    fn read(&mut self, s: &Section) -> Result<(), HomeError> {
        if let Some(node) = s.get("enabled")
            && !node.flag(s.file, &s.full("enabled"))?
        {
            return Err(HomeError::invalid(node.place(s.file), "if.witness.enabled is false")
                .or_hint("the witness cannot be switched off, nothing runs that is not in it; remove the line"));
        }
        if let Some(path) = s.path("signing_key")? {
            self.signing_key = path;
        }
        Ok(())
    }
}

impl Optimise {
    fn read(&mut self, s: &Section) -> Result<(), HomeError> {
        s.flag("enabled", &mut self.enabled)?;
        s.flag("budget_alerts", &mut self.budget_alerts)?;
        s.flag("cost_tracking", &mut self.cost_tracking)
    }
}

impl Ground {
    fn read(&mut self, s: &Section) -> Result<(), HomeError> {
        self.philosophy = s.text("philosophy")?.map(|(_, text)| text.to_string());
        if let Some(node) = s.get("principles") {
            let what = s.full("principles");
            let items = node.list(s.file, &what)?.iter();
            self.principles = items
                .map(|i| i.text(s.file, &format!("an item of {what}")).map(str::to_string))
                .collect::<Result<_, _>>()?;
        }
        Ok(())
    }
}

fn deadline(text: &str) -> Option<i64> {
    parse_duration_us(text).ok().filter(|us| (1..=DEADLINE_MAX_US).contains(us))
}

fn root_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// One map of the file, its keys known to be known.
struct Section<'a> {
    file: &'a Path,
    root: &'a Path,
    name: String,
    entries: &'a [(Key, Node)],
}

impl<'a> Section<'a> {
    fn read(file: &'a Path, root: &'a Path, name: &str, node: &'a Node, known: &[&str]) -> Result<Self, HomeError> {
        let entries = node.map(file, name)?;
        match entries.iter().find(|(key, _)| !known.contains(&key.text.as_str())) {
            Some((key, _)) => Err(key.unknown(file, name, known)),
            None => Ok(Self { file, root, name: name.to_string(), entries }),
        }
    }

    fn section(&self, name: &str, known: &[&str]) -> Result<Option<Self>, HomeError> {
        self.get(name).map(|node| Self::read(self.file, self.root, &self.full(name), node, known)).transpose()
    }

    fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node)
    }

    fn flag(&self, key: &str, into: &mut bool) -> Result<(), HomeError> {
        if let Some(node) = self.get(key) {
            *into = node.flag(self.file, &self.full(key))?;
        }
        Ok(())
    }

    fn text(&self, key: &str) -> Result<Option<(Place, &'a str)>, HomeError> {
        let Some(node) = self.get(key) else { return Ok(None) };
        Ok(Some((node.place(self.file), node.text(self.file, &self.full(key))?)))
    }

    fn parsed<T>(&self, key: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, HomeError> {
        let Some((place, text)) = self.text(key)? else { return Ok(None) };
        let wrong = || HomeError::invalid(place, format!("{} is {text:?}, expected {expected}", self.full(key)));
        parse(text).map(Some).ok_or_else(wrong)
    }

    fn path(&self, key: &str) -> Result<Option<PathBuf>, HomeError> {
        let user = home::user_directory();
        self.parsed(key, "a path; `~` needs HOME to be set", |text| {
            Some(text).filter(|t| !t.is_empty()).and_then(|t| home::expand(t, self.root, user.as_deref()))
        })
    }

    /// A NATS URL. A wrong one is not shown: it may hold a password.
    fn url(&self, key: &str) -> Result<Option<String>, HomeError> {
        let Some((place, text)) = self.text(key)? else { return Ok(None) };
        let rest = ["nats://", "tls://", "ws://", "wss://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        match rest.filter(|r| !r.is_empty() && !r.contains(char::is_whitespace)) {
            Some(_) => Ok(Some(text.to_string())),
            None => Err(HomeError::invalid(place, format!("{} is not a NATS URL", self.full(key)))
                .or_hint("use nats://host:port or tls://host:port")),
        }
    }
}
