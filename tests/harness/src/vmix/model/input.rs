//! Inputs of the simulated vMix.

use super::Replay;

/// Length of a simulated clip, milliseconds.
const CLIP_MS: u64 = 60_000;

/// Where a camera was sent. Not in the state vMix gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ptz {
    /// The last movement, like `PTZMoveUp 0.5`; none once stopped.
    pub moving: Option<String>,
    pub zooming: Option<String>,
    /// `home`, or the virtual input it was sent to.
    pub position: String,
}

/// An input to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInput {
    /// vMix type, like `Video`.
    pub kind: String,
    pub title: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// GUID.
    pub key: String,
    pub title: String,
    /// vMix type, like `Capture`.
    pub kind: String,
    pub muted: bool,
    /// Fader, 0 to 100.
    pub fader: f64,
    /// -1 to 1.
    pub balance: f64,
    pub solo: bool,
    /// Busses it is sent to, in the order vMix writes them: `M`, `A`, …
    pub busses: Vec<char>,
    pub playing: bool,
    pub looping: bool,
    /// Milliseconds at `anchor_ms`.
    pub position_ms: u64,
    /// When the simulator, in its own milliseconds, was at `position_ms`.
    pub anchor_ms: u64,
    pub duration_ms: u64,
    /// Name and content.
    pub texts: Vec<(String, String)>,
    pub images: Vec<(String, String)>,
    /// Contents of the first text, one for each preset of a title.
    pub presets: Vec<String>,
    pub preset: usize,
    /// Files of a list.
    pub items: Vec<String>,
    /// Item shown, from 1; 0 is none.
    pub selected: usize,
    /// Source of an NDI input.
    pub source: String,
    pub replay: Option<Replay>,
    pub ptz: Ptz,
}

impl Input {
    /// Input `number` of a new model. The third title holds markup and a character of three bytes: framing counts bytes.
    pub fn numbered(number: usize) -> Self {
        let (kind, title) = match number {
            1 | 2 => ("Capture", format!("Camera {number}")),
            3 => ("Video", "Q&A <Café ☕>.mp4".to_string()),
            4 => ("GT", "Lower Third.gtzip".to_string()),
            n => ("Colour", format!("Colour {n}")),
        };
        let mut input = Self::new(number, NewInput { kind: kind.into(), title });
        input.muted = number != 1;
        input
    }

    pub fn new(serial: usize, new: NewInput) -> Self {
        let clip = matches!(new.kind.as_str(), "Video" | "VideoList" | "AudioFile");
        let title = matches!(new.kind.as_str(), "GT" | "Xaml");
        let text = |on: bool, name: &str, content: &str| {
            if on { vec![(name.to_string(), content.to_string())] } else { Vec::new() }
        };
        Self {
            key: format!("5f0a2c3e-1b7d-4e88-9a40-{serial:012x}"),
            muted: true,
            fader: 100.0,
            balance: 0.0,
            solo: false,
            busses: vec!['M'],
            playing: !clip && !title,
            looping: false,
            position_ms: 0,
            anchor_ms: 0,
            duration_ms: if clip { CLIP_MS } else { 0 },
            texts: text(title, "Headline.Text", "Hello"),
            images: text(title, "Logo.Source", ""),
            presets: if title { ["Hello", "Second", "Third"].map(String::from).to_vec() } else { Vec::new() },
            preset: 0,
            items: Vec::new(),
            selected: 0,
            source: String::new(),
            replay: (new.kind == "Replay").then(Replay::default),
            ptz: Ptz::default(),
            title: new.title,
            kind: new.kind,
        }
    }

    pub fn has_audio(&self) -> bool {
        matches!(self.kind.as_str(), "Capture" | "Video" | "VideoList" | "AudioFile" | "NDI" | "Replay" | "Mix")
    }

    /// Where it is once the simulator has run `now_ms`.
    pub fn position(&self, now_ms: u64) -> u64 {
        if !self.playing || self.duration_ms == 0 {
            return self.position_ms;
        }
        let at = self.position_ms + now_ms.saturating_sub(self.anchor_ms);
        if self.looping { at % self.duration_ms } else { at.min(self.duration_ms) }
    }

    /// `Running`, `Paused` or `Completed`.
    pub fn state(&self, now_ms: u64) -> &'static str {
        match self.playing {
            true if self.duration_ms > 0 && self.position(now_ms) >= self.duration_ms => "Completed",
            true => "Running",
            false => "Paused",
        }
    }

    /// Plays on or pauses from where it is.
    pub fn play(&mut self, on: bool, now_ms: u64) {
        self.go_to(self.position(now_ms), now_ms);
        self.playing = on;
    }

    pub fn go_to(&mut self, position_ms: u64, now_ms: u64) {
        self.position_ms = if self.duration_ms > 0 { position_ms.min(self.duration_ms) } else { position_ms };
        self.anchor_ms = now_ms;
    }

    /// The title as vMix writes it: a list has its item in it.
    pub fn full_title(&self) -> String {
        match self.items.get(self.selected.wrapping_sub(1)) {
            Some(item) => format!("{} - {}", self.title, item.rsplit(['\\', '/']).next().unwrap_or(item)),
            None => self.title.clone(),
        }
    }

    pub fn take_preset(&mut self, preset: usize) {
        if let (Some(content), Some(text)) = (self.presets.get(preset), self.texts.first_mut()) {
            self.preset = preset;
            text.1.clone_from(content);
        }
    }
}
