//! The operations of `if_manifest::native::obs`, each with the result document it gives.

mod record;
mod scene;
mod status;

use crate::{
    confirm::{Clock, Confirmed, Unconfirmed, Watch},
    session::{RequestError, Session},
};
use if_engine::{Call, Execution, ProgressSink};
use serde_json::Value;

/// Everything an operation works with.
struct Context<'a> {
    session: &'a Session,
    call: &'a Call,
    clock: Clock,
    progress: &'a ProgressSink,
}

/// The result document, or how the operation ended otherwise.
type Outcome = Result<Value, Execution>;

/// Executes `call` by its deadline.
pub async fn execute(session: &Session, call: &Call, progress: &ProgressSink) -> Execution {
    let context = Context { session, call, clock: Clock::until(call.deadline), progress };
    let outcome = match call.operation.as_str() {
        "obs.scene.list" => scene::list(&context).await,
        "obs.scene.current" => scene::current(&context).await,
        "obs.scene.switch" => scene::switch(&context).await,
        "obs.scene.create" => scene::create(&context).await,
        "obs.scene.remove" => scene::remove(&context).await,
        "obs.record.start" => record::start(&context).await,
        "obs.record.stop" => record::stop(&context).await,
        "obs.record.status" => record::status(&context).await,
        "obs.status" => status::status(&context).await,
        "obs.stats" => status::stats(&context).await,
        "obs.version" => status::version(&context).await,
        other => {
            Err(Execution::failed("unknown_operation", format!("this worker cannot do {other}"), Some(HINT_UPDATE)))
        }
    };
    outcome.map_or_else(|ended| ended, Execution::Succeeded)
}

const HINT_UPDATE: &str = "update if-worker";
const HINT_LOST: &str = "the connection is being made again: see `ifctl obs list`, then try again";
const HINT_UNKNOWN: &str = "look at OBS: the change may or may not have happened";

/// obs-websocket's request status codes that have a code of ours.
const CODE_UNKNOWN_REQUEST: u64 = 204;
const CODE_NOT_READY: u64 = 207;
const CODE_NOT_FOUND: u64 = 600;
const CODE_EXISTS: u64 = 601;

/// A request that changed nothing and gave no data.
fn nothing_done(error: RequestError) -> Execution {
    let (code, hint) = match &error {
        RequestError::Refused { code: CODE_UNKNOWN_REQUEST, .. } => ("unsupported", "update OBS Studio"),
        RequestError::Refused { code: CODE_NOT_READY, .. } => {
            ("not_ready", "OBS is loading a scene collection: try again in a moment")
        }
        RequestError::Refused { code: CODE_NOT_FOUND, .. } => ("not_found", "see `ifctl obs scene list`"),
        RequestError::Refused { code: CODE_EXISTS, .. } => ("already_exists", "choose another name"),
        RequestError::Refused { .. } => ("refused", "OBS gives the reason above"),
        RequestError::NotSent { .. } => ("not_sent", "nothing was done: try again"),
        RequestError::NoAnswer { .. } => ("no_answer", "OBS hangs or is busy: try again with a longer --deadline"),
        RequestError::Lost { .. } => ("disconnected", HINT_LOST),
        RequestError::Unreadable { .. } => ("bad_reply", "report it with the version of OBS"),
    };
    Execution::failed(code, error.to_string(), Some(hint))
}

impl Context<'_> {
    /// Sends a request that changes something and waits for the effect `watch` was made for.
    /// Gives the answer's data (null where the answer stayed out but the effect is there) and the proof.
    async fn act(&self, watch: Watch, request: &'static str, data: Value) -> Result<(Value, Confirmed), Execution> {
        let answer = match self.session.request(request, data, self.clock.act_until).await {
            Ok(answer) => answer,
            // The effect decides, not the answer.
            Err(RequestError::NoAnswer { .. } | RequestError::Unreadable { .. }) => Value::Null,
            Err(RequestError::Lost { why, .. }) => return Err(no_readback(request, &why)),
            Err(error @ (RequestError::Refused { .. } | RequestError::NotSent { .. })) => {
                return Err(nothing_done(error));
            }
        };
        self.progress.report(format!("OBS has {request}, waiting for the effect"), None);
        let confirmed = self.confirm(watch, request).await?;
        Ok((answer, confirmed))
    }

    /// Waits for an effect that `request` of ours or of somebody else brings about.
    async fn confirm(&self, watch: Watch, request: &str) -> Result<Confirmed, Execution> {
        let wanted = watch.wanted().describe();
        watch.confirm(self.session, self.clock).await.map_err(|unconfirmed| match unconfirmed {
            Unconfirmed::Absent { observed, told: false } => Execution::failed(
                "not_confirmed",
                format!("wanted {wanted}, observed {observed} when the deadline came"),
                Some("OBS may still act on it; where it only needs longer, give a longer --deadline"),
            ),
            Unconfirmed::Absent { observed, told: true } => Execution::failed(
                "not_confirmed",
                format!("wanted {wanted}; OBS reported it, but then observed {observed}"),
                Some("somebody or something else changed it back"),
            ),
            Unconfirmed::Unknown { why } => no_readback(request, &why),
        })
    }
}

fn no_readback(request: &str, why: &str) -> Execution {
    let message = format!("{request} was sent to OBS, but its effect could not be read back: {why}");
    Execution::indeterminate("no_readback", message, Some(HINT_UNKNOWN))
}
