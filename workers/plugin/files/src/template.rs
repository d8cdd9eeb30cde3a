//! What `plugin new` writes: a small plugin that works, in Python.

use if_manifest::{ManifestError, compile_plugin};
use if_schemas::Name;

const PLUGIN_YAML: &str = include_str!("../template/plugin.yaml");
const PLUGIN_PY: &str = include_str!("../template/plugin.py");

/// The files of a new plugin: name and text. An error says that `category` is none.
pub fn template(id: &Name, category: &str) -> Result<[(&'static str, String); 2], Vec<ManifestError>> {
    let yaml = PLUGIN_YAML.replace("@ID@", id.as_str()).replace("@CATEGORY@", category);
    let plugin = compile_plugin(id.as_str(), "plugin.yaml", &yaml)?;
    let code = PLUGIN_PY.replace("@ID@", id.as_str()).replace("@FAMILY@", plugin.spec.family());
    Ok([("plugin.yaml", yaml), ("plugin.py", code)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_has_its_template_and_no_other_word_has() {
        let id: Name = "note".parse().unwrap();
        for (category, family) in [("studio", "note"), ("chat", "chat"), ("ai", "ai")] {
            let [(_, yaml), (_, code)] = template(&id, category).unwrap();
            assert!(code.contains(&format!("{{\"{family}.write\"")), "{code}");
            assert!(!format!("{yaml}{code}").contains('@'), "something was not filled in");
        }
        assert!(template(&id, "weather").is_err());
    }

    #[test]
    fn the_documentation_shows_the_template() {
        let document = include_str!("../../../../docs/plugins.md");
        let [(_, yaml), (_, code)] = template(&"note".parse().unwrap(), "studio").unwrap();
        for text in [yaml, code] {
            assert!(document.contains(&text), "docs/plugins.md does not show:\n{text}");
        }
    }
}
