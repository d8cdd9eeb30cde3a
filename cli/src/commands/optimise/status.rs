//! What is left of budgets.

use crate::{
    CliError,
    context::Context,
    output::{Style, table, value},
};
use if_schemas::{
    Command, Money,
    finance::{Mode, Period, Scope},
    query::{self, BudgetRow, BudgetsAnswer},
};
use serde_json::{Value, json};

/// Cells of a bar.
const BAR_CELLS: usize = 20;
/// Percentage of a limit from which a person is warned.
const WARN_PERCENT: i64 = 80;

fn ask(context: &Context) -> Result<BudgetsAnswer, CliError> {
    context.with_client(async |client| client.query(query::BUDGETS).await)
}

pub fn list(context: &Context) -> Result<(), CliError> {
    show(context, |style, rows| {
        let cells = |r: &BudgetRow| {
            let b = &r.budget;
            let (scope, period) = (b.key.scope.to_string(), b.key.period.as_str().to_string());
            vec![scope, period, b.limit.to_string(), b.mode.as_str().into(), b.zone.clone(), format!("#{}", r.entry)]
        };
        let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
        table::table(style, &["SCOPE", "PER", "LIMIT", "MODE", "ZONE", "SET BY"], &rows, None)
    })
}

pub fn status(context: &Context) -> Result<(), CliError> {
    show(context, |style, rows| {
        let cells = |r: &BudgetRow| {
            let b = &r.budget;
            let used = used_percent(r);
            vec![
                b.key.scope.to_string(),
                b.key.period.as_str().into(),
                format!("{} {used:>3}%", bar(used)),
                r.available.to_string(),
                b.limit.to_string(),
                r.posted.to_string(),
                r.reserved.to_string(),
                r.window.map_or("-".into(), |w| value::time(w.end)),
                b.mode.as_str().into(),
            ]
        };
        let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
        let header = ["SCOPE", "PER", "USED", "LEFT", "LIMIT", "SPENT", "HELD", "RESETS (UTC)", "MODE"];
        table::table(style, &header, &rows, None)
    })
}

fn show(context: &Context, human: impl Fn(Style, &[BudgetRow]) -> String) -> Result<(), CliError> {
    let answer = ask(context)?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    if answer.budgets.is_empty() {
        let set = format!("{} optimise budget set --daily 50", context.program);
        return context.out.text(&format!("No budgets yet: `{set}`"));
    }
    context.out.text(&human(context.out.style(), &answer.budgets))
}

/// Posted and reserved, of the limit; above 100 where a soft budget was passed.
fn used_percent(row: &BudgetRow) -> i64 {
    let used = i128::from(row.posted.amount_micros) + i128::from(row.reserved.amount_micros);
    match i128::from(row.budget.limit.amount_micros) {
        0 => 100,
        limit => i64::try_from(used * 100 / limit).unwrap_or(i64::MAX),
    }
}

fn bar(percent: i64) -> String {
    let full = usize::try_from(percent.clamp(0, 100)).unwrap_or(0) * BAR_CELLS / 100;
    format!("{}{}", "█".repeat(full), "░".repeat(BAR_CELLS - full))
}

/// The budgets a command is charged to.
pub fn of_command(rows: Vec<BudgetRow>, command: &Command, operator: Option<&str>) -> Vec<BudgetRow> {
    let family = command.operation.as_str().split('.').next().unwrap_or_default();
    let covers = |scope: &Scope| match scope {
        Scope::Global => true,
        Scope::Provider(provider) => *provider == command.provider,
        Scope::Instance { provider, instance } => *provider == command.provider && *instance == command.instance,
        Scope::Operator(name) => Some(name.as_str()) == operator,
        Scope::Family(name) => name.as_str() == family,
        Scope::Session(name) => command.session.as_ref() == Some(name),
    };
    rows.into_iter().filter(|r| covers(&r.budget.key.scope)).collect()
}

/// `Budget: $48.50 remaining / $50.00 daily limit`, one line for each budget.
pub fn left_lines(rows: &[BudgetRow]) -> Vec<String> {
    if rows.is_empty() {
        return vec!["Budget: none set".into()];
    }
    rows.iter().map(|r| left_line(r.available, r.budget.limit, r)).collect()
}

fn left_line(available: Money, limit: Money, row: &BudgetRow) -> String {
    let period = match row.budget.key.period {
        Period::Day => "daily",
        Period::Week => "weekly",
        Period::Month => "monthly",
    };
    let scope = match &row.budget.key.scope {
        Scope::Global => String::new(),
        scope => format!(" ({scope})"),
    };
    let soft = if row.budget.mode == Mode::Soft { ", soft" } else { "" };
    format!("Budget: {available} remaining / {limit} {period} limit{scope}{soft}")
}

/// The budget with the least left, as the `budget` of a command's document.
pub fn tightest(rows: &[BudgetRow]) -> Option<Value> {
    let row = rows.iter().min_by_key(|r| r.available.amount_micros)?;
    Some(json!({
        "scope": row.budget.key.scope.to_string(),
        "period": row.budget.key.period.as_str(),
        "mode": row.budget.mode.as_str(),
        "remaining": row.available,
        "limit": row.budget.limit,
        "resets_at": row.window.map(|w| w.end),
    }))
}

/// What to warn a person of after a command.
pub fn warnings(rows: &[BudgetRow]) -> Vec<String> {
    let near = rows.iter().filter(|r| used_percent(r) >= WARN_PERCENT);
    near.map(|r| {
        let resets = r.window.map_or(String::new(), |w| format!("; it begins anew at {}", value::time(w.end)));
        format!("{}% of the budget {} is used{resets}", used_percent(r), r.budget.key)
    })
    .collect()
}
