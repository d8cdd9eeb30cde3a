//! One result of what two instances said. Pure.

use crate::execute::Done;
use if_engine::Metered;
use if_schemas::{Leg, Name, Outcome, Status, outcome::Failure};

/// Longest code of an adapter that goes into the record, characters.
const CODE_MAX: usize = 64;

/// What an instance said, for the record.
pub fn leg(instance: &Name, done: &Done) -> Leg {
    let code = match &done.outcome {
        Outcome::Result(_) => None,
        Outcome::Error(failure) => Some(failure.code.chars().take(CODE_MAX).collect()),
    };
    Leg { instance: instance.clone(), status: Some(done.status), code }
}

/// Nothing was sent there, because it is as `code` says.
pub fn unsent(instance: &Name, code: String) -> Leg {
    Leg { instance: instance.clone(), status: None, code: Some(code) }
}

/// Both executed it, and it succeeded only if it did on both. The document is the main instance's.
/// One that is unknown makes the whole unknown. One that failed beside one that succeeded is a failure with a code of its
/// own, since something has happened; both failed is the main instance's failure.
pub fn of_both(main: (&Name, Done), backup: (&Name, Done)) -> Done {
    let ((main_name, main), (backup_name, backup)) = (main, backup);
    let both_failed = match (&main.outcome, &backup.outcome) {
        (Outcome::Result(_), Outcome::Result(_)) => return main,
        (Outcome::Error(_), Outcome::Error(_)) => true,
        _ => false,
    };
    let status = worse(main.status, backup.status);
    let code = match &main.outcome {
        Outcome::Error(failure) if both_failed && main.status == status => failure.code.clone(),
        _ => "mirror_incomplete".into(),
    };
    let message = format!("{main_name}: {}; {backup_name}: {}", said(&main), said(&backup));
    let hint = if both_failed {
        hint(&main).or(hint(&backup))
    } else {
        Some("look at both: what one of them did is not taken back".into())
    };
    let metered = main.metered;
    Done { status, outcome: Outcome::Error(Failure { code, message, hint }), metered }
}

/// The backup executed it after the main instance was lost: where it did not succeed either, what both said.
pub fn after_loss(main: (&Name, &Leg), backup: (&Name, Done)) -> Done {
    let ((main_name, main), (name, backup)) = (main, backup);
    let Outcome::Error(failure) = &backup.outcome else { return backup };
    let status = main.status.map_or(backup.status, |main| worse(main, backup.status));
    let lost = main.code.as_deref().unwrap_or("lost");
    let message = format!("{main_name}: {lost}; backup {name}: {}", failure.message);
    let outcome = Outcome::Error(Failure { message, ..failure.clone() });
    Done { status, outcome, metered: backup.metered }
}

/// Of two that did not both succeed: what is unknown stays unknown.
fn worse(one: Status, other: Status) -> Status {
    let unknown = [one, other].contains(&Status::Indeterminate);
    if unknown { Status::Indeterminate } else { Status::Failed }
}

fn said(done: &Done) -> String {
    match &done.outcome {
        Outcome::Result(_) => done.status.as_str().into(),
        Outcome::Error(failure) => format!("{} ({}: {})", done.status.as_str(), failure.code, failure.message),
    }
}

fn hint(done: &Done) -> Option<String> {
    match &done.outcome {
        Outcome::Result(_) => None,
        Outcome::Error(failure) => failure.hint.clone(),
    }
}

/// What is said of a command that was given up on an instance which does not answer any more.
pub fn given_up(instance: &Name, reads: bool, code: &'static str) -> Leg {
    let status = if reads { Status::Failed } else { Status::Indeterminate };
    Leg { instance: instance.clone(), status: Some(status), code: Some(code.into()) }
}

/// A command that did not begin on one of the two after all.
pub fn not_begun(failure: Failure) -> Done {
    Done { status: Status::Failed, outcome: Outcome::Error(failure), metered: Metered::Nothing }
}

#[cfg(test)]
mod tests;
