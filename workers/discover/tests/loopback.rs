//! Asking real listeners on loopback: the products, strangers, and those who say nothing.
#![allow(clippy::unwrap_used)]

mod support;

use if_discover::{Network, Outcome, Ports, Product, Request, ask, discover};
use if_harness::vmix::{SimOptions, VmixSim};
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    time::{Duration, Instant},
};
use support::{HOME_ASSISTANT, Manner, OBS_CLOSED, OBS_OPEN, listen};

/// A port nobody listens on, as nobody may.
const NO_PORT: u16 = 1;

async fn asked(product: Product, address: SocketAddr) -> Outcome {
    ask(product, address, NO_PORT).await
}

fn version(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Is(identity) => identity.version.as_deref(),
        _ => None,
    }
}

#[tokio::test]
async fn vmix_is_known_by_its_greeting_and_its_web_interface_is_looked_at() {
    let sim = VmixSim::start(SimOptions { version: "27.0.0.81".into(), ..SimOptions::default() }).unwrap();
    let Outcome::Is(whole) = ask(Product::Vmix, sim.tcp_addr, sim.http_addr.port()).await else { panic!("not found") };
    assert_eq!((whole.version.as_deref(), whole.note), (Some("27.0.0.81"), None));
    let Outcome::Is(half) = ask(Product::Vmix, sim.tcp_addr, NO_PORT).await else { panic!("not found") };
    assert!(half.note.as_deref().is_some_and(|n| n.contains("port 1:")), "{half:?}");
    assert_eq!(sim.received(), [], "a search runs no function");
}

#[tokio::test]
async fn a_greeting_in_pieces_is_a_greeting() {
    let sim = VmixSim::start(SimOptions { chunk_bytes: Some(1), ..SimOptions::default() }).unwrap();
    assert_eq!(version(&asked(Product::Vmix, sim.tcp_addr).await), Some("29.0.0.49"));
}

#[tokio::test]
async fn obs_is_known_by_its_hello() {
    for (hello, version, password) in
        [(OBS_OPEN, "obs-websocket 5.0.1", false), (OBS_CLOSED, "31.0.2 (obs-websocket 5.5.4)", true)]
    {
        let address = listen("127.0.0.1:0", Manner::Websocket("/", hello)).await;
        let Outcome::Is(found) = asked(Product::Obs, address).await else { panic!("not found") };
        assert_eq!((found.version.as_deref(), found.password), (Some(version), Some(password)));
    }
}

#[tokio::test]
async fn home_assistant_is_known_by_the_greeting_of_its_websocket() {
    let address = listen("127.0.0.1:0", Manner::Websocket("/api/websocket", HOME_ASSISTANT)).await;
    assert_eq!(version(&asked(Product::Ha, address).await), Some("2026.10.1"));
}

#[tokio::test]
async fn one_product_is_not_taken_for_another() {
    let sim = VmixSim::start(SimOptions::default()).unwrap();
    let obs = listen("127.0.0.1:0", Manner::Websocket("/", OBS_OPEN)).await;
    let ha = listen("127.0.0.1:0", Manner::Websocket("/api/websocket", HOME_ASSISTANT)).await;
    let ha_at_root = listen("127.0.0.1:0", Manner::Websocket("/", HOME_ASSISTANT)).await;
    for (product, address, what) in [
        (Product::Vmix, obs, "it says nothing for 2 s"),
        (Product::Obs, sim.tcp_addr, "it speaks no websocket"),
        (Product::Obs, ha, "it has no websocket there: HTTP status 404"),
        (Product::Obs, ha_at_root, "it is no OBS Studio"),
        (Product::Ha, obs, "it has no websocket there: HTTP status 404"),
        (Product::Ha, sim.http_addr, "it has no websocket there: HTTP status 404"),
    ] {
        assert_eq!(asked(product, address).await, Outcome::Other(what.into()), "{product:?}");
    }
}

#[tokio::test]
async fn strangers_are_told_of_and_bounded() {
    let of = |bytes| Manner::Says(bytes);
    for (manner, of_vmix, of_obs) in [
        (of(b"SSH-2.0-OpenSSH_9.9\r\n"), "it is no vMix", "it speaks no websocket"),
        (of(b"\xff\xfe\x00\x01\n"), "it is no vMix", "it speaks no websocket"),
        (
            of(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
            "it is no vMix",
            "it has no websocket there: HTTP status 200",
        ),
        (Manner::Floods(&[b'x'; 4_096]), "its first line does not end", "it speaks no websocket"),
        (Manner::Silent, "it says nothing for 2 s", "it says nothing for 2 s"),
        (Manner::Ends, "it ends the connection", "it speaks no websocket"),
    ] {
        let address = listen("127.0.0.1:0", manner).await;
        let begun = Instant::now();
        let (vmix, obs) = tokio::join!(asked(Product::Vmix, address), asked(Product::Obs, address));
        // A connection that ends with bytes unread is reset, which may come first.
        let is_reset = |o: &Outcome| matches!(o, Outcome::Other(t) if t.starts_with("the connection broke"));
        assert!(
            vmix == Outcome::Other(of_vmix.into()) || matches!(manner, Manner::Ends) && is_reset(&vmix),
            "{vmix:?}"
        );
        assert_eq!(obs, Outcome::Other(of_obs.into()), "{manner:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{manner:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused() {
    let long: &'static str = format!("{{\"op\":0,\"d\":{{\"x\":\"{}\"}}}}", "y".repeat(100_000)).leak();
    let address = listen("127.0.0.1:0", Manner::Websocket("/", long)).await;
    assert_eq!(asked(Product::Obs, address).await, Outcome::Other("it speaks no websocket".into()));
}

#[tokio::test]
async fn where_nobody_listens_it_is_closed() {
    let free = listen("127.0.0.1:0", Manner::Ends).await.port();
    // Nobody listens at the neighbour's address with this port.
    let address = SocketAddr::new("127.9.9.9".parse().unwrap(), free);
    assert_eq!(asked(Product::Vmix, address).await, Outcome::Closed);
}

#[cfg(target_os = "linux")] // All of 127.0.0.0/8 is this machine there, and only there.
#[tokio::test]
async fn a_network_is_asked_address_by_address() {
    let sim = VmixSim::start(SimOptions::default()).unwrap();
    let vmix = listen("127.77.3.2:0", Manner::Relays(sim.tcp_addr.port())).await.port();
    let vmix_web = listen("127.77.3.2:0", Manner::Relays(sim.http_addr.port())).await.port();
    let obs = listen("127.77.3.9:0", Manner::Websocket("/", OBS_CLOSED)).await.port();
    listen(&format!("127.77.3.10:{obs}"), Manner::Websocket("/", OBS_OPEN)).await;
    listen(&format!("127.77.3.11:{obs}"), Manner::Says(b"220 hello\r\n")).await;
    let request = Request {
        products: vec![Product::Vmix, Product::Obs],
        networks: vec!["127.77.3.0/28".parse::<Network>().unwrap()],
        ports: Ports { vmix, vmix_web, obs, ..Ports::default() },
    };
    let (last, seen) = (Cell::new(None), RefCell::new(0));
    let begun = Instant::now();
    let report = discover(&request, |p| {
        last.set(Some(p));
        *seen.borrow_mut() += 1;
    })
    .await
    .unwrap();
    let found: Vec<_> = report.found.iter().map(|f| (f.provider, f.address.to_string(), f.confirmed)).collect();
    assert_eq!(
        found,
        [
            (Product::Vmix, "127.77.3.2".to_string(), true),
            (Product::Obs, "127.77.3.9".to_string(), true),
            (Product::Obs, "127.77.3.10".to_string(), true),
        ]
    );
    assert_eq!(report.found[0].note, None, "its web interface answers");
    assert_eq!((report.asked, report.complete, report.warnings.as_slice()), (28, true, [].as_slice()));
    let other: Vec<_> = report.other.iter().map(|o| (o.address.to_string(), o.port, o.detail.as_str())).collect();
    assert_eq!(other, [("127.77.3.11".to_string(), obs, "it speaks no websocket")]);
    assert_eq!((last.get().map(|p| (p.asked, p.of, p.found)), seen.into_inner()), (Some((28, 28, 3)), 28));
    // 28 connections at 400 a second begin within 67.5 ms at the earliest.
    assert!(begun.elapsed() >= Duration::from_millis(67), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn networks_that_are_too_large_together_are_refused_before_anybody_is_asked() {
    let networks = ["10.0.0.0/20", "10.1.0.0/24"].map(|n| n.parse::<Network>().unwrap()).to_vec();
    let request = Request { products: vec![Product::Vmix], networks, ..Request::default() };
    let begun = Instant::now();
    assert!(discover(&request, |_| panic!("somebody was asked")).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(1));
}
