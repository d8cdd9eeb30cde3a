//! Which top-level words stand for providers, and the descriptions behind them. Descriptions are read only for the
//! family a command line asks for.

use if_manifest::{Category, ProviderSpec};
use std::path::PathBuf;

/// Families with several providers, and what they are about.
const CATEGORIES: [(Category, &str, &str); 5] = [
    (Category::Cloud, "cloud", "virtual machines of cloud providers"),
    (Category::Sip, "sip", "telephone calls and text messages"),
    (Category::Payment, "payment", "charges, refunds and balances"),
    (Category::Chat, "chat", "messages to people and channels"),
    (Category::Ai, "ai", "language models"),
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

    /// Every family. Reads no description.
    pub fn families(&self) -> Vec<Family> {
        let provider = |p: ProviderSpec| Family { name: p.id, about: p.summary, kind: FamilyKind::Provider };
        let studio = if_manifest::providers().into_iter().filter(|p| p.category == Category::Studio).map(provider);
        let category = |(category, name, about): (Category, &str, &str)| Family {
            name: name.into(),
            about: about.into(),
            kind: FamilyKind::Category(category),
        };
        studio.chain(CATEGORIES.map(category)).collect()
    }

    pub fn family(&self, name: &str) -> Option<Family> {
        self.families().into_iter().find(|f| f.name == name)
    }

    /// The providers of a family.
    pub fn providers_of(&self, family: &Family) -> Vec<ProviderSpec> {
        match family.kind {
            FamilyKind::Provider => self.provider(&family.name).into_iter().collect(),
            FamilyKind::Category(category) => {
                if_manifest::providers().into_iter().filter(|p| p.category == category).collect()
            }
        }
    }

    pub fn provider(&self, id: &str) -> Option<ProviderSpec> {
        if_manifest::provider(id)
    }

    /// Every provider.
    pub fn providers(&self) -> Vec<ProviderSpec> {
        if_manifest::providers()
    }
}
