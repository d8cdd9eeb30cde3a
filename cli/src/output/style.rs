//! Colours, or none.

#[derive(Debug, Clone, Copy)]
pub struct Style {
    on: bool,
}

macro_rules! paints {
    ($($name:ident = $code:literal;)*) => {
        $(pub fn $name(&self, text: &str) -> String {
            if self.on { format!(concat!("\x1b[", $code, "m{}\x1b[0m"), text) } else { text.to_string() }
        })*
    };
}

impl Style {
    pub fn new(on: bool) -> Self {
        Self { on }
    }
    paints! {
        bold = "1";
        dim = "2";
        red = "31";
        green = "32";
        yellow = "33";
        cyan = "36";
    }

    /// A status or state word in the colour of what it means.
    pub fn status(&self, text: &str) -> String {
        match text.trim_end() {
            "succeeded" | "ok" | "applied" | "would_accept" | "up" | "confirmed" => self.green(text),
            "pending" | "connecting" | "admitted" | "running" | "waiting" | "confirming" | "undoing" | "goes on" => {
                self.cyan(text)
            }
            "skipped" | "undone" | "cancelled" | "rolled back" | "preempted" | "awaiting approval" => self.yellow(text),
            "indeterminate" | "expired" | "disconnected" | "unknown" | "disabled" => self.yellow(text),
            _ => self.red(text),
        }
    }
}
