//! What a manifest may ask for at most, and what holds where it does not say.

use std::time::Duration;

/// Bytes of a manifest or a price file.
pub const MANIFEST_MAX_BYTES: usize = 256 * 1024;
pub const OPERATIONS_MAX: usize = 200;
/// Parameters of one operation, and settings of one instance.
pub const PARAMS_MAX: usize = 64;
pub const ALLOWED_HOSTS_MAX: usize = 64;

/// Requests at once.
pub const CONCURRENCY_DEFAULT: u32 = 8;
pub const CONCURRENCY_MAX: u32 = 256;
/// Bytes of a response body.
pub const RESPONSE_BYTES_DEFAULT: u64 = 16 << 20;
pub const RESPONSE_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a response header block.
pub const HEADER_BYTES_DEFAULT: u32 = 64 << 10;
pub const HEADER_BYTES_MAX: u32 = 256 << 10;
pub const REDIRECTS_DEFAULT: u8 = 5;
pub const REDIRECTS_MAX: u8 = 10;
pub const CONNECT_DEFAULT: Duration = Duration::from_secs(10);
pub const CONNECT_MAX: Duration = Duration::from_secs(60);
pub const FIRST_BYTE_DEFAULT: Duration = Duration::from_secs(30);
pub const FIRST_BYTE_MAX: Duration = Duration::from_secs(600);
pub const IDLE_DEFAULT: Duration = Duration::from_secs(30);
pub const IDLE_MAX: Duration = Duration::from_secs(600);

/// Requests of a token bucket, and of its burst.
pub const RATE_REQUESTS_MAX: u32 = 100_000;
pub const RATE_PER_MAX: Duration = Duration::from_secs(86_400);

pub const RETRY_ATTEMPTS_DEFAULT: u32 = 3;
pub const RETRY_ATTEMPTS_MAX: u32 = 10;
pub const RETRY_BASE_DEFAULT: Duration = Duration::from_millis(200);
pub const RETRY_PAUSE_DEFAULT: Duration = Duration::from_secs(10);
pub const RETRY_PAUSE_MAX: Duration = Duration::from_secs(300);

pub const ITEMS_DEFAULT: u32 = 1_000;
pub const ITEMS_MAX: u32 = 100_000;
/// Items of one page.
pub const PAGE_SIZE_MAX: u32 = 10_000;

pub const POLL_EVERY_MIN: Duration = Duration::from_millis(10);
pub const POLL_EVERY_MAX: Duration = Duration::from_secs(300);

pub const JWT_LIFETIME_DEFAULT: Duration = Duration::from_secs(600);
pub const JWT_LIFETIME_MAX: Duration = Duration::from_secs(86_400);
pub const SESSION_LIFETIME_DEFAULT: Duration = Duration::from_secs(3_600);
pub const SESSION_LIFETIME_MAX: Duration = Duration::from_secs(30 * 86_400);
pub const SESSION_STEPS_MAX: usize = 8;

/// Words of a plugin's command, and variables it is given.
pub const PLUGIN_WORDS_MAX: usize = 64;
/// Memory and largest file of a plugin's process, MiB.
pub const PLUGIN_MIB_MAX: u32 = 1 << 20;
pub const PLUGIN_FILES_MAX: u32 = 65_536;
/// Processor time of a plugin's process, seconds.
pub const PLUGIN_CPU_MAX: u32 = 365 * 86_400;

/// Shortest duration anything may be set to.
pub const DURATION_MIN: Duration = Duration::from_millis(1);
