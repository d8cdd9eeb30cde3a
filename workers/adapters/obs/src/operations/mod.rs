//! The operations of `if_manifest::native::obs`, each with the result document it gives.

mod audio;
mod change;
mod content;
mod filter;
mod free;
mod input;
mod item;
mod media;
mod names;
mod output;
mod preview;
mod record;
mod scene;
mod screenshot;
mod status;
mod stream;
mod system;
mod transition;

use crate::{
    confirm::Clock,
    lanes::{Lanes, Turn},
    session::{RequestError, Session},
};
use if_engine::{Call, Execution, ProgressSink, Secret};
use serde_json::Value;

/// What an adapter has for its operations.
pub struct Hands<'a> {
    pub session: &'a Session,
    pub lanes: &'a Lanes,
    pub stream_key: Option<&'a Secret>,
}

/// Everything an operation works with.
struct Context<'a> {
    session: &'a Session,
    lanes: &'a Lanes,
    stream_key: Option<&'a Secret>,
    call: &'a Call,
    clock: Clock,
    progress: &'a ProgressSink,
}

/// The turn of a command that contradicts no other.
struct Line(#[expect(dead_code, reason = "held until OBS has answered")] Turn);

/// The result document, or how the operation ended otherwise.
type Outcome = Result<Value, Execution>;

/// Executes `call` by its deadline.
pub async fn execute(hands: Hands<'_>, call: &Call, progress: &ProgressSink) -> Execution {
    let Hands { session, lanes, stream_key } = hands;
    let context = Context { session, lanes, stream_key, call, clock: Clock::until(call.deadline), progress };
    let id = call.operation.as_str();
    let words = id.strip_prefix("obs.").unwrap_or_default();
    let (family, verb) = words.split_once('.').unwrap_or((words, ""));
    let outcome = match family {
        "scene" => scene::run(&context, verb).await,
        "preview" | "studio" => preview::run(&context, family, verb).await,
        "transition" => transition::run(&context, verb).await,
        "source" | "input" => input::run(&context, family, verb).await,
        "item" => item::run(&context, verb).await,
        "audio" => audio::run(&context, verb).await,
        "filter" => filter::run(&context, verb).await,
        "media" => media::run(&context, verb).await,
        "text" | "browser" => content::run(&context, family, verb).await,
        "record" => record::run(&context, verb).await,
        "stream" => stream::run(&context, verb).await,
        "replay" | "virtualcam" => output::run(&context, family, verb).await,
        "screenshot" => screenshot::take(&context).await,
        "hotkey" | "profile" | "collection" => system::run(&context, family, verb).await,
        "request" => free::request(&context).await,
        "batch" => free::batch(&context).await,
        "status" => status::status(&context).await,
        "stats" => status::stats(&context).await,
        "version" => status::version(&context).await,
        _ => Err(context.unknown()),
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
        RequestError::Refused { code: CODE_NOT_FOUND, .. } => {
            ("not_found", "it was removed or renamed meanwhile: look at the list again")
        }
        RequestError::Refused { code: CODE_EXISTS, .. } => ("already_exists", "choose another name"),
        RequestError::Refused { .. } => ("refused", "OBS gives the reason above"),
        RequestError::NotSent { .. } => ("not_sent", "nothing was done: try again"),
        RequestError::NoAnswer { .. } => ("no_answer", "OBS hangs or is busy: try again with a longer --deadline"),
        RequestError::Lost { .. } => ("disconnected", HINT_LOST),
        RequestError::Unreadable { .. } => ("bad_reply", "report it with the version of OBS"),
    };
    Execution::failed(code, error.to_string(), Some(hint))
}

fn bad_argument(message: impl Into<String>, hint: &str) -> Execution {
    Execution::failed("bad_argument", message, Some(hint))
}

impl<'a> Context<'a> {
    fn unknown(&self) -> Execution {
        let message = format!("this worker cannot do {}", self.call.operation.as_str());
        Execution::failed("unknown_operation", message, Some(HINT_UPDATE))
    }

    /// A read.
    async fn ask(&self, request: &'static str, data: Value) -> Result<Value, Execution> {
        self.session.request(request, data, self.clock.act_until).await.map_err(nothing_done)
    }

    /// Waits for earlier commands that want another state of the same thing, of which the last wins. To be awaited before anything else: the order of
    /// the commands is that of the first poll.
    async fn turn(&self, about: impl Into<String>) -> Result<Turn, Execution> {
        self.lanes.turn(about.into(), self.clock.act_until).await.ok_or_else(|| {
            let message = "an earlier command for the same thing was not answered by OBS before the deadline";
            Execution::failed("busy", message, Some("nothing was sent: try again with a longer --deadline"))
        })
    }

    /// Waits for earlier commands whose look and request must not mix with ours, but which do not contradict it: those that
    /// make, remove and rename things of one list.
    async fn in_line(&self, about: impl Into<String>) -> Result<Line, Execution> {
        self.turn(format!("list of {}", about.into())).await.map(Line)
    }

    /// A name that was given: not empty.
    fn name(&self, argument: &str) -> Result<&'a str, Execution> {
        match self.call.text(argument) {
            Some(name) if !name.trim().is_empty() => Ok(name),
            _ => Err(bad_argument(format!("the {argument} has no name"), "give a name")),
        }
    }

    fn flag(&self, argument: &str) -> bool {
        self.call.args.get(argument) == Some(&Value::Bool(true))
    }

    /// An argument as JSON; null where it is not given.
    fn json(&self, argument: &str) -> Value {
        self.call.args.get(argument).cloned().unwrap_or(Value::Null)
    }
}
