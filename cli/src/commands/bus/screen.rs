//! A run as it goes on, for somebody who looks at a terminal: its steps, redrawn in place.

use super::show;
use crate::{
    clock,
    context::Context,
    output::{table, value},
};
use if_orchestrator::{History, StepView, Viewed};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Most steps shown at once; the rest is counted.
const ROWS_MAX: usize = 20;
/// Steps that are over shown before the first that is not.
const OVER_SHOWN: usize = 3;
/// Of what a step has to say, characters.
const TEXT_MAX_CHARS: usize = 50;

pub struct Screen(ProgressBar);

impl Screen {
    pub fn open() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // Without a style of its own it would draw a bar; the template is a constant that is right.
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub fn show(&self, context: &Context, known: &History) {
        self.0.set_message(text(context, known));
    }

    /// Takes it away: what follows is for keeps.
    pub fn close(&self) {
        self.0.finish_and_clear();
    }
}

fn text(context: &Context, known: &History) -> String {
    let style = context.out.stderr_style();
    let views = known.progress.views();
    let now = clock::now();
    let since = known.progress.times().0.map(|started| value::duration(whole_seconds(now.since_us(started))));
    let state = if known.progress.waits_for_targets() { "waits for another run" } else { "goes on" };
    let cost = show::costs(&known.progress.cost());
    let head = [format!("{} {}", known.order.profile, style.cyan(state)), since.unwrap_or_default(), cost];
    let head: Vec<String> = head.into_iter().filter(|part| !part.is_empty()).collect();
    let (first, shown) = window(&views);
    let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
    let mut text =
        format!("{}\n{}", head.join("  "), table::table(style, &["STEP", "STATE", "TOOK", "COST", ""], &rows, Some(1)));
    let rest = views.len() - shown.len();
    if rest > 0 {
        text.push_str(&style.dim(&format!("{first} steps before these, {} after them", rest - first)));
    }
    text
}

/// Where the steps that are shown begin, and those.
fn window(views: &[StepView]) -> (usize, &[StepView]) {
    let open = views.iter().position(|view| !is_over(view.state)).unwrap_or(views.len());
    let first = open.saturating_sub(OVER_SHOWN).min(views.len().saturating_sub(ROWS_MAX));
    (first, &views[first..views.len().min(first + ROWS_MAX)])
}

fn is_over(state: Viewed) -> bool {
    matches!(
        state,
        Viewed::Confirmed
            | Viewed::Failed
            | Viewed::Indeterminate
            | Viewed::Skipped
            | Viewed::Undone
            | Viewed::NotUndone
    )
}

fn row(view: &StepView) -> Vec<String> {
    let took = view.took_us.map(value::duration).unwrap_or_default();
    let text: String = value::printable(&view.text).chars().take(TEXT_MAX_CHARS).collect();
    vec![view.id.clone(), view.state.as_str().into(), took, show::costs(&view.cost), text]
}

fn whole_seconds(us: i64) -> i64 {
    us / 1_000_000 * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn views(states: &[Viewed]) -> Vec<StepView> {
        let view = |(number, state): (usize, &Viewed)| StepView {
            id: format!("s{number}"),
            state: *state,
            since: None,
            began: None,
            began_after_us: None,
            took_us: None,
            attempts: 0,
            cost: Vec::new(),
            text: String::new(),
        };
        states.iter().enumerate().map(view).collect()
    }

    #[test]
    fn what_goes_on_is_in_the_window_however_long_the_plan() {
        let few = views(&[Viewed::Confirmed, Viewed::Running]);
        assert_eq!((window(&few).0, window(&few).1.len()), (0, 2));
        let many = views(&[[Viewed::Confirmed; 40].as_slice(), &[Viewed::Running], &[Viewed::Pending; 59]].concat());
        let (first, shown) = window(&many);
        assert_eq!((first, shown.len(), shown[OVER_SHOWN].state), (37, ROWS_MAX, Viewed::Running));
        let done = views(&[Viewed::Confirmed; 50]);
        assert_eq!((window(&done).0, window(&done).1.len()), (30, ROWS_MAX));
    }
}
