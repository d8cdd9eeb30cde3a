//! A function as it is sent.

use crate::state::Input;

/// One function with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub name: String,
    /// In the order they are sent.
    params: Vec<(&'static str, String)>,
    /// The input it names.
    pub target: Option<Input>,
}

impl Function {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), params: Vec::new(), target: None }
    }

    #[must_use]
    pub fn input(mut self, input: Option<&Input>) -> Self {
        if let Some(input) = input {
            self.params.insert(0, ("Input", input.handle()));
            self.target = Some(input.clone());
        }
        self
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<String>) -> Self {
        self.params.extend(value.map(|value| (name, value)));
        self
    }

    #[must_use]
    pub fn value(self, value: impl Into<String>) -> Self {
        self.with("Value", Some(value.into()))
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }

    /// `Name` or `Name Input=…&…`, as it goes on the line.
    pub fn line(&self) -> String {
        let params: Vec<String> = self.params.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        if params.is_empty() { self.name.clone() } else { format!("{} {}", self.name, params.join("&")) }
    }
}

/// URL encoding of everything but letters, digits and `-._~`: line breaks and `&` must not end what they are in.
fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_out_of_their_place() {
        let function =
            Function::new("SetText").with("SelectedName", Some("A&B=C".into())).value("Zeile 1\r\nTALLY 100% ☕+");
        assert_eq!(
            function.line(),
            "SetText SelectedName=A%26B%3DC&Value=Zeile%201%0D%0ATALLY%20100%25%20%E2%98%95%2B"
        );
        assert_eq!(Function::new("Cut").line(), "Cut");
    }
}
