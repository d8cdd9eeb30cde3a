//! The providers of this node: the built-in ones, and those whose sources change while it runs.

use if_engine::{Provider, Source};
use if_manifest::ProviderSpec;
use if_schemas::{Name, SchemaError};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

/// A provider with its description in the forms that are needed again and again.
#[derive(Clone)]
pub struct Known {
    pub name: Name,
    pub spec: Arc<ProviderSpec>,
    pub provider: Arc<dyn Provider>,
}

impl Known {
    fn new(provider: &Arc<dyn Provider>) -> Result<Self, SchemaError> {
        let spec = Arc::new(provider.spec().clone());
        Ok(Self { name: spec.id.parse()?, spec, provider: provider.clone() })
    }

    /// Is it the very same provider, not only one of the same name?
    pub fn is(&self, provider: &Arc<dyn Provider>) -> bool {
        Arc::ptr_eq(&self.provider, provider)
    }
}

pub type Providers = Arc<BTreeMap<Name, Known>>;

pub struct Catalog {
    built_in: BTreeMap<Name, Known>,
    sources: Vec<Box<dyn Source>>,
    now: RwLock<Providers>,
}

/// What a look at the sources found.
pub struct Refreshed {
    /// Some provider came, went or is another one.
    pub changed: bool,
    pub complaints: BTreeSet<String>,
}

impl Catalog {
    /// With the built-in providers alone, until [`Catalog::refresh`].
    pub fn new(built_in: &[Arc<dyn Provider>], sources: Vec<Box<dyn Source>>) -> Result<Self, SchemaError> {
        let built_in: BTreeMap<Name, Known> = built_in
            .iter()
            .map(|provider| Known::new(provider).map(|known| (known.name.clone(), known)))
            .collect::<Result<_, _>>()?;
        let now = RwLock::new(Arc::new(built_in.clone()));
        Ok(Self { built_in, sources, now })
    }

    pub fn current(&self) -> Providers {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What instance files are checked against.
    pub fn specs(&self) -> Vec<ProviderSpec> {
        self.current().values().map(|k| (*k.spec).clone()).collect()
    }

    /// Looks at every source. May block.
    pub fn refresh(&self) -> Refreshed {
        let (mut next, mut complaints) = (self.built_in.clone(), BTreeSet::new());
        let old = self.current();
        for source in &self.sources {
            let scan = source.scan();
            complaints.extend(scan.complaints);
            for provider in scan.providers {
                let same = old.values().find(|k| k.is(&provider)).cloned();
                match same.map_or_else(|| Known::new(&provider), Ok) {
                    Ok(known) if next.contains_key(&known.name) => {
                        complaints
                            .insert(format!("there is a provider {} already; the other one is ignored", known.name));
                    }
                    Ok(known) => drop(next.insert(known.name.clone(), known)),
                    Err(error) => drop(complaints.insert(format!("a provider has no valid id: {error}"))),
                }
            }
        }
        let changed = next.len() != old.len()
            || next.iter().any(|(name, known)| old.get(name).is_none_or(|k| !k.is(&known.provider)));
        if changed {
            *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        }
        Refreshed { changed, complaints }
    }
}
