use crate::secret_ref::{SecretRef, SecretRefError};
use zeroize::Zeroizing;

#[test]
fn the_four_references_are_told_from_literals() {
    assert_eq!(SecretRef::parse("env:OBS_PASSWORD"), Ok(SecretRef::Env("OBS_PASSWORD".into())));
    assert_eq!(SecretRef::parse("file:/etc/obs"), Ok(SecretRef::File("/etc/obs".into())));
    let keychain = SecretRef::Keychain { service: "infrafabric".into(), name: "obs/main".into() };
    assert_eq!(SecretRef::parse("keychain:infrafabric/obs/main"), Ok(keychain));
    assert_eq!(SecretRef::parse("exec: pass show obs "), Ok(SecretRef::Exec("pass show obs".into())));
    for literal in ["hunter2", "https://example.com", "Env:X", "a:b", " env:X"] {
        assert_eq!(SecretRef::parse(literal), Ok(SecretRef::Literal(Zeroizing::new(literal.into()))));
    }
}

#[test]
fn a_tilde_in_a_file_is_the_users_directory() {
    if let Some(user) = crate::home::user_directory() {
        assert_eq!(SecretRef::parse("file:~/obs"), Ok(SecretRef::File(user.join("obs"))));
    }
}

#[test]
fn broken_references_are_refused() {
    use SecretRefError as E;
    let broken = [
        ("", E::Empty),
        ("env:", E::Env),
        ("env:1A", E::Env),
        ("env:A B", E::Env),
        ("file:", E::File),
        ("file:relative", E::File),
        ("keychain:service", E::Keychain),
        ("keychain:/name", E::Keychain),
        ("keychain:service/", E::Keychain),
        ("exec:  ", E::Exec),
    ];
    for (text, expected) in broken {
        assert_eq!(SecretRef::parse(text), Err(expected), "{text:?}");
    }
}

#[test]
fn debug_output_holds_no_secret() {
    assert_eq!(format!("{:?}", SecretRef::parse("hunter2").unwrap()), "[secret]");
    assert_eq!(format!("{:?}", SecretRef::parse("exec:curl -u me:hunter2").unwrap()), "exec:…");
    assert_eq!(format!("{:?}", SecretRef::parse("env:A").unwrap()), "env:A");
}
