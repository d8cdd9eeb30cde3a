//! The one way to change something: look, send, wait for event and read-back.

use super::{Context, HINT_UNKNOWN, Line, Outcome, nothing_done};
use crate::{
    confirm::{Confirmed, Unconfirmed, Watch},
    lanes::{Claim, Turn},
    session::RequestError,
    wanted::Wanted,
};
use if_engine::Execution;
use serde_json::{Value, json};

/// A request and the state it is to bring about.
pub struct Change {
    pub request: &'static str,
    pub data: Value,
    pub wanted: Wanted,
}

/// What a command holds until OBS has answered it.
pub enum Place {
    Turn(Turn),
    Line(Line),
}

impl From<Turn> for Place {
    fn from(turn: Turn) -> Self {
        Self::Turn(turn)
    }
}

impl From<Line> for Place {
    fn from(line: Line) -> Self {
        Self::Line(line)
    }
}

/// A change that was seen.
pub struct Done {
    /// What OBS answered; null where the answer stayed out and the effect is there.
    pub answer: Value,
    pub confirmed: Confirmed,
}

impl Context<'_> {
    /// Brings about a state; sends nothing where it is there. `document` with `"changed"` and `"confirmed_by"`.
    pub(super) async fn set(&self, turn: Turn, change: Change, document: Value) -> Outcome {
        let watch = Watch::new(self.session, change.wanted);
        let now = watch.wanted().read(self.session, self.clock.act_until).await.map_err(nothing_done)?;
        if now.reached && now.settled && !turn.contested() {
            return Ok(told(document, false, &["read_back"]));
        }
        let done = self.act(turn, watch, change.request, change.data).await?;
        Ok(told(document, true, done.confirmed.by()))
    }

    /// Does it whatever the state is.
    pub(super) async fn make(&self, place: impl Into<Place>, change: Change, document: Value) -> Outcome {
        let watch = Watch::new(self.session, change.wanted);
        let done = self.act(place, watch, change.request, change.data).await?;
        Ok(told(document, true, done.confirmed.by()))
    }

    /// Sends a request that changes something and waits for the effect `watch` was made for.
    pub(super) async fn act(
        &self,
        place: impl Into<Place>,
        watch: Watch,
        request: &'static str,
        data: Value,
    ) -> Result<Done, Execution> {
        let place = place.into();
        let answer = match self.session.request(request, data, self.clock.act_until).await {
            Ok(answer) => answer,
            // The effect decides, not the answer.
            Err(RequestError::NoAnswer { .. } | RequestError::Unreadable { .. }) => Value::Null,
            Err(RequestError::Lost { why, .. }) => return Err(no_readback(request, &why)),
            Err(error @ (RequestError::Refused { .. } | RequestError::NotSent { .. })) => {
                return Err(nothing_done(error));
            }
        };
        let claim = match place {
            Place::Turn(turn) => Some(turn.claim(watch.wanted().words())),
            Place::Line(line) => {
                drop(line);
                None
            }
        };
        self.progress.report(format!("OBS has {request}, waiting for the effect"), None);
        let confirmed = self.confirm(watch, request, claim).await?;
        Ok(Done { answer, confirmed })
    }

    /// Waits for an effect that `request` of ours or of somebody else brings about.
    pub(super) async fn confirm(
        &self,
        watch: Watch,
        request: &str,
        claim: Option<Claim>,
    ) -> Result<Confirmed, Execution> {
        let wanted = watch.wanted().words().to_owned();
        watch.confirm(self.session, self.clock, claim).await.map_err(|unconfirmed| match unconfirmed {
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
            Unconfirmed::Refuted { observed } => Execution::failed(
                "not_confirmed",
                format!("wanted {wanted}, observed {observed}"),
                Some("look at OBS and its log for the reason"),
            ),
            Unconfirmed::Superseded { by } => Execution::failed(
                "superseded",
                format!("wanted {wanted}, but a later command wants {by}: the last one wins"),
                Some("nothing to do where the later command is the right one"),
            ),
            Unconfirmed::Unknown { why } => no_readback(request, &why),
        })
    }
}

/// `document` with how it came about.
pub fn told(mut document: Value, changed: bool, by: &[&str]) -> Value {
    document["changed"] = json!(changed);
    document["confirmed_by"] = json!(by);
    document
}

pub fn no_readback(request: &str, why: &str) -> Execution {
    let message = format!("{request} was sent to OBS, but its effect could not be read back: {why}");
    Execution::indeterminate("no_readback", message, Some(HINT_UNKNOWN))
}
