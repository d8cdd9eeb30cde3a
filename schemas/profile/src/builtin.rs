//! The profiles that come with the product, and what a new one begins with.

use crate::file::{Source, Sources};
use if_schemas::Name;

macro_rules! builtins {
    ($($name:literal),* $(,)?) => {
        [$(($name, concat!("ops/profiles/", $name, ".yaml"), include_str!(concat!("../../../ops/profiles/", $name, ".yaml")))),*]
    };
}

const BUILTINS: [(&str, &str, &str); 5] = builtins![
    "emergency-shutdown",
    "live-streaming-studio",
    "motion-recording",
    "production-alert",
    "redundant-stream",
];

/// The profiles of `ops/profiles`. One of the home directory with the same name goes before them.
pub fn builtins() -> Sources {
    let named = |(name, file, text): (&str, &str, &str)| {
        let source = Source { file: file.into(), text: text.into() };
        name.parse::<Name>().ok().map(|name| (name, source))
    };
    BUILTINS.into_iter().filter_map(named).collect()
}

/// The text `bus profile new` writes.
pub fn template(name: &Name) -> String {
    include_str!("template.yaml").replace("@NAME@", name.as_str())
}
