//! A run as a picture: pure text. Texts of plans are escaped, whatever is in them.

mod mermaid;
mod svg;

pub use mermaid::mermaid;
pub use svg::svg;

use crate::view::{StepView, Viewed};

/// Longest text of a step in a picture, bytes.
const TEXT_MAX_BYTES: usize = 120;

/// Fill and border of a state.
fn colours(state: Viewed) -> (&'static str, &'static str) {
    match state {
        Viewed::Pending | Viewed::Waiting => ("#f4f4f5", "#a1a1aa"),
        Viewed::AwaitingApproval => ("#ede9fe", "#7c3aed"),
        Viewed::Running | Viewed::Confirming => ("#dbeafe", "#2563eb"),
        Viewed::Confirmed => ("#dcfce7", "#16a34a"),
        Viewed::Failed | Viewed::NotUndone => ("#fee2e2", "#dc2626"),
        Viewed::Indeterminate => ("#ffedd5", "#ea580c"),
        Viewed::Skipped => ("#ffffff", "#a1a1aa"),
        Viewed::Undoing => ("#fef9c3", "#ca8a04"),
        Viewed::Undone => ("#e0f2fe", "#0284c7"),
    }
}

/// `confirmed, at 1.250 s, took 0.400 s, 2 attempts, $0.02`.
fn summary(view: &StepView) -> String {
    let mut text = view.state.as_str().to_string();
    let mut add = |part: String| {
        text.push_str(", ");
        text.push_str(&part);
    };
    if let Some(at) = view.began_after_us {
        add(format!("at {}", seconds(at)));
    }
    if let Some(took) = view.took_us {
        add(format!("took {}", seconds(took)));
    }
    if view.attempts > 1 {
        add(format!("{} attempts", view.attempts));
    }
    for cost in &view.cost {
        add(cost.to_string());
    }
    text
}

fn seconds(us: i64) -> String {
    let ms = us / 1_000;
    format!("{}.{:03} s", ms / 1_000, (ms % 1_000).abs())
}

/// Every character the format gives a meaning to is replaced; control characters become spaces.
fn escape(text: &str, special: fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match special(c) {
            Some(name) => out.push_str(name),
            None if c.is_control() => out.push(' '),
            None => out.push(c),
        }
    }
    out
}
