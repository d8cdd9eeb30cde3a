//! OBS itself: status, hotkeys, profiles, scene collections, and any other request.

use super::{Common, once, read, set};
use crate::{OperationSpec, ParamKind};

pub fn operations() -> Vec<OperationSpec> {
    vec![
        read("obs.hotkey.list", "names of hotkeys"),
        once("obs.hotkey.trigger", "do what a hotkey does; OBS does not tell what came of it")
            .text("hotkey", "hotkey name"),
        read("obs.profile.list", "profiles and the current one"),
        set("obs.profile.switch", "switch to a profile").text("profile", "profile name"),
        once("obs.profile.create", "create a profile and switch to it").text("profile", "name of the new profile"),
        once("obs.profile.remove", "remove a profile").text("profile", "profile name"),
        read("obs.collection.list", "scene collections and the current one"),
        set("obs.collection.switch", "switch to a scene collection").text("collection", "scene collection name"),
        once("obs.collection.create", "create a scene collection and switch to it")
            .text("collection", "name of the new scene collection"),
        read("obs.status", "scene, recording and streaming state in one"),
        read("obs.stats", "CPU, memory, frame and disk figures"),
        read("obs.version", "versions of OBS Studio and obs-websocket"),
        once("obs.request", "any other request of obs-websocket")
            .text("request", "name of the request, as obs-websocket names it")
            .option("data", ParamKind::Object, "its data"),
        once("obs.batch", "several requests of obs-websocket in one go")
            .required("request", ParamKind::List, "NAME, or NAME and its data as JSON; give it once for each request")
            .flag("halt", "stop at the first that fails"),
    ]
}
