//! Writing to a client, as the wire fault in force has it.

use super::fault::WireFault;
use std::{io, time::Duration};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Pause between the pieces of a message that is sent in pieces: long enough for each to be read by itself.
const PIECE_PAUSE: Duration = Duration::from_millis(1);
/// Bytes written at a time by [`WireFault::Flood`] and [`WireFault::HugeBody`].
const FLOOD_BYTES: usize = 64 * 1024;
/// Body length announced by [`WireFault::HugeBody`], bytes.
pub const HUGE_BODY_BYTES: usize = 999_999_999;

/// What a message looks like on the wire with nothing wrong, and its head if its body is to be huge.
pub struct Message<'a> {
    pub bytes: &'a [u8],
    pub huge_head: String,
}

/// Writes one message. With `chunk`, in pieces of that many bytes.
pub async fn send<W: AsyncWrite + Unpin>(
    out: &mut W,
    fault: WireFault,
    chunk: Option<usize>,
    message: Message<'_>,
) -> io::Result<()> {
    match fault {
        WireFault::None => match chunk {
            None => out.write_all(message.bytes).await,
            Some(size) => pieces(out, message.bytes, size.max(1), PIECE_PAUSE).await,
        },
        WireFault::NeverAnswer | WireFault::HalfOpen => Ok(()),
        WireFault::SlowDrip(pause) => pieces(out, message.bytes, 1, pause).await,
        WireFault::Garbage => out.write_all(&garbage()).await,
        WireFault::Flood => flood(out).await,
        WireFault::HugeBody => {
            out.write_all(message.huge_head.as_bytes()).await?;
            flood(out).await
        }
        WireFault::Drop => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

async fn pieces<W: AsyncWrite + Unpin>(out: &mut W, bytes: &[u8], size: usize, pause: Duration) -> io::Result<()> {
    for piece in bytes.chunks(size) {
        out.write_all(piece).await?;
        out.flush().await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// A line of every byte there is but the line break.
fn garbage() -> Vec<u8> {
    (0..=u8::MAX).rev().filter(|b| *b != b'\n').chain(*b"\r\n").collect()
}

/// Ends only with the connection.
async fn flood<W: AsyncWrite + Unpin>(out: &mut W) -> io::Result<()> {
    let noise = vec![b'x'; FLOOD_BYTES];
    loop {
        out.write_all(&noise).await?;
    }
}
