//! Lines of bounded length.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Without its line feed.
    Whole(Vec<u8>),
    /// Longer than the limit: its beginning. The rest was skipped.
    Cut(Vec<u8>),
}

/// The next line of at most `max` bytes; none at the end. A last line without line feed counts.
pub async fn next<R: AsyncBufRead + Unpin>(reader: &mut R, max: usize) -> std::io::Result<Option<Line>> {
    let mut line = Vec::new();
    let mut cut = false;
    loop {
        let chunk = reader.fill_buf().await?;
        if chunk.is_empty() {
            let nothing = line.is_empty() && !cut;
            return Ok((!nothing).then(|| finish(line, cut)));
        }
        let end = chunk.iter().position(|b| *b == b'\n');
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        let room = max - line.len();
        cut |= part.len() > room;
        line.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
        let used = end.map_or(chunk.len(), |e| e + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(finish(line, cut)));
        }
        if cut {
            // Whoever writes without end is not read to the end.
            return Ok(Some(Line::Cut(line)));
        }
    }
}

fn finish(line: Vec<u8>, cut: bool) -> Line {
    if cut { Line::Cut(line) } else { Line::Whole(line) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::BufReader;

    async fn all(text: &str, buffer: usize) -> Vec<Line> {
        let mut reader = BufReader::with_capacity(buffer, text.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = next(&mut reader, 4).await.unwrap() {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn lines_come_whole_up_to_the_limit_whatever_the_pieces() {
        let whole = |t: &str| Line::Whole(t.into());
        for buffer in [1, 2, 3, 64] {
            assert_eq!(all("abcd\n\nx", buffer).await, [whole("abcd"), whole(""), whole("x")], "{buffer}");
            assert_eq!(all("abcde\nx\n", buffer).await[0], Line::Cut("abcd".into()), "{buffer}");
        }
        assert_eq!(all("", 8).await, []);
    }
}
