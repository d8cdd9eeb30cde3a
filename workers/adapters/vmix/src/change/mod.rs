//! Changes: send what the plan says, then read the state back until it shows the effect.

mod claims;
mod confirm;

use crate::{
    adapter::UNREACHABLE_HINT,
    aspect::{Aspect, Wanted},
    endpoint::Endpoint,
    mirror,
    plan::{self, Plan},
    query::read_failure,
    session::{Pushed, REPLY_TIMEOUT, RequestError, Session},
    state::{Input, State},
};
pub use claims::Claims;
use claims::Ticket;
use confirm::{Readback, Seen, Watch};
use if_engine::{Call, Execution, LiveState, ProgressSink};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

/// How long an effect that was there before must still be there to count: a function takes tens of milliseconds to act.
const SETTLE: Duration = Duration::from_millis(100);
/// Time that must be left after the effect to read it back.
const READ_ROOM: Duration = Duration::from_millis(100);
/// Longest wait for an effect whose absence would prove nothing.
const SOFT_WAIT: Duration = Duration::from_millis(1_000);
/// How long pushes are listened to after a function whose effect the state does not show.
const LISTEN: Duration = Duration::from_millis(250);
/// Most pushes quoted in a message.
const PUSHES_SHOWN: usize = 6;

/// What all changes of one instance share.
#[derive(Debug, Default)]
pub struct Desk {
    /// Held from the look at the state until the function is answered: what was planned is still so when it is sent, and
    /// functions reach vMix in the order of their claims.
    sending: Mutex<()>,
    claims: Claims,
    live: Arc<LiveState>,
}

impl Desk {
    pub fn new(live: Arc<LiveState>) -> Self {
        Self { sending: Mutex::default(), claims: Claims::default(), live }
    }
}

/// What was sent, and what it was sent for.
struct Sent<'a> {
    label: String,
    plan: Plan,
    before: State,
    at: Instant,
    /// Number of the last activator push before it.
    pushes: u64,
    /// The last function was answered.
    answered: bool,
    ticket: Ticket<'a>,
}

/// Executes a change. Returns shortly after `until` at the latest.
pub async fn execute(
    desk: &Desk,
    endpoint: &Endpoint,
    session: &Session,
    call: &Call,
    until: Instant,
    progress: &ProgressSink,
) -> Execution {
    let mut watch = Watch::new(session);
    let mut sent = match send(desk, session, call, until).await {
        Ok(sent) => sent,
        Err(ended) => return ended,
    };
    progress.report(format!("{} sent, reading the effect back", sent.label), None);
    if sent.plan.effect.wants.is_empty() {
        return hidden(&sent, &mut watch, until).await;
    }
    let ends_at = sent.at + sent.plan.takes;
    let held = sent.plan.effect.wants.iter().all(|w| w.holds(&sent.before, &watch.pushed(), Duration::ZERO));
    let not_before = if held { ends_at.max(Instant::now() + SETTLE) } else { ends_at };
    let soft = sent.plan.effect.wants.iter().any(|w| w.soft);
    let limit = if soft { until.min(not_before + SOFT_WAIT) } else { until };
    let mut readback = Readback::new(endpoint, session, sent.answered);
    let change = confirm::Change { wants: &sent.plan.effect.wants, sent_at: sent.at, not_before, until: limit };
    let seen = tokio::select! {
        biased;
        seen = confirm::confirm(&change, &mut readback, &mut watch) => Ok(seen),
        by = sent.ticket.overtaken() => Err(by),
    };
    match seen {
        Ok(seen) => conclude(&desk.live, &sent, seen, held, &watch.pushed()),
        Err(by) => Execution::failed(
            "superseded",
            format!("{} was sent, and {by} was sent after it before its effect was seen", sent.label),
            Some("the later command counts; send this one again if it is still wanted"),
        ),
    }
}

/// Looks, plans, claims and sends. An error is what came of the command.
async fn send<'a>(desk: &'a Desk, session: &Session, call: &Call, until: Instant) -> Result<Sent<'a>, Execution> {
    loop {
        let Ok(sending) = timeout_at(until, desk.sending.lock()).await else { return Err(busy(call)) };
        let before = session.read_state(share(until, 2)).await.map_err(|error| read_failure(&error))?;
        let plan = plan::plan(call, &before)?;
        if plan.effect.relative && timeout_at(Instant::now(), desk.claims.settled(&plan.effect)).await.is_err() {
            drop(sending);
            if timeout_at(until, desk.claims.settled(&plan.effect)).await.is_err() {
                return Err(busy(call));
            }
            // What it depends on has changed: look again.
            continue;
        }
        let label = label(&plan, call);
        if let Some(refused) = too_short(&label, &plan, until) {
            return Err(refused);
        }
        if plan.functions.is_empty() {
            return Err(Execution::Succeeded(json!({"changed": false, "confirmed_by": "xml"})));
        }
        let ticket = desk.claims.take(&plan.effect, &label);
        let pushes = session.pushed().borrow().acts;
        let at = Instant::now();
        let answered = send_all(session, &label, &plan, until).await?;
        return Ok(Sent { label, plan, before, at, pushes, answered, ticket });
    }
}

/// Sends the functions one after another; whether the last was answered.
async fn send_all(session: &Session, label: &str, plan: &Plan, until: Instant) -> Result<bool, Execution> {
    let mut answered = true;
    for (at, function) in plan.functions.iter().enumerate() {
        let so_far = match at {
            0 => "nothing was changed".to_string(),
            _ => format!("{} before it was carried out", plan.functions[at - 1].name),
        };
        match session.function(&function.line(), share(until.checked_sub(plan.takes).unwrap_or(until), 2)).await {
            Ok(()) => {}
            Err(RequestError::NotSent(error)) if at == 0 => {
                let message = format!("{label} was not sent: {error}");
                return Err(Execution::failed("unreachable", message, Some(UNREACHABLE_HINT)));
            }
            Err(RequestError::Refused(text)) => {
                let message = format!("vMix refused {} of {label}: {text:?}", function.name);
                return Err(Execution::failed("provider_error", message, Some(&format!("see vMix for why; {so_far}"))));
            }
            // It may have been carried out all the same: the state tells. What would follow it is not sent.
            Err(_) => {
                answered = false;
                break;
            }
        }
    }
    Ok(answered)
}

fn busy(call: &Call) -> Execution {
    Execution::failed(
        "busy",
        format!("{} was not sent: another change was still being confirmed at the deadline", call.operation),
        Some("try again, with a longer --deadline if changes come close together"),
    )
}

/// A moment that leaves `1/parts` of what is left until `until`, at most a reply's time away.
fn share(until: Instant, parts: u32) -> Instant {
    let now = Instant::now();
    now + (until.saturating_duration_since(now) / parts).min(REPLY_TIMEOUT)
}

/// `Cut of input 2 "Camera 2"`
fn label(plan: &Plan, call: &Call) -> String {
    let Some(last) = plan.functions.last() else { return call.operation.to_string() };
    let place = |w: &Wanted| matches!(w.aspect, Aspect::Program | Aspect::Preview);
    match (&last.target, plan.effect.wants.first()) {
        (Some(target), _) => format!("{} of input {}", last.name, target.label()),
        (None, Some(wanted)) if place(wanted) => format!("{} of the preview", last.name),
        (None, _) => last.name.clone(),
    }
}

/// A fade that would end after the deadline could neither be confirmed nor called failed.
fn too_short(label: &str, plan: &Plan, until: Instant) -> Option<Execution> {
    let left = until.saturating_duration_since(Instant::now());
    let needed = plan.takes.saturating_add(READ_ROOM);
    (left < needed).then(|| {
        let message = format!(
            "{label} takes {} ms and {} ms are left until the deadline; nothing was sent",
            needed.as_millis(),
            left.as_millis()
        );
        Execution::failed("deadline_too_short", message, Some("give a longer --deadline or a shorter duration"))
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What comes of a function whose effect the state does not show: nobody can know.
async fn hidden(sent: &Sent<'_>, watch: &mut Watch, until: Instant) -> Execution {
    if !sent.answered {
        return Execution::indeterminate(
            "lost_after_send",
            format!("{} was sent and not answered, and vMix's state does not show its effect", sent.label),
            Some("look at vMix before repeating: it may have been carried out"),
        );
    }
    watch.listen(until.min(Instant::now() + LISTEN)).await;
    not_observable(sent, &watch.pushed())
}

fn not_observable(sent: &Sent<'_>, pushed: &Pushed) -> Execution {
    let since = pushed.since(sent.pushes);
    let told: Vec<String> = since.iter().take(PUSHES_SHOWN).map(|(name, value)| format!("{name} {value}")).collect();
    let told = if told.is_empty() { String::new() } else { format!("; pushed since: {}", told.join(", ")) };
    Execution::indeterminate(
        "not_observable",
        format!("vMix took {} and nothing in its state shows whether it was carried out{told}", sent.label),
        Some("look at vMix: it answers OK to anything, even to functions it does not have"),
    )
}

fn conclude(live: &LiveState, sent: &Sent<'_>, seen: Seen, held: bool, pushed: &Pushed) -> Execution {
    let elapsed_ms = millis(sent.at.elapsed());
    match seen {
        Seen::Effect { state, by } => {
            mirror::fill(live, &state);
            Execution::Succeeded(document(sent, &state, pushed, !held, by.as_str(), elapsed_ms))
        }
        Seen::NoEffect { state } => {
            let elapsed = sent.at.elapsed();
            let missing: Vec<&Wanted> =
                sent.plan.effect.wants.iter().filter(|w| !w.holds(&state, pushed, elapsed)).collect();
            if missing.iter().all(|w| w.soft) {
                return not_observable(sent, pushed);
            }
            let wanted: Vec<String> = missing.iter().map(|w| w.text(&state)).collect();
            let observed: Vec<String> = missing.iter().map(|w| w.observed(&state, pushed)).collect();
            Execution::failed(
                "not_confirmed",
                format!(
                    "{} was sent, wanted {}, but after {elapsed_ms} ms {}",
                    sent.label,
                    wanted.join(" and "),
                    observed.join(" and ")
                ),
                Some("see vMix: somebody else may have changed it, or the function had no effect"),
            )
        }
        Seen::Nothing { why } => Execution::indeterminate(
            "no_readback",
            format!("{} was sent, and whether it took effect could not be read back: {why}", sent.label),
            Some("look at vMix before repeating: the change may have been made"),
        ),
    }
}

/// The result: what is so now, and how it was seen.
fn document(sent: &Sent<'_>, state: &State, pushed: &Pushed, changed: bool, by: &str, elapsed_ms: u64) -> Value {
    let mut out = Map::new();
    let wants = &sent.plan.effect.wants;
    let place = wants.iter().find(|w| matches!(w.aspect, Aspect::Program | Aspect::Preview));
    if let Some(place) = place {
        out.insert("program".into(), json!(state.program));
        out.insert("preview".into(), json!(state.preview));
        out.insert("previous_program".into(), json!(sent.before.program_input().map(Input::reference)));
        let wanted = place.aspect.read(state, pushed);
        let input = state.inputs.iter().find(|i| wanted.as_ref().and_then(Value::as_str) == Some(&i.handle()));
        out.insert("input".into(), json!(input.map(Input::reference)));
    }
    if let Some(target) = sent.plan.functions.iter().find_map(|f| f.target.as_ref()) {
        let now = state.inputs.iter().find(|i| i.handle() == target.handle());
        out.insert("input".into(), now.unwrap_or(target).reference());
    }
    if let Some(added) = wants.iter().find_map(|w| w.arrived(state)) {
        out.insert("input".into(), added.reference());
    }
    let shown = wants.iter().filter(|w| !matches!(w.aspect, Aspect::Program | Aspect::Preview | Aspect::Inputs));
    let observed: Map<String, Value> = shown.map(|w| (w.aspect.id(), w.aspect.result(state, pushed))).collect();
    if !observed.is_empty() {
        out.insert("observed".into(), observed.into());
    }
    if !sent.plan.unseen.is_empty() {
        out.insert("not_observable".into(), json!(sent.plan.unseen));
    }
    out.insert("changed".into(), changed.into());
    out.insert("confirmed_by".into(), by.into());
    out.insert("observed_ms".into(), elapsed_ms.into());
    out.into()
}
