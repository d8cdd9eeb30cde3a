//! One value of an instance's live state, as a worker says. Never logged: what an instance showed is no act of anybody.

use crate::{Kind, Name, Signed, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Path of the report on the state as a whole: `{"fresh": bool, "truncated": bool}`.
pub const ABOUT: &str = "_live";

/// Longest path, bytes.
pub const PATH_MAX_BYTES: usize = 512;

/// Signed by the worker, kept by the server as the last value of its subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateReport {
    pub node: Name,
    pub provider: Name,
    pub instance: Name,
    /// Parts of `a-z A-Z 0-9 _ - =` with dots between: `tally.program`.
    pub path: String,
    pub at: Timestamp,
    /// Counts up for the node: an older report never replaces a newer one.
    pub sequence: u64,
    /// `None`: the path is gone.
    pub value: Option<Value>,
}

impl Signed for StateReport {
    const KIND: Kind = Kind::State;
}

/// One name as one part of a path: what is not `a-z A-Z 0-9 _ -` becomes `=` and two hexadecimal digits for each byte.
pub fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => out.push(char::from(byte)),
            other => out.push_str(&format!("={other:02X}")),
        }
    }
    out
}

/// The name a part of a path was made of; `None` if it was not made by [`segment`].
pub fn segment_name(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'=' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// Parts that are not empty, of the characters [`segment`] gives, with dots between.
pub fn is_path(path: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"_-=".contains(&c);
    path.len() <= PATH_MAX_BYTES && path.split('.').all(|part| !part.is_empty() && part.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_part_of_a_path_and_comes_back() {
        for name in ["Main", "Cam 1.2", "Größe=5", "a>b*", "\n", "日本"] {
            let part = segment(name);
            assert!(is_path(&part), "{part}");
            assert_eq!(segment_name(&part).as_deref(), Some(name));
        }
        assert_eq!(segment("Cam 1.2"), "Cam=201=2E2");
        assert_eq!((segment_name("=2"), segment_name("=zz"), segment_name("=FF")), (None, None, None));
    }
}
