//! Reading `triggers.yaml`. One wrong rule does not stop the others.

use super::{
    CONDITIONS_MAX, Call, PAUSE_MAX, Profile, Run, StateMatch, TOP, TRIGGERS_MAX, Trigger, WatchError, member_name,
};
use crate::{
    HomeError, Place,
    entries::entries,
    private,
    yaml::{self, Key, KeyExt, Node, NodeExt, Tree, YAML_MAX_BYTES},
};
use if_schemas::{Name, time::parse_duration_us};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::Path, str::FromStr, time::Duration};

const KEYS: [&str; 7] = ["on", "if", "run", "debounce", "cooldown", "deadline", "enabled"];
const RUN_KEYS: [&str; 5] = ["operation", "instance", "args", "profile", "set"];
const PROFILE: &str = "profile";

/// The rules of a file, each good or wrong by itself.
pub type Each = BTreeMap<Name, Result<Trigger, HomeError>>;

/// The rules of a file; none where there is no file. The outer error is for what concerns them all.
pub fn load_each(path: &Path) -> Result<Each, HomeError> {
    let text = match private::read(path, YAML_MAX_BYTES) {
        Ok((text, _)) => text,
        Err(e) if e.is_missing() => return Ok(Each::new()),
        Err(e) => return Err(e),
    };
    let Some(document) = yaml::parse(path, &text)? else { return Ok(Each::new()) };
    let entries = entries(path, &document, TOP)?;
    if entries.len() > TRIGGERS_MAX {
        let what = format!("{} triggers, at most {TRIGGERS_MAX} are looked after", entries.len());
        return Err(HomeError::invalid(Place::file(path), what));
    }
    entries.iter().map(|(key, node)| Ok((name(path, key)?, Reader { path, key, node }.trigger()))).collect()
}

fn name(path: &Path, key: &Key) -> Result<Name, HomeError> {
    let good = key.text.parse::<Name>().ok().filter(|name| member_name(name).is_some());
    good.ok_or_else(|| {
        HomeError::invalid(key.place(path), format!("{:?} is not a valid trigger name", key.text))
            .or_hint("use a-z, 0-9, '_' and '-', start with a letter or digit, at most 55 characters")
    })
}

/// One rule being read.
struct Reader<'a> {
    path: &'a Path,
    key: &'a Key,
    node: &'a Node,
}

impl Reader<'_> {
    fn trigger(&self) -> Result<Trigger, HomeError> {
        let of = format!("trigger {}", self.key.text);
        let fields = self.node.map(self.path, &of)?;
        if let Some((key, _)) = fields.iter().find(|(key, _)| !KEYS.contains(&key.text.as_str())) {
            return Err(key.unknown(self.path, &of, &KEYS));
        }
        let on = self.parsed(self.needed("on")?, "on")?;
        let run = self.run(self.needed("run")?)?;
        Ok(Trigger {
            on,
            conditions: self.conditions()?,
            debounce: self.duration("debounce", 0, Duration::ZERO, PAUSE_MAX)?,
            cooldown: self.duration("cooldown", 0, Duration::ZERO, PAUSE_MAX)?,
            deadline: self.duration("deadline", 1, run.deadline(), run.deadline_max())?,
            enabled: self.node.get("enabled").map_or(Ok(true), |n| n.flag(self.path, "enabled"))?,
            run,
        })
    }

    fn needed(&self, key: &str) -> Result<&Node, HomeError> {
        self.node.get(key).ok_or_else(|| self.wrong(self.key.place(self.path), format!("{key:?} is missing")))
    }

    fn wrong(&self, place: Place, what: String) -> HomeError {
        HomeError::invalid(place, format!("trigger {}: {what}", self.key.text))
    }

    fn parsed<T: FromStr<Err = WatchError>>(&self, node: &Node, key: &str) -> Result<T, HomeError> {
        let text = node.text(self.path, key)?;
        text.parse().map_err(|e: WatchError| self.wrong(node.place(self.path), format!("{key}: {e}")).or_hint(e.hint))
    }

    fn conditions(&self) -> Result<Vec<StateMatch>, HomeError> {
        let Some(node) = self.node.get("if") else { return Ok(Vec::new()) };
        let items = match &node.tree {
            Tree::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        if items.len() > CONDITIONS_MAX {
            let what = format!("{} conditions, at most {CONDITIONS_MAX} are allowed", items.len());
            return Err(self.wrong(node.place(self.path), what));
        }
        let condition = |node: &Node| {
            let read: StateMatch = self.parsed(node, "if")?;
            match read.test {
                Some(_) => Ok(read),
                None => Err(self
                    .wrong(node.place(self.path), format!("if: {read} is no condition"))
                    .or_hint("compare it with something: ==, !=, <, <=, >, >=")),
            }
        };
        items.iter().map(condition).collect()
    }

    fn run(&self, node: &Node) -> Result<Run, HomeError> {
        let fields = node.map(self.path, "run")?;
        if let Some((key, _)) = fields.iter().find(|(key, _)| !RUN_KEYS.contains(&key.text.as_str())) {
            return Err(key.unknown(self.path, "run", &RUN_KEYS));
        }
        let others = |own: &[&str]| fields.iter().find(|(key, _)| !own.contains(&key.text.as_str()));
        if let Some(profile) = node.get(PROFILE) {
            return match others(&[PROFILE, "set"]) {
                Some((key, _)) => Err(self.not_both(key)),
                None => self.profile(node, profile).map(Run::Profile),
            };
        }
        match others(&["operation", "instance", "args"]) {
            Some((key, _)) => Err(self.not_both(key)),
            None => self.call(node).map(Run::Command),
        }
    }

    fn not_both(&self, key: &Key) -> HomeError {
        self.wrong(key.place(self.path), format!("run: {:?} does not go with the rest", key.text))
            .or_hint("a command has operation, instance and args; a profile has profile and set")
    }

    fn profile(&self, node: &Node, name: &Node) -> Result<Profile, HomeError> {
        let text = name.text(self.path, PROFILE)?;
        let bad = || self.wrong(name.place(self.path), format!("run: {text:?} is no profile name"));
        let set = node.get("set").map_or(Ok(&[][..]), |n| n.map(self.path, "set"))?;
        let value = |(key, value): &(Key, Node)| {
            let text = match value.to_json() {
                Value::String(text) => text,
                scalar @ (Value::Bool(_) | Value::Number(_)) => scalar.to_string(),
                _ => {
                    let what = format!("set: {} is no single value", key.text);
                    return Err(self.wrong(value.place(self.path), what).or_hint("write lists like a,b"));
                }
            };
            Ok((key.text.clone(), text))
        };
        Ok(Profile {
            name: text.parse().map_err(|_| bad().or_hint("`ifctl bus profile list` shows them"))?,
            set: set.iter().map(value).collect::<Result<_, _>>()?,
        })
    }

    fn call(&self, node: &Node) -> Result<Call, HomeError> {
        let missing = |key: &str| self.wrong(node.place(self.path), format!("run: {key:?} is missing"));
        let operation = node.get("operation").ok_or_else(|| missing("operation"))?;
        let text = operation.text(self.path, "operation")?;
        let target = node.get("instance").ok_or_else(|| missing("instance"))?;
        let args = node.get("args").map_or(Ok(&[][..]), |n| n.map(self.path, "args"))?;
        Ok(Call {
            operation: text.parse().map_err(|_| {
                self.wrong(operation.place(self.path), format!("run: {text:?} is no operation"))
                    .or_hint("`ifctl provider show ID` lists them: obs.scene.switch")
            })?,
            target: self.parsed(target, "run: instance")?,
            args: args.iter().map(|(k, v)| (k.text.clone(), v.to_json())).collect::<Map<String, Value>>(),
        })
    }

    fn duration(&self, key: &str, least_us: i64, default: Duration, most: Duration) -> Result<Duration, HomeError> {
        let Some(node) = self.node.get(key) else { return Ok(default) };
        let text = node.text(self.path, key)?;
        let us = parse_duration_us(text).ok().filter(|us| *us >= least_us).map(i64::unsigned_abs);
        us.map(Duration::from_micros).filter(|d| *d <= most).ok_or_else(|| {
            self.wrong(node.place(self.path), format!("{key} is {text:?}"))
                .or_hint("use a duration like 200ms, 5s or 2m, at most 24h")
        })
    }
}
