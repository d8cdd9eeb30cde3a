//! Every bound of this adapter, with its unit.

use std::time::Duration;

/// Oldest version that can read single entities back (`subscribe_entities`).
pub const VERSION_MIN: (u32, u32) = (2022, 4);
/// Largest message accepted, bytes. The states of 2,000 entities are about 1.5 MB.
pub const MESSAGE_MAX_BYTES: usize = 16 << 20;
/// Most bytes waiting to be written to a peer that does not read.
pub const WRITE_BUFFER_MAX_BYTES: usize = 1 << 20;
/// Most entities kept; more are passed over, with a warning.
pub const ENTITIES_MAX: usize = 50_000;
/// Most requests waiting to be written.
pub const OUTGOING_QUEUE: usize = 128;
/// Most requests waiting for their answer.
pub const PENDING_MAX: usize = 256;
/// Most subscriptions at once, beside that of state changes.
pub const SUBSCRIPTIONS_MAX: usize = 256;
/// Events of one subscription its reader may fall behind by before it is ended.
pub const SUBSCRIPTION_QUEUE: usize = 64;
/// State changes a slow waiter may fall behind by before it misses some. It then reads back instead.
pub const CHANGES_QUEUE: usize = 4_096;
/// Changes kept while the context of a call is not known yet.
pub const CANDIDATES_MAX: usize = 1_024;
/// Most names quoted in a hint.
pub const HINT_NAMES_MAX: usize = 8;
/// How often state is read back while no event comes.
pub const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Most time kept at the end of a call for the last read-back. A quarter of the call where it is short.
pub const LAST_READ_MAX: Duration = Duration::from_millis(500);
/// Most time kept at the end of a call for returning. A twentieth of the call where it is short.
pub const RETURN_MAX: Duration = Duration::from_millis(25);
/// How long an observable effect of a call that shows no state by itself is waited for.
pub const OBSERVE_MAX: Duration = Duration::from_secs(5);
/// Largest certificate authority file, bytes.
pub const CA_FILE_MAX_BYTES: u64 = 1 << 20;
/// Largest camera picture, bytes.
pub const PICTURE_MAX_BYTES: usize = 32 << 20;
/// Most bytes written to one file of pictures.
pub const RECORDING_MAX_BYTES: u64 = 4 << 30;
/// How often a recording says how far it is.
pub const RECORDING_REPORT: Duration = Duration::from_secs(1);
/// Time a recording keeps for writing its file out.
pub const RECORDING_MARGIN: Duration = Duration::from_millis(500);
/// Largest head of one part of a multipart stream, bytes.
pub const PART_HEAD_MAX_BYTES: usize = 4 << 10;

/// How long the parts of a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Name look-up and TCP connection.
    pub connect: Duration,
    /// TLS handshake and websocket upgrade, each.
    pub upgrade: Duration,
    /// From the upgrade to `auth_ok`.
    pub login: Duration,
    /// From `auth_ok` to all states, services and the configuration.
    pub load: Duration,
    /// One write, and the closing handshake.
    pub write: Duration,
    /// How often a ping is sent.
    pub ping: Duration,
    /// Silence after which the connection counts as lost. More than one [`ping`](Self::ping).
    pub silence: Duration,
    /// A health check.
    pub health: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            upgrade: Duration::from_secs(3),
            login: Duration::from_secs(4),
            load: Duration::from_secs(10),
            write: Duration::from_secs(3),
            ping: Duration::from_secs(2),
            silence: Duration::from_secs(8),
            health: Duration::from_secs(3),
        }
    }
}
