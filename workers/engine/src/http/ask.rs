//! One question and its retries: only where the effect allows it, and never beyond the deadline.

use super::{
    classify::{Verdict, classify},
    client::host_of,
    context::Scope,
    engine::Engine,
    exchange::{Exchanged, Trouble},
    failure::Stop,
    request::Draft,
    response::{Answer, is_success, whole},
    retry,
};
use crate::{
    adapter::Execution,
    auth::AuthError,
    transport::{Phase, TransportError},
};
use if_manifest::{
    plan::{Idempotency, OperationPlan, ResponsePlan},
    raw::Outcome,
};
use if_schemas::{Effect, presence::InstanceState};
use reqwest::header::HeaderMap;
use std::time::Duration;
use tokio::time::Instant;

/// One command on its way.
pub struct Run<'a> {
    pub engine: &'a Engine,
    pub operation: &'a OperationPlan,
    pub scope: Scope,
    /// When the command has to have an end.
    pub deadline: Instant,
    /// An earlier try may have been charged for, beside the one that was answered.
    pub may_be_charged_twice: bool,
}

/// What is asked, and how its answer is read.
pub struct Question<'a> {
    pub draft: &'a Draft,
    pub response: &'a ResponsePlan,
    pub effect: Effect,
    /// The provider knows a request it has seen by the key in it.
    pub keyed: bool,
    /// The body of a success is read elsewhere.
    pub open: bool,
}

pub enum Reply {
    Whole(Answer),
    Open(Exchanged),
}

/// What a try came to, where it was no success.
struct Setback {
    stop: Stop,
    /// The provider may have done the work.
    may_have_acted: bool,
    /// The provider said of the key itself, and so of every try with it, that nothing was done.
    of_all_tries: bool,
    again: Again,
}

impl Setback {
    fn new(stop: Stop, may_have_acted: bool, again: Again) -> Self {
        Self { stop, may_have_acted, of_all_tries: false, again }
    }

    /// The end, after tries of which an `earlier` one may have been done.
    fn end(self, earlier: bool, effect: Effect) -> Stop {
        let may_be_charged = self.stop.may_be_charged || earlier;
        if earlier
            && !self.of_all_tries
            && effect != Effect::Read
            && matches!(self.stop.execution, Execution::Failed(_))
        {
            let message = format!("an earlier try may have been done; the last one: {}", self.stop.message());
            return Stop::unknown("lost_after_send", message, Some(LOOK));
        }
        Stop { may_be_charged, ..self.stop }
    }
}

enum Again {
    No,
    /// After a pause, at least this long where the provider says so.
    After(Option<Duration>),
    /// With other credentials, at once.
    Renewed,
    /// The connection failed and the provider knows the key: until the deadline.
    UntilDeadline,
}

impl Run<'_> {
    /// Asks until there is an answer that was classified as a success.
    pub async fn ask(&mut self, question: &Question<'_>) -> Result<Reply, Stop> {
        let retry = &self.operation.retry;
        let clock = &self.engine.clock;
        let (mut tries, mut renewed, mut may_have_acted) = (0, false, false);
        loop {
            tries += 1;
            let setback = match self.attempt(question, renewed).await {
                Ok(reply) => {
                    // Tries with the same key are one to the provider.
                    self.may_be_charged_twice |= may_have_acted && !question.keyed;
                    return Ok(reply);
                }
                Err(setback) => setback,
            };
            let earlier = may_have_acted;
            may_have_acted |= setback.may_have_acted;
            let stop = |s: Setback| s.end(earlier, question.effect);
            let most = if may_have_acted { retry.attempts } else { retry.attempts_not_done };
            let now = clock.now();
            let pause = match setback.again {
                Again::No => return Err(stop(setback)),
                Again::Renewed => {
                    renewed = true;
                    Duration::ZERO
                }
                Again::After(_) if tries >= most => return Err(stop(setback)),
                Again::After(at_least) => retry::pause(retry, tries, clock.chance()).max(at_least.unwrap_or_default()),
                Again::UntilDeadline => retry::pause(retry, tries, clock.chance()),
            };
            if now + pause >= self.deadline {
                return Err(stop(setback));
            }
            if !pause.is_zero() {
                clock.sleep_until(now + pause).await;
            }
        }
    }

    async fn attempt(&self, question: &Question<'_>, renewed: bool) -> Result<Reply, Setback> {
        let context = self.scope.context();
        let exchanged = self.engine.exchange(question.draft, question.effect, &context, self.deadline).await;
        let exchanged = exchanged.map_err(|trouble| self.no_answer(question, trouble))?;
        if question.open && is_success(exchanged.incoming.status) {
            return Ok(Reply::Open(exchanged));
        }
        let Exchanged { incoming, url, sent, place } = exchanged;
        let limit = self.engine.plan.limits.response_bytes;
        let read = whole(incoming, &host_of(&url), limit).await;
        let (status, headers, body) = read.map_err(|e| self.no_answer(question, Trouble::Transport(e)))?;
        drop(place);
        let answer = Answer::new(status, headers, &body, question.response);
        let verdict = classify(&self.engine.plan, &self.operation.errors, &answer, &self.scope);
        match verdict.outcome {
            Outcome::Succeeded => match &answer.document {
                Ok(_) => Ok(Reply::Whole(answer)),
                Err(why) => Err(self.malformed(question.effect, why).into()),
            },
            _ => Err(self.answered(question, verdict, &answer, &sent, renewed).await),
        }
    }

    /// An answer that says success and cannot be used.
    pub fn malformed(&self, effect: Effect, why: &str) -> Stop {
        let message = format!("the answer of {} cannot be used: {why}", self.engine.plan.spec.display_name);
        match effect {
            Effect::Read => Stop::failed("malformed_answer", message, None),
            _ => Stop::unknown("malformed_answer", message, Some(LOOK)),
        }
    }

    async fn answered(
        &self,
        question: &Question<'_>,
        verdict: Verdict,
        answer: &Answer,
        sent: &HeaderMap,
        renewed: bool,
    ) -> Setback {
        let Verdict { outcome, may_have_acted, code, mut message, hint } = verdict;
        let mut hint = hint.as_deref();
        let again = match outcome {
            Outcome::AuthFailed if !renewed && self.engine.auth.rejected(sent, &answer.headers).await => Again::Renewed,
            Outcome::Retry | Outcome::RateLimited | Outcome::Indeterminate => {
                let after = retry::retry_after(&answer.headers, self.engine.clock.wall());
                let late = after.filter(|a| self.engine.clock.now() + *a >= self.deadline);
                if let Some(after) = late {
                    message.push_str(&format!("; it asks to wait {} s, which is after the deadline", after.as_secs()));
                    hint = hint.or(Some("send it again after that time, or with a longer --deadline"));
                }
                Again::After(after)
            }
            _ => Again::No,
        };
        // A server error to what must not happen twice is its last try, unless the provider knows the key.
        let blind = may_have_acted && question.effect == Effect::Once && !question.keyed;
        let again = if blind { Again::No } else { again };
        let stop = match (may_have_acted, question.effect) {
            (false, _) => Stop::refused(&code, message, hint),
            (true, Effect::Read) => Stop::failed(&code, message, hint),
            (true, _) => Stop::unknown(&code, message, hint.or(Some(LOOK))),
        };
        let of_all_tries = question.keyed && matches!(outcome, Outcome::Failed | Outcome::NotFound);
        Setback { stop, may_have_acted, of_all_tries, again }
    }

    fn no_answer(&self, question: &Question<'_>, trouble: Trouble) -> Setback {
        let none = |stop: Stop| Setback::new(stop, false, Again::No);
        match trouble {
            Trouble::Host(e) => none(Stop::bad_config(e.to_string())),
            Trouble::Denied(e) => denied(&e),
            Trouble::Full(e) => {
                none(Stop::refused("busy", e.to_string(), Some("fewer commands at once, or a longer --deadline")))
            }
            Trouble::Redirect { why, acted: false } => none(Stop::refused("redirected", why, None)),
            Trouble::Redirect { why, acted: true } => {
                let stop = match question.effect {
                    Effect::Read => Stop::failed("redirected", why, None),
                    _ => Stop::unknown("redirected", why, Some(LOOK)),
                };
                Setback::new(stop, true, Again::No)
            }
            Trouble::Transport(e) => no_answer(question, &e),
        }
    }
}

fn no_answer(question: &Question<'_>, error: &TransportError) -> Setback {
    let message = error.to_string();
    if !error.may_have_acted() {
        let stop = Stop::refused("unreachable", message, Some("check the address of the instance and the network"));
        return Setback::new(stop, false, Again::After(None));
    }
    let (code, again) = match error {
        TransportError::Unusable { .. } => ("malformed_answer", Again::No),
        TransportError::TimedOut { phase: Phase::Deadline, .. } => ("deadline", Again::No),
        _ if question.keyed && question.effect == Effect::Once => ("lost_after_send", Again::UntilDeadline),
        _ if question.effect == Effect::Once => ("lost_after_send", Again::No),
        _ => ("lost_after_send", Again::After(None)),
    };
    let stop = match question.effect {
        Effect::Read if code == "lost_after_send" => Stop::failed("no_answer", message, None),
        Effect::Read => Stop::failed(code, message, None),
        _ => Stop::unknown(code, message, Some(LOOK)),
    };
    Setback::new(stop, true, again)
}

/// A request that was not sent because nothing proves who sends it.
fn denied(error: &AuthError) -> Setback {
    let code = match error.state() {
        InstanceState::AuthenticationFailure => "authentication_failure",
        InstanceState::BadConfig => "bad_config",
        InstanceState::Disconnected | InstanceState::Connecting => "unreachable",
        InstanceState::UnknownError | InstanceState::Ok => "unknown_error",
    };
    let again = if error.is_transient() { Again::After(None) } else { Again::No };
    Setback::new(Stop::refused(code, error.to_string(), Some(error.hint())), false, again)
}

impl From<Stop> for Setback {
    fn from(stop: Stop) -> Self {
        Self::new(stop, true, Again::No)
    }
}

/// Does the provider know a repeated request by its key?
pub fn is_keyed(operation: &OperationPlan) -> bool {
    operation.idempotency != Idempotency::None
}

pub const LOOK: &str = "look at the target before you send it again";
