//! Which top-level words stand for providers, and the descriptions behind them. Descriptions are read only for the
//! family a command line asks for.

use if_home::plugins::{self, ManifestFiles};
use if_manifest::{Category, ManifestError, ProviderSpec};
use if_schemas::Name;
use std::path::PathBuf;

/// Families with several providers, and what they are about.
const CATEGORIES: [(Category, &str); 5] = [
    (Category::Cloud, "virtual machines of cloud providers"),
    (Category::Sip, "telephone calls and text messages"),
    (Category::Payment, "charges, refunds and balances"),
    (Category::Chat, "messages to people and channels"),
    (Category::Ai, "language models"),
];

/// A top-level word that stands for providers.
pub struct Family {
    pub name: String,
    pub about: String,
    pub kind: FamilyKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    /// The word is the provider: `vmix cut INSTANCE`.
    Provider,
    /// The provider is named after the verb: `chat send telegram INSTANCE`.
    Category(Category),
}

/// Built-in providers and those of the plugins folder.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    plugins: Option<PathBuf>,
}

impl Catalog {
    pub fn new(plugins: Option<PathBuf>) -> Self {
        Self { plugins }
    }

    /// Every family. Reads no description of a built-in provider; of plugins only those that make a word of their own.
    pub fn families(&self) -> Vec<Family> {
        let provider =
            |id: &str, about: &str| Family { name: id.into(), about: about.into(), kind: FamilyKind::Provider };
        let studio = if_manifest::builtin_index().into_iter().filter(|p| p.category == Category::Studio);
        let studio = studio.map(|p| provider(&p.id, &p.summary));
        let own = self.plugins_of(Category::Studio).into_iter().map(|p| provider(&p.id, &p.summary));
        let category = |(category, about): (Category, &str)| Family {
            name: category.as_str().into(),
            about: about.into(),
            kind: FamilyKind::Category(category),
        };
        studio.chain(own).chain(CATEGORIES.map(category)).collect()
    }

    pub fn family(&self, name: &str) -> Option<Family> {
        self.families().into_iter().find(|f| f.name == name)
    }

    /// The providers of a family.
    pub fn providers_of(&self, family: &Family) -> Vec<ProviderSpec> {
        match family.kind {
            FamilyKind::Provider => self.provider(&family.name).into_iter().collect(),
            FamilyKind::Category(category) => {
                let built_in = if_manifest::providers_of(category);
                let mut plugins = self.plugins_of(category);
                plugins.retain(|p| !built_in.iter().any(|b| b.id == p.id));
                built_in.into_iter().chain(plugins).collect()
            }
        }
    }

    pub fn provider(&self, id: &str) -> Option<ProviderSpec> {
        if_manifest::provider(id).or_else(|| self.load(&id.parse().ok()?).ok()?.ok())
    }

    /// Every provider.
    pub fn providers(&self) -> Vec<ProviderSpec> {
        let built_in: Vec<String> = if_manifest::builtin_index().into_iter().map(|p| p.id).collect();
        let own = self.ids().into_iter().filter(|id| !built_in.iter().any(|b| b == id.as_str()));
        let own = own.filter_map(|id| self.load(&id).ok()?.ok());
        if_manifest::providers().into_iter().chain(own).collect()
    }

    /// What is wrong with manifests of the plugins folder.
    pub fn complaints(&self) -> Vec<String> {
        let wrong = |id: &Name| match self.load(id) {
            Ok(Ok(_)) => Vec::new(),
            Ok(Err(errors)) => errors.iter().map(ToString::to_string).collect(),
            Err(text) => vec![text],
        };
        self.ids().iter().flat_map(wrong).collect()
    }

    fn ids(&self) -> Vec<Name> {
        // A folder that cannot be read holds nothing that could be named; `config check` says what is wrong with it.
        let found = self.plugins.as_ref().and_then(|dir| plugins::manifests(dir).ok()).unwrap_or_default();
        found.into_keys().collect()
    }

    fn plugins_of(&self, category: Category) -> Vec<ProviderSpec> {
        let ids = self.ids().into_iter();
        let files = ids.filter_map(|id| plugins::load(self.plugins.as_ref()?, &id).ok());
        let likely = files.filter(|f| may_be(&f.manifest.text, category));
        likely.filter_map(|f| compile(&f).ok()).filter(|p| p.category == category).collect()
    }

    fn load(&self, id: &Name) -> Result<Result<ProviderSpec, Vec<ManifestError>>, String> {
        let dir = self.plugins.as_ref().ok_or("there is no plugins folder")?;
        let files = plugins::load(dir, id).map_err(|e| e.message())?;
        Ok(compile(&files))
    }
}

fn compile(files: &ManifestFiles) -> Result<ProviderSpec, Vec<ManifestError>> {
    let file = files.manifest.path.to_string_lossy();
    Ok(if_manifest::compile_as(files.id.as_str(), &file, &files.manifest.text)?.spec)
}

/// False where a manifest plainly names another category: then it need not be compiled to know.
fn may_be(text: &str, category: Category) -> bool {
    let named = text.lines().find_map(|line| line.strip_prefix("category:"));
    named.is_none_or(|named| named.trim().trim_matches(['"', '\'']).starts_with(category.as_str()))
}
