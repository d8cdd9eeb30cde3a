//! Framing of the TCP API, pure: bytes in, frames out.
//!
//! A message is a line `<VERB> <OK|ER|length> [text]` ending in CRLF. After a length, exactly that many bytes follow,
//! the CRLF at their end among them.

#[cfg(test)]
mod tests;

/// Longest line, bytes. A tally of 1,000 inputs takes 1,010.
pub const LINE_MAX_BYTES: usize = 16 * 1024;
/// Largest body, bytes. The state of a large show is some hundred kilobytes.
pub const BODY_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Most characters of a peer's line that an error quotes.
const QUOTE_MAX_CHARS: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Version,
    Tally,
    Function,
    Acts,
    Xml,
    Subscribe,
}

impl Verb {
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Version => "VERSION",
            Verb::Tally => "TALLY",
            Verb::Function => "FUNCTION",
            Verb::Acts => "ACTS",
            Verb::Xml => "XML",
            Verb::Subscribe => "SUBSCRIBE",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Verb::Version, Verb::Tally, Verb::Function, Verb::Acts, Verb::Xml, Verb::Subscribe]
            .into_iter()
            .find(|v| v.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `OK` and the text after it.
    Ok(String),
    /// `ER` and the text after it.
    Refused(String),
    /// The body, without the line break at its end.
    Body(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub verb: Verb,
    pub answer: Answer,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("it sent {LINE_MAX_BYTES} bytes without a line break")]
    LineTooLong,
    #[error("it announced a body of {bytes} bytes, more than {BODY_MAX_BYTES}")]
    BodyTooLong { bytes: u64 },
    #[error("it sent a {what} that is not UTF-8")]
    NotUtf8 { what: &'static str },
    #[error("it sent a line that is not vMix's: \"{quote}\"")]
    NotVmix { quote: String },
}

/// Turns bytes into frames. Holds at most one message and one read.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Bytes of `buffer` known to hold no line break.
    scanned: usize,
    body: Option<(Verb, usize)>,
}

impl Decoder {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// A message has begun and is not complete. Asked after [`Decoder::next`] returned none.
    pub fn is_partial(&self) -> bool {
        self.body.is_some() || !self.buffer.is_empty()
    }

    /// The next complete frame, if there is one. After an error the stream cannot be read on.
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            if let Some((verb, length)) = self.body {
                return self.take_body(verb, length);
            }
            let Some(line) = self.take_line()? else { return Ok(None) };
            // A blank line is what is left of a body whose length did not count its line break.
            if line.is_empty() {
                continue;
            }
            match parse_line(&line)? {
                Line::Frame(frame) => return Ok(Some(frame)),
                Line::Body(verb, length) => self.body = Some((verb, length)),
            }
        }
    }

    fn take_line(&mut self) -> Result<Option<String>, FrameError> {
        let found = self.buffer[self.scanned..].iter().position(|b| *b == b'\n').map(|at| self.scanned + at);
        if found.unwrap_or(self.buffer.len()) > LINE_MAX_BYTES {
            return Err(FrameError::LineTooLong);
        }
        let Some(end) = found else {
            self.scanned = self.buffer.len();
            return Ok(None);
        };
        let line: Vec<u8> = self.buffer.drain(..=end).collect();
        self.scanned = 0;
        let text = std::str::from_utf8(&line).map_err(|_| FrameError::NotVmix { quote: quote(&line) })?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_string()))
    }

    fn take_body(&mut self, verb: Verb, length: usize) -> Result<Option<Frame>, FrameError> {
        if self.buffer.len() < length {
            return Ok(None);
        }
        let bytes: Vec<u8> = self.buffer.drain(..length).collect();
        self.body = None;
        self.scanned = 0;
        let mut text = String::from_utf8(bytes).map_err(|_| FrameError::NotUtf8 { what: "body" })?;
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        Ok(Some(Frame { verb, answer: Answer::Body(text) }))
    }
}

enum Line {
    Frame(Frame),
    Body(Verb, usize),
}

fn parse_line(line: &str) -> Result<Line, FrameError> {
    let not_vmix = || FrameError::NotVmix { quote: quote(line.as_bytes()) };
    let (verb, rest) = line.split_once(' ').ok_or_else(not_vmix)?;
    let verb = Verb::parse(verb).ok_or_else(not_vmix)?;
    let (status, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let frame = |answer| Ok(Line::Frame(Frame { verb, answer }));
    match status {
        "OK" => frame(Answer::Ok(text.into())),
        "ER" => frame(Answer::Refused(text.into())),
        _ => {
            let bytes: u64 = status.parse().map_err(|_| not_vmix())?;
            match usize::try_from(bytes) {
                Ok(length) if length <= BODY_MAX_BYTES => Ok(Line::Body(verb, length)),
                _ => Err(FrameError::BodyTooLong { bytes }),
            }
        }
    }
}

/// The beginning of what a peer sent, fit for a message: control characters and invalid bytes are escaped.
fn quote(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).trim_end().chars().take(QUOTE_MAX_CHARS).collect();
    text.escape_debug().to_string()
}
