//! Which URLs an instance may ask: every form that could lead elsewhere is refused.

mod support;

use if_engine::hosts::{HostError, allowed, is_private};
use if_manifest::plan::Auth;
use reqwest::Url;
use serde_json::json;

fn check(setting: &str, url: &str) -> Result<(), HostError> {
    let plan = support::plan(|_| Auth::None);
    allowed(&plan, &support::context(setting, json!({})), &Url::parse(url).expect("a URL"))
}

#[test]
fn named_hosts_and_those_of_settings_are_allowed() {
    for url in
        ["https://acme.example/x", "https://API.Acme.example:8443/", "https://a.b.acme.example/", "http://10.0.0.7/"]
    {
        assert_eq!(check("https://elsewhere.example", url), Ok(()), "{url}");
    }
    for (setting, url) in [
        ("https://proxy.example/v1", "https://proxy.example/token"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:9090/token"),
        ("http://[::1]:8080", "http://[::1]/"),
        ("http://localhost:1", "http://localhost:2/"),
        ("http://[fd00::5]/", "http://[fd00::5]/"),
        ("http://[::ffff:192.168.1.9]/", "http://[::ffff:192.168.1.9]/"),
    ] {
        assert_eq!(check(setting, url), Ok(()), "{url}");
    }
}

#[test]
fn others_are_refused() {
    let elsewhere = "https://proxy.example";
    for host in ["evilacme.example", "acme.example.evil.test", "10.0.0.8", "acme.example."] {
        let refused = check(elsewhere, &format!("https://{host}/secret?x=1")).expect_err(host);
        assert_eq!(refused, HostError::NotAllowed { provider: "acme".into(), host: host.into() });
        assert!(!refused.to_string().contains("secret"));
    }
    assert_eq!(check(elsewhere, "ftp://acme.example/"), Err(HostError::Scheme { scheme: "ftp".into() }));
    assert_eq!(check(elsewhere, "data:text/plain,x"), Err(HostError::Scheme { scheme: "data".into() }));
    let refused = check(elsewhere, "https://user:hunter2@acme.example/").expect_err("credentials in a URL");
    assert_eq!(refused, HostError::Credentials { host: "acme.example".into() });
}

#[test]
fn plain_http_is_for_this_machine_and_private_addresses() {
    for url in ["http://acme.example/", "http://proxy.example/", "http://localhost.acme.example/"] {
        assert!(matches!(check("http://proxy.example", url), Err(HostError::NoTls { .. })), "{url}");
    }
    for host in ["8.8.8.8", "169.254.169.254", "172.32.0.1", "[2001:db8::1]", "[fe80::1]", "0.0.0.0", "intranet"] {
        assert!(!is_private(host), "{host}");
    }
    for host in ["127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.0.1", "[::1]", "[fc00::1]", "localhost"] {
        assert!(is_private(host), "{host}");
    }
}

#[test]
fn a_setting_that_is_no_url_allows_nothing() {
    assert!(check("proxy.example", "https://proxy.example/").is_err());
    assert!(check("", "https://proxy.example/").is_err());
}
