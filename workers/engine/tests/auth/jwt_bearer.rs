use crate::support::{Bench, NOW, Script, answer_head, bench, context, http_date, ok, plan};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use if_engine::{
    Secret,
    auth::{AuthError, JwtKey},
};
use if_manifest::{
    plan::{Auth, JwtBearer},
    raw::JwtAlgorithm,
};
use if_schemas::presence::InstanceState;
use reqwest::header::HeaderMap;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const RSA: &str = include_str!("keys/rsa.pem");
const RSA_PKCS1: &str = include_str!("keys/rsa1.pem");
const EC: &str = include_str!("keys/ec.pem");
const ED: &str = include_str!("keys/ed.pem");
/// The public half of `keys/ec.pem`, an uncompressed point.
const EC_PUBLIC: &str = "04d58617a8690b5f94f8b08ffb75c36c30100a9920b0b72ed58ebbf0904bf51356e840e7b4d17c8014cc1465a85cb153e4c5944f4ccf75bbc4decc9629525c7419";
/// What `openssl dgst -sha256 -sign keys/rsa.pem` says of `SIGNED`.
const RSA_SIGNATURE: &str = "Nz2qcPXJokUCQ7xhN0_wgsZnOKVNZv3td4CevSWlGraZ3SA_iC7BQb1diX6sbJb624qL6V9xLO1Ia0seWxQnm3AMDT1L8peMJpLwdIQPiBGpwbQajPMEVnUGgE-RxTBTgAwMaKnH-tJIkTg_zwyHZw6Hg_-oZWrFHCPGlSluRiGUmD0cubOzWpX6iOQEU2WtG59Kw4o1DYPUwuRUxfjlw13OgsnqF9ZkrflvBsDWuaAiwwqmj9BxkBr3l6kjQnmiMOfOzX8-Qn7Wbd88Uej7GCvMLxHC2_Eppz7TdyKRn22sIkKFCtP0B-MWtG573D_wdZPbziC6GrrkAab_L8sVrg";
const SIGNED: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJhY21lIn0";

fn key(algorithm: JwtAlgorithm, pem: &str) -> Result<JwtKey, AuthError> {
    JwtKey::from_pem(algorithm, &Secret::new(pem.into()))
}

#[test]
fn rs256_is_what_another_implementation_signs() {
    let one_line = RSA.replace('\n', "\\n");
    for pem in [RSA, RSA_PKCS1, &one_line] {
        let token = key(JwtAlgorithm::RS256, pem).unwrap();
        let token = token.token(br#"{"alg":"RS256","typ":"JWT"}"#, br#"{"iss":"acme"}"#).unwrap();
        assert_eq!(token.expose(), format!("{SIGNED}.{RSA_SIGNATURE}"));
    }
}

/// RFC 8037 appendix A.
#[test]
fn eddsa_is_that_of_the_rfc() {
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let der = [&hex::decode("302e020100300506032b657004220420").unwrap()[..], &seed].concat();
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let token = key(JwtAlgorithm::EdDsa, &pem).unwrap();
    let token = token.token(br#"{"alg":"EdDSA"}"#, b"Example of Ed25519 signing").unwrap();
    assert_eq!(
        token.expose(),
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4\
         iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
}

#[test]
fn es256_is_two_numbers_that_the_public_key_confirms() {
    let signer = key(JwtAlgorithm::ES256, EC).unwrap();
    let signature = signer.sign(SIGNED.as_bytes()).unwrap();
    assert_eq!(signature.len(), 64);
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, hex::decode(EC_PUBLIC).unwrap());
    public.verify(SIGNED.as_bytes(), &signature).unwrap();
    public.verify(b"other", &signature).unwrap_err();
}

#[test]
fn keys_of_the_wrong_kind_are_refused_without_being_shown() {
    let secret_line = EC.lines().nth(1).unwrap();
    for (algorithm, pem) in [
        (JwtAlgorithm::RS256, EC),
        (JwtAlgorithm::ES256, RSA),
        (JwtAlgorithm::ES256, ED),
        (JwtAlgorithm::EdDsa, EC),
        (JwtAlgorithm::ES256, "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"),
        (JwtAlgorithm::ES256, secret_line),
    ] {
        let error = key(algorithm, pem).err().expect("refused");
        assert_eq!(error.state(), InstanceState::BadConfig);
        crate::support::assert_hidden(&format!("{error} {error:?}"), &[secret_line]);
    }
}

fn with(script: Arc<Script>, exchanged: bool) -> Bench {
    let plan = plan(|t| {
        Auth::JwtBearer(Box::new(JwtBearer {
            algorithm: JwtAlgorithm::ES256,
            private_key: t("{{ secret.key }}"),
            key_id: Some(t("key-7")),
            issuer: t("issuer@acme.example"),
            subject: Some(t("{{ secret.subject }}")),
            audience: None,
            lifetime: Duration::from_secs(600),
            claims: vec![("level".into(), t("{{ secret.level }}")), ("none".into(), t("{{ secret.subject }}"))],
            token_url: exchanged.then(|| t("https://login.acme.example/token")),
        }))
    });
    let secrets = json!({"key": EC, "subject": null, "level": 3});
    bench(plan, context("https://acme.example", secrets), script).unwrap()
}

/// Header and claims of a token whose signature the public key confirms.
fn read(token: &str) -> (Value, Value) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, hex::decode(EC_PUBLIC).unwrap());
    public.verify(message.as_bytes(), &signature).unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (json(header), json(claims))
}

async fn sent(bench: &Bench) -> Value {
    let header = bench.authorization().await.unwrap();
    read(header.strip_prefix("Bearer ").unwrap()).1
}

#[tokio::test]
async fn a_token_of_our_own_is_sent_until_it_ends() {
    let bench = with(Script::silent(), false);
    let header = bench.authorization().await.unwrap();
    let (head, claims) = read(header.strip_prefix("Bearer ").unwrap());
    assert_eq!(head, json!({"alg": "ES256", "typ": "JWT", "kid": "key-7"}));
    let iat = NOW - 60;
    assert_eq!(claims, json!({"iss": "issuer@acme.example", "level": 3, "iat": iat, "exp": iat + 600}));
    // 540 seconds are left of it, the last 60 of which it is not used.
    bench.clock.advance(Duration::from_secs(479));
    assert_eq!(bench.authorization().await.unwrap(), header);
    bench.clock.advance(Duration::from_secs(2));
    assert_eq!(sent(&bench).await["iat"], NOW + 481 - 60);
}

#[tokio::test]
async fn a_clock_that_is_off_is_set_right_by_the_refusal() {
    for off in [-7200, -90, 90, 7200] {
        let bench = with(Script::silent(), false);
        let request = bench.signed().await.unwrap();
        let server = NOW + off;
        assert!(bench.auth.rejected(&request.headers, &answer_head("date", &http_date(server))).await);
        assert_eq!(sent(&bench).await["iat"], server - 60);
    }
    let bench = with(Script::silent(), false);
    let request = bench.signed().await.unwrap();
    for (name, value) in [("date", http_date(NOW + 5)), ("date", http_date(NOW + 90_000)), ("date", "noon".into())] {
        assert!(!bench.auth.rejected(&request.headers, &answer_head(name, &value)).await, "{value}");
    }
    assert!(!bench.auth.rejected(&request.headers, &HeaderMap::new()).await);
    assert_eq!(sent(&bench).await["iat"], NOW - 60);
}

#[tokio::test]
async fn it_is_exchanged_as_the_rfc_says() {
    let script = Script::new(|n, _| ok(json!({"access_token": format!("t{n}"), "expires_in": 3600})));
    let bench = with(script, true);
    assert_eq!(bench.authorization().await.unwrap(), "Bearer t0");
    assert_eq!(bench.authorization().await.unwrap(), "Bearer t0");
    let request = bench.signed().await.unwrap();
    assert!(bench.auth.rejected(&request.headers, &HeaderMap::new()).await);
    assert_eq!(bench.authorization().await.unwrap(), "Bearer t1");
    let forms = bench.script.forms();
    assert_eq!(forms[0]["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let claims: Vec<Value> = forms.iter().map(|f| read(&f["assertion"]).1).collect();
    assert_eq!(claims[0]["aud"], "https://login.acme.example/token");
    assert_ne!(claims[0]["jti"], claims[1]["jti"], "an assertion may be good for one exchange only");
}

#[tokio::test]
async fn an_exchange_refused_for_its_time_is_tried_once_more_with_the_servers() {
    for off in [-7200, 7200] {
        let script = Script::new(move |_, request| {
            let form: Vec<_> = form_urlencoded::parse(&request.body).into_owned().collect();
            let claims = read(&form[1].1).1;
            if (claims["iat"].as_i64().unwrap() - (NOW + off)).abs() > 300 {
                let body = json!({"error": "invalid_grant"}).to_string();
                return Ok((400, vec![("date", http_date(NOW + off))], body));
            }
            ok(json!({"access_token": "t"}))
        });
        let bench = with(script, true);
        assert_eq!(bench.authorization().await.unwrap(), "Bearer t");
        assert_eq!(bench.script.seen().len(), 2);
    }
}

#[tokio::test]
async fn an_exchange_refused_for_good_is_asked_once_or_twice_and_no_more() {
    let refusal = json!({"error": "invalid_grant"}).to_string();
    for (off, asked) in [(0, 1), (7200, 2)] {
        let body = refusal.clone();
        let script = Script::new(move |_, _| Ok((400, vec![("date", http_date(NOW + off))], body.clone())));
        let bench = with(script, true);
        let error = bench.signed().await.unwrap_err();
        assert_eq!(error.state(), InstanceState::AuthenticationFailure);
        assert_eq!(bench.script.seen().len(), asked);
    }
}
