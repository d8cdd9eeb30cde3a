use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn asked(provider: Product, address: &str, port: u16) -> Found {
    Found::asked(provider, ip(address), port, Identity { version: Some("1".into()), ..Identity::default() })
}

fn announced(addresses: &[&str], name: &str) -> Found {
    let told = Announcement { name: Some(name.into()), version: Some("0".into()), tls_url: None };
    Found::announced(Product::Ha, addresses.iter().map(|a| ip(a)).collect(), 8123, told).unwrap()
}

#[test]
fn only_settings_that_differ_from_the_usual_are_given() {
    assert_eq!(asked(Product::Vmix, "10.0.0.5", 8099).settings(), [("host", "10.0.0.5".to_string())]);
    assert_eq!(
        asked(Product::Vmix, "10.0.0.5", 9099).settings(),
        [("host", "10.0.0.5".to_string()), ("tcp-port", "9099".to_string())]
    );
    let open = Found { password: Some(false), ..asked(Product::Obs, "10.0.0.5", 4466) };
    assert_eq!(open.settings(), [("host", "10.0.0.5".to_string()), ("port", "4466".to_string())]);
    let closed = Found { password: Some(true), ..asked(Product::Obs, "10.0.0.5", 4455) };
    assert_eq!(closed.settings()[1], ("password", "env:OBS_PASSWORD".to_string()));
}

#[test]
fn home_assistant_with_tls_is_added_by_its_url() {
    let found = Found { tls_url: Some("https://ha.example:8123".into()), ..announced(&["10.0.0.5"], "Home") };
    assert_eq!(
        found.settings(),
        [("url", "https://ha.example:8123".to_string()), ("token", "env:HA_TOKEN".to_string())]
    );
    assert!(found.is_at("ha.example", 8123) && !found.is_at("ha.example", 443));
}

#[test]
fn names_are_valid_and_free() {
    let free = |name: &str, taken: &[&str]| announced(&["10.0.0.5"], name).suggested_name(|n| taken.contains(&n));
    assert_eq!(free("Studio Zürich 2", &[]), "studio-z-rich-2");
    assert_eq!(free("Home", &["home", "home2"]), "home3");
    assert_eq!(free("客厅", &[]), "myha");
    assert_eq!(free("42", &[]), "myha");
    assert_eq!(free("$(rm -rf ~)", &[]), "rm-rf");
    assert_eq!(asked(Product::Vmix, "10.0.0.5", 8099).suggested_name(|n| n == "myvmix"), "myvmix2");
}

#[test]
fn an_instance_that_was_heard_and_asked_is_one() {
    let found = merged([
        announced(&["10.0.0.5", "fd00::5"], "Home"),
        asked(Product::Ha, "10.0.0.6", 8123),
        asked(Product::Ha, "10.0.0.5", 8123),
        asked(Product::Obs, "10.0.0.5", 4455),
    ]);
    let shown: Vec<_> = found.iter().map(|f| (f.provider, f.address.to_string(), f.announced, f.confirmed)).collect();
    assert_eq!(
        shown,
        [
            (Product::Obs, "10.0.0.5".to_string(), false, true),
            (Product::Ha, "10.0.0.5".to_string(), true, true),
            (Product::Ha, "10.0.0.6".to_string(), false, true),
        ]
    );
    assert_eq!((found[1].name.as_deref(), found[1].version.as_deref()), (Some("Home"), Some("1")));
    assert_eq!(found[1].addresses, [ip("10.0.0.5"), ip("fd00::5")]);
}

#[test]
fn the_address_that_answered_is_the_one_to_use() {
    let found = merged([announced(&["10.0.0.5", "192.168.1.5"], "Home"), asked(Product::Ha, "192.168.1.5", 8123)]);
    assert_eq!((found.len(), found[0].address), (1, ip("192.168.1.5")));
}

#[test]
fn an_instance_is_recognised_by_each_of_its_addresses() {
    let found = announced(&["10.0.0.5", "fd00::5"], "Home");
    assert!(found.is_at("10.0.0.5", 8123) && found.is_at("fd00::5", 8123));
    assert!(!found.is_at("10.0.0.6", 8123) && !found.is_at("10.0.0.5", 8124) && !found.is_at("home", 8123));
}
