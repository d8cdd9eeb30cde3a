//! Every NATS subject of the fabric, built and parsed only here.

use crate::{CommandId, KeyId, Name, OperationId, SchemaError};

/// All commands, for the broker's subscription.
pub const COMMANDS: &str = "if.command.>";
/// All results on their way from workers to the broker.
pub const RESULTS: &str = "if.result.>";
/// All work subjects, for the work stream.
pub const WORK: &str = "if.work.>";
/// All events.
pub const EVENTS: &str = "if.event.>";
/// Every committed entry, in order.
pub const WITNESS_ENTRY: &str = "if.witness.entry";
/// Committed changes of trust once more, for workers: what they must follow is a few entries, not all.
pub const WITNESS_TRUST: &str = "if.witness.trust";
/// All queries.
pub const QUERIES: &str = "if.query.>";
/// Signed announcements of all nodes.
pub const PRESENCE: &str = "if.presence.>";
/// Ask every node to announce itself now.
pub const PRESENCE_ASK: &str = "if.ask.presence";
/// Ask nodes to reread their instance files now.
pub const RELOAD_ASK: &str = "if.ask.reload";
/// Where signed trust changes go; provider and instance are reserved names.
pub const TRUST: &str = "if.command.if.fabric.trust.change";

/// Where signed finance changes go; provider and instance are reserved names.
pub const FINANCE: &str = "if.command.if.fabric.finance.change";
/// Where signed changes of runs go: not among commands, because orchestrators send them too.
pub const RUN: &str = "if.run.change";
/// All changes of runs, for the broker's subscription.
pub const RUNS: &str = "if.run.>";
/// A budget has reached a part of its limit: JSON, [`crate::finance::BudgetAlert`].
pub const BUDGET_ALERT: &str = "if.event.if.fabric.optimise.budget.alert";

/// The JetStream key-value bucket of live state: key `<provider>.<instance>.<path>`, last value kept. What is put there
/// also goes out on [`STATE`].
pub const STATE_BUCKET: &str = "IF_STATE";
/// All subjects of the bucket.
pub const STATE_KEYS: &str = "$KV.IF_STATE.>";
/// All live state, for those who only want what changes.
pub const STATE: &str = "if.state.>";

/// Name of the JetStream work queue.
pub const WORK_STREAM: &str = "IF_WORK";

/// What an event message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Started,
    Progress,
    Result,
}

impl EventKind {
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Started => "started",
            EventKind::Progress => "progress",
            EventKind::Result => "result",
        }
    }
}

/// `if.command.<provider>.<instance>.<operation>`
pub fn command(provider: &Name, instance: &Name, operation: &OperationId) -> String {
    format!("if.command.{provider}.{instance}.{operation}")
}
/// `if.work.<provider>.<instance>`
pub fn work(provider: &Name, instance: &Name) -> String {
    format!("if.work.{provider}.{instance}")
}
/// `if.result.<provider>.<instance>`
pub fn result(provider: &Name, instance: &Name) -> String {
    format!("if.result.{provider}.{instance}")
}
/// `if.event.<provider>.<instance>.<operation>.<kind>`
pub fn event(provider: &Name, instance: &Name, operation: &OperationId, kind: EventKind) -> String {
    format!("if.event.{provider}.{instance}.{operation}.{}", kind.as_str())
}
/// `if.event.<provider>.<instance>.>`: everything about one instance.
pub fn events_of(provider: &Name, instance: &Name) -> String {
    format!("if.event.{provider}.{instance}.>")
}
/// `if.event.<provider>.<instance>.<operation>.*`: every kind of event of one operation.
pub fn events_of_operation(provider: &Name, instance: &Name, operation: &OperationId) -> String {
    format!("if.event.{provider}.{instance}.{operation}.*")
}
/// `if.presence.<node>`
pub fn presence(node: &Name) -> String {
    format!("if.presence.{node}")
}
/// `if.presence.<node>.tariff.<provider>`: beside presence, so that who hears both hears them in their order.
pub fn tariff(node: &Name, provider: &Name) -> String {
    format!("if.presence.{node}.tariff.{provider}")
}
/// `if.ask.tariff.<node>`: ask one node for its tariffs.
pub fn tariff_ask(node: &Name) -> String {
    format!("if.ask.tariff.{node}")
}
/// `if.witness.run.<key id of who carries it out>.<run>`: the committed entries of one run once more.
pub fn witness_run(delegate: &KeyId, run: &CommandId) -> String {
    format!("if.witness.run.{delegate}.{run}")
}
/// `if.witness.run.*.<run>`: the entries of one run, whoever carries it out.
pub fn witness_run_anywhere(run: &CommandId) -> String {
    format!("if.witness.run.*.{run}")
}
/// `if.witness.run.<key id>.*`: the entries of all runs that one node carries out.
pub fn witness_runs_of(delegate: &KeyId) -> String {
    format!("if.witness.run.{delegate}.*")
}
/// `if.query.<what>`
pub fn query(what: &str) -> String {
    format!("if.query.{what}")
}
/// `$KV.IF_STATE.<provider>.<instance>.<path>`; `>` as the path is all of one instance.
pub fn state_key(provider: &Name, instance: &Name, path: &str) -> String {
    format!("$KV.{STATE_BUCKET}.{provider}.{instance}.{path}")
}
/// Durable consumer of one instance's work.
pub fn work_consumer(provider: &Name, instance: &Name) -> String {
    format!("work-{provider}-{instance}")
}

/// The last token of an event subject, if it is one.
pub fn event_kind(subject: &str) -> Option<EventKind> {
    let last = subject.strip_prefix("if.event.")?.rsplit('.').next()?;
    [EventKind::Started, EventKind::Progress, EventKind::Result].into_iter().find(|k| k.as_str() == last)
}

/// Parses a command subject back into its parts.
pub fn parse_command(subject: &str) -> Result<(Name, Name, OperationId), SchemaError> {
    let bad = || SchemaError::invalid("command subject", subject, "use if.command.<provider>.<instance>.<operation>");
    let rest = subject.strip_prefix("if.command.").ok_or_else(bad)?;
    let (provider, rest) = rest.split_once('.').ok_or_else(bad)?;
    let (instance, operation) = rest.split_once('.').ok_or_else(bad)?;
    Ok((provider.parse()?, instance.parse()?, operation.parse()?))
}
