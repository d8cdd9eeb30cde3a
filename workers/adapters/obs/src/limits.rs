//! Every bound of this adapter, with its unit.

use std::time::Duration;

/// The one remote procedure version of obs-websocket 5.
pub const RPC_VERSION: u64 = 1;
/// Events asked for: General 1, Config 2, Scenes 4, Inputs 8, Transitions 16, Filters 32, Outputs 64, SceneItems 128,
/// MediaInputs 256, Ui 1024 (a bit set). Not those that come many times a second: meters, transforms, active states.
pub const EVENT_SUBSCRIPTIONS: u64 = 1 | 2 | 4 | 8 | 16 | 32 | 64 | 128 | 256 | 1024;
/// Largest message accepted from OBS, bytes. Pictures are the largest: 4K that compresses badly is some 25 MB.
pub const MESSAGE_MAX_BYTES: usize = 32 << 20;
/// Most bytes waiting to be written to a peer that does not read.
pub const WRITE_BUFFER_MAX_BYTES: usize = 1 << 20;
/// Most requests waiting to be written.
pub const OUTGOING_QUEUE: usize = 64;
/// Most requests waiting for their answer.
pub const PENDING_MAX: usize = 128;
/// Events a slow waiter may fall behind by before it misses some. It then reads back instead.
pub const EVENT_QUEUE: usize = 256;
/// Most names quoted in a hint.
pub const HINT_NAMES_MAX: usize = 8;
/// Longest name quoted in a message, characters.
pub const QUOTE_MAX: usize = 120;
/// Requests of one batch while the mirror is filled.
pub const MIRROR_BATCH: usize = 100;
/// How long filling the mirror may take.
pub const MIRROR_TIME: Duration = Duration::from_secs(4);
/// Largest difference between a number that was set and the same read back, relative to its size.
pub const NUMBER_TOLERANCE: f64 = 1e-4;
/// Furthest a media position may be from the one asked for, beside the time that has passed, milliseconds. Players seek to key frames.
pub const SEEK_TOLERANCE_MS: i64 = 1_500;
/// Most of an answer that is put into the message of a result, characters.
pub const ANSWER_MAX: usize = 4_000;
/// Most requests of `obs.batch`.
pub const BATCH_MAX: usize = 64;
/// Most parts of the live state that are read one by one; where more are due, all is read.
pub const MIRROR_PARTS_MAX: usize = 8;
/// Pause between an event that makes something to be read again and reading it.
pub const MIRROR_SETTLE: Duration = Duration::from_millis(30);
/// How often, and with which pause between, a new input is looked for that OBS has told of.
pub const MIRROR_LOOKS: usize = 10;
pub const MIRROR_LOOK: Duration = Duration::from_millis(20);
/// Shortest pause of a recording: more than a frame at the lowest frame rate in use, 10 a second.
pub const PAUSE_MIN: Duration = Duration::from_millis(250);
/// Pause before the mirror is filled again where that failed.
pub const MIRROR_RETRY: Duration = Duration::from_millis(500);
/// Longest stream key, bytes.
pub const STREAM_KEY_MAX_BYTES: u64 = 4_096;
/// Lanes kept while nothing is under way in them.
pub const IDLE_LANES_MAX: usize = 64;
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
