//! TLS: rustls with ring, and the certificates the operating system trusts. Always verified, but for private addresses
//! of an instance that says otherwise.

use crate::auth::ClientIdentity;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use std::sync::{Arc, OnceLock};

/// What an instance says about TLS.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Loopback and private addresses need no certificate that can be verified.
    pub insecure_private: bool,
    /// Client certificate, and maybe one more authority.
    pub identity: Option<ClientIdentity>,
    /// One more authority, as PEM.
    pub ca: Option<String>,
}

impl TlsSettings {
    /// For a connection that is no HTTP, under the same rules: `private` says that the peer's address, which is known by
    /// then, is loopback or private.
    pub fn for_connection(&self, private: bool) -> Result<ClientConfig, TlsError> {
        if self.insecure_private && private { unverified(self) } else { verified(self) }
    }
}

/// Why the TLS settings can never work. Never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    #[error("the {what} is not PEM as it should be")]
    Pem { what: &'static str },
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// Verifies every server.
pub fn verified(settings: &TlsSettings) -> Result<ClientConfig, TlsError> {
    let mut extra = Vec::new();
    for pem in settings.identity.as_ref().and_then(|i| i.ca.as_ref()).into_iter().chain(&settings.ca) {
        extra.extend(certificates(pem, "certificate authority")?);
    }
    let verifier: Arc<dyn ServerCertVerifier> = match extra.is_empty() {
        true => platform(),
        false => Arc::new(Verifier::new_with_extra_roots(extra, provider()).map_err(setup)?),
    };
    build(settings, verifier)
}

/// Verifies no server: for private addresses only.
pub fn unverified(settings: &TlsSettings) -> Result<ClientConfig, TlsError> {
    build(settings, Arc::new(Unverified(provider())))
}

/// For plain HTTP: no server can be verified, so none is talked to with TLS.
pub fn none() -> Result<ClientConfig, TlsError> {
    build(&TlsSettings::default(), Arc::new(NoRoots(provider())))
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(ring::default_provider())).clone()
}

/// The system's certificates, read once. Without any, every server is refused.
fn platform() -> Arc<dyn ServerCertVerifier> {
    static PLATFORM: OnceLock<Arc<dyn ServerCertVerifier>> = OnceLock::new();
    let make = || -> Arc<dyn ServerCertVerifier> {
        match Verifier::new(provider()) {
            Ok(verifier) => Arc::new(verifier),
            Err(error) => {
                tracing::warn!(%error, "this system has no root certificates: every HTTPS server will be refused");
                Arc::new(NoRoots(provider()))
            }
        }
    };
    PLATFORM.get_or_init(make).clone()
}

fn build(settings: &TlsSettings, verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(setup)?.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(&identity.certificate, "client certificate")?;
            let key = PrivateKeyDer::from_pem_slice(identity.private_key.expose().as_bytes());
            let key = key.map_err(|_| TlsError::Pem { what: "private key" })?;
            builder.with_client_auth_cert(chain, key).map_err(setup)?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(pem: &str, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    read.ok().filter(|c| !c.is_empty()).ok_or(TlsError::Pem { what })
}

fn setup(error: Error) -> TlsError {
    TlsError::Setup(error.to_string())
}

macro_rules! signatures_of_the_provider {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
        }
        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
        }
        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    };
}

#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
    signatures_of_the_provider!();
}

#[derive(Debug)]
struct NoRoots(Arc<CryptoProvider>);

impl ServerCertVerifier for NoRoots {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }
    signatures_of_the_provider!();
}
