//! Keys, names and home directories for a fabric of tests.

use anyhow::Context;
use if_home::{Home, keys};
use if_schemas::{
    CommandId, Envelope, Hash, Member, Name, PublicKey, Role, Salt, SigningKey, Timestamp, TraceId,
    member::Genesis,
    subject,
    tariff::{Tariff, TariffDocument},
    wire::{Message as _, Submission},
};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seeds of everybody: anyone may make the same keys again.
pub struct Keys {
    pub admin: SigningKey,
    /// May use `noop` only.
    pub operator: SigningKey,
    pub broker: SigningKey,
    /// May serve `noop` only.
    pub worker: SigningKey,
    /// May serve `other` only.
    pub other_worker: SigningKey,
    /// Nobody knows this one.
    pub stranger: SigningKey,
}

const BROKER_SEED: u8 = 3;
const WORKER_SEED: u8 = 4;

pub fn seed(number: u8) -> [u8; 32] {
    [number; 32]
}

impl Default for Keys {
    fn default() -> Self {
        let key = |n| SigningKey::from_seed(&seed(n));
        Self {
            admin: key(1),
            operator: key(2),
            broker: key(BROKER_SEED),
            worker: key(WORKER_SEED),
            other_worker: key(5),
            stranger: key(6),
        }
    }
}

impl Keys {
    /// The public key of each.
    pub fn all(&self) -> Vec<PublicKey> {
        let Self { admin, operator, broker, worker, other_worker, stranger } = self;
        [admin, operator, broker, worker, other_worker, stranger].map(|key| key.public()).into()
    }
}

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn random<const N: usize>() -> [u8; N] {
    static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    // Unique is enough here: process, counter and time, spread by a hash.
    let count = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let parts = [now().0.to_be_bytes(), count.to_be_bytes(), u64::from(std::process::id()).to_be_bytes()].concat();
    let hash = if_schemas::codec::hash("infrafabric 2026 test randomness v1", &[&parts]);
    let mut out = [0; N];
    out.copy_from_slice(&hash.0[..N]);
    out
}

pub fn new_command_id() -> CommandId {
    CommandId::new(u64::try_from(now().0 / 1_000).unwrap_or(0), random())
}
pub fn new_trace_id() -> TraceId {
    TraceId::from_bytes(random())
}
pub fn new_salt() -> Salt {
    Salt(random())
}

pub fn name(text: &str) -> anyhow::Result<Name> {
    Ok(text.parse()?)
}

fn member(text: &str, key: &SigningKey, role: Role, grants: &[&str]) -> anyhow::Result<Member> {
    let grants = grants.iter().map(|g| g.parse()).collect::<Result<Vec<_>, _>>()?;
    Ok(Member { name: name(text)?, key: key.public(), role, grants })
}

/// Writes keys and genesis into a fresh home directory.
pub fn make_home(dir: &std::path::Path, keys: &Keys) -> anyhow::Result<Home> {
    let home = Home::at(dir);
    if_home::private::create_dir(&home.keys_dir())?;
    keys::write_new(&home.key_file("broker"), &seed(BROKER_SEED))?;
    keys::write_new(&home.key_file("worker"), &seed(WORKER_SEED))?;
    let genesis = Genesis {
        created_at: now(),
        nonce: Hash(random()),
        members: vec![
            member("admin", &keys.admin, Role::Admin, &[])?,
            member("operator", &keys.operator, Role::Operator, &["*@noop"])?,
            member("broker", &keys.broker, Role::Broker, &[])?,
            member("node", &keys.worker, Role::Worker, &["*@noop", "*@pager", "*@bench", "*@vmix"])?,
            member("other-node", &keys.other_worker, Role::Worker, &["*@other"])?,
        ],
    };
    let envelope = Envelope::seal(&genesis, &keys.admin)?;
    std::fs::write(home.genesis_file(), envelope.encode()?).context("genesis.bin")?;
    Ok(home)
}

/// A tariff in which one operation is free, as the member `node` says it: its hash, and where to send which bytes.
pub fn free_tariff(
    key: &SigningKey,
    provider: &str,
    operation: &str,
    sequence: u64,
) -> anyhow::Result<(Hash, String, Vec<u8>)> {
    let operations = [(operation.parse()?, None)].into();
    let payload = TariffDocument { operations, ..TariffDocument::default() }.to_payload()?;
    let (node, provider): (Name, Name) = (name("node")?, name(provider)?);
    let document = payload.hash();
    let to = subject::tariff(&node, &provider);
    let tariff = Tariff { node, provider, at: now(), sequence, document };
    let envelope = Envelope::seal(&tariff, key)?;
    Ok((document, to, Submission { envelope, payload: Some(payload) }.to_message()?))
}
