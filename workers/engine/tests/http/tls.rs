//! Whole calls over TLS, handshake included. The keys are those of the suite on authentication: an authority of the tests'
//! own, a server for `127.0.0.1` and a client.

use crate::world::SECRET;
use if_engine::{Adapter, AdapterError, InstanceConfig, Peer, Provider, Secret, http::HttpProvider};
use if_schemas::presence::InstanceState;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Map, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{RootCertStore, ServerConfig, crypto::ring, server::WebPkiClientVerifier},
};

const CA: &str = include_str!("../auth/keys/ca.pem");
const SERVER: &str = include_str!("../auth/keys/server.pem");
const SERVER_KEY: &str = include_str!("../auth/keys/server.key");
const CLIENT: &str = include_str!("../auth/keys/client.pem");
const CLIENT_KEY: &str = include_str!("../auth/keys/client.key");
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{\"name\":\"bot\"}";

const BEARER: &str = r#"bearer: { token: "{{ secret.token }}" }"#;
const MUTUAL: &str =
    r#"mtls: { certificate: "{{ secret.certificate }}", private_key: "{{ secret.key }}", ca: "{{ secret.ca }}" }"#;

fn provider(auth: &str) -> (HttpProvider, tempfile::TempDir) {
    let secrets = ["token", "certificate", "key", "ca"];
    let secrets = secrets.map(|name| format!("  {name}: {{ type: string, secret: true, help: a secret }}\n")).concat();
    let text = format!(
        r#"manifest: 1
id: acme
display_name: Acme
category: chat
summary: made for a test
docs_url: https://acme.example/docs
checked_on: 2026-11-01
maturity: documented
allowed_hosts: []
base_url: "{{{{ instance.url }}}}"
instance:
  url: {{ type: string, format: uri, required: true, help: where it is }}
  insecure_tls: {{ type: boolean, help: do not verify a private server }}
{secrets}
auth:
  {auth}
verify: me
operations:
  me:
    summary: who it is
    effect: read
    price: free
    request: {{ method: GET, path: /me }}
    response: {{ result: {{ name: {{ path: $.name, required: true }} }} }}
"#
    );
    let dir = tempfile::tempdir().unwrap();
    let plan = if_manifest::compile("test.yaml", &text).unwrap_or_else(|errors| panic!("{errors:?}"));
    (HttpProvider::new(Arc::new(plan), None, dir.path().into()), dir)
}

/// A server that answers whatever comes through a finished handshake, and counts it.
struct Server {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start(wants_client: bool) -> Self {
        let provider = Arc::new(ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let builder = if wants_client {
            let mut roots = RootCertStore::empty();
            certificates(CA).into_iter().for_each(|c| roots.add(c).unwrap());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::from_pem_slice(SERVER_KEY.as_bytes()).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(certificates(SERVER), key).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        tokio::spawn({
            let requests = requests.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // A handshake that fails is the client's to report.
                    let Ok(mut tls) = acceptor.accept(stream).await else { continue };
                    let mut buffer = [0; 4096];
                    if matches!(tls.read(&mut buffer).await, Ok(1..)) {
                        requests.fetch_add(1, Ordering::SeqCst);
                        let _ = tls.write_all(ANSWER).await;
                        let _ = tls.shutdown().await;
                    }
                }
            }
        });
        Self { port, requests }
    }

    /// Connects an instance with these secrets. What came of it, and how many requests the server read.
    async fn connect(
        &self,
        auth: &str,
        insecure: bool,
        secrets: &[(&str, &str)],
    ) -> (Result<Peer, AdapterError>, usize) {
        let (provider, _dir) = provider(auth);
        let settings = Map::from_iter([
            ("url".to_string(), json!(format!("https://127.0.0.1:{}", self.port))),
            ("insecure_tls".to_string(), json!(insecure)),
        ]);
        let secrets = secrets.iter().map(|(name, value)| (name.to_string(), Secret::new((*value).into()))).collect();
        let (provider_name, name) = ("acme".parse().unwrap(), "one".parse().unwrap());
        let config = InstanceConfig { provider: provider_name, name, settings, secrets };
        let adapter: Arc<dyn Adapter> = provider.adapter(config).unwrap();
        let before = self.requests.load(Ordering::SeqCst);
        let connected = adapter.connect().await;
        (connected, self.requests.load(Ordering::SeqCst) - before)
    }
}

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_server_nobody_vouches_for_gets_no_request_unless_the_instance_says_so() {
    let server = Server::start(false).await;
    let (refused, requests) = server.connect(BEARER, false, &[("token", SECRET)]).await;
    let error = refused.unwrap_err();
    assert_eq!((error.state, requests), (InstanceState::Disconnected, 0), "{error}");
    assert!(error.message.contains("certificate"), "{error}");
    let (accepted, requests) = server.connect(BEARER, true, &[("token", SECRET)]).await;
    assert_eq!((accepted.unwrap().description.as_str(), requests), ("Acme, bot", 1));
}

#[tokio::test]
async fn both_sides_prove_who_they_are() {
    let server = Server::start(true).await;
    let good = [("certificate", CLIENT), ("key", CLIENT_KEY), ("ca", CA)];
    let (accepted, requests) = server.connect(MUTUAL, false, &good).await;
    assert_eq!((accepted.unwrap().description.as_str(), requests), ("Acme, bot", 1));
    // Of the same authority, but a server's.
    let wrong = [("certificate", SERVER), ("key", SERVER_KEY), ("ca", CA)];
    let (refused, requests) = server.connect(MUTUAL, false, &wrong).await;
    // In TLS 1.3 the refusal may come after the request was written: what it says is not always known.
    assert!(refused.is_err() && requests == 0, "{refused:?}");
    // An authority that did not sign the server.
    let stranger = [("certificate", CLIENT), ("key", CLIENT_KEY), ("ca", CLIENT)];
    let (refused, requests) = server.connect(MUTUAL, false, &stranger).await;
    assert!(refused.is_err() && requests == 0, "{refused:?}");
}
