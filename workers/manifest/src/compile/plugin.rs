//! An executable plugin: what it has beside the description that every provider has.

use super::{
    Compiler, PLUGIN_CPU_MAX, PLUGIN_FILES_MAX, PLUGIN_MIB_MAX, PLUGIN_WORDS_MAX,
    operation::{Described, Head},
};
use crate::{
    ManifestError, OperationSpec,
    plugin::{Plugin, Resources},
    raw::{self, PluginManifest, PluginOperation, Price},
};

impl<'a> From<&'a PluginOperation> for Head<'a> {
    fn from(raw: &'a PluginOperation) -> Self {
        Self {
            summary: &raw.summary,
            effect: raw.effect,
            price: &raw.price,
            params: &raw.params,
            notice: raw.notice.as_ref(),
            redact: &raw.redact,
        }
    }
}

impl<'a> Compiler<'a> {
    pub fn plugin(mut self, raw: &'a PluginManifest) -> Result<Plugin, Vec<ManifestError>> {
        let plugin = self.plugin_parts(raw);
        let errors = self.errors();
        match plugin {
            Some(plugin) if errors.is_empty() => Ok(plugin),
            _ => Err(errors),
        }
    }

    fn plugin_parts(&mut self, raw: &'a PluginManifest) -> Option<Plugin> {
        let id = self.identity();
        self.at("command", |c| c.command(&raw.command));
        self.at("environment", |c| c.environment(&raw.environment));
        let resources = self.at("resources", |c| c.resources(&raw.resources));
        let instance = self.at("instance", |c| c.fields(&raw.instance));
        let operations = self.at("operations", |c| c.each(&raw.operations, Self::plugin_operation));
        let operations = operations?.into_iter().map(|(_, spec)| spec).collect();
        Some(Plugin {
            id: id?,
            spec: self.spec(instance, operations),
            command: raw.command.clone(),
            environment: raw.environment.clone(),
            resources: resources?,
        })
    }

    fn command(&mut self, words: &'a [String]) {
        if words.is_empty() || words.len() > PLUGIN_WORDS_MAX {
            self.wrong(format!("the command has {} words", words.len()), format!("use 1 to {PLUGIN_WORDS_MAX}"));
        }
        for (i, word) in words.iter().enumerate() {
            let leaves = word.starts_with("./") && word.split('/').skip(1).any(|p| matches!(p, "" | "." | ".."));
            let elsewhere = word.contains('/') && !word.starts_with("./") && !word.starts_with('/');
            if leaves || word.contains('\0') {
                self.at(i, |c| c.wrong(format!("{word:?} is no file of the folder"), "use ./FILE"));
            } else if i == 0 && (word.is_empty() || elsewhere) {
                let next = "use ./FILE of the folder, a name or an absolute path";
                self.at(i, |c| c.wrong(format!("{word:?} is no program"), next));
            }
        }
    }

    fn environment(&mut self, names: &'a [String]) {
        if names.len() > PLUGIN_WORDS_MAX {
            self.wrong(format!("{} variables", names.len()), format!("use at most {PLUGIN_WORDS_MAX}"));
        }
        let good = |n: &str| {
            n.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        for (i, name) in names.iter().enumerate().filter(|(_, n)| !good(n)) {
            self.at(i, |c| c.wrong(format!("{name:?} is no name of a variable"), "use A-Z, a-z, 0-9 and '_'"));
        }
    }

    fn resources(&mut self, raw: &raw::Resources) -> Option<Resources> {
        let usual = Resources::default();
        let memory_mib = self.number("memory_mib", raw.memory_mib, usual.memory_mib, (1, PLUGIN_MIB_MAX));
        let files = self.number("files", raw.files, usual.files, (1, PLUGIN_FILES_MAX));
        let file_mib = self.number("file_mib", raw.file_mib, usual.file_mib, (1, PLUGIN_MIB_MAX));
        let cpu_seconds = self.number("cpu_seconds", raw.cpu_seconds, usual.cpu_seconds, (1, PLUGIN_CPU_MAX));
        Some(Resources { memory_mib: memory_mib?, files: files?, file_mib: file_mib?, cpu_seconds: cpu_seconds? })
    }

    fn plugin_operation(&mut self, name: &'a str, raw: &'a PluginOperation) -> Option<OperationSpec> {
        if let Price::Metered(metered) = &raw.price
            && !metered.used.is_empty()
        {
            let wrong = |c: &mut Self| c.wrong_key("used is of manifests: a plugin reports its usage", "leave it out");
            self.at("price", |c| c.at("metered", |c| c.at("used", wrong)));
        }
        // What its results hold is not declared.
        let redactable: Vec<&str> = raw.params.keys().map(String::as_str).collect();
        self.params = Some(&raw.params);
        let described = self.described(name, Head::from(raw), &redactable);
        self.params = None;
        described.map(|Described { spec, .. }| spec)
    }
}
