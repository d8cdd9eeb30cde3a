//! Keys, times and the shape of one vector. Everything is derived from constants.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use if_schemas::{
    Command, CommandId, Currency, Effect, Envelope, FinanceChange, FinanceOp, Grant, Hash, Member, Money, Name,
    OperationId, Payload, ResultEvent, Role, Salt, Signed, SigningKey, Status, Timestamp, TraceId, TrustChange,
    TrustOp,
    finance::{Budget, BudgetKey, Mode, Period, Scope},
    member::Genesis,
    outcome::{Failure, Outcome},
    payload::Arguments,
    price::{Quote, QuoteLine, Rate, Unit, Usage},
};
use serde_json::{Map, Value, json};

/// 2026-11-22T18:30:00Z.
pub const START: i64 = 1_795_372_200_000_000;
pub const SECOND: i64 = 1_000_000;

/// One pair of files: `<name>.bin` and `<name>.json`.
pub struct Vector {
    pub valid: bool,
    pub name: String,
    pub bytes: Vec<u8>,
    pub json: Value,
}

impl Vector {
    pub fn valid(name: &str, what: &str, description: &str, bytes: Vec<u8>, expect: Value) -> Self {
        let json = json!({"what": what, "description": description, "expect": expect});
        Self { valid: true, name: name.into(), bytes, json }
    }

    pub fn invalid(name: &str, what: &str, description: &str, bytes: Vec<u8>, error: &str, with: Value) -> Self {
        let mut json = json!({"what": what, "description": description, "error": error});
        if let (Value::Object(json), Value::Object(with)) = (&mut json, with) {
            json.extend(with);
        }
        Self { valid: false, name: name.into(), bytes, json }
    }

    pub fn folder(&self) -> &'static str {
        if self.valid { "valid" } else { "invalid" }
    }
}

pub fn all() -> Vec<Vector> {
    let mut out = super::valid::vectors();
    out.extend(super::invalid::vectors());
    out.extend(super::invalid_log::vectors());
    out.extend(super::invalid_rules::vectors());
    out.extend(super::invalid_money::vectors());
    out.extend(super::valid_runs::vectors());
    out.extend(super::invalid_runs::vectors());
    out.extend(super::policies::vectors());
    out
}

/// The seed of a key is 32 times its number.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}
pub fn alice() -> SigningKey {
    key(1)
}
pub fn broker() -> SigningKey {
    key(2)
}
pub fn node1() -> SigningKey {
    key(3)
}
pub fn bob() -> SigningKey {
    key(4)
}
pub fn carol() -> SigningKey {
    key(5)
}
/// Bob's key after its rotation.
pub fn bob2() -> SigningKey {
    key(6)
}
/// Nobody's key.
pub fn mallory() -> SigningKey {
    key(9)
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp(START + seconds * SECOND)
}

/// Command id number `n`, issued `seconds` after [`START`].
pub fn id(n: u8, seconds: i64) -> CommandId {
    let ms = u64::try_from(at(seconds).0 / 1_000).unwrap();
    CommandId::new(ms, [n; 10])
}

pub fn usd(amount_micros: i64) -> Money {
    Money { amount_micros, currency: Currency::USD }
}

pub fn name(s: &str) -> Name {
    s.parse().unwrap()
}

pub fn operation(s: &str) -> OperationId {
    s.parse().unwrap()
}

pub fn member(who: &str, key: &SigningKey, role: Role, grants: &[&str]) -> Member {
    let grants = grants.iter().map(|g| g.parse::<Grant>().unwrap()).collect();
    Member { name: name(who), key: key.public(), role, grants }
}

pub fn genesis() -> Genesis {
    Genesis {
        created_at: at(0),
        nonce: Hash([7; 32]),
        members: vec![
            member("alice", &alice(), Role::Admin, &[]),
            member("broker", &broker(), Role::Broker, &[]),
            member("node1", &node1(), Role::Worker, &["*@vmix"]),
            member("bob", &bob(), Role::Operator, &["vmix.*@vmix/studio1"]),
        ],
    }
}

pub fn arguments(n: u8, input: u32) -> Payload {
    let mut args = Map::new();
    args.insert("input".into(), input.into());
    let document = Arguments { args, why: Some("take camera two".into()), cause: None };
    Payload::new(&document, Salt([n; 16])).unwrap()
}

pub fn succeeded(n: u8) -> Payload {
    let document = Outcome::Result(json!({"preview": 1, "program": 2}));
    Payload::new(&document, Salt([n; 16])).unwrap()
}

pub fn failed(n: u8) -> Payload {
    let document = Outcome::Error(Failure {
        code: "effect_not_seen".into(),
        message: "studio1 still shows input 1".into(),
        hint: Some("look at the vMix window".into()),
    });
    Payload::new(&document, Salt([n; 16])).unwrap()
}

/// A command issued `seconds` after [`START`] with a deadline 5 s later.
pub fn command(n: u8, seconds: i64, op: &str, instance: &str, payload: &Payload) -> Command {
    Command {
        id: id(n, seconds),
        trace: TraceId::from_bytes([n; 16]),
        issued_at: at(seconds),
        deadline: at(seconds + 5),
        operation: operation(op),
        provider: name("vmix"),
        instance: name(instance),
        effect: Effect::Idempotent,
        dry_run: false,
        session: Some(name("matchday")),
        payload: payload.hash(),
        run: None,
    }
}

pub fn result(command: &Command, entry: Hash, status: Status, cost: Money, payload: &Payload) -> ResultEvent {
    ResultEvent {
        command: command.id,
        entry,
        status,
        started_at: command.issued_at.saturating_add_us(20_000),
        finished_at: command.issued_at.saturating_add_us(90_000),
        attempt: 1,
        simulated: true,
        cost,
        price_table: (!cost.is_zero()).then(|| TABLE.to_string()),
        usage: (!cost.is_zero()).then(|| Usage::from([(Unit::Call, calls(cost))])),
        payload: payload.hash(),
        route: None,
    }
}

/// Version of the price table of the vectors: a call costs one cent.
pub const TABLE: &str = "2026-11";
const CALL: Rate = Rate { unit: Unit::Call, amount_micros: 10_000, per: 1 };

/// How many calls cost that much.
fn calls(cost: Money) -> u64 {
    u64::try_from(cost.amount_micros / CALL.amount_micros).unwrap()
}

/// The quote whose worst case is `reserved`; none where nothing is.
pub fn quote(reserved: Money) -> Option<Quote> {
    (reserved.amount_micros > 0).then(|| Quote {
        table: TABLE.into(),
        sku: "switch".into(),
        currency: reserved.currency,
        lines: vec![QuoteLine { rate: CALL, most: calls(reserved) }],
    })
}

/// 2.00 USD a day for everything, hard.
pub fn budget(amount_micros: i64) -> Budget {
    let key = BudgetKey { scope: Scope::Global, period: Period::Day };
    Budget { key, limit: usd(amount_micros), mode: Mode::Hard, zone: "Europe/Berlin".into() }
}

pub fn finance(n: u8, seconds: i64, op: FinanceOp) -> FinanceChange {
    FinanceChange { id: id(n, seconds), issued_at: at(seconds), deadline: at(seconds + 30), op }
}

pub fn change(n: u8, seconds: i64, op: TrustOp) -> TrustChange {
    TrustChange { id: id(n, seconds), issued_at: at(seconds), deadline: at(seconds + 30), op }
}

pub fn seal<T: Signed>(body: &T, key: &SigningKey) -> Envelope {
    Envelope::seal(body, key).unwrap()
}
