//! A client certificate: proven in the TLS handshake, so it belongs to the connection and not to a request.

use super::{AuthError, scope::Scope};
use crate::Secret;
use if_manifest::plan;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use zeroize::Zeroizing;

/// What the HTTP client of an instance is built with. All PEM, checked to hold what it should.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    /// The client's certificate, then those that lead to its authority.
    pub certificate: String,
    pub private_key: Secret,
    /// Authority of the server, where it is not a public one.
    pub ca: Option<String>,
}

impl ClientIdentity {
    pub(super) fn new(scope: &Scope, spec: &plan::Mtls) -> Result<Self, AuthError> {
        let lines = |text: &str| text.replace("\\n", "\n");
        let private_key = Secret::new(lines(scope.needed("the private key", &spec.private_key)?.expose()));
        PrivateKeyDer::from_pem_slice(private_key.expose().as_bytes())
            .map_err(|_| wrong("private key", "PRIVATE KEY"))?;
        let certificate = lines(scope.needed("the certificate", &spec.certificate)?.expose());
        check("certificate", &certificate)?;
        let ca = scope.optional(spec.ca.as_ref())?.map(|ca| lines(ca.expose()));
        if let Some(ca) = &ca {
            check("certificate authority", ca)?;
        }
        Ok(Self { certificate, private_key, ca })
    }

    /// Certificates and key in one PEM document, as HTTP clients take it.
    pub fn pem(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(format!("{}\n{}\n", self.certificate.trim_end(), self.private_key.expose()).into_bytes())
    }
}

fn check(what: &str, pem: &str) -> Result<(), AuthError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match parsed {
        Ok(certificates) if !certificates.is_empty() => Ok(()),
        _ => Err(wrong(what, "CERTIFICATE")),
    }
}

fn wrong(what: &str, label: &str) -> AuthError {
    AuthError::Settings(format!("the {what} is no PEM; it has to begin with -----BEGIN {label}-----"))
}
