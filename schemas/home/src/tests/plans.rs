use crate::plans::{Values, read, write};
use if_schemas::{
    Hash, Plan, Timestamp,
    plan::{Act, OnFailure, Step, Undo},
};

fn plan() -> Plan {
    let step = Step {
        id: "pause".into(),
        needs: Vec::new(),
        skip: None,
        when: Vec::new(),
        act: Act::Pause(10),
        confirm: None,
        retries: 0,
        retry_pause_ms: 0,
        timeout_ms: 1_000,
        on_failure: OnFailure::Stop,
        undo: Undo::Needless,
        guard: None,
    };
    let profile = "show".parse().unwrap();
    Plan { profile, description: String::new(), vars: serde_json::Map::new(), concurrency: 1, steps: vec![step] }
}

#[test]
fn a_plan_comes_back_as_it_was_and_a_changed_file_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plan.json");
    let state: Values = [("vmix/m:tally.program".to_string(), 3.into())].into();
    for _ in 0..2 {
        write(&file, &plan(), state.clone(), Timestamp(7)).unwrap();
        assert_eq!(read(&file).unwrap(), (plan(), state.clone()));
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let spoilt = [
        (text.replace("\"if_plan\": 1", "\"if_plan\": 9"), "form 9"),
        (text.replace("\"plan\": \"", "\"plan\": \"zz"), "plan:"),
        (text.replace("\"plan\": \"", "\"plan\": \"00"), "no saved plan"),
        (text.replace(&Hash::ZERO.to_string(), &"1".repeat(64)), "it was changed"),
        (text.replace("\"profile\": \"show\"", "\"profile\": \"other\""), "it was changed"),
        (text.replace("saved_at", "saved"), "unknown field"),
        (String::new(), "no saved plan"),
    ];
    for (text, why) in spoilt {
        std::fs::write(&file, &text).unwrap();
        let error = read(&file).unwrap_err();
        assert!(error.message().contains(why), "{why}: {error:?}\n{text}");
    }
}
