//! Pictures out of a `multipart/x-mixed-replace` stream. Pure.

use crate::limits::{PART_HEAD_MAX_BYTES, PICTURE_MAX_BYTES};

/// Cuts a stream into its parts.
pub struct Parts {
    /// With the two dashes before it.
    delimiter: Vec<u8>,
    buffer: Vec<u8>,
    /// Length of the part that is being read, where its head said so; none while a head is expected.
    body: Option<Option<usize>>,
}

/// The stream is none of pictures.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    #[error("a part has a head of more than {PART_HEAD_MAX_BYTES} bytes")]
    Head,
    #[error("a picture has more than {PICTURE_MAX_BYTES} bytes")]
    Picture,
}

impl Parts {
    /// None where `content_type` is not that of a multipart stream.
    pub fn new(content_type: &str) -> Option<Self> {
        let (kind, parameters) = content_type.split_once(';')?;
        if !kind.trim().to_ascii_lowercase().starts_with("multipart/") {
            return None;
        }
        let boundary = parameters.split(';').find_map(|p| p.trim().strip_prefix("boundary="))?;
        // Home Assistant, like many cameras, gives the boundary with the dashes it stands behind.
        let boundary = boundary.trim().trim_matches('"').trim_start_matches('-');
        let delimiter = format!("--{boundary}").into_bytes();
        (!boundary.is_empty()).then(|| Self { delimiter, buffer: Vec::new(), body: None })
    }

    /// Takes bytes as they come; gives the parts that are whole now.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, PartError> {
        self.buffer.extend_from_slice(bytes);
        let mut whole = Vec::new();
        loop {
            let more = match self.body {
                None => self.head()?,
                Some(length) => match self.part(length)? {
                    Some(part) => {
                        whole.push(part);
                        true
                    }
                    None => false,
                },
            };
            if !more {
                return Ok(whole);
            }
        }
    }

    /// True once a head was read.
    fn head(&mut self) -> Result<bool, PartError> {
        let ends = [find(&self.buffer, b"\r\n\r\n").map(|at| (at, 4)), find(&self.buffer, b"\n\n").map(|at| (at, 2))];
        let Some((at, gap)) = ends.into_iter().flatten().min() else {
            return if self.buffer.len() > PART_HEAD_MAX_BYTES { Err(PartError::Head) } else { Ok(false) };
        };
        let head: Vec<u8> = self.buffer.drain(..at + gap).take(at).collect();
        if head.len() > PART_HEAD_MAX_BYTES {
            return Err(PartError::Head);
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        if length.is_some_and(|n: usize| n > PICTURE_MAX_BYTES) {
            return Err(PartError::Picture);
        }
        self.body = Some(length);
        Ok(true)
    }

    fn part(&mut self, length: Option<usize>) -> Result<Option<Vec<u8>>, PartError> {
        let end = match length {
            Some(length) => Some(length).filter(|n| self.buffer.len() >= *n),
            None => find(&self.buffer, &self.delimiter),
        };
        let Some(end) = end else {
            return if self.buffer.len() > PICTURE_MAX_BYTES { Err(PartError::Picture) } else { Ok(None) };
        };
        let mut part: Vec<u8> = self.buffer.drain(..end).collect();
        if length.is_none() {
            // The line end before a delimiter belongs to it.
            part.truncate(part.strip_suffix(b"\r\n").or(part.strip_suffix(b"\n")).unwrap_or(&part).len());
        }
        self.body = None;
        Ok(Some(part))
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/x-mixed-replace; boundary=--frameboundary";

    /// Whatever the pieces are that a stream comes in, its parts are the same.
    fn parts(stream: &[u8]) -> Vec<Vec<u8>> {
        let whole = Parts::new(TYPE).unwrap().push(stream).unwrap();
        let mut by_byte = Parts::new(TYPE).unwrap();
        let pieces: Vec<Vec<u8>> = stream.iter().flat_map(|byte| by_byte.push(&[*byte]).unwrap()).collect();
        assert_eq!(whole, pieces);
        whole
    }

    #[test]
    fn with_lengths_as_home_assistant_sends_them() {
        let stream = b"--frameboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 6\r\n\r\na\r\n\r\nb\r\n\
            --frameboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 1\r\n\r\nc\r\n--frameboundary\r\nConte";
        assert_eq!(parts(stream), [b"a\r\n\r\nb".to_vec(), b"c".to_vec()]);
    }

    #[test]
    fn without_lengths_as_cameras_do() {
        let stream =
            b"--frameboundary\r\nContent-Type: image/jpeg\r\n\r\nabc\r\n--frameboundary\r\n\r\nd\r\n--frameboundary--";
        assert_eq!(parts(stream), [b"abc".to_vec(), b"d".to_vec()]);
    }

    #[test]
    fn what_is_no_stream_of_pictures() {
        assert!(Parts::new("image/jpeg").is_none());
        assert!(Parts::new("text/html; boundary=x").is_none());
        assert!(Parts::new("multipart/x-mixed-replace").is_none());
        let endless = vec![b'x'; PART_HEAD_MAX_BYTES + 1];
        assert_eq!(Parts::new(TYPE).unwrap().push(&endless), Err(PartError::Head));
        let huge = format!("--frameboundary\r\nContent-Length: {}\r\n\r\n", PICTURE_MAX_BYTES + 1);
        assert_eq!(Parts::new(TYPE).unwrap().push(huge.as_bytes()), Err(PartError::Picture));
    }
}
