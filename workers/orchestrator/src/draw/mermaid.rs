//! A flowchart in the language of Mermaid.

use super::{TEXT_MAX_BYTES, colours, escape, summary};
use crate::{report::cut, view::StepView};
use if_schemas::Plan;
use std::{collections::BTreeSet, fmt::Write};

/// The graph of the plan with what became of each step. `views` as [`crate::Progress::views`] gives them.
pub fn mermaid(plan: &Plan, views: &[StepView]) -> String {
    let mut out = String::from("flowchart LR\n");
    let mut states = BTreeSet::new();
    // Writing to a String cannot fail.
    for (place, view) in views.iter().enumerate() {
        let class = view.state.as_str().replace(' ', "_");
        let (fill, stroke) = colours(view.state);
        states.insert(format!("  classDef {class} fill:{fill},stroke:{stroke},color:#18181b\n"));
        let mut label = format!("{}<br/>{}", text(&view.id), text(&summary(view)));
        if !view.text.is_empty() {
            label.push_str("<br/>");
            label.push_str(&text(&cut(&view.text, TEXT_MAX_BYTES)));
        }
        let _ = writeln!(out, "  s{place}[\"{label}\"]:::{class}");
    }
    for (place, step) in plan.steps.iter().enumerate() {
        for need in &step.needs {
            let _ = writeln!(out, "  s{need} --> s{place}");
        }
    }
    out.extend(states);
    out
}

/// Mermaid's own escapes, without the ampersand that HTML would need.
fn text(text: &str) -> String {
    escape(text, |c| match c {
        '"' => Some("#quot;"),
        '#' => Some("#35;"),
        '&' => Some("#amp;"),
        '<' => Some("#lt;"),
        '>' => Some("#gt;"),
        '`' => Some("#96;"),
        '\\' => Some("#92;"),
        _ => None,
    })
}
