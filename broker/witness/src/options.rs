//! Sizes of the store.

/// How much memory the store may use.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Blocks kept in memory, bytes.
    pub cache_bytes: usize,
    /// One write buffer, bytes; a column family has at most two.
    pub write_buffer_bytes: usize,
    /// All write buffers together, bytes: beyond it the fullest is flushed.
    pub write_buffers_bytes: usize,
    /// Files kept open.
    pub open_files_max: i32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 8 * 1024 * 1024,
            write_buffer_bytes: 8 * 1024 * 1024,
            write_buffers_bytes: 24 * 1024 * 1024,
            open_files_max: 256,
        }
    }
}
