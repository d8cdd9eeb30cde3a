//! What leaves OBS: stream, recording, replay buffer, virtual camera, screenshots.

use super::{Common, choice, once, read, set};
use crate::{OperationSpec, ParamKind};

pub fn operations() -> Vec<OperationSpec> {
    [record(), stream(), others()].concat()
}

fn record() -> Vec<OperationSpec> {
    vec![
        set("obs.record.start", "start recording"),
        set("obs.record.stop", "stop recording; gives the file written"),
        read("obs.record.status", "recording state, time and bytes"),
        set("obs.record.pause", "pause the recording"),
        set("obs.record.resume", "go on with a paused recording"),
        once("obs.record.split", "go on in a new file; OBS 31 and later"),
        set("obs.record.directory", "set where recordings are written").text("directory", "folder on the OBS computer"),
    ]
}

fn stream() -> Vec<OperationSpec> {
    vec![
        set("obs.stream.start", "start streaming"),
        set("obs.stream.stop", "stop streaming"),
        read("obs.stream.status", "streaming state, time, bytes and frames"),
        read("obs.stream.service", "where the stream goes; never shows the key"),
        // The key is no argument: arguments are kept in the record.
        set("obs.stream.configure", "set where the stream goes; the key comes from the instance or a file")
            .option("server", ParamKind::Text, "address of the server, rtmp://…; a service finds its own")
            .option("service", ParamKind::Text, "name of a service that OBS knows; left out for a server of your own")
            .option("key_file", ParamKind::File, "file on the worker's machine with the stream key"),
    ]
}

fn others() -> Vec<OperationSpec> {
    let pixels = ParamKind::Integer { min: 8, max: 4_096 };
    vec![
        set("obs.replay.start", "start the replay buffer"),
        set("obs.replay.stop", "stop the replay buffer"),
        once("obs.replay.save", "write the replay buffer to a file; gives the file"),
        read("obs.replay.status", "replay buffer state and last file"),
        set("obs.virtualcam.start", "start the virtual camera"),
        set("obs.virtualcam.stop", "stop the virtual camera"),
        read("obs.virtualcam.status", "virtual camera state"),
        read("obs.screenshot", "write a picture of a source to a file on the worker's machine")
            .text("source", "name of the input or scene")
            .required("out", ParamKind::File, "file to write")
            .optional("format", choice(&["png", "jpg", "bmp", "webp"]), Some("png"), "kind of picture")
            .option("width", pixels.clone(), "pixels; the source's own where left out")
            .option("height", pixels, "pixels; the source's own where left out")
            .flag("overwrite", "replace a file that is there"),
    ]
}
