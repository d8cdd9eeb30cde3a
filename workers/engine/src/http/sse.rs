//! Events out of bytes: server-sent events as the WHATWG specifies them, and JSON lines. Bounded.

/// Longest line, and most data of one event, bytes.
pub const EVENT_MAX_BYTES: usize = 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Sse,
    JsonLines,
}

/// Why the bytes are no events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    #[error("an event has more than {EVENT_MAX_BYTES} bytes")]
    TooLong,
    #[error("it is not UTF-8")]
    NotUtf8,
}

/// Takes bytes as they come and gives the data of whole events.
#[derive(Debug)]
pub struct Events {
    framing: Framing,
    line: Vec<u8>,
    /// Lines of data of the event under way, joined; none before the first.
    data: Option<String>,
    /// The last byte ended a line and was CR: an LF after it belongs to it.
    after_cr: bool,
    first_line: bool,
}

impl Events {
    pub fn new(framing: Framing) -> Self {
        Self { framing, line: Vec::new(), data: None, after_cr: false, first_line: true }
    }

    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, FramingError> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => self.end_line(&mut events)?,
                _ if self.line.len() == EVENT_MAX_BYTES => return Err(FramingError::TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    /// The bytes have ended. The last of JSON lines needs no line end; an event without the empty line after it is not
    /// one, as the specification says.
    pub fn finish(&mut self) -> Result<Vec<String>, FramingError> {
        let mut events = Vec::new();
        if self.framing == Framing::JsonLines && !self.line.is_empty() {
            self.end_line(&mut events)?;
        }
        Ok(events)
    }

    fn end_line(&mut self, events: &mut Vec<String>) -> Result<(), FramingError> {
        let bytes = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(&bytes).map_err(|_| FramingError::NotUtf8)?;
        let text = if std::mem::take(&mut self.first_line) { text.trim_start_matches('\u{feff}') } else { text };
        match self.framing {
            Framing::JsonLines if text.trim().is_empty() => {}
            Framing::JsonLines => events.push(text.to_string()),
            Framing::Sse if text.is_empty() => events.extend(self.data.take()),
            Framing::Sse => self.field(text)?,
        }
        Ok(())
    }

    /// `event`, `id` and `retry` are not used: what an event is, its data says. A line that begins with a colon is a comment.
    fn field(&mut self, line: &str) -> Result<(), FramingError> {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name != "data" {
            return Ok(());
        }
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            None => self.data = Some(value.to_string()),
            Some(data) if data.len() + value.len() >= EVENT_MAX_BYTES => return Err(FramingError::TooLong),
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same events, wherever the bytes are cut.
    fn events(framing: Framing, text: &[u8]) -> Vec<String> {
        let run = |chunk: usize| {
            let mut parser = Events::new(framing);
            let mut out = Vec::new();
            text.chunks(chunk).for_each(|c| out.extend(parser.push(c).unwrap()));
            out.extend(parser.finish().unwrap());
            out
        };
        let whole = run(text.len());
        for chunk in 1..text.len() {
            assert_eq!(run(chunk), whole, "in pieces of {chunk}");
        }
        whole
    }

    #[test]
    fn server_sent_events() {
        let text = "\u{feff}data: a\r\n\r\n: comment\nevent: x\nid: 1\ndata:b\ndata\ndata:  c\n\nretry: 5\n\ndata: é\r\rdata: lost";
        assert_eq!(events(Framing::Sse, text.as_bytes()), ["a", "b\n\n c", "é"]);
    }

    #[test]
    fn json_lines() {
        assert_eq!(events(Framing::JsonLines, b"{\"a\":1}\r\n\n  \n{\"b\":2}"), ["{\"a\":1}", "{\"b\":2}"]);
    }

    #[test]
    fn bounds() {
        let mut parser = Events::new(Framing::Sse);
        assert_eq!(parser.push(&vec![b'x'; EVENT_MAX_BYTES + 1]), Err(FramingError::TooLong));
        let mut parser = Events::new(Framing::Sse);
        let line = format!("data: {}\n", "y".repeat(EVENT_MAX_BYTES / 2));
        assert_eq!(parser.push(line.as_bytes()), Ok(vec![]));
        assert_eq!(parser.push(line.as_bytes()), Err(FramingError::TooLong));
        assert_eq!(Events::new(Framing::JsonLines).push(b"\xff\n"), Err(FramingError::NotUtf8));
    }
}
