//! A large log made without a broker: real keys, real signatures, real entries, written by the real store.

use anyhow::Result;
use if_core::State;
use if_home::Home;
use if_schemas::{
    Body, Command, CommandId, Effect, Entry, Envelope, Hash, Money, Payload, ResultEvent, Salt, Settlement, Status,
    Timestamp, TraceId, payload::Arguments,
};
use if_tests::{Keys, world};
use if_witness::{Batch, Log, NewEntry, Options};

/// Commands per batch; each makes two entries.
const BATCH_COMMANDS: u64 = 2_000;
const OPERATIONS: [&str; 4] = ["noop.set", "noop.fire", "noop.read", "noop.rare"];
/// One command in this many is the rare operation, and one in so many fails.
const RARE: u64 = 50_000;

pub struct Synthetic {
    pub keys: Keys,
    pub home: Home,
    pub entries: u64,
    /// Time of the first command.
    pub first: Timestamp,
    pub _dir: tempfile::TempDir,
}

pub fn build(entries: u64) -> Result<Synthetic> {
    let dir = tempfile::tempdir()?;
    let keys = Keys::default();
    let home = world::make_home(dir.path(), &keys)?;
    let mut log = Log::open(&home.witness_dir(), Options::default())?;
    let mut state = State::default();
    let genesis = Envelope::decode(&std::fs::read(home.genesis_file())?)?;
    let first = world::now().saturating_add_us(-86_400_000_000);
    let mut batch = vec![append(&mut state, first, Body::Genesis { envelope: genesis }, None)?];
    let commands = entries / 2;
    for n in 0..commands {
        batch.extend(command(&mut state, &keys, first, n)?);
        if n % BATCH_COMMANDS == 0 || n + 1 == commands {
            let snapshot = Some((state.next() - 1, state.to_snapshot()?));
            log.append(Batch { entries: std::mem::take(&mut batch), snapshot })?;
        }
        if n % 100_000 == 0 {
            eprintln!("synthetic log: {} of {entries} entries", 2 * n);
        }
    }
    Ok(Synthetic { keys, home, entries: state.next(), first, _dir: dir })
}

fn command(state: &mut State, keys: &Keys, first: Timestamp, n: u64) -> Result<[NewEntry; 2]> {
    let at = first.saturating_add_us(i64::try_from(n)? * 100);
    let mut random = [0; 10];
    random[..8].copy_from_slice(&n.to_be_bytes());
    let payload = Payload::new(&Arguments { args: serde_json::Map::new(), why: None, cause: None }, Salt([1; 16]))?;
    let operation = if n % RARE == 7 { OPERATIONS[3] } else { OPERATIONS[usize::try_from(n % 3)?] };
    let body = Command {
        id: CommandId::new(u64::try_from(at.0 / 1_000)?, random),
        trace: TraceId::from_bytes(u128::from(n).to_be_bytes()),
        issued_at: at,
        deadline: at.saturating_add_us(10_000_000),
        operation: operation.parse()?,
        provider: "noop".parse()?,
        instance: format!("i{}", n % 20).parse()?,
        effect: Effect::Idempotent,
        dry_run: false,
        session: None,
        payload: payload.hash(),
        run: None,
    };
    let envelope = Envelope::seal(&body, &keys.operator)?;
    let admitted = append(
        state,
        at,
        Body::Admitted { envelope, worker: "node".parse()?, reserved: Money::FREE, quote: None },
        Some(payload.clone()),
    )?;
    let result = ResultEvent {
        command: body.id,
        entry: admitted.hash,
        status: if n % RARE == 11 { Status::Failed } else { Status::Succeeded },
        started_at: at,
        finished_at: at,
        attempt: 1,
        simulated: true,
        cost: Money::FREE,
        price_table: None,
        usage: None,
        payload: payload.hash(),
        route: None,
    };
    let envelope = Envelope::seal(&result, &keys.worker)?;
    let settlement = Settlement { posted: Money::FREE, voided: Money::FREE };
    let completed = append(state, at.saturating_add_us(50), Body::Completed { envelope, settlement }, Some(payload))?;
    Ok([admitted, completed])
}

fn append(state: &mut State, at: Timestamp, body: Body, payload: Option<Payload>) -> Result<NewEntry> {
    let entry = state.draft(at, body);
    let bytes = entry.encode()?;
    let hash: Hash = Entry::hash_bytes(&bytes);
    state.apply(&entry, hash)?;
    Ok(NewEntry { entry, bytes, hash, payload })
}
