//! What a paid command costs the sequencer: quote, holds in every budget it falls under, settlement. No IO.

use crate::report::Report;
use anyhow::{Result, bail};
use if_core::{
    Decision, Input, Metered, Pricing, Prior, Served, State, VerifiedCommand, VerifiedFinance, VerifiedResult, Window,
    decide,
};
use if_schemas::{
    Command, Currency, Effect, Entry, Envelope, FinanceChange, FinanceOp, Hash, Member, Money, Name, Payload,
    ResultEvent, Role, Salt, SigningKey, Status, Timestamp,
    finance::{Budget, BudgetKey, Mode, Period, Scope},
    member::Genesis,
    payload::Arguments,
    price::{Meter, MeterLine, PriceTable, Quantity, Rate, Sku, SkuName, Unit},
    subject,
    wire::Submission,
};
use if_tests::world;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const COMMANDS: usize = 2_000;
const LIFE_US: i64 = 600_000_000;

struct Bench {
    state: State,
    now: Timestamp,
    admin: SigningKey,
    worker: SigningKey,
}

impl Bench {
    fn new() -> Result<Self> {
        let (admin, worker) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[4; 32]));
        let broker = SigningKey::from_seed(&[3; 32]);
        let member = |name: &str, key: &SigningKey, role, grants: &[&str]| -> Result<Member> {
            let grants = grants.iter().map(|g| g.parse()).collect::<Result<Vec<_>, _>>()?;
            Ok(Member { name: name.parse()?, key: key.public(), role, grants })
        };
        let now = world::now();
        let members = vec![
            member("admin", &admin, Role::Admin, &[])?,
            member("broker", &broker, Role::Broker, &[])?,
            member("node", &worker, Role::Worker, &["*"])?,
        ];
        let genesis = Genesis { created_at: now, nonce: Hash([9; 32]), members };
        let mut bench = Self { state: State::default(), now, admin, worker };
        bench.append(if_schemas::Body::Genesis { envelope: Envelope::seal(&genesis, &bench.admin)? })?;
        Ok(bench)
    }

    fn append(&mut self, body: if_schemas::Body) -> Result<Hash> {
        let entry = self.state.draft(self.now, body);
        let hash = Entry::hash_bytes(&entry.encode()?);
        self.state.apply(&entry, hash)?;
        Ok(hash)
    }

    fn step(&mut self, input: Input) -> Result<Hash> {
        match decide(&self.state, self.now, input) {
            Decision::Append { body, .. } => self.append(body),
            Decision::Answer { verdict, .. } => bail!("{verdict:?}"),
        }
    }

    /// A budget in every scope and period: eighteen fall on each command.
    fn set_budgets(&mut self) -> Result<()> {
        let (provider, instance): (Name, Name) = ("noop".parse()?, "main".parse()?);
        let scopes = [
            Scope::Global,
            Scope::Provider(provider.clone()),
            Scope::Instance { provider: provider.clone(), instance },
            Scope::Operator("admin".parse()?),
            Scope::Family(provider),
            Scope::Session("bench".parse()?),
        ];
        for scope in scopes {
            for period in [Period::Day, Period::Week, Period::Month] {
                let key = BudgetKey { scope: scope.clone(), period };
                let limit = Money { amount_micros: i64::MAX / 4, currency: Currency::USD };
                let op = FinanceOp::SetBudget(Budget { key, limit, mode: Mode::Hard, zone: "UTC".into() });
                let (id, issued_at) = (world::new_command_id(), self.now);
                let change = FinanceChange { id, issued_at, deadline: issued_at.saturating_add_us(LIFE_US), op };
                let submission = Submission { envelope: Envelope::seal(&change, &self.admin)?, payload: None };
                let change = VerifiedFinance::verify(self.state.trust(), submission).map_err(anyhow::Error::msg)?;
                self.step(Input::Finance { change, prior: Prior::Nothing, zone_known: true })?;
            }
        }
        for stale in self.state.budgets().stale(self.now) {
            let window = Window { start: self.now, end: self.now.saturating_add_us(LIFE_US) };
            self.step(Input::Period { budget: stale.budget.key, window })?;
        }
        Ok(())
    }

    /// Time for admitting and for settling one command, decision to applied entry.
    fn run(&mut self, pricing: &Pricing) -> Result<Duration> {
        let payload = Payload::new(&Arguments { args: serde_json::Map::new(), why: None, cause: None }, Salt([5; 16]))?;
        let mut inputs = Vec::with_capacity(COMMANDS);
        for _ in 0..COMMANDS {
            let command = Command {
                id: world::new_command_id(),
                trace: world::new_trace_id(),
                issued_at: self.now,
                deadline: self.now.saturating_add_us(LIFE_US),
                operation: "noop.paid".parse()?,
                provider: "noop".parse()?,
                instance: "main".parse()?,
                effect: Effect::Idempotent,
                dry_run: false,
                session: Some("bench".parse()?),
                payload: payload.hash(),
                run: None,
            };
            let to = subject::command(&command.provider, &command.instance, &command.operation);
            let envelope = Envelope::seal(&command, &self.admin)?;
            let submission = Submission { envelope, payload: Some(payload.clone()) };
            let verified = VerifiedCommand::verify(self.state.trust(), submission, &to).map_err(anyhow::Error::msg)?;
            let served = Served::By { worker: "node".parse()?, effect: Some(Effect::Idempotent) };
            let input = Input::Command { command: verified, prior: Prior::Nothing, served, pricing: pricing.clone() };
            inputs.push((command.id, input));
        }
        let start = Instant::now();
        let mut admitted = Vec::with_capacity(COMMANDS);
        for (id, input) in inputs {
            admitted.push((id, self.step(input)?));
        }
        let mut took = start.elapsed();
        let mut results = Vec::with_capacity(COMMANDS);
        for (command, entry) in admitted {
            let quote = self.state.in_flight().get(&command).and_then(|f| f.quote.clone());
            let usage = quote.as_ref().map(|_| [(Unit::Call, 3)].into());
            let cost = match (&quote, &usage) {
                (Some(quote), Some(usage)) => quote.cost(usage)?,
                _ => Money::FREE,
            };
            let result = ResultEvent {
                command,
                entry,
                status: Status::Succeeded,
                started_at: self.now,
                finished_at: self.now,
                attempt: 1,
                simulated: false,
                cost,
                price_table: quote.map(|q| q.table),
                usage,
                payload: payload.hash(),
                route: None,
            };
            let envelope = Envelope::seal(&result, &self.worker)?;
            let submission = Submission { envelope, payload: Some(payload.clone()) };
            results.push(VerifiedResult::verify(self.state.trust(), submission).map_err(anyhow::Error::msg)?);
        }
        let start = Instant::now();
        for result in results {
            self.step(Input::Result { result, prior: Prior::Different })?;
        }
        took += start.elapsed();
        Ok(took / u32::try_from(COMMANDS)?)
    }
}

fn metered() -> Pricing {
    let lines = vec![MeterLine { unit: Unit::Call, most: Quantity::Fixed(10) }];
    let rates = vec![Rate { unit: Unit::Call, amount_micros: 1_000, per: 1 }];
    let skus = [("call".to_string(), Sku { rates, limits: Default::default() })].into();
    let table = Some(Arc::new(PriceTable { version: "1".into(), currency: Currency::USD, skus }));
    let meter = Meter { sku: SkuName::Fixed("call".into()), lines };
    Pricing::Metered(Box::new(Metered { meter, table, args: serde_json::Map::new() }))
}

pub fn run(report: &mut Report) -> Result<()> {
    let mut bench = Bench::new()?;
    let free = bench.run(&Pricing::Free)?;
    bench.set_budgets()?;
    let paid = bench.run(&metered())?;
    let figure = paid.saturating_sub(free);
    report.row(
        "reserve + settle, 18 budgets on each command (quote, holds, posting; CPU of the sequencer)",
        format!("{} us", figure.as_micros()),
        format!(
            "a free command: {} us, a paid one: {} us, decision to applied entries",
            free.as_micros(),
            paid.as_micros()
        ),
        "<= 50 us",
        figure <= Duration::from_micros(50),
    );
    Ok(())
}
