//! What the simulated vMix is: inputs, what is on program and preview, audio, outputs, and how functions change it.
//! No IO, no clock: who calls says how many milliseconds the simulator has run.

mod input;
mod replay;
mod run;
mod step;

pub use input::{Input, NewInput, Ptz};
pub use replay::Replay;
use step::step;

/// Overlay channels, as in vMix 27 and later.
pub const OVERLAYS: usize = 8;
/// Streams of the simulated edition.
pub const STREAMS: usize = 5;
/// Mixes besides the program.
pub const MIXES: usize = 3;
/// Letters of the busses besides the master.
pub const BUSSES: [char; 7] = ['A', 'B', 'C', 'D', 'E', 'F', 'G'];

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bus {
    /// 0 to 100.
    pub fader: f64,
    pub muted: bool,
    pub solo: bool,
    pub send_to_master: bool,
}

/// Input numbers from 1; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mix {
    pub program: usize,
    pub preview: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stream {
    pub on: bool,
    pub url: String,
    pub key: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub inputs: Vec<Input>,
    /// Number of the input on program, from 1; 0 is none.
    pub program: usize,
    pub preview: usize,
    /// The input a running transition leads to.
    pub arriving: Option<usize>,
    /// Input number on each overlay channel; 0 is none.
    pub overlays: [usize; OVERLAYS],
    pub mixes: [Mix; MIXES],
    pub fade_to_black: bool,
    pub recording: bool,
    pub external: bool,
    pub streams: [Stream; STREAMS],
    pub play_list: bool,
    /// Name of the play list and the entry it is at.
    pub play_list_at: (String, usize),
    pub multi_corder: bool,
    pub fullscreen: bool,
    pub master: Bus,
    /// 0 to 100.
    pub headphones: f64,
    pub busses: [Bus; BUSSES.len()],
    /// Effect and milliseconds of the four transition buttons.
    pub transitions: [(String, u64); 4],
    pub dynamic_inputs: [String; 4],
    pub dynamic_values: [String; 4],
    /// Scripts that run. Not in the state vMix gives.
    pub scripts: Vec<String>,
    /// Files written by snapshots, with the number of the input; 0 is program. Not in the state vMix gives.
    pub snapshots: Vec<(usize, String)>,
    /// Inputs ever added: keys are never used again.
    added: usize,
    generation: u64,
}

/// Something under way: to be ended with [`Model::finish`] after `after_ms`.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    pub after_ms: u64,
    then: Then,
}

#[derive(Debug, Clone, PartialEq)]
enum Then {
    /// A transition, unless something else came in between.
    Take { generation: u64 },
    /// A fader has arrived.
    Fader { input: Option<String>, bus: Option<char>, fader: f64 },
}

impl Model {
    /// `count` inputs, with `program` and `preview` chosen.
    pub fn new(count: usize, program: usize, preview: usize) -> Self {
        let bus = Bus { fader: 100.0, muted: false, solo: false, send_to_master: false };
        Self {
            inputs: (1..=count).map(Input::numbered).collect(),
            program: program.min(count),
            preview: preview.min(count),
            arriving: None,
            overlays: [0; OVERLAYS],
            mixes: [Mix::default(); MIXES],
            fade_to_black: false,
            recording: false,
            external: false,
            streams: std::array::from_fn(|_| Stream::default()),
            play_list: false,
            play_list_at: (String::new(), 0),
            multi_corder: false,
            fullscreen: false,
            master: bus,
            headphones: 100.0,
            busses: [bus; BUSSES.len()],
            transitions: [("Fade", 500), ("Merge", 1000), ("Wipe", 1000), ("CubeZoom", 1000)]
                .map(|(e, d)| (e.into(), d)),
            dynamic_inputs: Default::default(),
            dynamic_values: Default::default(),
            scripts: Vec::new(),
            snapshots: Vec::new(),
            added: count,
            generation: 0,
        }
    }

    /// Whether the simulator does anything for a function of this name.
    pub fn models(name: &str) -> bool {
        step(name).is_some()
    }

    /// One digit per input: 1 on program (or arriving there, or on an overlay), 2 on preview, 0 neither.
    pub fn tally(&self) -> String {
        (1..=self.inputs.len())
            .map(|n| {
                if n == self.program || self.arriving == Some(n) || self.overlays.contains(&n) {
                    '1'
                } else if n == self.preview {
                    '2'
                } else {
                    '0'
                }
            })
            .collect()
    }

    /// The number of the input that a number, GUID or title names. 0 is the preview, -1 the program.
    pub fn resolve(&self, name: &str) -> Option<usize> {
        let there = |n: usize| (1..=self.inputs.len()).contains(&n).then_some(n);
        if let Ok(number) = name.parse::<i64>() {
            return match number {
                0 => there(self.preview),
                -1 => there(self.program),
                n => there(usize::try_from(n).ok()?),
            };
        }
        let at = self.inputs.iter().position(|i| i.key.eq_ignore_ascii_case(name) || i.title == name)?;
        Some(at + 1)
    }

    pub fn input(&self, number: usize) -> Option<&Input> {
        self.inputs.get(number.checked_sub(1)?)
    }

    pub fn input_mut(&mut self, number: usize) -> Option<&mut Input> {
        self.inputs.get_mut(number.checked_sub(1)?)
    }

    /// The input with this title, for tests.
    pub fn titled(&self, title: &str) -> Option<&Input> {
        self.inputs.iter().find(|i| i.title == title)
    }

    /// Adds an input at the end; returns its number.
    pub fn add(&mut self, new: NewInput) -> usize {
        self.added += 1;
        self.inputs.push(Input::new(self.added, new));
        self.inputs.len()
    }

    /// Removes an input: later ones move up, and with them what refers to them.
    pub fn remove(&mut self, number: usize) {
        if self.input(number).is_none() {
            return;
        }
        self.inputs.remove(number - 1);
        self.renumber(|n| match n.cmp(&number) {
            std::cmp::Ordering::Less => n,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => n - 1,
        });
    }

    /// Moves an input to another number.
    pub fn relocate(&mut self, from: usize, to: usize) {
        if self.input(from).is_none() || self.input(to).is_none() {
            return;
        }
        let input = self.inputs.remove(from - 1);
        self.inputs.insert(to - 1, input);
        self.renumber(|n| match n {
            n if n == from => to,
            n if from < n && n <= to => n - 1,
            n if to <= n && n < from => n + 1,
            n => n,
        });
    }

    fn renumber(&mut self, change: impl Fn(usize) -> usize) {
        let mixes = self.mixes.iter_mut().flat_map(|m| [&mut m.program, &mut m.preview]);
        for n in [&mut self.program, &mut self.preview].into_iter().chain(&mut self.overlays).chain(mixes) {
            *n = change(*n);
        }
        self.arriving = self.arriving.map(change).filter(|n| *n > 0);
    }

    pub fn streaming(&self) -> bool {
        self.streams.iter().any(|s| s.on)
    }

    /// The replay, where there is a replay input.
    pub fn replay(&self) -> Option<&Replay> {
        self.inputs.iter().find_map(|i| i.replay.as_ref())
    }

    /// Ends what `begin` started.
    pub fn finish(&mut self, running: Running) {
        match running.then {
            Then::Take { generation } => {
                if generation == self.generation
                    && let Some(to) = self.arriving.take()
                {
                    self.take(to, false);
                }
            }
            Then::Fader { input, bus, fader } => {
                if let Some(number) = input.and_then(|key| self.resolve(&key)) {
                    self.inputs[number - 1].fader = fader;
                }
                if let Some(fade) = bus.and_then(|b| self.fader(b)) {
                    *fade = fader;
                }
            }
        }
    }

    /// Puts `to` on program; what was there goes to preview.
    fn take(&mut self, to: usize, keep_preview: bool) {
        if to == 0 || to == self.program {
            return;
        }
        if !keep_preview {
            self.preview = self.program;
        }
        self.program = to;
    }

    /// The fader of a bus: `M`, `A` to `G`, `H` for the headphones.
    fn fader(&mut self, bus: char) -> Option<&mut f64> {
        if bus == 'H' { Some(&mut self.headphones) } else { self.bus(bus).map(|b| &mut b.fader) }
    }

    fn bus(&mut self, letter: char) -> Option<&mut Bus> {
        if letter == 'M' {
            return Some(&mut self.master);
        }
        BUSSES.iter().position(|b| *b == letter).map(|at| &mut self.busses[at])
    }
}
