//! Profiles as files: read, and nested ones looked up.

use crate::{
    problem::{Fault, Problems},
    raw,
};
use if_manifest::{
    args::nearest,
    yaml::{self, Finding, Key, Node, Place, Tree},
};
use if_schemas::Name;
use serde::{Deserialize, de::IgnoredAny};
use std::collections::{BTreeMap, BTreeSet};

/// Largest file, bytes.
pub const PROFILE_MAX_BYTES: usize = 1024 * 1024;
/// Ids that have, or may get, a meaning of their own.
const RESERVED: [&str; 6] = ["all", "index", "item", "run", "self", "steps"];

/// A file and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What problems call it.
    pub file: String,
    pub text: String,
}

/// Every profile there is, by name.
pub type Sources = BTreeMap<Name, Source>;

/// One file whose form is right.
pub(crate) struct File<'a> {
    pub name: Name,
    pub source: &'a Source,
    pub head: raw::Profile<IgnoredAny, IgnoredAny>,
    pub vars: Vec<(Key, raw::Var)>,
    pub steps: Vec<Decl>,
    node: Node,
}

/// A step as it is written.
pub(crate) struct Decl {
    pub id: Name,
    pub raw: raw::Step,
    node: Node,
}

impl File<'_> {
    pub fn at(&self, keys: &[&str]) -> Place {
        place(&self.node, keys)
    }
    /// Every text of the steps.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let mut all = Vec::new();
        self.steps.iter().for_each(|step| texts(&step.node, &mut all));
        all.into_iter()
    }
}

fn texts<'n>(node: &'n Node, all: &mut Vec<&'n str>) {
    match &node.tree {
        Tree::Scalar(value) => all.extend(value.as_str()),
        Tree::List(items) => items.iter().for_each(|item| texts(item, all)),
        Tree::Map(entries) => entries.iter().for_each(|(_, value)| texts(value, all)),
    }
}

impl Decl {
    /// Where the value below these keys is; as far as there is something.
    pub fn at(&self, keys: &[&str]) -> Place {
        place(&self.node, keys)
    }
    /// Where an item of the list `key` is, or what stands there in its place.
    pub fn item(&self, key: &str, index: usize) -> Place {
        match self.node.get(key).map(|n| &n.tree) {
            Some(Tree::List(items)) => items.get(index).map_or(self.node.at, |item| item.at),
            _ => self.at(&[key]),
        }
    }
}

fn place(node: &Node, keys: &[&str]) -> Place {
    match keys.split_first() {
        Some((key, rest)) => node.get(key).map_or(node.at, |below| place(below, rest)),
        None => node.at,
    }
}

/// The profile `name` and every one that is nested in it, as far as they can be read.
pub(crate) fn load<'a>(name: &Name, sources: &'a Sources, problems: &mut Problems) -> BTreeMap<Name, File<'a>> {
    let mut files = BTreeMap::new();
    match sources.get(name) {
        Some(source) => files.extend(read(name, source, problems).map(|file| (name.clone(), file))),
        None => problems.whole(name.as_str(), unknown(name.as_str(), sources)),
    }
    let mut todo: Vec<Name> = files.keys().cloned().collect();
    while let Some(next) = todo.pop() {
        let Some(nested) = files.get(&next).map(|file| nested(file, sources, problems)) else { continue };
        for (name, source) in nested.into_iter().filter(|(name, _)| !files.contains_key(name)).collect::<Vec<_>>() {
            if let Some(file) = read(&name, source, problems) {
                files.insert(name.clone(), file);
                todo.push(name);
            }
        }
    }
    nesting(name, &files, &mut Vec::new(), &mut BTreeSet::new(), problems);
    files
}

fn unknown(name: &str, sources: &Sources) -> Fault {
    let hint = match nearest(name, sources.keys().map(Name::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => "`ifctl bus profile list` shows them".into(),
    };
    Fault::new(format!("there is no profile {name:?}"), hint)
}

fn nested<'a>(file: &File, sources: &'a Sources, problems: &mut Problems) -> BTreeMap<Name, &'a Source> {
    let mut found = BTreeMap::new();
    for decl in &file.steps {
        let Some(text) = &decl.raw.profile else { continue };
        match text.parse::<Name>().ok().and_then(|name| sources.get_key_value(&name)) {
            Some((name, source)) => drop(found.insert(name.clone(), source)),
            None => {
                let fault = unknown(text, sources).of(&format!("step {}", decl.id));
                problems.add(&file.source.file, decl.at(&["profile"]), fault);
            }
        }
    }
    found
}

/// A profile that is inside of itself would have no end. `done`: those below which everything was looked at.
fn nesting(
    name: &Name,
    files: &BTreeMap<Name, File>,
    chain: &mut Vec<Name>,
    done: &mut BTreeSet<Name>,
    problems: &mut Problems,
) {
    let Some(file) = files.get(name).filter(|_| !done.contains(name)) else { return };
    chain.push(name.clone());
    for decl in &file.steps {
        let Some(inner) = decl.raw.profile.as_deref().and_then(|p| p.parse::<Name>().ok()) else { continue };
        match chain.iter().position(|outer| *outer == inner) {
            Some(first) => {
                let path: Vec<&str> = chain[first..].iter().chain([&inner]).map(Name::as_str).collect();
                let what = format!("profiles are nested in a circle: {}", path.join(" → "));
                problems.add(&file.source.file, decl.at(&["profile"]), Fault::new(what, "leave one of them out"));
            }
            None => nesting(&inner, files, chain, done, problems),
        }
    }
    chain.pop();
    done.insert(name.clone());
}

/// All that is wrong with the form of a file is found: in the head, and in each variable and step.
pub(crate) fn read<'a>(name: &Name, source: &'a Source, problems: &mut Problems) -> Option<File<'a>> {
    let node = parse(source, problems)?;
    let mut reader = Reader { file: &source.file, problems, wrong: false };
    let head: Option<raw::Profile<IgnoredAny, IgnoredAny>> = reader.part(&node, None);
    let mut vars = Vec::new();
    if let Some(Node { tree: Tree::Map(entries), .. }) = node.get("vars") {
        for (key, value) in entries {
            vars.extend(reader.part(value, Some(&key.text)).map(|var| (key.clone(), var)));
        }
    }
    let steps = reader.steps(&node);
    let head = head?;
    if head.name != name.as_str() {
        let hint = format!("call it {name}, or rename the file");
        reader.tell(
            node.get("name").map_or(node.at, |n| n.at),
            Fault::new(format!("the profile is called {:?} inside of the file", head.name), hint),
        );
    }
    if head.steps.is_empty() {
        reader.tell(place(&node, &["steps"]), Fault::new("the profile has no steps", "add one: `- id: first`"));
    }
    (!reader.wrong).then(|| File { name: name.clone(), source, head, vars, steps, node })
}

fn parse(source: &Source, problems: &mut Problems) -> Option<Node> {
    if source.text.len() > PROFILE_MAX_BYTES {
        let found = source.text.len();
        let fault = Fault::bare(format!("the file has {found} bytes, at most {PROFILE_MAX_BYTES} are read"));
        problems.whole(&source.file, fault);
        return None;
    }
    match yaml::parse(&source.text) {
        Ok(Some(node)) => Some(node),
        Ok(None) => {
            problems.whole(&source.file, Fault::new("the file is empty", "`ifctl bus profile new NAME` makes one"));
            None
        }
        Err(broken) => {
            problems.at(&source.file, broken.at.unwrap_or_default(), Fault::bare(broken.what));
            None
        }
    }
}

struct Reader<'a, 'p> {
    file: &'a str,
    problems: &'p mut Problems,
    wrong: bool,
}

impl Reader<'_, '_> {
    fn tell(&mut self, at: Place, fault: Fault) {
        self.wrong = true;
        self.problems.add(self.file, at, fault);
    }

    fn part<'n, T: Deserialize<'n>>(&mut self, node: &'n Node, of: Option<&'n str>) -> Option<T> {
        let (read, unknown) = yaml::read::<T>(node, of);
        let (part, first) = match read {
            Ok(part) => (Some(part), None),
            Err(first) => (None, Some(first)),
        };
        for Finding { at, message, hint } in unknown.into_iter().chain(first) {
            self.tell(at, Fault { message, hint });
        }
        part
    }

    fn steps(&mut self, node: &Node) -> Vec<Decl> {
        let Some(Node { tree: Tree::List(items), .. }) = node.get("steps") else { return Vec::new() };
        let mut seen = BTreeSet::new();
        let mut steps = Vec::new();
        for item in items {
            let said = item.get("id").map(Node::to_json);
            let of = said.as_ref().and_then(|id| id.as_str()).map_or("a step".into(), |id| format!("step {id}"));
            let Some(raw) = self.part::<raw::Step>(item, Some(&of)) else { continue };
            let at = item.get("id").map_or(item.at, |n| n.at);
            match id(&raw.id) {
                Ok(id) if seen.insert(id.clone()) => steps.push(Decl { id, raw, node: item.clone() }),
                Ok(id) => {
                    self.tell(at, Fault::new(format!("there are two steps {id:?}"), "give one of them another id"))
                }
                Err(fault) => self.tell(at, fault),
            }
        }
        steps
    }
}

fn id(text: &str) -> Result<Name, Fault> {
    if RESERVED.contains(&text) {
        return Err(Fault::new(format!("the id {text:?} is reserved"), "give the step another id"));
    }
    text.parse().map_err(|_| {
        let hint = "use a-z, 0-9, '_' and '-', and begin with a letter or digit";
        Fault::new(format!("{text:?} is no id of a step"), hint)
    })
}
