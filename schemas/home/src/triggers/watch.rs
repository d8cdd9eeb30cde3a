//! What a trigger looks at, as one line of text.

use if_manifest::args::nearest;
use if_schemas::{OperationId, Status};
use std::{fmt, str::FromStr};

pub use if_schemas::watch::{CONNECTION, Compare, StateMatch, Target, Test, WatchError};

const RESULT_FORM: &str = "say it like vmix.cut@vmix/myvmix or vmix.cut@vmix/myvmix==failed";

/// What sets a trigger off.
#[derive(Debug, Clone, PartialEq)]
pub enum Watch {
    /// Live state that begins to match, or changes.
    State(StateMatch),
    /// A command on the instance has come to an end.
    Result(ResultMatch),
}

/// An operation on an instance that ended, with that status or any.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultMatch {
    pub operation: OperationId,
    pub target: Target,
    pub status: Option<Status>,
}

impl FromStr for Watch {
    type Err = WatchError;

    fn from_str(text: &str) -> Result<Self, WatchError> {
        let operation_end = text.find('@').filter(|at| text.find(['/', ':']).is_none_or(|other| *at < other));
        match operation_end {
            Some(at) => result(text, at).map(Watch::Result),
            None => text.parse().map(Watch::State),
        }
    }
}

fn result(text: &str, at: usize) -> Result<ResultMatch, WatchError> {
    let (operation, rest) = (&text[..at], &text[at + 1..]);
    let operation =
        operation.trim().parse().map_err(|_| WatchError::new(format!("{operation:?} is no operation"), RESULT_FORM))?;
    let (target, status) = match rest.split_once("==") {
        Some((target, status)) => (target, Some(self::status(status.trim())?)),
        None => (rest, None),
    };
    Ok(ResultMatch { operation, target: target.trim().parse()?, status })
}

fn status(text: &str) -> Result<Status, WatchError> {
    let names = Status::ALL.map(Status::as_str);
    Status::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| {
        let hint = match nearest(text, names) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("use one of {}", names.join(", ")),
        };
        WatchError::new(format!("{text:?} is no status of a command"), hint)
    })
}

impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Watch::State(state) => state.fmt(f),
            Watch::Result(result) => {
                write!(f, "{}@{}", result.operation, result.target)?;
                result.status.map_or(Ok(()), |status| write!(f, "=={}", status.as_str()))
            }
        }
    }
}

impl Watch {
    pub fn target(&self) -> &Target {
        match self {
            Watch::State(state) => &state.target,
            Watch::Result(result) => &result.target,
        }
    }
}
