use super::*;
use std::fs;

fn reference(text: &str) -> SecretRef {
    SecretRef::parse(text).unwrap()
}

async fn error(text: &str) -> String {
    resolve(&reference(text)).await.unwrap_err().to_string()
}

#[cfg(unix)]
fn write(path: &Path, text: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_literal_is_itself_and_is_never_shown() {
    let secret = resolve(&reference("hunter2")).await.unwrap();
    assert_eq!(secret.expose(), "hunter2");
    assert_eq!(format!("{secret:?}"), "[secret]");
}

#[tokio::test]
async fn an_environment_variable_is_read_or_named() {
    let path = std::env::var("PATH").unwrap();
    assert_eq!(resolve(&reference("env:PATH")).await.unwrap().expose(), path);
    let message = error("env:IF_TEST_NOT_SET").await;
    assert_eq!(message, "the environment variable IF_TEST_NOT_SET is not set for the worker");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_is_read_only_if_it_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    let text = format!("file:{}", path.display());
    write(&path, "hunter2\n", 0o600);
    assert_eq!(resolve(&reference(&text)).await.unwrap().expose(), "hunter2");
    write(&path, "hunter2\n", 0o644);
    let message = error(&text).await;
    assert!(message.contains("mode 0644") && message.contains("chmod 600"), "{message}");
    assert!(!message.contains("hunter2"));
    write(&path, "\n", 0o600);
    assert!(error(&text).await.contains("empty"));
    write(&path, &"x".repeat(100_000), 0o600);
    assert!(error(&text).await.contains("limit"));
}

/// In the keyring of the user, and out of it again whatever the test does.
#[cfg(target_os = "linux")]
struct InKeyring(linux_keyutils::Key);

#[cfg(target_os = "linux")]
impl InKeyring {
    fn put(service: &str, name: &str, secret: &str) -> Self {
        use linux_keyutils::{KeyRing, KeyRingIdentifier};
        let ring = KeyRing::from_special_id(KeyRingIdentifier::User, false).unwrap();
        Self(ring.add_key(&keychain::description(service, name), secret).unwrap())
    }
}

#[cfg(target_os = "linux")]
impl Drop for InKeyring {
    fn drop(&mut self) {
        let _ = self.0.invalidate();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_keychain_gives_what_was_put_into_it() {
    let service = format!("infrafabric-test-{}", std::process::id());
    let message = error(&format!("keychain:{service}/obs/main")).await;
    assert!(message.contains("the kernel keyring has no \"obs/main\"") && message.contains("keyctl padd"), "{message}");
    let kept = InKeyring::put(&service, "obs/main", "hunter2");
    assert_eq!(resolve(&reference(&format!("keychain:{service}/obs/main"))).await.unwrap().expose(), "hunter2");
    drop(kept);
    assert!(!error(&format!("keychain:{service}/obs/main")).await.contains("hunter2"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_gives_its_first_line_without_a_shell() {
    let secret = resolve(&reference("exec:printf 'a b%s\\nsecond' $HOME")).await.unwrap();
    assert_eq!(secret.expose(), "a b$HOME");
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_fails_says_so_without_its_arguments_or_output() {
    let message = error("exec:sh -c 'echo hunter2; exit 3' hunter3").await;
    assert!(message.contains("sh ended with exit status: 3"), "{message}");
    assert!(!message.contains("hunter"), "{message}");
    assert!(
        error("exec:/no/such/program hunter3")
            .await
            .starts_with("the secret command /no/such/program cannot be started")
    );
    assert!(error("exec:cat /dev/zero").await.contains("more than 65536 bytes"));
    assert!(error("exec:printf 'open").await.contains("unclosed quote"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_does_not_end_is_stopped() {
    let slow = resolve_within(&reference("exec:sleep 1000"), Duration::from_millis(50)).await;
    assert_eq!(slow.unwrap_err().to_string(), "the secret command sleep did not end within 50 ms");
}

#[test]
fn words_are_split_at_spaces_outside_quotes() {
    let words = |text| split_words(text).unwrap();
    assert_eq!(words("  pass  show obs "), ["pass", "show", "obs"]);
    assert_eq!(words(r#"a 'b c' "d 'e'" f"#), ["a", "b c", "d 'e'", "f"]);
    assert_eq!(words("a '' b"), ["a", "", "b"]);
    assert_eq!(split_words("a 'b"), None);
}
