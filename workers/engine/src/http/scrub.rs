//! The last line of defence: whatever a provider says, the secrets of the instance are taken out of it.

use crate::{InstanceConfig, adapter::Execution};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use if_schemas::outcome::Failure;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

/// Shorter secrets would be found in ordinary text.
const SECRET_MIN_BYTES: usize = 8;
const SCRUBBED: &str = "[secret]";

/// The secrets of one instance in every form a provider may give them back.
#[derive(Default)]
pub struct Scrubber(Vec<Zeroizing<String>>);

impl Scrubber {
    pub fn new(config: &InstanceConfig) -> Self {
        let long = config.secrets.values().map(crate::Secret::expose).filter(|s| s.len() >= SECRET_MIN_BYTES);
        let mut forms: Vec<_> = long.flat_map(forms).map(Zeroizing::new).collect();
        // The longest first: one form may be part of another.
        forms.sort_by_key(|f| std::cmp::Reverse(f.len()));
        forms.dedup();
        Self(forms)
    }

    pub fn text(&self, text: String) -> String {
        match self.0.iter().any(|form| text.contains(form.as_str())) {
            false => text,
            true => self.0.iter().fold(text, |text, form| text.replace(form.as_str(), SCRUBBED)),
        }
    }

    /// Where the end of `text` begins that may be the beginning of a secret: the rest of it may come yet. The end is shorter
    /// than the longest form of a secret.
    fn undecided(&self, text: &str) -> usize {
        let longest = self.0.first().map_or(0, |form| form.len());
        let ends = text.char_indices().map(|(at, _)| at).skip_while(|at| text.len() - at >= longest);
        let begins = |end: &str| self.0.iter().any(|form| form.len() > end.len() && form.starts_with(end));
        ends.into_iter().find(|at| begins(&text[*at..])).unwrap_or(text.len())
    }

    pub fn value(&self, value: Value) -> Value {
        match value {
            _ if self.0.is_empty() => value,
            Value::String(s) => Value::String(self.text(s)),
            Value::Array(items) => items.into_iter().map(|v| self.value(v)).collect(),
            Value::Object(map) => map.into_iter().map(|(k, v)| (self.text(k), self.value(v))).collect(),
            other => other,
        }
    }

    pub fn execution(&self, execution: Execution) -> Execution {
        let failure =
            |f: Failure| Failure { code: f.code, message: self.text(f.message), hint: f.hint.map(|h| self.text(h)) };
        match execution {
            Execution::Succeeded(value) => Execution::Succeeded(self.value(value)),
            Execution::Failed(f) => Execution::Failed(failure(f)),
            Execution::Indeterminate(f) => Execution::Indeterminate(failure(f)),
        }
    }
}

/// Text that comes in pieces: a secret may begin in one and end in another.
#[derive(Default)]
pub struct Pieces {
    /// May be the beginning of a secret.
    held: Zeroizing<String>,
}

impl Pieces {
    /// What can be shown of all text so far, and was not yet.
    pub fn push(&mut self, scrubber: &Scrubber, piece: &str) -> String {
        let mut text = scrubber.text([self.held.as_str(), piece].concat());
        self.held = Zeroizing::new(text.split_off(scrubber.undecided(&text)));
        text
    }

    /// The rest, where no more comes.
    pub fn end(&mut self) -> String {
        std::mem::take(&mut *self.held)
    }
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrubber({} forms)", self.0.len())
    }
}

/// RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// As it is, in JSON, in a URL, in a form, and in Base64 at each of the three places it may begin in.
fn forms(secret: &str) -> Vec<String> {
    let url = utf8_percent_encode(secret, UNRESERVED).to_string();
    let json = Value::from(secret).to_string();
    let mut all = vec![
        secret.to_string(),
        json.trim_matches('"').to_string(),
        url.replace("%20", "+"),
        url.to_lowercase(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        url,
    ];
    for before in 0..3_usize {
        let bytes = Zeroizing::new([&[0_u8; 3][..before], secret.as_bytes()].concat());
        // Characters made from bytes around the secret differ each time: only those of the secret alone count.
        let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&*bytes), URL_SAFE_NO_PAD.encode(&*bytes)] {
            all.push(encoded[from..to].to_string());
        }
    }
    all.retain(|form| form.len() >= SECRET_MIN_BYTES);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn scrubber(secret: &str) -> Scrubber {
        let secrets = [("token".to_string(), Secret::new(secret.into()))].into();
        let settings = serde_json::Map::new();
        Scrubber::new(&InstanceConfig { provider: "p".parse().unwrap(), name: "i".parse().unwrap(), settings, secrets })
    }

    #[test]
    fn every_form_of_a_secret_is_taken_out() {
        let secret = "p@ss wörd/+\"tail";
        let s = scrubber(secret);
        let url = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        for said in [secret.to_string(), url.clone(), url.to_lowercase(), Value::from(secret).to_string()] {
            let out = s.text(format!("bad key {said}."));
            assert!(out.contains(SCRUBBED) && !out.contains("tail"), "{out}");
        }
        for user in ["", "u", "us", "use", "user:"] {
            let whole = base64::engine::general_purpose::STANDARD.encode(format!("{user}{secret}~"));
            let out = s.text(format!("Basic {whole}"));
            assert!(out.contains(SCRUBBED), "{user:?}: {out}");
        }
    }

    #[test]
    fn a_secret_in_pieces_is_taken_out_wherever_it_is_cut() {
        let (secret, s) = ("hunter2-hünter2-hunter3", scrubber("hunter2-hünter2-hunter3"));
        let text = format!("a hunter2-h {secret}{secret} hunter2-hünter2");
        for size in 1..text.len() {
            let (mut pieces, mut shown) = (Pieces::default(), Vec::new());
            let characters: Vec<char> = text.chars().collect();
            for piece in characters.chunks(size) {
                shown.push(pieces.push(&s, &piece.iter().collect::<String>()));
                assert!(pieces.held.len() < s.0[0].len(), "{}", pieces.held.len());
            }
            shown.push(pieces.end());
            assert_eq!(shown.concat(), "a hunter2-h [secret][secret] hunter2-hünter2", "{size}");
        }
        // What cannot become a secret is not held back.
        assert_eq!(Pieces::default().push(&s, "He"), "He");
        assert_eq!(Pieces::default().push(&Scrubber::default(), "hunter"), "hunter");
    }

    #[test]
    fn other_text_and_short_secrets_stay() {
        assert_eq!(scrubber("short").text("this is short".into()), "this is short");
        assert_eq!(scrubber("long enough").text("nothing here".into()), "nothing here");
        let value = serde_json::json!({"a": ["x long enough y", 5], "n": null});
        assert_eq!(scrubber("long enough").value(value), serde_json::json!({"a": ["x [secret] y", 5], "n": null}));
    }
}
