//! What goes through the pipes of a process.

use super::{DRAIN, Ended, Shared, WRITE_TIMEOUT};
use crate::{
    lines::{self, Line},
    protocol::{self, LINE_MAX_BYTES},
    stderr::Rate,
};
use std::sync::Arc;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    sync::mpsc,
    time::{Instant, timeout},
};
use zeroize::Zeroizing;

pub async fn write(
    shared: Arc<Shared>,
    mut pipe: impl AsyncWrite + Unpin,
    mut lines: mpsc::Receiver<Zeroizing<Vec<u8>>>,
) {
    loop {
        let line = tokio::select! {
            () = shared.stop.cancelled() => return,
            line = lines.recv() => line,
        };
        let Some(line) = line else { return };
        let written = timeout(WRITE_TIMEOUT, async {
            pipe.write_all(&line).await?;
            pipe.flush().await
        });
        match written.await {
            Ok(Ok(())) => {}
            // It is about to be known why: its process ends, or it closed its input, which comes to the same.
            Ok(Err(error)) => {
                tokio::time::sleep(DRAIN).await;
                return shared.end(Ended::Broke(format!("its standard input cannot be written: {error}")));
            }
            Err(_) => return shared.end(Ended::Silent("it does not read its standard input".into())),
        }
    }
}

pub async fn read(shared: Arc<Shared>, pipe: impl AsyncRead + Unpin) {
    let mut reader = BufReader::new(pipe);
    let mut rate = Rate::new(Instant::now());
    loop {
        let broke = match lines::next(&mut reader, LINE_MAX_BYTES).await {
            Ok(Some(Line::Whole(line))) if line.iter().all(u8::is_ascii_whitespace) => continue,
            Ok(Some(Line::Whole(line))) => match protocol::read(&line, &shared.redactor) {
                Ok(message) => {
                    shared.dispatch(message, &mut rate);
                    continue;
                }
                Err(why) => format!("a line on its standard output is {why}"),
            },
            Ok(Some(Line::Cut(_))) => format!("a line on its standard output is longer than {LINE_MAX_BYTES} bytes"),
            Ok(None) => return,
            Err(error) => format!("its standard output cannot be read: {error}"),
        };
        return shared.end(Ended::Broke(broke));
    }
}
