use super::{
    parse::{INPUTS_MAX, TEXT_MAX_CHARS},
    *,
};

const FULL: &str = r#"<?xml version="1.0"?><vmix><version>29.0.0.49</version><edition>4K</edition><preset>C:\show.vmix</preset>
<inputs>
<input key="k1" number="1" type="Capture" title="Q&amp;A &lt;1&gt;" shortTitle="Q" state="Running" position="0" duration="0" loop="False" muted="True" volume="100">Q&amp;A<overlay index="0" key="k2"/></input>
<input key="k2" number="2" type="Video" title="Clip" state="Paused" position="1500" duration="60000" loop="True">Clip<text index="0" name="H">active</text></input>
</inputs>
<overlays><overlay number="1"/><overlay number="2">2</overlay></overlays>
<preview>2</preview><active>1</active><fadeToBlack>False</fadeToBlack>
<recording duration="12">True</recording><external>False</external><streaming channel1="True">True</streaming>
<mix number="2"><preview>7</preview><active>8</active></mix>
<playList>False</playList><multiCorder>False</multiCorder><fullscreen>True</fullscreen></vmix>"#;

#[test]
fn a_full_document_is_read() {
    let state = State::parse(FULL).unwrap();
    assert_eq!((state.program, state.preview), (Some(1), Some(2)), "the second mix must not count");
    assert_eq!(state.description(), "vMix 29.0.0.49 (4K)");
    assert!(!state.simulated());
    assert_eq!(state.preset.as_deref(), Some("C:\\show.vmix"));
    assert_eq!(state.overlays, [(2, 2)]);
    assert!(state.recording && state.streaming && state.fullscreen);
    assert!(!state.fade_to_black && !state.external && !state.play_list && !state.multi_corder);
    assert_eq!(state.inputs.len(), 2);
    assert_eq!(state.inputs[0].title, "Q&A <1>");
    assert_eq!(state.inputs[0].muted, Some(true));
    let clip = &state.inputs[1];
    assert_eq!((clip.kind.as_str(), clip.state.as_str(), clip.looping), ("Video", "Paused", true));
    assert_eq!((clip.position_ms, clip.duration_ms, clip.muted), (1500, 60_000, None));
}

#[test]
fn a_simulator_is_known_by_its_edition() {
    let state = State::parse(&FULL.replace("4K", "Simulator")).unwrap();
    assert!(state.simulated());
    assert_eq!(state.description(), "vMix 29.0.0.49 (Simulator)");
}

#[test]
fn nothing_on_program_is_none() {
    let state = State::parse("<vmix><version>29</version><active>0</active><preview></preview></vmix>").unwrap();
    assert_eq!((state.program, state.preview), (None, None));
}

#[test]
fn the_nearest_inputs_come_first() {
    let state = State::parse(FULL).unwrap();
    assert_eq!(state.nearest(9, 3), r#"2 "Clip", 1 "Q&A <1>""#);
    assert_eq!(state.nearest(1, 1), r#"1 "Q&A <1>""#);
}

#[test]
fn what_is_not_the_state_is_refused() {
    let error = |xml: &str| State::parse(xml).unwrap_err();
    assert!(matches!(error("<html><body/></html>"), StateError::NotVmix(_)));
    assert!(matches!(error("<vmix><version>29</version></vmix>"), StateError::NotVmix(_)));
    assert!(matches!(error(""), StateError::NotVmix(_)));
    assert!(matches!(error("<vmix><version>29</version><active>x</active></vmix>"), StateError::NotVmix(_)));
    assert!(matches!(error("<vmix><version>29</version><active>1</active>"), StateError::NotXml(_)));
    assert!(matches!(error("<vmix><a></b></vmix>"), StateError::NotXml(_)));
    assert!(matches!(error("<!DOCTYPE vmix [<!ENTITY a \"b\">]><vmix/>"), StateError::NotXml(_)));
    assert!(matches!(error("<vmix>&a;</vmix>"), StateError::NotXml(_)));
}

#[test]
fn size_is_bounded() {
    let inputs = r#"<input number="1"/>"#.repeat(INPUTS_MAX + 1);
    assert_eq!(
        State::parse(&format!("<vmix><inputs>{inputs}</inputs></vmix>")),
        Err(StateError::TooMuch { what: "inputs", limit: INPUTS_MAX })
    );
    assert!(matches!(State::parse(&format!("<vmix>{}", "<a>".repeat(100))), Err(StateError::TooMuch { .. })));
    let long = format!(
        r#"<vmix><version>{}</version><active>1</active><inputs><input number="1" title="{}"/></inputs></vmix>"#,
        "9".repeat(20_000),
        "é".repeat(20_000)
    );
    let state = State::parse(&long).unwrap();
    assert_eq!(state.version.chars().count(), TEXT_MAX_CHARS);
    assert_eq!(state.inputs[0].title.chars().count(), TEXT_MAX_CHARS);
}
