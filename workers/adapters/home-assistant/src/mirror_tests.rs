use super::*;
use serde_json::json;

fn mirror() -> Mirror {
    let mirror = Mirror::default();
    let states = json!([
        {"entity_id": "light.bed_light", "state": "on", "attributes": {"brightness": 40, "friendly_name": "Bed Light"}},
        {"entity_id": "camera.door", "state": "idle", "attributes": {"access_token": "secret", "entity_picture": "/x?token=secret"}},
    ]);
    mirror.fill(serde_json::from_value(states).unwrap());
    mirror
}

fn change(id: &str, new_state: Value) -> Value {
    json!({"entity_id": id, "old_state": null, "new_state": new_state})
}

#[test]
fn live_state_has_state_and_attributes_but_no_credential() {
    let mirror = mirror();
    let live = mirror.live();
    assert_eq!(live.get("entity.light=2Ebed_light.state"), Some(json!("on")));
    assert_eq!(live.get("entity.light=2Ebed_light.brightness"), Some(json!(40)));
    assert_eq!(live.get("entity.camera=2Edoor.state"), Some(json!("idle")));
    assert!(!format!("{:?}", live.changes_since(0)).contains("secret"));
    assert!(mirror.entity("camera.door").unwrap().public_attributes().is_empty());
}

#[test]
fn pushes_change_and_remove() {
    let mirror = mirror();
    let off = json!({"entity_id": "light.bed_light", "state": "off", "attributes": {"friendly_name": "Bed Light"}});
    assert!(mirror.apply(&change("light.bed_light", off)));
    assert_eq!(mirror.entity("light.bed_light").unwrap().state, "off");
    assert_eq!(mirror.live().get("entity.light=2Ebed_light.brightness"), Some(Value::Null));
    assert!(mirror.apply(&change("light.bed_light", Value::Null)));
    assert!(mirror.entity("light.bed_light").is_none());
    assert_eq!(mirror.live().get("entity.light=2Ebed_light.state"), None);
    // Not of the shape of a change, or of another entity than it says: nothing happens.
    assert!(!mirror.apply(&json!({"entity_id": "light.bed_light"})));
    assert!(!mirror.apply(&change("light.a", json!({"entity_id": "light.b", "state": "on"}))));
    assert_eq!(mirror.count(), 1);
}

#[test]
fn near_names_come_from_the_same_domain_or_the_friendly_name() {
    let mirror = mirror();
    assert_eq!(mirror.nearest("light.bed_lihgt", None).as_deref(), Some("light.bed_light"));
    assert_eq!(mirror.nearest("bed light", Some("light")).as_deref(), Some("light.bed_light"));
    assert_eq!(mirror.nearest("camera.dor", None).as_deref(), Some("camera.door"));
}
