//! The identity is proven in a real handshake on loopback. `keys/` holds an authority of the tests' own, and what it
//! signed: a server for `localhost` and a client. They are worth nothing elsewhere and last a hundred years.

use crate::support::{Script, assert_hidden, bench, context, plan};
use if_engine::{
    Authenticator,
    auth::{AuthError, ClientIdentity},
};
use if_manifest::plan::{Auth, Mtls, Plan};
use if_schemas::presence::InstanceState;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use serde_json::json;
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring, server::WebPkiClientVerifier},
};

const CA: &str = include_str!("keys/ca.pem");
const SERVER: &str = include_str!("keys/server.pem");
const SERVER_KEY: &str = include_str!("keys/server.key");
const CLIENT: &str = include_str!("keys/client.pem");
const CLIENT_KEY: &str = include_str!("keys/client.key");

fn kind() -> Plan {
    plan(|t| {
        Auth::Mtls(Mtls {
            certificate: t("{{ secret.certificate }}"),
            private_key: t("{{ secret.key }}"),
            ca: Some(t("{{ secret.ca }}")),
        })
    })
}

fn identity(certificate: &str, key: &str, ca: Option<&str>) -> Result<Option<ClientIdentity>, AuthError> {
    let secrets = json!({"certificate": certificate, "key": key, "ca": ca});
    Authenticator::identity(&Arc::new(kind()), &context("https://acme.example", secrets))
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).map(Result::unwrap).collect()
}

fn roots(pem: &str) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    certificates(pem.as_bytes()).into_iter().for_each(|c| roots.add(c).unwrap());
    Arc::new(roots)
}

/// One exchange with a server that wants a certificate of its authority: what the client read.
async fn exchange(client: ClientConfig) -> std::io::Result<String> {
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(CA), provider.clone()).build().unwrap();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            certificates(SERVER.as_bytes()),
            PrivateKeyDer::from_pem_slice(SERVER_KEY.as_bytes()).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async {
        let (stream, _) = listener.accept().await?;
        let mut tls = TlsAcceptor::from(Arc::new(server)).accept(stream).await?;
        tls.write_all(b"welcome").await?;
        tls.shutdown().await
    };
    let ask = async {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = TlsConnector::from(Arc::new(client)).connect(name, stream).await?;
        let mut text = String::new();
        tls.read_to_string(&mut text).await?;
        Ok(text)
    };
    let (_, read) = futures::future::join(serve, ask).await;
    read
}

fn client(
    ca: &str,
) -> tokio_rustls::rustls::ConfigBuilder<ClientConfig, tokio_rustls::rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(ca))
}

#[tokio::test]
async fn the_handshake_takes_the_identity_and_nobody_without() {
    let identity = identity(CLIENT, CLIENT_KEY, Some(CA)).unwrap().unwrap();
    let pem = identity.pem();
    let key = PrivateKeyDer::from_pem_slice(&pem).unwrap();
    let with = client(identity.ca.as_deref().unwrap()).with_client_auth_cert(certificates(&pem), key).unwrap();
    assert_eq!(exchange(with).await.unwrap(), "welcome");
    exchange(client(CA).with_no_client_auth()).await.unwrap_err();
    // The server's own certificate is of the same authority, but not for clients.
    let key = PrivateKeyDer::from_pem_slice(SERVER_KEY.as_bytes()).unwrap();
    let wrong = client(CA).with_client_auth_cert(certificates(SERVER.as_bytes()), key).unwrap();
    exchange(wrong).await.unwrap_err();
}

#[tokio::test]
async fn requests_themselves_carry_nothing() {
    let secrets = json!({"certificate": CLIENT, "key": CLIENT_KEY, "ca": null});
    let bench = bench(kind(), context("https://acme.example", secrets), Script::silent()).unwrap();
    assert!(bench.signed().await.unwrap().headers.is_empty());
    let none = Authenticator::identity(&Arc::new(plan(|_| Auth::None)), &context("https://acme.example", json!({})));
    assert!(none.unwrap().is_none());
}

#[test]
fn what_is_no_pem_is_a_setting_to_correct() {
    let one_line = |pem: &str| pem.replace('\n', "\\n");
    let read = identity(&one_line(CLIENT), &one_line(CLIENT_KEY), None).unwrap().unwrap();
    assert_eq!((read.certificate.as_str(), read.ca), (CLIENT, None));
    let line = CLIENT_KEY.lines().nth(1).unwrap();
    for (certificate, key, ca) in [
        ("x", CLIENT_KEY, None),
        (CLIENT_KEY, CLIENT_KEY, None),
        (CLIENT, CLIENT, None),
        (CLIENT, line, None),
        (CLIENT, CLIENT_KEY, Some("x")),
    ] {
        let error = identity(certificate, key, ca).expect_err("refused");
        assert_eq!(error.state(), InstanceState::BadConfig);
        assert_hidden(&format!("{error} {error:?}"), &[line]);
    }
    let identity = identity(CLIENT, CLIENT_KEY, None).unwrap();
    assert_hidden(&format!("{identity:?}"), &[line]);
}
