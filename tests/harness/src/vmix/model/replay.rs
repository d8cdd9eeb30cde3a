//! Instant replay.

#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    pub live: bool,
    pub recording: bool,
    /// `A`, `B` or `AB`.
    pub channel_mode: &'static str,
    /// Camera of the channels A and B, from 1.
    pub cameras: [usize; 2],
    /// 0 to 1.
    pub speed: f64,
    pub playing: bool,
    /// Functions that made or played events. Not in the state vMix gives.
    pub events: Vec<String>,
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            live: true,
            recording: false,
            channel_mode: "A",
            cameras: [1, 2],
            speed: 1.0,
            playing: false,
            events: Vec::new(),
        }
    }
}
