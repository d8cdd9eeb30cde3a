//! Properties of the contract, on generated values.
#![allow(clippy::unwrap_used)]

use if_schemas::{
    Body, Code, Command, CommandId, Currency, Effect, Entry, Envelope, FinanceChange, FinanceOp, Grant, Hash, KeyId,
    Leg, Member, Money, Name, OperationId, Payload, Policy, PublicKey, Reject, ResultEvent, Role, Route, RouteMode,
    Salt, SchemaError, Settlement, SigningKey, Status, Timestamp, TraceId, TrustChange, TrustOp, codec,
    export::{Header, Reader, Record, Writer},
    finance::{Budget, BudgetKey, ExchangeRate, Mode, Period, PriceOverride, Scope},
    limits,
    member::Genesis,
    outcome::Progress,
    price::{Quote, QuoteLine, Rate, Sku, Unit, Usage},
    query::RawEntry,
    subject,
    time::{parse_duration_us, parse_instant},
};
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::select,
};

#[path = "properties/runs.rs"]
mod runs;

const NAME: &str = "[a-z0-9][a-z0-9_-]{0,62}";
const SHORT: &str = "[a-z0-9][a-z0-9_-]{0,8}";

prop_compose! {
    fn name()(s in NAME) -> Name { s.parse().unwrap() }
}
prop_compose! {
    fn operation()(words in vec(SHORT, 2..=6)) -> OperationId { words.join(".").parse().unwrap() }
}
prop_compose! {
    fn hash()(bytes: [u8; 32]) -> Hash { Hash(bytes) }
}
prop_compose! {
    fn time()(us: i64) -> Timestamp { Timestamp(us) }
}
prop_compose! {
    fn money()(amount_micros: i64, currency in "[A-Z]{3}") -> Money {
        Money { amount_micros, currency: currency.parse().unwrap() }
    }
}
prop_compose! {
    fn key()(seed: [u8; 32]) -> SigningKey { SigningKey::from_seed(&seed) }
}
prop_compose! {
    fn command()(
        id: [u8; 16], trace: [u8; 16], issued_at in time(), deadline in time(), operation in operation(), provider in name(),
        instance in name(), effect in select(vec![Effect::Read, Effect::Idempotent, Effect::Once]), dry_run: bool,
        session in option::of(name()), payload in hash(), run in option::of(runs::step_ref().prop_map(Box::new)),
    ) -> Command {
        let (id, trace) = (CommandId::from_bytes(id), TraceId::from_bytes(trace));
        Command { id, trace, issued_at, deadline, operation, provider, instance, effect, dry_run, session, payload, run }
    }
}
fn unit() -> impl Strategy<Value = Unit> {
    select(vec![
        Unit::Call,
        Unit::Message,
        Unit::Minute,
        Unit::Hour,
        Unit::InputToken,
        Unit::CachedInputToken,
        Unit::OutputToken,
        Unit::Amount,
    ])
}
fn usage() -> impl Strategy<Value = Usage> {
    btree_map(unit(), any::<u64>(), 0..8)
}
prop_compose! {
    fn rate()(unit in unit(), amount_micros: i64, per: u32) -> Rate { Rate { unit, amount_micros, per } }
}
prop_compose! {
    fn quote()(
        table in ".{0,40}", sku in ".{0,40}", currency in "[A-Z]{3}", lines in vec((rate(), any::<u64>()), 0..4),
    ) -> Quote {
        let lines = lines.into_iter().map(|(rate, most)| QuoteLine { rate, most }).collect();
        Quote { table, sku, currency: currency.parse().unwrap(), lines }
    }
}
fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        Just(Scope::Global),
        name().prop_map(Scope::Provider),
        (name(), name()).prop_map(|(provider, instance)| Scope::Instance { provider, instance }),
        name().prop_map(Scope::Operator),
        name().prop_map(Scope::Family),
        name().prop_map(Scope::Session),
    ]
}
prop_compose! {
    fn budget_key()(scope in scope(), period in select(vec![Period::Day, Period::Week, Period::Month])) -> BudgetKey {
        BudgetKey { scope, period }
    }
}
fn finance_op() -> impl Strategy<Value = FinanceOp> {
    let currency = || "[A-Z]{3}".prop_map(|c| c.parse::<Currency>().unwrap());
    let mode = select(vec![Mode::Hard, Mode::Soft]);
    let budget = (budget_key(), money(), mode, "[A-Za-z/]{1,20}")
        .prop_map(|(key, limit, mode, zone)| FinanceOp::SetBudget(Budget { key, limit, mode, zone }));
    let limits = btree_map(unit(), any::<u64>(), 0..4);
    let price = (name(), ".{1,40}", vec(rate(), 0..4), limits, currency(), ".{0,40}").prop_map(
        |(provider, sku, rates, limits, currency, source)| {
            FinanceOp::SetPrice(PriceOverride { provider, sku, prices: Sku { rates, limits }, currency, source })
        },
    );
    let rate = (currency(), currency(), any::<i64>(), ".{0,12}", ".{0,40}").prop_map(
        |(from, to, rate_micros, as_of, source)| {
            FinanceOp::SetRate(ExchangeRate { from, to, rate_micros, as_of, source })
        },
    );
    prop_oneof![
        budget,
        budget_key().prop_map(FinanceOp::RemoveBudget),
        price,
        (name(), ".{0,40}").prop_map(|(provider, sku)| FinanceOp::RemovePrice { provider, sku }),
        rate,
        (currency(), currency()).prop_map(|(from, to)| FinanceOp::RemoveRate { from, to }),
        currency().prop_map(FinanceOp::SetReporting),
    ]
}
prop_compose! {
    fn finance()(id: [u8; 16], issued_at in time(), deadline in time(), op in finance_op()) -> FinanceChange {
        FinanceChange { id: CommandId::from_bytes(id), issued_at, deadline, op }
    }
}
prop_compose! {
    fn leg()(instance in name(), status in option::of(select(Status::ALL.to_vec())), code in option::of("[a-z_]{1,20}")) -> Leg {
        Leg { instance, status, code }
    }
}
prop_compose! {
    fn route()(mode in select(RouteMode::ALL.to_vec()), main in leg().boxed(), backup in leg().boxed()) -> Route {
        Route { mode, main, backup }
    }
}
prop_compose! {
    fn result()(
        id: [u8; 16], entry in hash(), status in select(Status::ALL.to_vec()), started_at in time(), finished_at in time(),
        attempt: u32, simulated: bool, cost in money(), price_table in option::of(".{0,40}"),
        usage in option::of(usage()), payload in hash(), route in option::of(route().boxed()),
    ) -> ResultEvent {
        let command = CommandId::from_bytes(id);
        ResultEvent {
            command, entry, status, started_at, finished_at, attempt, simulated, cost, price_table, usage, payload, route,
        }
    }
}

fn role() -> impl Strategy<Value = Role> {
    select(vec![Role::Admin, Role::Operator, Role::Worker, Role::Broker])
}
fn grant() -> impl Strategy<Value = Grant> {
    let operations = prop_oneof![
        Just("*".to_string()),
        vec(SHORT, 1..=5).prop_map(|w| format!("{}.*", w.join("."))),
        operation().prop_map(|o| o.to_string()),
    ];
    let part = || prop_oneof![Just("*".to_string()), NAME.prop_map(String::from)];
    (operations, option::of((part(), option::of(part())))).prop_map(|(operations, target)| {
        let target = target.map(|(p, i)| format!("@{p}{}", i.map(|i| format!("/{i}")).unwrap_or_default()));
        format!("{operations}{}", target.unwrap_or_default()).parse().unwrap()
    })
}
prop_compose! {
    fn member()(name in name(), key in key(), role in role(), grants in vec(grant(), 0..4)) -> Member {
        Member { name, key: key.public(), role, grants }
    }
}
prop_compose! {
    fn policy()(operations in vec(grant().boxed(), 0..3), above in option::of(money().boxed()), guard in runs::guard().boxed()) -> Policy {
        Policy { operations, above, guard }
    }
}
fn trust_op() -> impl Strategy<Value = TrustOp> {
    prop_oneof![
        member().prop_map(TrustOp::Add),
        any::<[u8; 16]>().prop_map(|id| TrustOp::Revoke(KeyId(id))),
        key().prop_map(|k| TrustOp::Rotate(k.public())),
        (name(), hash()).prop_map(|(plugin, hash)| TrustOp::Pin { plugin, hash }),
        name().prop_map(|plugin| TrustOp::Unpin { plugin }),
        (name(), policy().boxed()).prop_map(|(name, policy)| TrustOp::Guard { name, policy: Box::new(policy) }),
        name().prop_map(|name| TrustOp::Unguard { name }),
    ]
}
prop_compose! {
    fn change()(id: [u8; 16], issued_at in time(), deadline in time(), op in trust_op()) -> TrustChange {
        TrustChange { id: CommandId::from_bytes(id), issued_at, deadline, op }
    }
}
prop_compose! {
    fn genesis()(created_at in time(), nonce in hash(), members in vec(member(), 0..4)) -> Genesis {
        Genesis { created_at, nonce, members }
    }
}
prop_compose! {
    fn settlement()(posted in money(), voided in money()) -> Settlement { Settlement { posted, voided } }
}
prop_compose! {
    fn reject()(code in select(Code::ALL.to_vec()), message in ".{0,80}", hint in option::of(".{0,80}")) -> Reject {
        Reject { code, message, hint }
    }
}

fn envelope() -> impl Strategy<Value = Envelope> {
    prop_oneof![
        (command(), key()).prop_map(|(b, k)| Envelope::seal(&b, &k).unwrap()),
        (result().boxed(), key()).prop_map(|(b, k)| Envelope::seal(&b, &k).unwrap()),
        (change(), key()).prop_map(|(b, k)| Envelope::seal(&b, &k).unwrap()),
        (genesis(), key()).prop_map(|(b, k)| Envelope::seal(&b, &k).unwrap()),
        (finance(), key()).prop_map(|(b, k)| Envelope::seal(&b, &k).unwrap()),
    ]
}
fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        envelope().prop_map(|envelope| Body::Genesis { envelope }),
        (envelope(), name(), money(), option::of(quote()))
            .prop_map(|(envelope, worker, reserved, quote)| { Body::Admitted { envelope, worker, reserved, quote } }),
        (envelope(), reject()).prop_map(|(envelope, reject)| Body::Rejected { envelope, reject }),
        (envelope(), settlement()).prop_map(|(envelope, settlement)| Body::Completed { envelope, settlement }),
        envelope().prop_map(|envelope| Body::Late { envelope }),
        envelope().prop_map(|envelope| Body::Trust { envelope }),
        envelope().prop_map(|envelope| Body::Finance { envelope }),
        (budget_key(), time(), time()).prop_map(|(budget, start, end)| Body::Period { budget, start, end }),
        (any::<[u8; 16]>(), ".{0,80}", settlement()).prop_map(|(id, reason, settlement)| Body::Unresolved {
            command: CommandId::from_bytes(id),
            status: Status::Indeterminate,
            reason,
            settlement,
        }),
        runs::body(),
    ]
}
prop_compose! {
    fn entry()(index: u64, prev in hash(), at in time(), body in body()) -> Entry { Entry::new(index, prev, at, body) }
}
prop_compose! {
    fn payload()(salt: [u8; 16], bytes in vec(any::<u8>(), 0..200)) -> Payload { Payload { salt: Salt(salt), bytes } }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn sealed_bodies_open_to_themselves(command in command(), result in result(), change in change(), genesis in genesis(), finance in finance(), key in key()) {
        let by = key.public();
        let wire = |e: Envelope| Envelope::decode(&e.encode().unwrap()).unwrap();
        prop_assert_eq!(wire(Envelope::seal(&command, &key).unwrap()).open::<Command>(&by).unwrap(), command);
        prop_assert_eq!(wire(Envelope::seal(&result, &key).unwrap()).open::<ResultEvent>(&by).unwrap(), result);
        prop_assert_eq!(wire(Envelope::seal(&change, &key).unwrap()).open::<TrustChange>(&by).unwrap(), change);
        prop_assert_eq!(wire(Envelope::seal(&genesis, &key).unwrap()).open::<Genesis>(&by).unwrap(), genesis);
        prop_assert_eq!(wire(Envelope::seal(&finance, &key).unwrap()).open::<FinanceChange>(&by).unwrap(), finance);
    }

    #[test]
    fn entries_round_trip(entry in entry()) {
        let bytes = entry.encode().unwrap();
        let again = Entry::decode(&bytes).unwrap();
        prop_assert_eq!(again.encode().unwrap(), bytes);
        prop_assert_eq!(again, entry);
    }

    #[test]
    fn a_flipped_bit_of_an_envelope_never_opens(command in command(), key in key(), place: prop::sample::Index, bit in 0u8..8) {
        let envelope = Envelope::seal(&command, &key).unwrap();
        let mut bytes = envelope.encode().unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let opened = Envelope::decode(&bytes).and_then(|e| e.open::<Command>(&key.public()));
        prop_assert!(opened.is_err(), "byte {} changed, opened {:?}", place, opened);
    }

    #[test]
    fn what_decodes_has_no_second_spelling(entry in entry(), place: prop::sample::Index, byte: u8) {
        let mut bytes = entry.encode().unwrap();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(entry) = Entry::decode(&bytes) {
            prop_assert_eq!(entry.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn a_prefix_of_an_entry_is_refused(entry in entry(), cut: prop::sample::Index) {
        let bytes = entry.encode().unwrap();
        let cut = cut.index(bytes.len());
        prop_assert_eq!(Entry::decode(&bytes[..cut]).unwrap_err().name(), "malformed");
    }

    #[test]
    fn another_key_never_opens(command in command(), key in key(), other in key()) {
        prop_assume!(key.public() != other.public());
        let error = Envelope::seal(&command, &key).unwrap().open::<Command>(&other.public()).unwrap_err();
        prop_assert!(matches!(error, SchemaError::WrongKey { .. }), "{}", error);
    }

    #[test]
    fn garbage_is_refused_without_panic(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(Envelope::decode(&bytes).is_err());
        prop_assert!(Entry::decode(&bytes).is_err());
        prop_assert!(Reader::new(bytes.as_slice()).is_err());
    }

    #[test]
    fn a_payload_is_bound_to_its_salt_and_bytes(payload in payload(), place: prop::sample::Index, salt_bit in 0usize..128) {
        let committed = payload.hash();
        prop_assert!(payload.check(&committed).is_ok());
        let mut salted = payload.clone();
        salted.salt.0[salt_bit / 8] ^= 1 << (salt_bit % 8);
        prop_assert_eq!(salted.check(&committed).unwrap_err(), SchemaError::HashMismatch { what: "payload" });
        if !payload.bytes.is_empty() {
            let mut changed = payload.clone();
            changed.bytes[place.index(payload.bytes.len())] ^= 1;
            prop_assert!(changed.check(&committed).is_err());
        }
    }

    #[test]
    fn every_context_hashes_differently(data in vec(any::<u8>(), 0..64)) {
        let contexts = [codec::CONTEXT_ENTRY, codec::CONTEXT_PAYLOAD, codec::CONTEXT_KEY_ID, codec::CONTEXT_ENVELOPE, codec::CONTEXT_STATE];
        let hashes: std::collections::BTreeSet<_> = contexts.iter().map(|c| codec::hash(c, &[&data])).collect();
        prop_assert_eq!(hashes.len(), contexts.len());
    }

    #[test]
    fn grants_cover_what_their_text_says(grant in grant(), operation in operation(), provider in name(), instance in name()) {
        prop_assert_eq!(grant.covers(&operation, &provider, &instance), model_covers(&grant.to_string(), &operation, &provider, &instance));
        prop_assert!(Grant::all().covers(&operation, &provider, &instance));
        // The narrowest grant covers its own target and nothing beside it.
        let exact: Grant = format!("{operation}@{provider}/{instance}").parse().unwrap();
        prop_assert!(exact.covers(&operation, &provider, &instance));
        let neighbour: Name = format!("0{}", &instance.as_str()[1..]).parse().unwrap();
        prop_assert_eq!(exact.covers(&operation, &provider, &neighbour), neighbour == instance);
        let family: Grant = format!("{}.*", operation.family()).parse().unwrap();
        prop_assert!(family.covers(&operation, &provider, &instance));
        let longer: OperationId = format!("{}x.y", operation.family()).parse().unwrap();
        prop_assert!(!family.covers(&longer, &provider, &instance));
    }

    #[test]
    fn grant_text_survives(grant in grant()) {
        prop_assert_eq!(grant.to_string().parse::<Grant>().unwrap(), grant);
    }

    #[test]
    fn grants_with_other_characters_are_refused(text in "[a-z*]{1,4}[ @/>.A-Z*]{2,3}") {
        let wildcard_only = ["*@*", "*@*/*"].contains(&text.as_str()) || text.ends_with(".*@*");
        prop_assert!(wildcard_only || text.parse::<Grant>().is_err() || model_grant(&text), "{} was accepted", text);
    }

    #[test]
    fn money_shows_every_unit(amount_micros: i64) {
        let dollars = Money { amount_micros, currency: Currency::USD }.to_string();
        let euros = Money { amount_micros, currency: "EUR".parse().unwrap() }.to_string();
        prop_assert_eq!(read_money(&dollars.replacen('$', "", 1)), i128::from(amount_micros));
        prop_assert_eq!(read_money(euros.strip_suffix(" EUR").unwrap()), i128::from(amount_micros));
        let decimals = dollars.split_once('.').unwrap().1;
        prop_assert!((2..=6).contains(&decimals.len()) && (decimals.len() == 2 || !decimals.ends_with('0')), "{}", dollars);
    }

    #[test]
    fn durations_are_count_times_unit(count in 0i64..1_000_000, (unit, us) in select(UNITS.to_vec()), space in " {0,2}") {
        prop_assert_eq!(parse_duration_us(&format!("{count}{space}{unit}")).unwrap(), count * us);
        let now = Timestamp(1_795_372_200_000_000);
        prop_assert_eq!(parse_instant(&format!("{count}{space}{unit} ago"), now).unwrap(), Timestamp(now.0 - count * us));
    }

    #[test]
    fn other_durations_are_refused(text in "(-|\\+)?[0-9]{0,3}(\\.[0-9])?(x|sS|M| |S|MS)?") {
        prop_assert!(parse_duration_us(&text).is_err(), "{:?} was accepted", text);
    }

    #[test]
    fn times_survive_their_text(us in -62_000_000_000_000_000i64..250_000_000_000_000_000) {
        let time = Timestamp(us);
        prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        prop_assert_eq!(parse_instant(&time.to_string(), Timestamp(0)).unwrap(), time);
    }

    #[test]
    fn names_are_exactly_their_pattern(text in "\\PC{0,70}|[a-z0-9_-]{0,66}|[a-z0-9]{62,65}") {
        prop_assert_eq!(text.parse::<Name>().is_ok(), is_word(&text), "{:?}", text);
    }

    #[test]
    fn operations_are_exactly_their_pattern(text in "[a-z0-9_.-]{0,30}|([a-z0-9]{1,14}\\.){0,7}[a-z0-9]{1,14}|[a-zA-Z .*>]{1,9}\\.[a-z]{1,3}") {
        let words: Vec<&str> = text.split('.').collect();
        let expected = (2..=6).contains(&words.len()) && words.iter().all(|w| is_word(w)) && text.len() <= 96;
        prop_assert_eq!(text.parse::<OperationId>().is_ok(), expected, "{:?}", text);
    }

    #[test]
    fn command_subjects_parse_back(provider in name(), instance in name(), operation in operation()) {
        let built = subject::command(&provider, &instance, &operation);
        prop_assert_eq!(subject::parse_command(&built).unwrap(), (provider.clone(), instance.clone(), operation.clone()));
        for kind in [subject::EventKind::Started, subject::EventKind::Progress, subject::EventKind::Result] {
            prop_assert_eq!(subject::event_kind(&subject::event(&provider, &instance, &operation, kind)), Some(kind));
        }
    }

    #[test]
    fn what_parses_as_a_subject_is_built_the_same(text in "if\\.command\\.[a-z.*>]{0,20}|[a-z.]{0,30}") {
        if let Ok((provider, instance, operation)) = subject::parse_command(&text) {
            prop_assert_eq!(subject::command(&provider, &instance, &operation), text);
        }
    }

    #[test]
    fn ids_survive_their_text(id: [u8; 16], trace: [u8; 16], key: [u8; 32]) {
        let (id, trace, key) = (CommandId::from_bytes(id), TraceId::from_bytes(trace), PublicKey(key));
        prop_assert_eq!(id.to_string().parse::<CommandId>().unwrap(), id);
        prop_assert_eq!(trace.to_string().parse::<TraceId>().unwrap(), trace);
        prop_assert_eq!(key.to_string().parse::<PublicKey>().unwrap(), key);
    }

    #[test]
    fn json_says_the_same_as_the_bytes(command in command(), us in -62_000_000_000_000_000i64..250_000_000_000_000_000) {
        let command = Command { issued_at: Timestamp(us), deadline: Timestamp(us), ..command };
        let json = serde_json::to_string(&command).unwrap();
        prop_assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn export_files_read_back_and_every_cut_is_noticed(
        raws in vec((vec(any::<u8>(), 0..60), option::of(payload())), 1..5), trust in vec(vec(any::<u8>(), 0..60), 0..3),
        log in hash(), prev in hash(), key in key(), head in envelope(),
    ) {
        let header = Header::new(log, 7, prev, key.public());
        let mut writer = Writer::new(Vec::new(), &header).unwrap();
        for entry in &trust {
            writer.trust(entry).unwrap();
        }
        let raws: Vec<RawEntry> = raws.into_iter().map(|(entry, payload)| RawEntry { entry, payload }).collect();
        for raw in &raws {
            writer.entry(raw.clone()).unwrap();
        }
        let bytes = writer.finish(head.clone()).unwrap();
        let mut expected: Vec<Record> = trust.into_iter().map(Record::Trust).collect();
        expected.extend(raws.into_iter().map(Record::Entry));
        expected.push(Record::Footer(head));
        let (found, records) = read_all(&bytes).unwrap();
        prop_assert_eq!(found, header);
        prop_assert_eq!(records, expected);
        for cut in 0..bytes.len() {
            let error = read_all(&bytes[..cut]).unwrap_err();
            prop_assert!(["magic", "truncated"].contains(&error), "cut at {}: {}", cut, error);
        }
    }
}

/// Lengths around every change of a length prefix and around the largest envelope, each one.
#[test]
fn an_envelope_opens_inside_another_message_exactly_up_to_its_limit() {
    let key = SigningKey::from_seed(&[1; 32]);
    let largest = limits::ENVELOPE_MAX_BYTES;
    let mut refused = 0;
    for length in [0, 31, 32, 180, 255, 256].into_iter().chain(largest - 260..largest + 10) {
        let message = "x".repeat(length);
        let progress =
            Progress { command: CommandId::from_bytes([0; 16]), sequence: 0, at: Timestamp(0), message, data: None };
        match Envelope::seal(&progress, &key) {
            Ok(envelope) => assert_eq!(envelope.open::<Progress>(&key.public()).unwrap(), progress),
            Err(error) => {
                assert_eq!(error.name(), "too_large");
                refused += 1;
            }
        }
    }
    assert!((10..260).contains(&refused), "{refused} refused");
}

fn read_all(bytes: &[u8]) -> Result<(Header, Vec<Record>), &'static str> {
    let mut reader = Reader::new(bytes).map_err(|e| e.name())?;
    let mut out = Vec::new();
    while let Some(record) = reader.next_record().map_err(|e| e.name())? {
        out.push(record);
    }
    Ok((reader.header().clone(), out))
}

const UNITS: [(&str, i64); 12] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("seconds", 1_000_000),
    ("m", 60_000_000),
    ("min", 60_000_000),
    ("minutes", 60_000_000),
    ("h", 3_600_000_000),
    ("hour", 3_600_000_000),
    ("hours", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];

fn is_word(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(alphanumeric) && text.len() <= 63 && text.chars().all(|c| alphanumeric(c) || c == '-' || c == '_')
}

fn is_operation(text: &str) -> bool {
    let words: Vec<&str> = text.split('.').collect();
    (2..=6).contains(&words.len()) && words.iter().all(|w| is_word(w)) && text.len() <= 96
}

/// The grammar of section 7 of the specification.
fn model_grant(text: &str) -> bool {
    let (operations, target) = text.split_once('@').map_or((text, None), |(o, t)| (o, Some(t)));
    let part = |s: &str| s == "*" || is_word(s);
    let target_ok = target.is_none_or(|t| t.split_once('/').map_or(part(t), |(p, i)| part(p) && part(i)));
    let prefix = operations.strip_suffix(".*").is_some_and(|p| is_operation(&format!("{p}.x")));
    target_ok && (operations == "*" || prefix || is_operation(operations))
}

fn model_covers(text: &str, operation: &OperationId, provider: &Name, instance: &Name) -> bool {
    let (operations, target) = text.split_once('@').unwrap_or((text, "*/*"));
    let (p, i) = target.split_once('/').unwrap_or((target, "*"));
    let wanted: Vec<&str> = operations.split('.').collect();
    let given: Vec<&str> = operation.as_str().split('.').collect();
    let fits = match wanted.split_last() {
        Some((&"*", words)) => given.len() > words.len() && given[..words.len()] == *words,
        _ => wanted == given,
    };
    fits && (p == "*" || p == provider.as_str()) && (i == "*" || i == instance.as_str())
}

/// Decimal text to micro-units, by integers only.
fn read_money(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (major, decimals) = digits.split_once('.').unwrap();
    let micros: i128 = format!("{decimals:0<6}").parse().unwrap();
    sign * (major.parse::<i128>().unwrap() * 1_000_000 + micros)
}
