//! A picture of a source, written on the worker's machine.

use super::{Context, Outcome, nothing_done};
use crate::session::RequestError;
use base64::{Engine, engine::general_purpose::STANDARD};
use if_engine::Execution;
use serde_json::json;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// `{"source", "path": file, "format", "bytes": n}`.
pub async fn take(context: &Context<'_>) -> Outcome {
    let out = PathBuf::from(context.name("out")?);
    let overwrite = context.flag("overwrite");
    if !overwrite && out.exists() {
        let message = format!("{} exists on the worker", out.display());
        return Err(Execution::failed("already_exists", message, Some("choose another name, or give --overwrite")));
    }
    let source = context.source("source").await?;
    let format = context.call.text("format").unwrap_or("png").to_owned();
    let mut data = json!({"sourceName": source, "imageFormat": format});
    for (argument, field) in [("width", "imageWidth"), ("height", "imageHeight")] {
        if let Some(pixels) = context.call.integer(argument) {
            data[field] = pixels.into();
        }
    }
    let answer = context.ask("GetSourceScreenshot", data).await?;
    let picture = answer["imageData"].as_str().and_then(|url| url.split_once(";base64,")).map(|(_, picture)| picture);
    let picture = picture.and_then(|picture| STANDARD.decode(picture).ok()).filter(|picture| !picture.is_empty());
    let Some(picture) = picture else {
        let why = "it is no picture".into();
        return Err(nothing_done(RequestError::Unreadable { request: "GetSourceScreenshot".into(), why }));
    };
    let bytes = picture.len();
    let path = out.clone();
    let written = tokio::task::spawn_blocking(move || write(&path, &picture, overwrite)).await;
    written.map_err(|error| error.to_string()).and_then(|written| written).map_err(|why| {
        let message = format!("{} cannot be written on the worker: {why}", out.display());
        Execution::failed("not_written", message, Some("free space, or choose another path"))
    })?;
    Ok(json!({"source": source, "path": out.display().to_string(), "format": format, "bytes": bytes}))
}

/// Beside its place first, so that a file of that name is always whole.
fn write(path: &Path, picture: &[u8], overwrite: bool) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| error.to_string())?;
    file.write_all(picture).and_then(|()| file.as_file().sync_all()).map_err(|error| error.to_string())?;
    let kept = if overwrite { file.persist(path) } else { file.persist_noclobber(path) };
    kept.map(|_| ()).map_err(|error| error.error.to_string())
}
