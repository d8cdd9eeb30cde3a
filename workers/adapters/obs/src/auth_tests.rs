use super::*;

/// Computed with Python's hashlib and base64; the tests against a real OBS prove the same by logging in.
#[test]
fn the_answer_matches_an_independent_computation() {
    let password = Secret::new("supersecretpassword".into());
    let salt = "lM1GncleQOaCu9lT1yeUZhFYnqhsLLP1G5lAGo3ixaI=";
    let challenge = "+IxH4CnCiqpX1rM9scsNynZzbOe4KhDeYcTNS3PDaeY=";
    assert_eq!(answer(&password, salt, challenge), "1Ct943GAT+6YQUUX47Ia/ncufilbe6+oD6lY+5kaCu4=");
}
