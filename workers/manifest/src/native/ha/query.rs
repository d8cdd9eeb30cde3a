//! What only looks.

use super::{choice, of};
use crate::{OperationSpec, ParamKind};
use if_schemas::Effect;

/// Rows a list may have at most.
const ROWS: ParamKind = ParamKind::Integer { min: 1, max: 2_000 };
/// Longest recording of a camera, seconds.
const SECONDS: ParamKind = ParamKind::Integer { min: 1, max: 3_600 };

pub fn operations() -> Vec<OperationSpec> {
    let read = |id: &str, summary: &str| OperationSpec::new(id, Effect::Read, summary);
    vec![
        read("ha.status", "version, state and number of entities"),
        read("ha.config", "configuration of Home Assistant, without its lists of components and folders"),
        read("ha.areas", "areas, each with the number of its entities"),
        read("ha.entities", "entities and their states")
            .optional("domain", ParamKind::Text, None, "only of this domain, for example light")
            .optional("area", ParamKind::Text, None, "only of this area, by name or id")
            .optional("state", ParamKind::Text, None, "only in this state")
            .optional("limit", ROWS, Some("500"), "most rows"),
        of(read("ha.state", "state and attributes of an entity"), "entity id"),
        read("ha.services", "services and their fields").optional(
            "domain",
            ParamKind::Text,
            None,
            "of this domain, with fields; without it names alone",
        ),
        read("ha.logbook", "what happened, the newest last")
            .optional("entity", ParamKind::Text, None, "only of this entity")
            .optional("since", ParamKind::DurationMs, Some("1h"), "how far back")
            .optional("limit", ROWS, Some("100"), "most rows"),
        read("ha.camera.list", "cameras, and whether they stream"),
        of(read("ha.camera.snapshot", "write one picture to a file on the worker's machine"), "entity id of a camera")
            .required("out", ParamKind::File, "file to write; it must not exist unless --overwrite is given")
            .optional("overwrite", ParamKind::Flag, Some("false"), "replace the file"),
        of(read("ha.camera.stream", "URL to play, or pictures to a file with --out"), "entity id of a camera")
            .optional("format", choice(&["auto", "hls", "mjpeg"]), Some("auto"), "of the URL; auto: hls where it works")
            .optional("out", ParamKind::File, None, "file on the worker's machine for the pictures (MJPEG)")
            .optional("seconds", SECONDS, Some("5"), "how long to record to --out")
            .optional("overwrite", ParamKind::Flag, Some("false"), "replace the file"),
    ]
}
