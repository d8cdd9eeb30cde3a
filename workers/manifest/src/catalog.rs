//! The built-in providers. The index is made when the program is built; a manifest is parsed when somebody asks for it.

use crate::{Category, ManifestError, Plan, Prices, ProviderSpec, compile_as, native, prices};

include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// A provider that is a manifest.
#[derive(Debug, Clone, Copy)]
pub struct CatalogEntry {
    pub id: &'static str,
    pub category: Category,
    pub display_name: &'static str,
    pub summary: &'static str,
    /// Text of `manifest.yaml`.
    pub manifest: &'static str,
    /// Text of `prices.yaml`.
    pub prices: Option<&'static str>,
}

impl CatalogEntry {
    /// Parses and checks the manifest.
    pub fn plan(&self) -> Result<Plan, Vec<ManifestError>> {
        compile_as(self.id, &format!("workers/providers/{}/manifest.yaml", self.id), self.manifest)
    }

    /// Parses and checks the prices, where there are any.
    pub fn prices(&self) -> Option<Result<Prices, Vec<ManifestError>>> {
        let file = format!("workers/providers/{}/prices.yaml", self.id);
        self.prices.map(|text| prices(self.id, &file, text))
    }
}

/// What is known of a built-in provider without parsing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    pub id: String,
    pub category: Category,
    pub display_name: String,
    pub summary: String,
}

/// Built-in providers that are manifests, by id.
pub fn catalog() -> &'static [CatalogEntry] {
    ENTRIES
}

fn natives() -> [ProviderSpec; 3] {
    [native::ha::spec(), native::obs::spec(), native::vmix::spec()]
}

/// Every built-in provider, by id. Parses nothing.
pub fn builtin_index() -> Vec<IndexEntry> {
    let natives = natives().into_iter().map(|p| IndexEntry {
        id: p.id,
        category: p.category,
        display_name: p.display_name,
        summary: p.summary,
    });
    let manifests = catalog().iter().map(|e| IndexEntry {
        id: e.id.into(),
        category: e.category,
        display_name: e.display_name.into(),
        summary: e.summary.into(),
    });
    let mut all: Vec<IndexEntry> = natives.chain(manifests).collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

/// The built-in provider `id`. Parses its manifest alone; a test holds every built-in manifest to be sound.
pub fn provider(id: &str) -> Option<ProviderSpec> {
    let native = natives().into_iter().find(|p| p.id == id);
    native.or_else(|| catalog().iter().find(|e| e.id == id)?.plan().ok().map(|plan| plan.spec))
}

/// The built-in providers of a category, by id. Parses their manifests.
pub fn providers_of(category: Category) -> Vec<ProviderSpec> {
    let wanted = builtin_index().into_iter().filter(|e| e.category == category);
    wanted.filter_map(|e| provider(&e.id)).collect()
}

/// Every built-in provider, by id. Parses every manifest: for lists of everything, not for start-up.
pub fn providers() -> Vec<ProviderSpec> {
    builtin_index().iter().filter_map(|e| provider(&e.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_manifest_is_sound_and_its_index_is_true() {
        for entry in catalog() {
            let plan = entry.plan().unwrap_or_else(|e| panic!("{e:#?}"));
            let head = (plan.spec.display_name.as_str(), plan.spec.summary.as_str(), plan.category);
            assert_eq!(head, (entry.display_name, entry.summary, entry.category), "{}", entry.id);
            if let Some(prices) = entry.prices() {
                prices.unwrap_or_else(|e| panic!("{e:#?}"));
            }
        }
    }

    #[test]
    fn ids_are_unique_and_every_provider_is_found() {
        let index = builtin_index();
        assert!(index.windows(2).all(|two| two[0].id < two[1].id), "{index:?}");
        assert!(index.iter().all(|e| provider(&e.id).is_some_and(|p| p.id == e.id && p.category == e.category)));
        assert_eq!(providers().len(), index.len());
        assert!(provider("none").is_none());
        assert_eq!(providers_of(Category::Studio).iter().filter(|p| p.id == "vmix").count(), 1);
    }
}
