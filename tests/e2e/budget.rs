//! Prices, budgets and reports through a whole fabric: worker's tariff → quote → reservation → settlement → queries.

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, stream};
use if_schemas::{
    Currency, Effect, Envelope, FinanceChange, FinanceOp, Hash, Money, Status,
    finance::{Budget, BudgetAlert, BudgetKey, Mode, Period, PriceOverride, Scope},
    head::{Receipt, Verdict},
    presence::{Announcement, InstancePresence, InstanceState, ProviderPresence},
    price::{Rate, Sku, Unit},
    query::{
        BUDGETS, BudgetRow, BudgetsAnswer, GroupBy, LOG, LogAnswer, LogQuery, NODES, NodesAnswer, RATES, RatesAnswer,
        SPEND, STATUS, SpendAnswer, SpendQuery, StatusAnswer, TARIFF, TariffAnswer, TariffQuery,
    },
    subject,
    tariff::Tariff,
    wire::{Message as _, Submission},
};
use if_tests::{InProcess, client::ANSWER_TIMEOUT, noop::CALL_MICROS, world};
use serde_json::{Value, json};

fn usd(amount_micros: i64) -> Money {
    Money { amount_micros, currency: Currency::USD }
}

async fn change(fabric: &InProcess, op: FinanceOp) -> Result<Receipt> {
    let (id, issued_at) = (world::new_command_id(), world::now());
    let change = FinanceChange { id, issued_at, deadline: issued_at.saturating_add_us(5_000_000), op };
    let envelope = Envelope::seal(&change, &fabric.keys.admin)?;
    fabric.client.send_raw(subject::FINANCE, Submission { envelope, payload: None }.to_message()?).await
}

async fn set_budget(fabric: &InProcess, limit_micros: i64, mode: Mode, zone: &str) -> Result<Receipt> {
    let key = BudgetKey { scope: Scope::Provider("noop".parse()?), period: Period::Day };
    change(fabric, FinanceOp::SetBudget(Budget { key, limit: usd(limit_micros), mode, zone: zone.into() })).await
}

async fn budget(fabric: &InProcess) -> Result<BudgetRow> {
    let answer: BudgetsAnswer = fabric.client.query(BUDGETS, &()).await?;
    answer.budgets.into_iter().next().context("there is a budget")
}

/// Sends and waits for the result, if it is admitted.
async fn run(fabric: &InProcess, operation: &str, args: Value) -> Result<(Receipt, Option<Status>)> {
    let (command, payload) = fabric.client.command_with(operation, Effect::Idempotent, &args)?;
    let mut events = fabric.client.events(&command).await?;
    let receipt = fabric.client.send(&command, payload, &fabric.keys.operator).await?;
    if receipt.verdict != Verdict::Accepted {
        return Ok((receipt, None));
    }
    let (_, status) = fabric.client.result(&mut events, &command.id).await?;
    Ok((receipt, Some(status)))
}

/// As the worker, that it serves `noop/main` under a tariff it has told before.
async fn announce(fabric: &InProcess, tariff: Hash) -> Result<()> {
    let at = world::now();
    let announcement = Announcement {
        node: "node".parse()?,
        version: "0".into(),
        at,
        sequence: 0,
        leaving: false,
        instances: vec![InstancePresence {
            provider: "noop".parse()?,
            instance: "main".parse()?,
            state: InstanceState::Ok,
            detail: None,
            since: at,
            simulated: true,
        }],
        providers: vec![ProviderPresence {
            provider: "noop".parse()?,
            operations: vec![("noop.paid".parse()?, Effect::Idempotent)],
            tariff: Some(tariff),
        }],
    };
    let bytes = Envelope::seal(&announcement, &fabric.keys.worker)?.to_message()?;
    fabric.client.bus.publish(&subject::presence(&announcement.node), bytes, None).await?;
    fabric.client.bus.flush().await?;
    for _ in 0..200 {
        let nodes: NodesAnswer = fabric.client.query(NODES, &()).await?;
        if !nodes.nodes.is_empty() {
            return Ok(());
        }
    }
    anyhow::bail!("the announcement was not taken in")
}

fn code(receipt: &Receipt) -> &'static str {
    match &receipt.verdict {
        Verdict::Rejected(reject) => reject.code.as_str(),
        Verdict::Accepted => "accepted",
        Verdict::WouldAccept { .. } => "would_accept",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_command_is_quoted_reserved_and_settled_at_its_true_cost() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    ensure!(code(&set_budget(&fabric, 20 * CALL_MICROS, Mode::Hard, "Europe/Berlin").await?) == "accepted");
    ensure!(code(&set_budget(&fabric, 1, Mode::Hard, "Europe/Bertlin").await?) == "bad_finance_change");
    let row = budget(&fabric).await?;
    ensure!(row.window.is_some_and(|w| w.start <= world::now() && world::now() < w.end), "{row:?}");

    let (_, status) = run(&fabric, "noop.paid", json!({"calls": 6, "used": 4})).await?;
    ensure!(status == Some(Status::Succeeded));
    let row = budget(&fabric).await?;
    ensure!((row.available, row.reserved, row.posted) == (usd(16_000), usd(0), usd(4_000)), "{row:?}");
    // No `calls`: the SKU's limit of ten; nobody knows how many were used: all of them.
    run(&fabric, "noop.paid", json!({})).await?;
    ensure!(budget(&fabric).await?.posted == usd(14_000));
    ensure!(code(&run(&fabric, "noop.paid", json!({"calls": 7})).await?.0) == "budget_exceeded");
    ensure!(code(&run(&fabric, "noop.set", json!({})).await?.0) == "accepted", "free needs no budget");
    ensure!(code(&run(&fabric, "noop.paid", json!({"calls": 6, "used": 0})).await?.0) == "accepted");

    // Metrics, rows of the log, and the sums of the report are the same figures.
    let gauge = r#"if_budget_posted_micros{currency="USD",period="day",scope="provider noop"}"#;
    ensure!(fabric.metric(gauge).await? == 14_000, "{}", fabric.metrics().await?);
    let log: LogAnswer = fabric
        .client
        .query(LOG, &LogQuery { operation: Some("noop.paid".into()), limit: 100, ..LogQuery::default() })
        .await?;
    let costs: i64 = log.rows.iter().filter_map(|r| r.cost).map(|c| c.amount_micros).sum();
    ensure!(costs == 14_000, "{costs}");
    let group_by = vec![GroupBy::Instance, GroupBy::Model, GroupBy::Operator];
    let spend: SpendAnswer = fabric.client.query(SPEND, &SpendQuery { group_by, ..SpendQuery::default() }).await?;
    ensure!(spend.rows.len() == 1 && spend.rows[0].group == ["noop/main", "call", "operator"], "{spend:?}");
    ensure!((spend.total.count, spend.total.pending) == (3, 0), "{spend:?}");
    let status: StatusAnswer = fabric.client.query(STATUS, &()).await?;
    ensure!(spend.total.posted == status.ledger.iter().map(|l| l.posted).collect::<Vec<_>>(), "{spend:?} {status:?}");
    let nothing = SpendQuery { session: Some("other".parse()?), ..SpendQuery::default() };
    let spend: SpendAnswer = fabric.client.query(SPEND, &nothing).await?;
    ensure!(spend.total.count == 0 && spend.rows.is_empty());
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_known_price_nothing_is_admitted_until_somebody_sets_one() -> Result<()> {
    let mut fabric = InProcess::start(true).await?;
    let refused = run(&fabric, "noop.unpriced", json!({})).await?.0;
    ensure!(code(&refused) == "price_unknown", "{refused:?}");
    ensure!(fabric.executions() == 0);
    let rate = Rate { unit: Unit::Call, amount_micros: 25, per: 1 };
    let price = PriceOverride {
        provider: "noop".parse()?,
        sku: "noop.unpriced".into(),
        prices: Sku { rates: vec![rate], limits: Default::default() },
        currency: Currency::USD,
        source: "test".into(),
    };
    let set = change(&fabric, FinanceOp::SetPrice(price)).await?;
    let rates: RatesAnswer = fabric.client.query(RATES, &()).await?;
    let version = format!("log#{}", set.head.context("logged")?.index);
    ensure!(rates.prices.len() == 1 && rates.prices[0].version == version, "{rates:?}");
    ensure!(code(&run(&fabric, "noop.unpriced", json!({})).await?.0) == "accepted");

    let question = TariffQuery { provider: "noop".parse()?, instance: "main".parse()? };
    let tariff: TariffAnswer = fabric.client.query(TARIFF, &question).await?;
    ensure!(tariff.table.is_some_and(|t| t.version == "noop-1"));
    ensure!(tariff.operations.get(&"noop.set".parse()?) == Some(&None));
    // Prices come again by themselves after a restart of either side: the first command is not refused for want of them.
    fabric.stop_broker().await?;
    fabric.start_broker().await?;
    ensure!(code(&run(&fabric, "noop.paid", json!({"used": 1})).await?.0) == "accepted");
    fabric.stop_worker().await?;
    fabric.start_worker().await?;
    ensure!(code(&run(&fabric, "noop.paid", json!({"used": 1})).await?.0) == "accepted");
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_commands_never_spend_more_than_a_hard_budget() -> Result<()> {
    const FIT: i64 = 20;
    const SENT: usize = 200;
    let fabric = InProcess::start(true).await?;
    let mut alerts = fabric.client.bus.subscribe(subject::BUDGET_ALERT).await?;
    fabric.client.bus.flush().await?;
    set_budget(&fabric, FIT * CALL_MICROS, Mode::Hard, "UTC").await?;
    let one = async |_| -> Result<Receipt> { Ok(run(&fabric, "noop.paid", json!({"calls": 1, "used": 1})).await?.0) };
    let receipts: Vec<Result<Receipt>> = stream::iter(0..SENT).map(one).buffer_unordered(32).collect().await;
    let codes = receipts.iter().map(|r| r.as_ref().map(code).unwrap_or("error")).collect::<Vec<_>>();
    let count = |wanted: &str| codes.iter().filter(|c| **c == wanted).count();
    ensure!(count("accepted") == FIT as usize && count("budget_exceeded") == SENT - FIT as usize, "{codes:?}");
    let row = budget(&fabric).await?;
    ensure!((row.available, row.reserved, row.posted) == (usd(0), usd(0), usd(FIT * CALL_MICROS)), "{row:?}");
    ensure!(row.alerted == 100);
    let mut percents = Vec::new();
    for _ in 0..3 {
        let message = tokio::time::timeout(ANSWER_TIMEOUT, alerts.next()).await?.context("closed")?;
        percents.push(serde_json::from_slice::<BudgetAlert>(&message.payload)?.percent);
    }
    ensure!(percents == [50, 80, 100], "{percents:?}");
    ensure!(fabric.metric(r#"if_budget_alerts_total{percent="100"}"#).await? == 1);
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_estimates_and_a_command_in_flight_counts_as_pending() -> Result<()> {
    let mut fabric = InProcess::start(true).await?;
    set_budget(&fabric, 50 * CALL_MICROS, Mode::Soft, "UTC").await?;
    let (mut command, payload) = fabric.client.command_with("noop.paid", Effect::Idempotent, &json!({"calls": 5}))?;
    command.dry_run = true;
    let receipt = fabric.client.send(&command, payload, &fabric.keys.operator).await?;
    let Verdict::WouldAccept { estimate: Some(estimate) } = receipt.verdict else {
        anyhow::bail!("{receipt:?}");
    };
    ensure!(estimate.reserved == usd(5_000) && estimate.budgets.len() == 1, "{estimate:?}");
    ensure!(estimate.budgets[0].available == usd(50_000) && estimate.budgets[0].needs == usd(5_000));

    // The worker is gone, and somebody with its key says that it is not: the command is admitted and waits.
    let question = TariffQuery { provider: "noop".parse()?, instance: "main".parse()? };
    let tariff: TariffAnswer = fabric.client.query(TARIFF, &question).await?;
    fabric.stop_worker().await?;
    announce(&fabric, tariff.hash).await?;
    let (mut command, payload) = fabric.client.command_with("noop.paid", Effect::Idempotent, &json!({"calls": 5}))?;
    command.deadline = command.issued_at.saturating_add_us(60_000_000);
    command.session = Some("matchday".parse()?);
    let receipt = fabric.client.send(&command, payload, &fabric.keys.operator).await?;
    ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
    let group_by = vec![GroupBy::Session, GroupBy::Day];
    let spend: SpendAnswer = fabric.client.query(SPEND, &SpendQuery { group_by, ..SpendQuery::default() }).await?;
    ensure!(spend.rows[0].group[0] == "matchday" && spend.total.reserved == [usd(5_000)], "{spend:?}");
    ensure!(budget(&fabric).await?.reserved == usd(5_000));
    // After a restart the hold is there still, and the worker settles it.
    fabric.stop_broker().await?;
    fabric.start_broker().await?;
    ensure!(budget(&fabric).await?.reserved == usd(5_000));
    let mut events = fabric.client.events(&command).await?;
    fabric.start_worker().await?;
    let (_, status) = fabric.client.result(&mut events, &command.id).await?;
    ensure!(status == Status::Succeeded);
    let row = budget(&fabric).await?;
    ensure!((row.reserved, row.posted) == (usd(0), usd(5_000)), "{row:?}");
    fabric.stop().await?;
    Ok(())
}

/// How long the other side may take to ask, or to answer.
const ASKED_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_asks_a_node_for_prices_that_were_announced_and_not_told() -> Result<()> {
    let fabric = InProcess::start(false).await?;
    let mut asks = fabric.client.bus.subscribe(&subject::tariff_ask(&"node".parse()?)).await?;
    fabric.client.bus.flush().await?;
    announce(&fabric, Hash([9; 32])).await?;
    tokio::time::timeout(ASKED_WITHIN, asks.next()).await.context("nobody asked")?.context("closed")?;
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_tells_its_prices_again() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let node = "node".parse()?;
    let mut told = fabric.client.bus.subscribe(&subject::tariff(&node, &"noop".parse()?)).await?;
    fabric.client.bus.publish(&subject::tariff_ask(&node), Vec::new(), None).await?;
    fabric.client.bus.flush().await?;
    let message = tokio::time::timeout(ASKED_WITHIN, told.next()).await.context("nothing was told")?;
    let told = Submission::from_message(&message.context("closed")?.payload)?;
    let tariff: Tariff = told.envelope.open(&fabric.keys.worker.public())?;
    ensure!(tariff.provider.as_str() == "noop" && tariff.node == node, "{tariff:?}");
    fabric.stop().await?;
    Ok(())
}
