//! Every size and time limit of the contract, each with its unit.

/// The wire and log format's major version. Anything else is refused.
pub const VERSION: u8 = 1;
/// Largest encoded log entry, bytes.
pub const ENTRY_MAX_BYTES: usize = 65_535;
/// Largest encoded envelope, bytes: an entry must always be able to hold one and its own fields.
pub const ENVELOPE_MAX_BYTES: usize = 32_768;
/// Largest payload (arguments or result document), bytes. Fits a NATS message beside its envelope.
pub const PAYLOAD_MAX_BYTES: usize = 524_288;
/// Largest message accepted on any subject, bytes.
pub const MESSAGE_MAX_BYTES: usize = 786_432;
/// Most messages under one signature.
pub const BATCH_MAX: usize = 65_536;
/// Most steps from a message to the root of its batch: the height of a tree of [`BATCH_MAX`].
pub const PATH_STEPS_MAX: usize = 16;
/// Largest allowed distance between a sender's clock and the broker's, microseconds.
pub const CLOCK_SKEW_MAX_US: i64 = 30_000_000;
/// Longest deadline a command may ask for, microseconds (24 h).
pub const DEADLINE_MAX_US: i64 = 86_400_000_000;
/// How long after a command's deadline the broker still waits for its result, microseconds.
pub const RESULT_GRACE_US: i64 = 2_000_000;
/// Longest name (instance, provider, member, profile), bytes.
pub const NAME_MAX_BYTES: usize = 63;
/// Longest operation id, bytes.
pub const OPERATION_MAX_BYTES: usize = 96;
/// Most grants one member may hold.
pub const GRANTS_MAX: usize = 64;
/// Most members a genesis may name.
pub const GENESIS_MEMBERS_MAX: usize = 64;
/// Most plugins pinned at once.
pub const PINS_MAX: usize = 256;
/// Most policies of guardians.
pub const POLICIES_MAX: usize = 64;
/// Most classes of commands that one policy covers.
pub const POLICY_GRANTS_MAX: usize = 16;
/// Longest free text kept in an entry (reject message, reason), bytes.
pub const TEXT_MAX_BYTES: usize = 1_024;
/// Most lines of one meter or quote.
pub const METER_LINES_MAX: usize = 8;
/// Longest price table version or SKU, bytes.
pub const PRICE_TEXT_MAX_BYTES: usize = 128;
/// Most rates of one price set by an operator.
pub const SKU_RATES_MAX: usize = 16;
/// Longest text about the source of a price or rate, bytes.
pub const FINANCE_TEXT_MAX_BYTES: usize = 256;
/// Longest name of a time zone, bytes.
pub const ZONE_MAX_BYTES: usize = 64;
/// Highest exchange rate, millionths.
pub const RATE_MAX_MICROS: i64 = 1_000_000_000_000_000;
/// Most budgets at once.
pub const BUDGETS_MAX: usize = 128;
/// Most exchange rates at once.
pub const RATES_MAX: usize = 256;
/// Most prices set by operators at once.
pub const PRICES_MAX: usize = 1_024;
/// Most steps of one run.
pub const RUN_STEPS_MAX: usize = 4_096;
/// Most commands of one run, ways back included.
pub const RUN_LEAVES_MAX: usize = 16_384;
/// Most steps of one run at once.
pub const RUN_CONCURRENCY_MAX: u16 = 256;
/// Most instances one run may write to.
pub const RUN_WRITES_MAX: usize = 128;
/// Most paid steps whose cost is reserved at the start of a run.
pub const RUN_QUOTES_MAX: usize = 128;
/// Most bytes of the quotes of those steps: with a whole envelope beside them they fit into an entry.
pub const RUN_QUOTES_MAX_BYTES: usize = 32_000;
/// Longest text of a note, bytes.
pub const RUN_TEXT_MAX_BYTES: usize = 1_024;
/// Longest life of a run, microseconds (7 days).
pub const RUN_LIFE_MAX_US: i64 = 604_800_000_000;
/// Runs the broker keeps in its state, those that ended included: the oldest ended one makes room.
pub const RUNS_MAX: usize = 256;
/// Most guardians of one step.
pub const GUARDIANS_MAX: usize = 32;
