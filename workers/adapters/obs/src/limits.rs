//! Every bound of this adapter, with its unit.

use std::time::Duration;

/// The one remote procedure version of obs-websocket 5.
pub const RPC_VERSION: u64 = 1;
/// Events asked for: General 1, Config 2, Scenes 4, Transitions 16, Outputs 64 (a bit set).
pub const EVENT_SUBSCRIPTIONS: u64 = 1 | 2 | 4 | 16 | 64;
/// Largest message accepted from OBS, bytes. A scene list of a thousand scenes is under 200 KB.
pub const MESSAGE_MAX_BYTES: usize = 1 << 20;
/// Most bytes waiting to be written to a peer that does not read.
pub const WRITE_BUFFER_MAX_BYTES: usize = 1 << 20;
/// Most requests waiting to be written.
pub const OUTGOING_QUEUE: usize = 64;
/// Most requests waiting for their answer.
pub const PENDING_MAX: usize = 128;
/// Events a slow waiter may fall behind by before it misses some. It then reads back instead.
pub const EVENT_QUEUE: usize = 256;
/// Most scene names quoted in a hint.
pub const HINT_SCENES_MAX: usize = 8;
/// How often state is read back while no event comes.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// How long the wanted state must have been there without its event before reading it back counts alone.
pub const EVENT_PATIENCE: Duration = Duration::from_millis(1_000);
/// Most time kept at the end of a call for the last read-back. A quarter of the call where it is short.
pub const LAST_READ_MAX: Duration = Duration::from_millis(500);
/// Most time kept at the end of a call for returning. A twentieth of the call where it is short.
pub const RETURN_MAX: Duration = Duration::from_millis(25);

/// How long the parts of a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Name look-up and TCP connection.
    pub connect: Duration,
    /// The websocket upgrade.
    pub upgrade: Duration,
    /// From the upgrade to `Identified`.
    pub identify: Duration,
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
            identify: Duration::from_secs(4),
            write: Duration::from_secs(3),
            ping: Duration::from_secs(2),
            silence: Duration::from_secs(8),
            health: Duration::from_secs(3),
        }
    }
}
