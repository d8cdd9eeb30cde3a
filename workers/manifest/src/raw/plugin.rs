//! An executable plugin: `plugin.yaml`.

use super::{Category, Effect, Field, Param, Price};
use crate::compile::{PLUGIN_CPU_MAX, PLUGIN_FILES_MAX, PLUGIN_MIB_MAX, PLUGIN_WORDS_MAX};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginManifest {
    /// Where the JSON Schema of this file is, for editors.
    #[serde(rename = "$schema", default)]
    pub schema: Option<String>,
    /// Version of this vocabulary: 1.
    #[schemars(range(min = 1, max = 1))]
    pub plugin: u8,
    /// Name on the command line and in subjects; also the name of the folder.
    pub id: String,
    pub display_name: String,
    pub category: Category,
    /// One line of help.
    pub summary: String,
    /// What is started. An argument that begins with `./` is a file of the folder; every other one is passed as it is, the
    /// first being a program of `PATH`.
    #[schemars(length(min = 1, max = PLUGIN_WORDS_MAX))]
    pub command: Vec<String>,
    /// Environment variables of the worker the process also gets.
    #[serde(default)]
    #[schemars(length(max = PLUGIN_WORDS_MAX), inner(regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$")))]
    pub environment: Vec<String>,
    #[serde(default)]
    pub resources: Resources,
    /// Settings of an instance: what `add` asks for.
    #[serde(default)]
    pub instance: IndexMap<String, Field>,
    /// By name within the category: `send` of a chat plugin is `chat.send`; in `studio` the family is the plugin's id.
    pub operations: IndexMap<String, PluginOperation>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginOperation {
    /// One line of help.
    pub summary: String,
    pub effect: Effect,
    /// `free`, or how a call is measured. What was used is what the process reports, so `used` stays empty.
    pub price: Price,
    #[serde(default)]
    pub params: IndexMap<String, Param>,
    /// Template over `args` and `instance`: said before the command is sent, for what costs money or cannot be undone.
    #[serde(default)]
    pub notice: Option<String>,
    /// Arguments that are replaced by `[redacted]` wherever they would be shown or kept in clear. What the result holds is
    /// the plugin's to leave out.
    #[serde(default)]
    pub redact: Vec<String>,
}

/// The most one process may take. What is not given has a default.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// Address space, MiB.
    #[schemars(range(min = 1, max = PLUGIN_MIB_MAX))]
    pub memory_mib: Option<u32>,
    /// Open files.
    #[schemars(range(min = 1, max = PLUGIN_FILES_MAX))]
    pub files: Option<u32>,
    /// Largest file written, MiB.
    #[schemars(range(min = 1, max = PLUGIN_MIB_MAX))]
    pub file_mib: Option<u32>,
    /// Processor time of one process over its whole life, seconds.
    #[schemars(range(min = 1, max = PLUGIN_CPU_MAX))]
    pub cpu_seconds: Option<u32>,
}
