//! `discover` with the real `if-worker` beside it: what is refused, what is found in a network of this test's own, and what
//! is made of it.

mod support;

use serde_json::{Value, json};
use support::Cli;

#[test]
fn networks_that_may_not_be_asked_are_refused() {
    let cli = Cli::initialised();
    for (network, error) in [
        ("8.8.8.0/24", "--network: 8.8.8.0/24 is not private"),
        ("192.168.0.0/15", "--network: 192.168.0.0/15 is not private"),
        ("10.0.0.0/8", "--network: 10.0.0.0/8 has 16777216 addresses"),
        ("fe80::/120", "--network: fe80::/120 is link-local: its addresses mean nothing without an interface"),
        ("studio", "--network: \"studio\" is no network"),
        ("10.0.0.0/33", "--network: \"10.0.0.0/33\" is no network"),
        ("", "--network: \"\" is no network"),
    ] {
        for line in [["vmix", "discover"].as_slice(), &["discover"]] {
            let ran = cli.run(line.iter().copied().chain(["--yes", "--network", network])).expect(2);
            assert_eq!(ran.stderr.lines().next(), Some(format!("error: {error}").as_str()), "{ran:?}");
            assert!(ran.stderr.contains("\nhint: ") && ran.stdout.is_empty(), "{ran:?}");
        }
    }
    let both = ["discover", "--yes", "--network", "10.0.0.0/20", "--network", "10.1.0.0/20"];
    assert!(cli.run(both).expect(2).stderr.contains("10.0.0.0/20 with 10.1.0.0/20 has 8188 addresses"));
}

#[test]
fn without_a_terminal_nobody_is_asked_unless_told_so() {
    let cli = Cli::initialised();
    let ran = cli.run(["discover", "--network", "10.77.0.0/28", "--json"]).expect(2);
    assert_eq!(ran.json()["error"]["message"], "nobody is there to ask");
    assert_eq!(ran.json()["error"]["hint"], "say --yes if that network may be asked");
}

#[test]
fn providers_that_cannot_be_looked_for_have_no_such_verb() {
    let cli = Cli::initialised();
    let ran = cli.run(["chat", "discover"]).expect(2);
    assert!(ran.stderr.contains("chat has no command \"discover\""), "{ran:?}");
}

#[cfg(target_os = "linux")]
mod in_a_network {
    use super::*;
    use std::{
        io::Write,
        net::TcpListener,
        process::{Command, Stdio},
        thread,
    };

    /// Set in the process that is inside the namespace.
    const INSIDE: &str = "IF_CLI_TEST_INSIDE";

    /// Runs one test of this program again in a network namespace with these addresses; true there.
    fn inside(test: &str) -> bool {
        if std::env::var_os(INSIDE).is_some() {
            return true;
        }
        let script = "ip link set lo up && ip address add 10.77.0.1/28 dev lo && ip address add 10.77.0.2/28 dev lo \
                      && ip address add 10.77.0.3/28 dev lo && exec \"$0\" \"$@\"";
        let mut again = Command::new("unshare");
        again.args(["-rn", "sh", "-c", script]).arg(std::env::current_exe().unwrap());
        again.args(["--exact", test, "--nocapture"]).env(INSIDE, "1").stdin(Stdio::null());
        let done = again.output().expect("unshare, of util-linux, is needed");
        let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && text.contains("1 passed"), "user namespaces and ip are needed\n{text}");
        false
    }

    /// Says this to everybody who connects, for as long as the namespace lasts.
    fn greets(at: &str, greeting: &'static [u8]) {
        let listener = TcpListener::bind(at).unwrap();
        thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                // Who connected may be gone already.
                let _ = stream.write_all(greeting);
                open.push(stream);
            }
        });
    }

    #[test]
    fn what_is_found_is_marked_named_and_ready_to_be_added() {
        if !inside("in_a_network::what_is_found_is_marked_named_and_ready_to_be_added") {
            return;
        }
        greets("10.77.0.1:8099", b"VERSION OK 29.0.0.49\r\n");
        greets("10.77.0.2:8099", b"VERSION OK 27.0.0.81\r\n");
        greets("10.77.0.3:8099", b"VERSION OK 28.0.0.42\r\n");
        greets("10.77.0.3:4455", b"SSH-2.0-OpenSSH_9.9\r\n");
        let cli = Cli::initialised();
        cli.run(["vmix", "add", "myvmix", "--host", "10.77.0.2"]).expect(0);
        let network = ["--network", "10.77.0.0/28", "--yes"];

        let shown = cli.run(["discover"].into_iter().chain(network)).expect(0);
        let expected = "\
PROVIDER  ADDRESS         VERSION    NAME  CONFIGURED
vmix      10.77.0.1:8099  29.0.0.49  -     no
vmix      10.77.0.2:8099  27.0.0.81  -     as myvmix
vmix      10.77.0.3:8099  28.0.0.42  -     no
10.77.0.3:4455 is open, but not OBS Studio: it speaks no websocket

To add what is new:
if vmix add myvmix2 --host 10.77.0.1
if vmix add myvmix3 --host 10.77.0.3
";
        assert_eq!(shown.stdout, expected, "{}", shown.stderr);
        assert!(shown.stderr.contains("vMix at 10.77.0.1: its web interface does not answer on port 8088"));

        let found = cli.run(["vmix", "discover", "--json"].into_iter().chain(network)).expect(0).json();
        assert_eq!(
            (&found["asked"], &found["complete"], &found["providers"]),
            (&json!(14), &json!(true), &json!(["vmix"]))
        );
        let configured: Vec<&Value> = found["found"].as_array().unwrap().iter().map(|f| &f["configured"]).collect();
        assert_eq!(configured, [&Value::Null, &json!("myvmix"), &Value::Null]);

        // The command as it is printed adds it; then it is marked.
        let add: Vec<&str> = found["found"][0]["add"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
        cli.run(&add[1..]).expect(0);
        let again = cli.run(["vmix", "discover", "--json"].into_iter().chain(network)).expect(0).json();
        assert_eq!((&again["found"][0]["configured"], &again["found"][0]["add"]), (&json!("myvmix2"), &Value::Null));
    }

    #[test]
    fn who_does_not_announce_itself_needs_a_network_and_the_hint_names_it() {
        if !inside("in_a_network::who_does_not_announce_itself_needs_a_network_and_the_hint_names_it") {
            return;
        }
        let cli = Cli::initialised();
        let error = cli.run(["obs", "discover", "--json"]).expect(2).json()["error"].clone();
        assert_eq!(error["message"], "OBS Studio does not announce itself");
        assert_eq!(error["hint"], "name the network it is in; this machine is in --network 10.77.0.0/28");
    }

    #[test]
    fn nothing_found_is_no_failure() {
        if !inside("in_a_network::nothing_found_is_no_failure") {
            return;
        }
        let cli = Cli::initialised();
        let shown = cli.run(["obs", "discover", "--network", "10.77.0.0/28", "--yes"]).expect(0);
        assert_eq!((shown.stdout.as_str(), shown.stderr.as_str()), ("Nothing was found.\n", ""));
    }
}
