use super::*;

fn network(text: &str) -> Result<Network, NetworkError> {
    text.parse()
}

#[test]
fn private_networks_are_taken() {
    for (said, shown) in [
        ("192.168.1.0/24", "192.168.1.0/24"),
        ("192.168.1.77/24", "192.168.1.0/24"),
        (" 10.1.2.3 ", "10.1.2.3/32"),
        ("10.0.0.0/20", "10.0.0.0/20"),
        ("172.31.255.0/28", "172.31.255.0/28"),
        ("127.0.0.1", "127.0.0.1/32"),
        ("169.254.7.0/24", "169.254.7.0/24"),
        ("::1", "::1/128"),
        ("fd12:3456::/116", "fd12:3456::/116"),
    ] {
        assert_eq!(network(said).unwrap().to_string(), shown);
    }
}

#[test]
fn public_networks_are_refused_and_so_is_what_reaches_out_of_a_private_one() {
    for said in [
        "8.8.8.8",
        "172.32.0.0/24",
        "192.169.0.0/24",
        "100.64.0.0/24",
        "0.0.0.0/0",
        "224.0.0.0/24",
        "255.255.255.255",
        "192.168.0.0/15",
        "2001:db8::/120",
        "::/0",
        "::ffff:10.0.0.0/120",
        "ff02::fb",
    ] {
        assert!(matches!(network(said), Err(NetworkError::Public(_))), "{said}: {:?}", network(said));
    }
    assert!(matches!(network("fe80::1"), Err(NetworkError::NeedsInterface(_))));
}

#[test]
fn what_is_no_network_is_said_so() {
    for said in ["", "studio", "192.168.1.0/33", "192.168.1/24", "192.168.1.0/-1", "192.168.1.0/24/8", "10.0.0.1-9"] {
        assert_eq!(network(said), Err(NetworkError::NoNetwork(said.to_string())));
    }
}

#[test]
fn a_network_has_a_largest_size() {
    assert!(network("10.0.0.0/20").is_ok());
    let wrong = network("10.0.0.0/19").unwrap_err();
    assert_eq!(wrong.to_string(), "10.0.0.0/19 has 8192 addresses");
    assert!(wrong.hint().contains("4096"), "{}", wrong.hint());
    assert_eq!(network("fd00::/8").unwrap_err().to_string(), format!("fd00::/8 has {} addresses", 1_u128 << 120));
}

#[test]
fn networks_together_have_the_same_largest_size() {
    let of = |texts: &[&str]| addresses(&texts.iter().map(|t| network(t).unwrap()).collect::<Vec<_>>());
    assert!(of(&["10.0.0.0/21", "10.0.8.0/21"]).is_ok());
    let wrong = of(&["10.0.0.0/20", "10.1.0.0/24"]).unwrap_err();
    assert_eq!(wrong.to_string(), "10.0.0.0/20 with 10.1.0.0/24 has 4348 addresses");
}

#[test]
fn the_networks_own_addresses_are_left_out_and_none_is_asked_twice() {
    let of = |texts: &[&str]| {
        let all = addresses(&texts.iter().map(|t| network(t).unwrap()).collect::<Vec<_>>()).unwrap();
        all.into_iter().map(|a| a.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of(&["10.77.0.0/30"]), ["10.77.0.1", "10.77.0.2"]);
    assert_eq!(of(&["10.77.0.0/31"]), ["10.77.0.0", "10.77.0.1"]);
    assert_eq!(of(&["10.77.0.0/30", "10.77.0.2", "10.77.0.1/30"]), ["10.77.0.1", "10.77.0.2"]);
    assert_eq!(of(&["10.77.0.0/28"]).len(), 14);
}

#[test]
fn suggested_networks_are_those_that_would_be_searched() {
    let of = |a: &str, bits| suggestion(a.parse().unwrap(), bits).map(|n| n.to_string());
    assert_eq!(of("192.168.1.7", 24).as_deref(), Some("192.168.1.0/24"));
    assert_eq!(of("10.20.30.40", 8).as_deref(), Some("10.20.30.0/24"));
    assert_eq!(of("203.0.113.9", 24), None);
    assert_eq!(of("127.0.0.1", 8), None);
}
