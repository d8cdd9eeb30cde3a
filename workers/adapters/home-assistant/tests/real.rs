//! Against a real Home Assistant with its demo integration. Run by `make test-peers`. Every effect is seen by an independent
//! REST client.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use serde_json::json;
use std::time::Duration;
use support::{BOTH, PATIENCE, failed, failed_within, home::Home, indeterminate, live, raw::Raw, succeeded};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn lights_and_switches() {
    let home = Home::start().await;
    let ha = home.connected().await;

    let on = succeeded(&ha, "ha.light.on", json!({"entity": "light.bed_light", "brightness": 77})).await;
    assert_eq!((&on["state"], &on["previous"], &on["changed"]), (&json!("on"), &json!("off"), &json!(true)));
    assert_eq!((&on["confirmed_by"], &on["attributes"]["brightness"]), (&json!(BOTH), &json!(77)));
    assert_eq!(home.is("light.bed_light").await, "on");
    assert_eq!(home.attribute("light.bed_light", "brightness").await, 77);
    live(&ha, "entity.light=2Ebed_light.brightness", json!(77)).await;

    let again = succeeded(&ha, "ha.light.on", json!({"entity": "light.bed_light"})).await;
    assert_eq!((&again["changed"], &again["confirmed_by"]), (&json!(false), &json!(["read_back"])));
    let color = json!({"entity": "light.bed_light", "color": "#ff8000", "brightness_pct": 50});
    succeeded(&ha, "ha.light.on", color).await;
    assert_eq!(home.attribute("light.bed_light", "rgb_color").await, json!([255, 128, 0]));
    assert_eq!(home.attribute("light.bed_light", "brightness").await, 128);
    succeeded(&ha, "ha.light.on", json!({"entity": "light.bed_light", "color": "Blue"})).await;
    assert_eq!(home.attribute("light.bed_light", "rgb_color").await, json!([0, 0, 255]));
    succeeded(&ha, "ha.light.on", json!({"entity": "light.bed_light", "kelvin": 3000})).await;
    let kelvin = home.attribute("light.bed_light", "color_temp_kelvin").await.as_f64().unwrap();
    assert!((kelvin - 3000.0).abs() < 50.0, "{kelvin}");
    succeeded(&ha, "ha.light.on", json!({"entity": "light.bed_light", "effect": "rainbow"})).await;
    assert_eq!(home.attribute("light.bed_light", "effect").await, "rainbow");

    let off = succeeded(&ha, "ha.light.off", json!({"entity": "light.bed_light", "transition": 100})).await;
    assert_eq!(off["confirmed_by"], json!(BOTH));
    assert_eq!(home.is("light.bed_light").await, "off");
    live(&ha, "entity.light=2Ebed_light.state", json!("off")).await;
    for wanted in ["on", "off"] {
        let toggled = succeeded(&ha, "ha.light.toggle", json!({"entity": "light.bed_light"})).await;
        assert_eq!((toggled["state"].as_str(), home.is("light.bed_light").await.as_str()), (Some(wanted), wanted));
    }

    for (operation, wanted) in [("on", "on"), ("off", "off"), ("toggle", "on")] {
        succeeded(&ha, &format!("ha.switch.{operation}"), json!({"entity": "switch.ac"})).await;
        assert_eq!(home.is("switch.ac").await, wanted, "{operation}");
    }

    let typo = failed(&ha, "ha.light.on", json!({"entity": "light.bed_lihgt"})).await;
    assert_eq!((typo.code.as_str(), typo.hint.as_deref()), ("not_found", Some("did you mean \"light.bed_light\"?")));
    let wrong = failed(&ha, "ha.light.on", json!({"entity": "switch.ac"})).await;
    assert_eq!(wrong.code, "bad_argument");
    let no_effect = failed(&ha, "ha.light.on", json!({"entity": "light.bed_light", "effect": "rainbo"})).await;
    assert_eq!((no_effect.code.as_str(), no_effect.hint.as_deref()), ("not_found", Some("did you mean \"rainbow\"?")));
    assert_eq!(home.is("light.bed_light").await, "off");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn scenes_scripts_automations_and_set() {
    let home = Home::start().await;
    let ha = home.connected().await;

    let scene = succeeded(&ha, "ha.scene.activate", json!({"entity": "scene.evening"})).await;
    assert_eq!(scene["confirmed_by"], json!(BOTH));
    assert_eq!(home.is("light.bed_light").await, "on");
    assert_eq!(home.is("switch.decorative_lights").await, "off");

    succeeded(&ha, "ha.script.run", json!({"entity": "script.rehearse"})).await;
    assert_eq!(home.is("input_boolean.rehearsal").await, "on");

    succeeded(&ha, "ha.automation.trigger", json!({"entity": "automation.follow"})).await;
    assert_ne!(home.attribute("automation.follow", "last_triggered").await, json!(null));
    live(&ha, "entity.input_number=2Elevel.state", json!("42.0")).await;
    assert_eq!(home.is("input_number.level").await, "42.0");
    for wanted in ["off", "on"] {
        succeeded(&ha, &format!("ha.automation.{wanted}"), json!({"entity": "automation.follow"})).await;
        assert_eq!(home.is("automation.follow").await, wanted);
    }

    for (entity, value, wanted) in [
        ("light.ceiling_lights", "off", "off"),
        ("switch.ac", "on", "on"),
        ("input_number.level", "7", "7.0"),
        ("number.volume", "12.5", "12.5"),
        ("input_select.mode", "night", "night"),
        ("input_text.banner", "Überblick \"2\"\nzwei", "Überblick \"2\"\nzwei"),
        ("lock.kitchen_door", "locked", "locked"),
        ("media_player.bedroom", "paused", "paused"),
        ("climate.heatpump", "off", "off"),
        ("cover.garage_door", "open", "open"),
        ("fan.living_room_fan", "on", "on"),
    ] {
        let set = succeeded(&ha, "ha.set", json!({"entity": entity, "value": value})).await;
        assert_eq!((&set["confirmed_by"], set["state"].as_str()), (&json!(BOTH), Some(wanted)), "{entity}");
        assert_eq!(home.is(entity).await, wanted, "{entity}");
    }
    for (entity, value, code) in [
        ("sensor.outside_temperature", "20", "bad_argument"),
        ("input_number.level", "101", "bad_argument"),
        ("input_number.level", "much", "bad_argument"),
        ("input_select.mode", "nihgt", "not_found"),
        ("climate.hvac", "warm", "not_found"),
        ("light.none", "on", "not_found"),
    ] {
        let refused = failed(&ha, "ha.set", json!({"entity": entity, "value": value})).await;
        assert_eq!(refused.code, code, "{entity}: {refused:?}");
    }
    assert_eq!(home.is("input_select.mode").await, "night");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn players_climate_and_covers() {
    let home = Home::start().await;
    let ha = home.connected().await;
    let player = "media_player.lounge_room";

    for (operation, wanted) in [("pause", "paused"), ("play", "playing"), ("stop", "off")] {
        let done =
            succeeded(&ha, &format!("ha.media.{operation}"), json!({"entity": "media_player.living_room"})).await;
        assert_eq!(done["confirmed_by"], json!(BOTH));
        assert_eq!(home.is("media_player.living_room").await, wanted);
    }
    succeeded(&ha, "ha.media.volume", json!({"entity": "media_player.bedroom", "level": 35})).await;
    assert_eq!(home.attribute("media_player.bedroom", "volume_level").await, 0.35);
    for (operation, wanted) in [("mute", true), ("unmute", false)] {
        succeeded(&ha, &format!("ha.media.{operation}"), json!({"entity": "media_player.bedroom"})).await;
        assert_eq!(home.attribute("media_player.bedroom", "is_volume_muted").await, wanted);
    }
    succeeded(&ha, "ha.media.source", json!({"entity": player, "source": "youtube"})).await;
    assert_eq!(home.attribute("media_player.lounge_room", "source").await, "youtube");
    let cannot = failed(&ha, "ha.media.volume", json!({"entity": player, "level": 10})).await;
    assert!(cannot.code == "bad_argument" && cannot.message.contains("does not have that feature"), "{cannot:?}");

    let set = json!({"entity": "climate.hvac", "temperature": 23.5, "mode": "heat", "fan": "Off"});
    let refused = failed(&ha, "ha.climate.set", set).await;
    assert_eq!(refused.code, "not_found", "{refused:?}");
    let set = json!({"entity": "climate.hvac", "temperature": 23.5, "mode": "heat", "fan": "on_low", "humidity": 55});
    let climate = succeeded(&ha, "ha.climate.set", set).await;
    assert_eq!(climate["steps"].as_array().map(Vec::len), Some(4));
    let seen = home.state("climate.hvac").await;
    assert_eq!((&seen["state"], &seen["attributes"]["temperature"]), (&json!("heat"), &json!(23.5)));
    assert_eq!((&seen["attributes"]["fan_mode"], &seen["attributes"]["humidity"]), (&json!("on_low"), &json!(55)));

    // It opens a tenth of its way each second.
    let moved = json!({"entity": "cover.hall_window", "position": 40});
    let moved = succeeded(&ha, "ha.cover.position", moved).await;
    assert_eq!((&moved["attributes"]["current_position"], &moved["confirmed_by"]), (&json!(40), &json!(BOTH)));
    assert_eq!(home.attribute("cover.hall_window", "current_position").await, 40);
    let hasty = json!({"entity": "cover.hall_window"});
    let hasty = failed_within(&ha, "ha.cover.open", hasty, Duration::from_secs(2)).await;
    assert_eq!(hasty.code, "not_confirmed");
    assert!(hasty.message.contains("wanted cover.hall_window open, current_position 100"), "{hasty:?}");
    // The demo stops, and does not say so before it is asked.
    let stop = json!({"entity": "cover.hall_window"});
    let silent = failed_within(&ha, "ha.cover.stop", stop.clone(), Duration::from_secs(2)).await;
    assert!(silent.code == "not_confirmed" && silent.message.contains("observed opening"), "{silent:?}");
    home.service("homeassistant", "update_entity", json!({"entity_id": "cover.hall_window"})).await;
    live(&ha, "entity.cover=2Ehall_window.state", json!("open")).await;
    let stopped = succeeded(&ha, "ha.cover.stop", stop).await;
    assert_eq!((&stopped["state"], &stopped["confirmed_by"]), (&json!("open"), &json!(["read_back"])));
    let position = home.attribute("cover.hall_window", "current_position").await.as_i64().unwrap();
    assert!((40..100).contains(&position), "{position}");
    for (operation, wanted) in [("open", "open"), ("close", "closed")] {
        succeeded(&ha, &format!("ha.cover.{operation}"), json!({"entity": "cover.kitchen_window"})).await;
        assert_eq!(home.is("cover.kitchen_window").await, wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn what_it_says_of_itself() {
    let home = Home::start().await;
    let ha = home.connected().await;
    let mut stage = Raw::connect(home.port, &home.token).await;
    let area = stage.ask(json!({"type": "config/area_registry/create", "name": "Main Stage"})).await;
    let placed =
        json!({"type": "config/entity_registry/update", "entity_id": "light.bed_light", "area_id": area["area_id"]});
    stage.ask(placed).await;

    let status = succeeded(&ha, "ha.status", json!({})).await;
    assert_eq!((&status["version"], &status["recovery_mode"]), (&json!("2025.4.4"), &json!(false)));
    let all = home.with(|home| home.get("/api/states")).await;
    assert_eq!(status["entities"].as_u64(), all.as_array().map(|a| a.len() as u64));
    let config = succeeded(&ha, "ha.config", json!({})).await;
    assert_eq!((&config["time_zone"], &config["components"]), (&json!("Europe/Bratislava"), &json!(null)));

    let areas = succeeded(&ha, "ha.areas", json!({})).await;
    let stage_area = areas["areas"].as_array().unwrap().iter().find(|a| a["name"] == "Main Stage").unwrap();
    assert_eq!(stage_area["entities"], 1);
    let there = succeeded(&ha, "ha.entities", json!({"area": "main stage"})).await;
    assert_eq!((&there["total"], &there["entities"][0]["entity"]), (&json!(1), &json!("light.bed_light")));
    let off = succeeded(&ha, "ha.entities", json!({"domain": "light", "state": "off"})).await;
    assert_eq!((&off["total"], &off["entities"][0]["entity"]), (&json!(1), &json!("light.bed_light")));
    let some = succeeded(&ha, "ha.entities", json!({"limit": 3})).await;
    assert_eq!((&some["shown"], &some["total"]), (&json!(3), &status["entities"]));
    let typo = failed(&ha, "ha.entities", json!({"domain": "ligth"})).await;
    assert_eq!((typo.code.as_str(), typo.hint.as_deref()), ("not_found", Some("did you mean \"light\"?")));
    let nowhere = failed(&ha, "ha.entities", json!({"area": "Main Stag"})).await;
    assert_eq!(nowhere.hint.as_deref(), Some("did you mean \"Main Stage\"?"));

    let state = succeeded(&ha, "ha.state", json!({"entity": "climate.hvac"})).await;
    let seen = home.state("climate.hvac").await;
    assert_eq!((&state["state"], &state["attributes"]), (&seen["state"], &seen["attributes"]));
    assert_eq!(state["last_changed"], seen["last_changed"]);
    let camera = succeeded(&ha, "ha.state", json!({"entity": "camera.demo_camera"})).await;
    assert!(camera["attributes"].get("access_token").is_none(), "{camera}");

    let services = succeeded(&ha, "ha.services", json!({"domain": "light"})).await;
    assert_eq!(services["services"].as_array().map(Vec::len), Some(3));
    succeeded(&ha, "ha.switch.on", json!({"entity": "switch.ac"})).await;
    let logged = async || {
        let log = succeeded(&ha, "ha.logbook", json!({"entity": "switch.ac", "since": 600_000})).await;
        log["events"].as_array().is_some_and(|rows| rows.iter().any(|r| r["state"] == "on"))
    };
    // The recorder writes once a second.
    while !logged().await {}
    assert_eq!(ha.health_check().await.unwrap().description, "Home Assistant 2025.4.4 (If Studio)");
    assert_eq!(ha.discover_instances().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn any_service_messages_speech_and_events() {
    let home = Home::start().await;
    let ha = home.connected().await;

    let call = json!({"service": "light.turn_on", "entity": ["light.bed_light"], "data": {"brightness": 99}});
    let one = succeeded(&ha, "ha.service.call", call).await;
    assert_eq!((&one["attributes"]["brightness"], &one["confirmed_by"]), (&json!(99), &json!(BOTH)));
    let call = json!({"service": "homeassistant.turn_off", "entity": ["light.bed_light", "switch.decorative_lights"]});
    let two = succeeded(&ha, "ha.service.call", call).await;
    assert_eq!(two["entities"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (home.is("light.bed_light").await, home.is("switch.decorative_lights").await),
        ("off".into(), "off".into())
    );
    // What the table does not know is confirmed by a change in the name of the call.
    let call = json!({"service": "vacuum.locate", "entity": ["vacuum.0_ground_floor"]});
    let located = succeeded(&ha, "ha.service.call", call).await;
    assert_eq!(located["confirmed_by"], json!(BOTH));
    let call = json!({"service": "weather.get_forecasts", "entity": ["weather.demo_weather_south"], "data": {"type": "daily"}});
    let weather = succeeded(&ha, "ha.service.call", call).await;
    assert!(weather["response"]["weather.demo_weather_south"]["forecast"].is_array(), "{weather}");
    for (call, code) in [
        (json!({"service": "light.trun_on", "entity": ["light.bed_light"]}), "not_found"),
        (json!({"service": "light.turn_on", "entity": ["light.bed_lihgt"]}), "not_found"),
        (json!({"service": "light.turn_on", "entity": ["light.bed_light"], "data": {"brightnes": 1}}), "bad_argument"),
        (
            json!({"service": "light.turn_on", "entity": ["light.bed_light"], "data": {"brightness": 256}}),
            "bad_argument",
        ),
        (json!({"service": "light.turn_on", "entity": ["switch.ac"]}), "bad_argument"),
        (json!({"service": "turn_on"}), "bad_argument"),
    ] {
        assert_eq!(failed(&ha, "ha.service.call", call.clone()).await.code, code, "{call}");
    }
    assert_eq!(home.is("light.bed_light").await, "off");
    let call = json!({"service": "homeassistant.save_persistent_states"});
    let unseen = indeterminate(&ha, "ha.service.call", call, PATIENCE).await;
    assert_eq!(unseen.code, "not_observable");

    let page = succeeded(&ha, "ha.notify", json!({"message": "On air", "title": "Studio"})).await;
    assert_eq!(page["confirmed_by"], json!(["read_back"]));
    let mut eyes = Raw::connect(home.port, &home.token).await;
    let shown = eyes.ask(json!({"type": "persistent_notification/get"})).await;
    assert!(shown.as_array().unwrap().iter().any(|n| n["message"] == "On air" && n["title"] == "Studio"), "{shown}");
    succeeded(&ha, "ha.notify", json!({"message": "On air", "to": "notify.notifier"})).await;
    assert_ne!(home.is("notify.notifier").await, "unknown");
    let nobody = failed(&ha, "ha.notify", json!({"message": "On air", "to": "notifer"})).await;
    assert_eq!(
        (nobody.code.as_str(), nobody.hint.as_deref()),
        ("not_found", Some("did you mean \"notify.notifier\"?"))
    );
    let service =
        indeterminate(&ha, "ha.notify", json!({"message": "x", "to": "persistent_notification"}), PATIENCE).await;
    assert_eq!(service.code, "not_observable");

    let speech = json!({"message": "Stand by", "player": "media_player.living_room"});
    let speech = succeeded(&ha, "ha.tts", speech).await;
    assert_eq!((&speech["service"], &speech["confirmed_by"]), (&json!("tts.demo_say"), &json!(BOTH)));
    let playing = home.attribute("media_player.living_room", "media_content_id").await;
    assert!(playing.as_str().is_some_and(|id| id.contains("tts")), "{playing}");
    // It cannot play what it is given.
    let speech = json!({"message": "Stand by", "player": "media_player.walkman"});
    let speech = failed(&ha, "ha.tts", speech).await;
    assert!(speech.code == "refused" && speech.message.contains("does not support"), "{speech:?}");
    let speech = json!({"message": "Stand by", "player": "media_player.living_room", "engine": "tts.cloud"});
    assert_eq!(failed(&ha, "ha.tts", speech).await.code, "not_found");

    let fired = succeeded(&ha, "ha.event.fire", json!({"event": "if_follow", "data": {"a": "ß"}})).await;
    assert_eq!(fired["confirmed_by"], json!(["event"]));
    // The automation listens for it.
    live(&ha, "entity.input_number=2Elevel.state", json!("42.0")).await;
    assert_eq!(home.is("input_number.level").await, "42.0");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn cameras() {
    let home = Home::start().await;
    let ha = home.connected().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();

    let list = succeeded(&ha, "ha.camera.list", json!({})).await;
    assert_eq!(list["cameras"].as_array().map(Vec::len), Some(3));
    let picture =
        succeeded(&ha, "ha.camera.snapshot", json!({"entity": "camera.demo_camera", "out": path("a.jpg")})).await;
    let bytes = std::fs::read(path("a.jpg")).unwrap();
    assert_eq!(picture["bytes"].as_u64(), Some(bytes.len() as u64));
    assert!(bytes.starts_with(&[0xFF, 0xD8]) && bytes.ends_with(&[0xFF, 0xD9]), "no JPEG");
    let again = failed(&ha, "ha.camera.snapshot", json!({"entity": "camera.demo_camera", "out": path("a.jpg")})).await;
    assert_eq!(again.code, "already_exists");

    // As the product owner types it, with the demo's camera for the front door's.
    let stream = succeeded(&ha, "ha.camera.stream", json!({"entity": "camera.demo_camera"})).await;
    assert_eq!(stream["format"], "mjpeg");
    let url = stream["url"].as_str().unwrap().to_owned();
    assert!(
        url.starts_with(&format!("http://127.0.0.1:{}/api/camera_proxy_stream/camera.demo_camera?token=", home.port))
    );
    assert!(plays(&url).await, "{url}");

    let record = json!({"entity": "camera.demo_camera", "out": path("a.mjpeg"), "seconds": 2});
    let recorded = succeeded(&ha, "ha.camera.stream", record).await;
    let bytes = std::fs::read(path("a.mjpeg")).unwrap();
    assert_eq!(recorded["bytes"].as_u64(), Some(bytes.len() as u64));
    assert!(recorded["frames"].as_u64().is_some_and(|n| n >= 2), "{recorded}");
    assert!(bytes.starts_with(&[0xFF, 0xD8]) && bytes.ends_with(&[0xFF, 0xD9]), "no JPEGs");

    let stdout = failed(&ha, "ha.camera.stream", json!({"entity": "camera.demo_camera", "out": "-"})).await;
    assert_eq!(stdout.code, "bad_argument");
    let long = json!({"entity": "camera.demo_camera", "out": path("b.mjpeg"), "seconds": 60});
    assert_eq!(failed(&ha, "ha.camera.stream", long).await.code, "deadline_too_short");
    home.service("camera", "turn_off", json!({"entity_id": "camera.demo_camera"})).await;
    live(&ha, "entity.camera=2Edemo_camera.state", json!("idle")).await;
    let off = failed(&ha, "ha.camera.snapshot", json!({"entity": "camera.demo_camera", "out": path("b.jpg")})).await;
    assert_eq!(off.code, "not_ready", "{off:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "a file was left behind");
}

/// Opens a URL as a player would: no token but the one in it.
async fn plays(url: &str) -> bool {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen
        .windows(4)
        .any(|w| w == [0xFF, 0xD8, 0xFF, 0xE0] || w == [0xFF, 0xD8, 0xFF, 0xE1] || w == [0xFF, 0xD8, 0xFF, 0xDB])
    {
        if stream.read_buf(&mut seen).await.unwrap() == 0 {
            return false;
        }
    }
    seen.starts_with(b"HTTP/1.1 200")
}
