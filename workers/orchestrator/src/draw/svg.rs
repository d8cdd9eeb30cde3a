//! A picture of its own: layers from left to right, each step after all it needs.

use super::{TEXT_MAX_BYTES, colours, escape, summary};
use crate::{report::cut, view::StepView};
use if_schemas::Plan;
use std::fmt::Write;

/// Sizes in pixels.
const BOX_WIDTH: usize = 260;
const BOX_HEIGHT: usize = 46;
const GAP_X: usize = 60;
const GAP_Y: usize = 18;
const MARGIN: usize = 20;
/// Longest line in a box, bytes: more would not fit its width.
const LINE_MAX_BYTES: usize = 44;

/// The graph of the plan with what became of each step. `views` as [`crate::Progress::views`] gives them.
pub fn svg(plan: &Plan, views: &[StepView]) -> String {
    let corners = layout(plan);
    let width = corners.iter().map(|(x, _)| x + BOX_WIDTH).max().unwrap_or(0) + MARGIN;
    let height = corners.iter().map(|(_, y)| y + BOX_HEIGHT).max().unwrap_or(0) + MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n<title>{}</title>\n",
        text(plan.profile.as_str())
    );
    // Writing to a String cannot fail.
    for (step, to) in plan.steps.iter().zip(&corners) {
        for from in step.needs.iter().filter_map(|need| corners.get(usize::try_from(*need).ok()?)) {
            edge(&mut out, *from, *to);
        }
    }
    for (view, corner) in views.iter().zip(&corners) {
        node(&mut out, view, *corner);
    }
    out.push_str("</svg>\n");
    out
}

/// The upper left corner of each step: its layer is one more than the last of what it needs.
fn layout(plan: &Plan) -> Vec<(usize, usize)> {
    let mut layers: Vec<usize> = Vec::with_capacity(plan.steps.len());
    let mut filled: Vec<usize> = Vec::new();
    let mut corners = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let needed = step.needs.iter().filter_map(|need| layers.get(usize::try_from(*need).ok()?));
        let layer = needed.max().map_or(0, |last| last + 1);
        if filled.len() <= layer {
            filled.resize(layer + 1, 0);
        }
        let row = filled[layer];
        filled[layer] += 1;
        layers.push(layer);
        corners.push((MARGIN + layer * (BOX_WIDTH + GAP_X), MARGIN + row * (BOX_HEIGHT + GAP_Y)));
    }
    corners
}

fn edge(out: &mut String, from: (usize, usize), to: (usize, usize)) {
    let (x1, y1) = (from.0 + BOX_WIDTH, from.1 + BOX_HEIGHT / 2);
    let (x2, y2) = (to.0, to.1 + BOX_HEIGHT / 2);
    let bend = GAP_X / 2;
    let _ = writeln!(
        out,
        "<path d=\"M{x1} {y1} C{} {y1} {} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#a1a1aa\"/>",
        x1 + bend,
        x2 - bend
    );
}

fn node(out: &mut String, view: &StepView, (x, y): (usize, usize)) {
    let (fill, stroke) = colours(view.state);
    let _ = writeln!(
        out,
        "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\" \
         fill=\"{fill}\" stroke=\"{stroke}\"/><text x=\"{tx}\" y=\"{upper}\" font-weight=\"bold\">{}</text>\
         <text x=\"{tx}\" y=\"{lower}\">{}</text></g>",
        text(&cut(&view.text, TEXT_MAX_BYTES)),
        text(&cut(&view.id, LINE_MAX_BYTES)),
        text(&cut(&summary(view), LINE_MAX_BYTES)),
        tx = x + 10,
        upper = y + 18,
        lower = y + 36,
    );
}

fn text(text: &str) -> String {
    escape(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    })
}
