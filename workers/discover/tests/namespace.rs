//! A search in a network that is really one: two hosts, each in a network namespace of its own, joined by a cable (veth).
//! Here is the operator, 10.77.0.1/28; the far host has addresses with products on their usual ports, and one that
//! announces itself by multicast. Of the other addresses of the network nobody answers. No other network is reachable.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod support;

use if_discover::{Found, Network, Product, Report, Request, discover};
use if_harness::vmix::{SimOptions, VmixSim};
use mdns_sd::{ServiceDaemon, ServiceInfo};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    os::fd::AsFd,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread::JoinHandle,
};
use support::{HOME_ASSISTANT, Manner, OBS_CLOSED, listen};
use tokio::sync::oneshot;

/// Set in the process that is inside the namespace.
const INSIDE: &str = "IF_DISCOVER_TEST_INSIDE";

/// Runs one test of this program again, inside user and network namespaces of its own; true there.
fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let mut again = Command::new("unshare");
    again.arg("-rn").arg(program).args(["--exact", test, "--nocapture"]).env(INSIDE, "1").stdin(Stdio::null());
    let done = again.output().expect("unshare, of util-linux, is needed");
    let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && text.contains("1 passed"), "user namespaces are needed\n{text}");
    false
}

/// `ip` of iproute2.
fn ip(line: &str) {
    let done = Command::new("ip").args(line.split(' ')).output().expect("ip, of iproute2, is needed");
    assert!(done.status.success(), "ip {line}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The far host. Its end of the cable, everything it runs and its namespace end with it.
struct Far {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Keeps the namespace.
    holder: Child,
}

impl Far {
    /// Cable and addresses; then `start` runs on the far host until this is dropped.
    fn start<F: Future<Output = T> + 'static, T>(start: impl FnOnce() -> F + Send + 'static) -> Self {
        let mut held = Command::new("unshare");
        held.args(["-n", "sh", "-c", "echo ready; cat"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = held.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        for line in [
            "link set lo up",
            "link add near type veth peer name far",
            "address add 10.77.0.1/28 dev near",
            "link set near up",
            &format!("link set far netns {}", holder.id()),
        ] {
            ip(line);
        }
        let namespace = File::open(format!("/proc/{}/ns/net", holder.id())).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (up, is_up) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            // This thread alone, and those that it starts.
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            ip("link set lo up");
            for address in 2..=6 {
                ip(&format!("address add 10.77.0.{address}/28 dev far"));
            }
            ip("link set far up");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let _running = start().await;
                up.send(()).unwrap();
                let _ = stopped.await;
            });
        });
        is_up.recv().expect("the far host starts");
        Self { stop: Some(stop), thread: Some(thread), holder }
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
        assert!(std::thread::panicking() || ended.is_some_and(|e| e.is_ok()), "the far host failed");
    }
}

/// Announces a Home Assistant as its component `zeroconf` does.
fn announce(name: &str, address: &str, port: u16, properties: &[(&str, &str)]) -> ServiceDaemon {
    let daemon = ServiceDaemon::new().unwrap();
    let host = format!("{}.local.", name.to_ascii_lowercase());
    let info = ServiceInfo::new("_home-assistant._tcp.local.", name, &host, address, port, properties).unwrap();
    daemon.register(info).unwrap();
    daemon
}

fn search(products: &[Product], networks: &[&str]) -> Report {
    let networks = networks.iter().map(|n| n.parse::<Network>().unwrap()).collect();
    let request = Request { products: products.to_vec(), networks, ..Request::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(discover(&request, |_| {})).unwrap()
}

fn shown(found: &Found) -> (Product, String, bool, bool) {
    (found.provider, found.address.to_string(), found.announced, found.confirmed)
}

#[test]
fn a_network_of_another_host_is_searched_by_question_and_by_multicast() {
    if !inside("a_network_of_another_host_is_searched_by_question_and_by_multicast") {
        return;
    }
    let _far = Far::start(async || {
        let sim = VmixSim::start(SimOptions { tcp_port: 8_099, http_port: 8_088, ..SimOptions::default() }).unwrap();
        listen("10.77.0.2:8099", Manner::Relays(8_099)).await;
        listen("10.77.0.2:8088", Manner::Relays(8_088)).await;
        listen("10.77.0.3:4455", Manner::Websocket("/", OBS_CLOSED)).await;
        listen("10.77.0.4:8123", Manner::Websocket("/api/websocket", HOME_ASSISTANT)).await;
        listen("10.77.0.5:8099", Manner::Says(b"SSH-2.0-x\r\n")).await;
        listen("10.77.0.5:4455", Manner::Silent).await;
        let told = [("location_name", "Studio"), ("version", "2026.10.0"), ("uuid", "0123"), ("internal_url", "")];
        (sim, announce("Studio", "10.77.0.4", 8_123, &told))
    });
    let report = search(&Product::ALL, &["10.77.0.0/28"]);
    assert_eq!(
        report.found.iter().map(shown).collect::<Vec<_>>(),
        [
            (Product::Vmix, "10.77.0.2".to_string(), false, true),
            (Product::Obs, "10.77.0.3".to_string(), false, true),
            (Product::Ha, "10.77.0.4".to_string(), true, true),
        ],
        "{report:?}"
    );
    let ha = &report.found[2];
    assert_eq!(
        (ha.name.as_deref(), ha.version.as_deref()),
        (Some("Studio"), Some("2026.10.1")),
        "what it said when asked"
    );
    let other: Vec<_> = report.other.iter().map(|o| (o.address.to_string(), o.port)).collect();
    assert_eq!(other, [("10.77.0.5".to_string(), 8_099), ("10.77.0.5".to_string(), 4_455)]);
    assert_eq!((report.asked, report.complete), (42, true));
    assert_eq!(report.networks, ["10.77.0.0/28"], "what this machine is in");
    assert_eq!(report.warnings, Vec::<String>::new());
}

#[test]
fn without_a_network_only_announcements_are_heard_and_only_private_ones_are_asked() {
    if !inside("without_a_network_only_announcements_are_heard_and_only_private_ones_are_asked") {
        return;
    }
    let _far = Far::start(async || {
        listen("10.77.0.4:8123", Manner::Websocket("/api/websocket", HOME_ASSISTANT)).await;
        listen("10.77.0.6:8123", Manner::Says(b"SSH-2.0-x\r\n")).await;
        let tls = [("location_name", "Safe"), ("internal_url", "https://safe.example:8443")];
        [
            announce("Real", "10.77.0.4", 8_123, &[("location_name", "Real"), ("version", "2026.9.0")]),
            announce("Fake", "10.77.0.6", 8_123, &[("location_name", "Fake"), ("version", "1")]),
            announce("Safe", "10.77.0.2", 8_443, &tls),
        ]
    });
    let report = search(&Product::ALL, &[]);
    assert_eq!(
        report.found.iter().map(shown).collect::<Vec<_>>(),
        [
            (Product::Ha, "10.77.0.2".to_string(), true, false),
            (Product::Ha, "10.77.0.4".to_string(), true, true),
            (Product::Ha, "10.77.0.6".to_string(), true, false),
        ],
        "{report:?}"
    );
    assert_eq!(report.found[0].tls_url.as_deref(), Some("https://safe.example:8443"));
    assert_eq!((report.asked, report.found[1].version.as_deref()), (0, Some("2026.10.1")));
}

#[test]
fn a_machine_without_a_network_finds_nothing_and_says_nothing_wrong() {
    if !inside("a_machine_without_a_network_finds_nothing_and_says_nothing_wrong") {
        return;
    }
    let report = search(&Product::ALL, &["10.77.0.0/29"]);
    assert_eq!((report.found.len(), report.other.len(), report.asked, report.complete), (0, 0, 18, true));
    assert_eq!(report.networks, Vec::<String>::new());
}
