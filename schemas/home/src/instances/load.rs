//! Reading instance files.

use super::{
    Instance, TOP, backup,
    check::{About, Wrong, check},
};
use crate::{
    HomeError, Place, SecretRef,
    entries::entries,
    private::{self, Exposure},
    yaml::{self, Key, KeyExt, Node, NodeExt, YAML_MAX_BYTES},
};
use if_manifest::{ProviderSpec, args::nearest};
use if_schemas::Name;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// Most files looked at in the providers directory.
const FILES_MAX: usize = 1_000;

/// The instances of a file, each good or wrong by itself.
pub type Each = BTreeMap<Name, Result<Instance, HomeError>>;

/// All instances of a file, or its first error. A file that does not exist holds none.
pub fn load(path: &Path, spec: &ProviderSpec) -> Result<BTreeMap<Name, Instance>, HomeError> {
    load_each(path, spec)?.into_iter().map(|(name, instance)| Ok((name, instance?))).collect()
}

/// Each instance of a file by itself, so that a wrong one does not stop the others. The outer error is for
/// what concerns them all: no access, no YAML, names that are no names.
pub fn load_each(path: &Path, spec: &ProviderSpec) -> Result<Each, HomeError> {
    let (text, exposure) = match private::read(path, YAML_MAX_BYTES) {
        Ok(read) => read,
        Err(e) if e.is_missing() => return Ok(BTreeMap::new()),
        Err(e) => return Err(e),
    };
    match yaml::parse(path, &text)? {
        Some(document) => each(path, spec, exposure, &document),
        None => Ok(BTreeMap::new()),
    }
}

/// The instances of a file that was read.
pub(super) fn each(path: &Path, spec: &ProviderSpec, exposure: Exposure, document: &Node) -> Result<Each, HomeError> {
    let mut readers = BTreeMap::new();
    for (key, node) in entries(path, document, TOP)? {
        readers.insert(name(path, key)?, Reader { path, spec, exposure, key, node });
    }
    let mut each: Each = readers.iter().map(|(name, reader)| (name.clone(), reader.instance())).collect();
    let about_others = |(name, instance): (&Name, &Result<Instance, HomeError>)| {
        let wrong = backup::check(name, instance.as_ref().ok()?, &each).err()?;
        Some((name.clone(), readers.get(name)?.wrong(wrong)))
    };
    let wrong: Vec<(Name, HomeError)> = each.iter().filter_map(about_others).collect();
    each.extend(wrong.into_iter().map(|(name, error)| (name, Err(error))));
    Ok(each)
}

fn name(path: &Path, key: &Key) -> Result<Name, HomeError> {
    key.text.parse().map_err(|_| {
        HomeError::invalid(key.place(path), format!("{:?} is not a valid instance name", key.text))
            .or_hint("use a-z, 0-9, '_' and '-', start with a letter or digit, at most 63 characters")
    })
}

/// One entry being read.
struct Reader<'a> {
    path: &'a Path,
    spec: &'a ProviderSpec,
    exposure: Exposure,
    key: &'a Key,
    node: &'a Node,
}

impl Reader<'_> {
    fn instance(&self) -> Result<Instance, HomeError> {
        let fields = self.fields()?;
        let given: Map<String, Value> = fields.iter().map(|(k, v)| (k.text.clone(), v.to_json())).collect();
        let instance = check(self.spec, &given).map_err(|wrong| self.point_at(fields, wrong))?;
        if instance.secrets.values().any(SecretRef::is_literal) {
            private::refuse_open(self.path, "it holds a secret", self.exposure)?;
        }
        Ok(instance)
    }

    fn fields(&self) -> Result<&[(Key, Node)], HomeError> {
        self.node.map(self.path, &format!("instance {}", self.key.text))
    }

    fn wrong(&self, wrong: Wrong) -> HomeError {
        self.point_at(self.fields().unwrap_or_default(), wrong)
    }

    fn point_at(&self, fields: &[(Key, Node)], wrong: Wrong) -> HomeError {
        let find = |name: &str| fields.iter().find(|(key, _)| key.text == name);
        let place = match &wrong.about {
            About::Instance => None,
            About::Name(name) => find(name).map(|(key, _)| key.place(self.path)),
            About::Value(name) => find(name).map(|(_, node)| node.place(self.path)),
        };
        let place = place.unwrap_or_else(|| self.key.place(self.path));
        HomeError::Invalid { place, what: format!("instance {}: {}", self.key.text, wrong.what), hint: wrong.hint }
    }
}

/// What the providers directory holds.
#[derive(Debug, Default)]
pub struct Scan {
    /// By provider, then by instance. A file that cannot be read at all is an error of its provider alone.
    pub providers: BTreeMap<Name, Result<Each, HomeError>>,
    pub warnings: Vec<Warning>,
}

/// Something to tell the user that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub file: PathBuf,
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.text)
    }
}

/// Reads every instance file of `dir`. Files for providers that are not in `specs`, and files that are no instance
/// files, are warned of and not read. A directory that does not exist is empty. Names beginning with `.` are skipped.
pub fn scan(dir: &Path, specs: &[ProviderSpec]) -> Result<Scan, HomeError> {
    let mut found = Scan::default();
    for file in files(dir)? {
        let Some(provider) = provider_of(&file) else {
            found
                .warnings
                .push(Warning { file, text: "not an instance file, expected <provider>.yaml; ignored".into() });
            continue;
        };
        match specs.iter().find(|s| s.id == provider.as_str()) {
            Some(spec) => {
                let instances = load_each(&file, spec);
                found.providers.insert(provider, instances);
            }
            None => {
                let near = nearest(provider.as_str(), specs.iter().map(|s| s.id.as_str()));
                let near = near.map(|n| format!("; did you mean {n}.yaml?")).unwrap_or_default();
                found.warnings.push(Warning { file, text: format!("unknown provider {provider}; ignored{near}") });
            }
        }
    }
    Ok(found)
}

/// The files of `dir` in order of name.
fn files(dir: &Path) -> Result<Vec<PathBuf>, HomeError> {
    let listing = match std::fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(HomeError::io(dir, "list", e)),
    };
    let mut files = Vec::new();
    for entry in listing {
        let entry = entry.map_err(|e| HomeError::io(dir, "list", e))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if files.len() == FILES_MAX {
            return Err(HomeError::invalid(Place::file(dir), format!("more than {FILES_MAX} files")));
        }
        files.push(entry.path());
    }
    files.sort();
    Ok(files)
}

fn provider_of(file: &Path) -> Option<Name> {
    file.file_name()?.to_str()?.strip_suffix(".yaml")?.parse().ok()
}
