//! A thousand paid commands at once against a budget that fits a hundred of them at worst, while broker, worker and
//! nats-server are killed: never a micro-unit over, exactly one settlement for each command, nothing held for ever.
//!
//! `IF_BUDGET_ROUNDS` sets the number of rounds (3 unless set; `make crash` runs 200).

use anyhow::{Context, Result, ensure};
use if_schemas::{
    Command, Currency, Effect, Envelope, Money, Name, Payload, SigningKey,
    finance::{Budget, BudgetKey, FinanceChange, FinanceOp, Mode, Period, Scope},
    head::{Receipt, Verdict},
    payload::Arguments,
    query::{BUDGETS, BudgetRow, BudgetsAnswer, SPEND, SpendAnswer, SpendQuery},
    subject,
    wire::{Message as _, Submission},
};
use if_tests::{
    Client, Keys,
    noop::{CALL_MICROS, CALLS_MAX},
    processes::Processes,
    replay::{audit, each_settled_once, entries},
    world::{new_command_id, new_salt, now},
};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinSet};

const ROUNDS: u64 = 3;
/// Commands sent at once.
const COMMANDS: u64 = 1_000;
/// Commands whose worst case the budget of a round fits.
const FIT: i64 = 100;
const WORST_MICROS: i64 = CALL_MICROS * CALLS_MAX as i64;
/// Short, so that what a kill swallowed is over soon.
const DEADLINE_US: i64 = 4_000_000;
/// How long one answer may take before the same bytes are sent again.
const ANSWER: Duration = Duration::from_millis(500);
/// How long everything of a round may take to settle after its commands are over.
const SETTLE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_never_overspent_whatever_dies() -> Result<()> {
    let rounds = std::env::var("IF_BUDGET_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let mut fabric = Processes::start().await?;
    let client = fabric.client().await?;
    let mut random = Random(rounds);
    let mut totals = Totals::default();
    let mut posted = 0;
    for round in 0..rounds {
        let session: Name = format!("round-{round}").parse()?;
        let budget = budget(&session);
        change(&client, FinanceOp::SetBudget(budget.clone())).await?;
        totals.add(storm(&mut fabric, &client, &session, &mut random).await?);
        let row = settled(&client, &session).await.with_context(|| format!("round {round}"))?;
        ensure!(row.posted.amount_micros > 0, "round {round}: nothing was spent, the storm reached nobody");
        within(&row)?;
        posted += row.posted.amount_micros;
        // A log keeps a limited number of budgets, fewer than `make crash` has rounds.
        change(&client, FinanceOp::RemoveBudget(budget.key)).await?;
    }
    let spend: SpendAnswer = client.query(SPEND, &SpendQuery::default()).await?;
    let home = fabric.stop()?;
    let entries = entries(home.path())?;
    let state = audit(&entries)?;
    each_settled_once(&entries)?;
    let booked: i64 = state.ledger().accounts().map(|(_, a)| a.posted_micros).sum();
    let reserved: i64 = state.ledger().accounts().map(|(_, a)| a.reserved_micros).sum();
    let reported: i64 = spend.total.posted.iter().map(|m| m.amount_micros).sum();
    ensure!(reserved == 0, "{reserved} micro-units stay reserved");
    ensure!(booked == posted, "the ledger says {booked} micro-units, the budgets {posted}");
    ensure!(reported == posted, "the report says {reported} micro-units, the budgets {posted}");
    ensure!(totals.refused > 0, "no command was refused: the budget was never reached");
    println!(
        "{rounds} rounds: {} admitted, {} refused, {} without an answer, {posted} micro-units posted of {} allowed",
        totals.admitted,
        totals.refused,
        totals.unanswered,
        FIT * WORST_MICROS * i64::try_from(rounds)?
    );
    Ok(())
}

#[derive(Default)]
struct Totals {
    admitted: u64,
    refused: u64,
    unanswered: u64,
}

impl Totals {
    fn add(&mut self, other: Totals) {
        self.admitted += other.admitted;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
    }
}

/// A small generator, so that a failing run can be repeated (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// All commands at once; after some receipts something is killed.
async fn storm(fabric: &mut Processes, client: &Client, session: &Name, random: &mut Random) -> Result<Totals> {
    let operator = Arc::new(fabric.operator());
    let (told, mut receipts) = mpsc::channel(1_024);
    let mut senders = JoinSet::new();
    for _ in 0..COMMANDS {
        let (command, payload) = paid(session, random)?;
        senders.spawn(send(client.clone(), operator.clone(), command, payload, told.clone()));
    }
    drop(told);
    let victim = random.below(4);
    let kill_after = random.below(COMMANDS / 2);
    let mut seen = 0;
    while receipts.recv().await.is_some() {
        seen += 1;
        if seen == kill_after {
            match victim {
                0 => fabric.kill_broker()?,
                1 => fabric.kill_worker()?,
                2 => fabric.kill_nats()?,
                _ => {}
            }
            within(&row(client, session).await?)?;
        }
    }
    let mut totals = Totals::default();
    while let Some(sent) = senders.join_next().await {
        match sent?? {
            Some(Verdict::Accepted) => totals.admitted += 1,
            Some(_) => totals.refused += 1,
            None => totals.unanswered += 1,
        }
    }
    Ok(totals)
}

/// A paid command: the worker uses some calls, all, none, or loses count (a stream that broke).
fn paid(session: &Name, random: &mut Random) -> Result<(Command, Payload)> {
    let mut args = Map::new();
    if random.below(5) > 0 {
        args.insert("used".into(), Value::from(random.below(CALLS_MAX + 1)));
    }
    let payload = Payload::new(&Arguments { args, why: None, cause: None }, new_salt())?;
    let command = Command {
        id: new_command_id(),
        trace: if_tests::world::new_trace_id(),
        issued_at: now(),
        deadline: now().saturating_add_us(DEADLINE_US),
        operation: "noop.paid".parse()?,
        provider: "noop".parse()?,
        instance: "main".parse()?,
        effect: Effect::Idempotent,
        dry_run: false,
        session: Some(session.clone()),
        payload: payload.hash(),
        run: None,
    };
    Ok((command, payload))
}

/// Sends the same bytes until they are answered or the deadline is over: an operator who goes away is one without an
/// answer, whose command may be admitted all the same.
async fn send(
    client: Client,
    key: Arc<SigningKey>,
    command: Command,
    payload: Payload,
    told: mpsc::Sender<()>,
) -> Result<Option<Verdict>> {
    let subject = Client::subject(&command);
    let bytes = Submission { envelope: Envelope::seal(&command, &key)?, payload: Some(payload) }.to_message()?;
    while now() < command.deadline {
        let Ok(answer) = client.bus.request(&subject, bytes.clone(), ANSWER).await else {
            tokio::time::sleep(POLL).await;
            continue;
        };
        let receipt: Receipt = Envelope::from_message(&answer)?.open(&Keys::default().broker.public())?;
        let verdict = receipt.verdict;
        if let Verdict::Rejected(reject) = &verdict {
            let expected = ["budget_exceeded", "overloaded", "expired", "no_worker", "price_unknown"];
            ensure!(expected.contains(&reject.code.as_str()), "{reject}");
        }
        told.send(()).await.context("the storm is over")?;
        return Ok(Some(verdict));
    }
    Ok(None)
}

fn budget(session: &Name) -> Budget {
    let limit = Money { amount_micros: FIT * WORST_MICROS, currency: Currency::USD };
    let key = BudgetKey { scope: Scope::Session(session.clone()), period: Period::Month };
    Budget { key, limit, mode: Mode::Hard, zone: "UTC".into() }
}

async fn change(client: &Client, op: FinanceOp) -> Result<()> {
    let change =
        FinanceChange { id: new_command_id(), issued_at: now(), deadline: now().saturating_add_us(DEADLINE_US), op };
    let submission = Submission { envelope: Envelope::seal(&change, &Keys::default().admin)?, payload: None };
    let receipt = client.send_raw(subject::FINANCE, submission.to_message()?).await?;
    ensure!(receipt.verdict == Verdict::Accepted, "a change of the budgets was refused: {:?}", receipt.verdict);
    Ok(())
}

/// The round's budget; asked again while the broker starts.
async fn row(client: &Client, session: &Name) -> Result<BudgetRow> {
    let ask = async {
        loop {
            if let Ok(answer) = client.query::<_, BudgetsAnswer>(BUDGETS, &json!(null)).await {
                return answer;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let answer = tokio::time::timeout(SETTLE, ask).await.context("the broker does not come back")?;
    let ours = |r: &BudgetRow| r.budget.key.scope == Scope::Session(session.clone());
    answer.budgets.into_iter().find(ours).context("the budget is gone")
}

fn within(row: &BudgetRow) -> Result<()> {
    let (available, reserved, posted) =
        (row.available.amount_micros, row.reserved.amount_micros, row.posted.amount_micros);
    ensure!(available >= 0, "overspent: {row:?}");
    ensure!(available + reserved + posted == row.budget.limit.amount_micros, "it does not add up: {row:?}");
    Ok(())
}

/// Until nothing of the round is held any more.
async fn settled(client: &Client, session: &Name) -> Result<BudgetRow> {
    let wait = async {
        loop {
            let row = row(client, session).await?;
            if row.reserved.amount_micros == 0 {
                return Ok(row);
            }
            within(&row)?;
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(SETTLE, wait).await.context("something stays held")?
}
