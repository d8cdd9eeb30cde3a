//! Which function does what, by its name.

use super::OVERLAYS;

/// Length of a transition without `Duration=`, milliseconds: vMix's own default.
const TRANSITION_MS: u64 = 500;
/// Length of a simulated stinger, milliseconds.
const STINGER_MS: u64 = 300;
const TRANSITIONS: [&str; 19] = [
    "Fade",
    "Zoom",
    "Wipe",
    "Slide",
    "Fly",
    "CrossZoom",
    "FlyRotate",
    "Cube",
    "CubeZoom",
    "VerticalWipe",
    "VerticalSlide",
    "Merge",
    "WipeReverse",
    "SlideReverse",
    "VerticalWipeReverse",
    "VerticalSlideReverse",
    "BarnDoor",
    "RollerDoor",
    "AlphaFade",
];

/// The stem of functions that come as `X`, `XOn` and `XOff`, and what they make.
type Switched<T> = (&'static str, fn(Switch) -> T);

/// A function in terms of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Cut { keep_preview: bool },
    Transition(Length),
    Preview { forwards: Option<bool> },
    Overlay { channel: usize, switch: Switch },
    OverlaysOff,
    Flag { which: Flag, switch: Switch },
    Stream(Switch),
    StreamUrl,
    StreamKey,
    Add,
    Remove,
    Move,
    Input(OfInput),
    Bus { letter: Option<char>, what: OfBus },
    SoloAllOff,
    TransitionEffect(usize),
    TransitionDuration(usize),
    DynamicInput(usize),
    DynamicValue(usize),
    PlayListEntry { forwards: bool },
    PlayListName,
    Script { start: bool, all: bool },
    Snapshot,
    Replay(OfReplay),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Given(u64),
    /// Of the transition button, from 0.
    Button(usize),
}

/// What happens to one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfInput {
    Title,
    Text,
    Image,
    Preset { forwards: Option<bool> },
    Muted(Switch),
    Solo(Switch),
    Bus(Switch),
    Fader,
    FaderFade,
    Balance,
    Playing(Switch),
    Restart,
    Loop(Switch),
    Position,
    Select { forwards: Option<bool> },
    ListAdd,
    ListRemove,
    ListClear,
    NdiSource,
    PtzMove,
    PtzStop,
    PtzZoom,
    PtzZoomStop,
    PtzHome,
    PtzPreset { by_index: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfBus {
    Fader,
    FaderFade,
    Muted(Switch),
    Solo(Switch),
    SendToMaster(Switch),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfReplay {
    Live(Switch),
    Recording(Switch),
    Camera { channel: usize, camera: usize },
    Mode(&'static str),
    Speed,
    Play,
    Pause,
    Mark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    On,
    Off,
    Toggle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    FadeToBlack,
    Recording,
    External,
    MultiCorder,
    Fullscreen,
    PlayList,
}

impl Switch {
    pub fn apply(self, now: bool) -> bool {
        match self {
            Switch::On => true,
            Switch::Off => false,
            Switch::Toggle => !now,
        }
    }

    /// `X`, `XOn`, `XOff`.
    fn suffix(name: &str, stem: &str) -> Option<Self> {
        match name.strip_prefix(stem)? {
            "" => Some(Switch::Toggle),
            "On" => Some(Switch::On),
            "Off" => Some(Switch::Off),
            _ => None,
        }
    }

    /// `StartStopX`, `StartX`, `StopX`.
    fn prefix(name: &str, stem: &str) -> Option<Self> {
        match name.strip_suffix(stem)? {
            "StartStop" => Some(Switch::Toggle),
            "Start" => Some(Switch::On),
            "Stop" => Some(Switch::Off),
            _ => None,
        }
    }
}

pub fn step(name: &str) -> Option<Step> {
    program(name)
        .or_else(|| output(name))
        .or_else(|| of_input(name).map(Step::Input))
        .or_else(|| bus(name))
        .or_else(|| replay(name).map(Step::Replay))
}

/// The number at the end of `StemN`, from 1.
fn numbered(name: &str, stem: &str, most: usize) -> Option<usize> {
    name.strip_prefix(stem)?.parse().ok().filter(|n| (1..=most).contains(n))
}

fn program(name: &str) -> Option<Step> {
    if TRANSITIONS.contains(&name) {
        return Some(Step::Transition(Length::Given(TRANSITION_MS)));
    }
    if numbered(name, "Stinger", 8).is_some() {
        return Some(Step::Transition(Length::Given(STINGER_MS)));
    }
    if let Some(n) = numbered(name, "Transition", 4) {
        return Some(Step::Transition(Length::Button(n - 1)));
    }
    match name {
        "Cut" => Some(Step::Cut { keep_preview: false }),
        "CutDirect" | "ActiveInput" => Some(Step::Cut { keep_preview: true }),
        "PreviewInput" => Some(Step::Preview { forwards: None }),
        "PreviewInputNext" => Some(Step::Preview { forwards: Some(true) }),
        "PreviewInputPrevious" => Some(Step::Preview { forwards: Some(false) }),
        "OverlayInputAllOff" => Some(Step::OverlaysOff),
        "AddInput" => Some(Step::Add),
        "RemoveInput" => Some(Step::Remove),
        "MoveInput" => Some(Step::Move),
        _ => overlay(name),
    }
}

/// `OverlayInput1`, `OverlayInput1In`, `OverlayInput1Out`, `OverlayInput1Off`.
fn overlay(name: &str) -> Option<Step> {
    let rest = name.strip_prefix("OverlayInput")?;
    let channel = rest.get(..1)?.parse::<usize>().ok().filter(|c| (1..=OVERLAYS).contains(c))? - 1;
    let switch = match rest.get(1..)? {
        "" => Switch::Toggle,
        "In" => Switch::On,
        "Out" | "Off" => Switch::Off,
        _ => return None,
    };
    Some(Step::Overlay { channel, switch })
}

fn output(name: &str) -> Option<Step> {
    let flags = [
        ("Recording", Flag::Recording),
        ("External", Flag::External),
        ("MultiCorder", Flag::MultiCorder),
        ("PlayList", Flag::PlayList),
    ];
    for (stem, which) in flags {
        if let Some(switch) = Switch::prefix(name, stem) {
            return Some(Step::Flag { which, switch });
        }
    }
    if let Some(switch) = Switch::suffix(name, "Fullscreen") {
        return Some(Step::Flag { which: Flag::Fullscreen, switch });
    }
    let at = |stem: &str| numbered(name, stem, 4).map(|n| n - 1);
    let numbered = [
        at("SetTransitionEffect").map(Step::TransitionEffect),
        at("SetTransitionDuration").map(Step::TransitionDuration),
        at("SetDynamicInput").map(Step::DynamicInput),
        at("SetDynamicValue").map(Step::DynamicValue),
    ];
    if let Some(step) = numbered.into_iter().flatten().next() {
        return Some(step);
    }
    match name {
        "FadeToBlack" => Some(Step::Flag { which: Flag::FadeToBlack, switch: Switch::Toggle }),
        "StreamingSetURL" => Some(Step::StreamUrl),
        "StreamingSetKey" => Some(Step::StreamKey),
        "NextPlayListEntry" => Some(Step::PlayListEntry { forwards: true }),
        "PreviousPlayListEntry" => Some(Step::PlayListEntry { forwards: false }),
        "SelectPlayList" => Some(Step::PlayListName),
        "ScriptStart" => Some(Step::Script { start: true, all: false }),
        "ScriptStop" => Some(Step::Script { start: false, all: false }),
        "ScriptStopAll" => Some(Step::Script { start: false, all: true }),
        "Snapshot" | "SnapshotInput" => Some(Step::Snapshot),
        _ => Switch::prefix(name, "Streaming").map(Step::Stream),
    }
}

fn of_input(name: &str) -> Option<OfInput> {
    let switched: [Switched<OfInput>; 4] =
        [("Audio", OfInput::Muted), ("AudioBus", OfInput::Bus), ("Solo", OfInput::Solo), ("Loop", OfInput::Loop)];
    for (stem, make) in switched {
        if let Some(switch) = Switch::suffix(name, stem) {
            return Some(make(switch));
        }
    }
    Some(match name {
        "SetInputName" => OfInput::Title,
        "SetText" => OfInput::Text,
        "SetImage" => OfInput::Image,
        "NextTitlePreset" => OfInput::Preset { forwards: Some(true) },
        "PreviousTitlePreset" => OfInput::Preset { forwards: Some(false) },
        "SelectTitlePreset" => OfInput::Preset { forwards: None },
        "SetVolume" => OfInput::Fader,
        "SetVolumeFade" => OfInput::FaderFade,
        "SetBalance" => OfInput::Balance,
        "Play" => OfInput::Playing(Switch::On),
        "Pause" => OfInput::Playing(Switch::Off),
        "PlayPause" => OfInput::Playing(Switch::Toggle),
        "Restart" => OfInput::Restart,
        "SetPosition" => OfInput::Position,
        "SelectIndex" => OfInput::Select { forwards: None },
        "NextItem" => OfInput::Select { forwards: Some(true) },
        "PreviousItem" => OfInput::Select { forwards: Some(false) },
        "ListAdd" => OfInput::ListAdd,
        "ListRemove" => OfInput::ListRemove,
        "ListRemoveAll" => OfInput::ListClear,
        "NDISelectSourceByName" => OfInput::NdiSource,
        "PTZMoveStop" => OfInput::PtzStop,
        "PTZZoomStop" => OfInput::PtzZoomStop,
        "PTZZoomIn" | "PTZZoomOut" => OfInput::PtzZoom,
        "PTZHome" => OfInput::PtzHome,
        "PTZMoveToVirtualInputPosition" => OfInput::PtzPreset { by_index: false },
        "PTZMoveToVirtualInputPositionByIndex" => OfInput::PtzPreset { by_index: true },
        "PTZMoveUp" | "PTZMoveDown" | "PTZMoveLeft" | "PTZMoveRight" | "PTZMoveUpLeft" | "PTZMoveUpRight"
        | "PTZMoveDownLeft" | "PTZMoveDownRight" => OfInput::PtzMove,
        _ => return None,
    })
}

/// `MasterAudioOff`, `BusXSoloOn` (the letter is the value), `SetBusAVolume`, `SetHeadphonesVolume`, …
fn bus(name: &str) -> Option<Step> {
    if name == "SoloAllOff" {
        return Some(Step::SoloAllOff);
    }
    let volume = |rest: &str| match rest {
        "Volume" => Some(OfBus::Fader),
        "VolumeFade" => Some(OfBus::FaderFade),
        _ => None,
    };
    if let Some(rest) = name.strip_prefix("SetMaster") {
        return volume(rest).map(|what| Step::Bus { letter: Some('M'), what });
    }
    if name == "SetHeadphonesVolume" {
        return Some(Step::Bus { letter: Some('H'), what: OfBus::Fader });
    }
    let letter_of = |rest: &str| rest.chars().next().filter(|c| ('A'..='G').contains(c));
    if let Some(rest) = name.strip_prefix("SetBus") {
        let letter = letter_of(rest)?;
        return volume(&rest[1..]).map(|what| Step::Bus { letter: Some(letter), what });
    }
    if let Some(switch) = Switch::suffix(name, "MasterAudio") {
        return Some(Step::Bus { letter: Some('M'), what: OfBus::Muted(switch) });
    }
    let rest = name.strip_prefix("Bus")?;
    let letter = match rest.chars().next()? {
        'X' => None,
        letter @ ('A' | 'B') => Some(letter),
        _ => return None,
    };
    let switched: [Switched<OfBus>; 3] =
        [("Audio", OfBus::Muted), ("Solo", OfBus::Solo), ("SendToMaster", OfBus::SendToMaster)];
    let found = switched.into_iter().find_map(|(stem, make)| Switch::suffix(&rest[1..], stem).map(make));
    found.map(|what| Step::Bus { letter, what })
}

fn replay(name: &str) -> Option<OfReplay> {
    let rest = name.strip_prefix("Replay")?;
    for (channel, stem) in ["ACamera", "BCamera"].into_iter().enumerate() {
        if let Some(camera) = numbered(rest, stem, 8) {
            return Some(OfReplay::Camera { channel, camera });
        }
    }
    if let Some(switch) = Switch::prefix(rest, "Recording") {
        return Some(OfReplay::Recording(switch));
    }
    Some(match rest {
        "Live" => OfReplay::Live(Switch::On),
        "Recorded" => OfReplay::Live(Switch::Off),
        "LiveToggle" => OfReplay::Live(Switch::Toggle),
        "SelectChannelA" => OfReplay::Mode("A"),
        "SelectChannelB" => OfReplay::Mode("B"),
        "SelectChannelAB" => OfReplay::Mode("AB"),
        "SetSpeed" => OfReplay::Speed,
        "Play" | "PlayLastEvent" | "PlayLastEventToOutput" => OfReplay::Play,
        "Pause" => OfReplay::Pause,
        "MarkIn" | "MarkOut" | "MarkInOut" => OfReplay::Mark,
        _ => return None,
    })
}
