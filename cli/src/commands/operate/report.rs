//! What became of one command, for people and for programs.

use crate::{
    CliError, Exit,
    commands::optimise,
    output::{Output, Style, table, value},
};
use if_schemas::{
    Command, CommandId, Head, Money, Name, OperationId, Route, TraceId, finance::Estimate, query::BudgetRow,
};
use serde_json::{Value, json};
use std::time::Duration;

/// Measured here (`admit`, `total`) or by the signed times of broker and worker (`queue`, `execute`, `commit`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Timing {
    pub admit: Option<Duration>,
    pub queue_us: Option<i64>,
    pub execute_us: Option<i64>,
    pub commit_us: Option<i64>,
    pub total: Option<Duration>,
}

#[derive(Debug, Clone)]
pub struct Report {
    pub command: CommandId,
    pub(super) trace: TraceId,
    pub operation: OperationId,
    pub provider: Name,
    pub instance: Name,
    /// A final status, `pending`, `rejected`, `would_accept`, `not_sent`, or `unknown` (sent, no receipt).
    pub status: &'static str,
    pub simulated: bool,
    /// Where it went, if not to its instance alone.
    pub route: Option<Route>,
    pub witness: Option<Head>,
    pub result_witness: Option<Head>,
    pub cost: Money,
    /// Of a dry run of a paid operation.
    pub estimate: Option<Estimate>,
    /// The budgets it is charged to, as they are afterwards; none where that could not be asked.
    pub budgets: Option<Vec<BudgetRow>>,
    pub timing: Timing,
    pub result: Option<Value>,
    pub error: Option<CliError>,
}

impl Report {
    pub fn new(c: &Command) -> Self {
        Self {
            command: c.id,
            trace: c.trace,
            operation: c.operation.clone(),
            provider: c.provider.clone(),
            instance: c.instance.clone(),
            status: "not_sent",
            simulated: false,
            route: None,
            witness: None,
            result_witness: None,
            cost: Money::FREE,
            estimate: None,
            budgets: None,
            timing: Timing::default(),
            result: None,
            error: None,
        }
    }

    /// From here on only a receipt tells what became of it.
    pub(super) fn sent(&mut self) {
        self.status = "unknown";
    }

    pub(super) fn admitted(&mut self, head: Option<Head>, took: Duration) {
        self.witness = head;
        self.timing.admit = Some(took);
    }

    pub(super) fn fail_with(&mut self, error: CliError) {
        if error.exit == Exit::Rejected && self.result_witness.is_none() {
            self.status = "rejected";
        } else if error.never_arrived() && self.witness.is_none() {
            self.status = "not_sent";
        }
        self.error = Some(error);
    }

    /// Prints the report and gives the process its exit code.
    pub fn show(self, out: &Output) -> Result<(), CliError> {
        if out.is_json() {
            out.document(&self.document())?;
        } else if self.witness.is_some() || self.error.is_none() {
            out.text(&self.human(out.style()))?;
        }
        match self.error {
            Some(error) => Err(error.printed()),
            None => Ok(()),
        }
    }

    /// The document of DESIGN §6.
    pub fn document(&self) -> Value {
        let entry = |head: &Option<Head>| head.map(|h| json!({"index": h.index, "hash": h.hash}));
        let us = |d: Option<Duration>| d.map(|d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
        let mut document = json!({
            "command_id": self.command,
            "trace_id": self.trace.to_string(),
            "operation": self.operation,
            "provider": self.provider,
            "instance": self.instance,
            "status": self.status,
            "simulated": self.simulated,
            "witness": entry(&self.witness),
            "result_witness": entry(&self.result_witness),
            "cost": self.cost,
            "budget": self.budgets.as_deref().and_then(optimise::tightest),
            "budgets": self.budgets,
            "timing_us": {
                "admit": us(self.timing.admit),
                "queue": self.timing.queue_us,
                "execute": self.timing.execute_us,
                "commit": self.timing.commit_us,
                "total": us(self.timing.total),
            },
        });
        if let Some(estimate) = &self.estimate {
            document["estimate"] = json!(estimate);
        }
        if let Some(route) = &self.route {
            document["route"] = json!(route);
        }
        match &self.error {
            Some(e) => document["error"] = json!({"code": e.code, "message": e.message, "hint": e.hint}),
            None => document["result"] = self.result.clone().unwrap_or(Value::Null),
        }
        document
    }

    /// One screen for a person. The error itself goes to stderr.
    pub fn human(&self, style: Style) -> String {
        let mut out = format!(
            "{} on {}/{}: {}",
            style.bold(self.operation.as_str()),
            self.provider,
            self.instance,
            style.status(self.status)
        );
        if self.simulated {
            out.push_str(&format!("  {}", style.yellow("*** SIMULATED: no real target was operated ***")));
        }
        out.push('\n');
        if let Some(route) = &self.route {
            out.push_str(&format!("  {}\n", style.yellow(&value::printable(&route.text()))));
        }
        if let Some(result) = &self.result {
            out.push_str(&value::document(style, result));
        }
        let mut facts = Vec::new();
        if let Some(entries) = self.entries() {
            facts.push(("witness".to_string(), entries));
        }
        facts.push(("command".to_string(), self.command.to_string()));
        if let Some(time) = self.times() {
            facts.push(("time".to_string(), time));
        }
        out.push_str(&table::fields(style, "  ", &facts));
        out.push_str(&self.money());
        out
    }

    /// The last lines: cost and what is left.
    fn money(&self) -> String {
        let cost = match &self.estimate {
            Some(estimate) => format!("Cost: at most {} (prices {})\n", estimate.reserved, estimate.quote.table),
            None => format!("Cost: {}\n", self.cost),
        };
        let left = match &self.budgets {
            Some(rows) => optimise::left_lines(rows).join("\n"),
            // Refused: no budget was touched.
            None if self.status == "rejected" => return cost,
            None => "Budget: not known, the broker did not say".to_string(),
        };
        format!("{cost}{left}\n")
    }

    fn entries(&self) -> Option<String> {
        let one = |what: &str, h: &Head| format!("{what} #{} {}", h.index, value::short(h.hash));
        let admission = one(if self.status == "rejected" { "refusal" } else { "admission" }, self.witness.as_ref()?);
        Some(match &self.result_witness {
            Some(result) => format!("{admission}, {}", one("result", result)),
            None => admission,
        })
    }

    fn times(&self) -> Option<String> {
        let us = |d: Duration| value::duration(i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
        let admit = us(self.timing.admit?);
        Some(match (self.timing.total, self.timing.execute_us) {
            (Some(total), Some(execute)) => {
                format!("{} (admit {admit}, execute {})", us(total), value::duration(execute))
            }
            (Some(total), None) => format!("{} (admit {admit})", us(total)),
            (None, _) => format!("admit {admit}"),
        })
    }
}
