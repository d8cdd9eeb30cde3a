//! JSON Web Tokens signed with the instance's own key (RFC 7515): RS256, ES256, EdDSA.

use super::AuthError;
use crate::Secret;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use if_manifest::raw::JwtAlgorithm;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use zeroize::Zeroizing;

/// A private key, ready to sign.
pub enum JwtKey {
    Rs256(Box<RsaKeyPair>),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl JwtKey {
    /// From PEM: PKCS#8, or for RSA also PKCS#1. `\n` written out, as in environments and JSON, is a line end too.
    pub fn from_pem(algorithm: JwtAlgorithm, pem: &Secret) -> Result<Self, AuthError> {
        let wrong = |why: &str| AuthError::Settings(format!("the private key for {algorithm:?} {why}"));
        let text = Zeroizing::new(pem.expose().replace("\\n", "\n"));
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
            .map_err(|_| wrong("is no PEM; it has to begin with -----BEGIN PRIVATE KEY-----"))?;
        let rejected = |e: ring::error::KeyRejected| wrong(&format!("cannot be used: {e}"));
        match (algorithm, &key) {
            (JwtAlgorithm::RS256, PrivateKeyDer::Pkcs8(der)) => {
                RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map(|k| Self::Rs256(Box::new(k))).map_err(rejected)
            }
            (JwtAlgorithm::RS256, PrivateKeyDer::Pkcs1(der)) => {
                RsaKeyPair::from_der(der.secret_pkcs1_der()).map(|k| Self::Rs256(Box::new(k))).map_err(rejected)
            }
            (JwtAlgorithm::ES256, PrivateKeyDer::Pkcs8(der)) => {
                let random = SystemRandom::new();
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der(), &random)
                    .map(Self::Es256)
                    .map_err(rejected)
            }
            (JwtAlgorithm::EdDsa, PrivateKeyDer::Pkcs8(der)) => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map(Self::EdDsa).map_err(rejected)
            }
            _ => Err(wrong("is not PKCS#8; convert it with: openssl pkcs8 -topk8 -nocrypt")),
        }
    }

    /// The signature over `message`, as RFC 7515 writes it before base64url.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthError> {
        let failed = |_| AuthError::Settings("the private key does not sign".into());
        let random = SystemRandom::new();
        match self {
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Self::Es256(key) => key.sign(&random, message).map(|s| s.as_ref().to_vec()).map_err(failed),
            Self::EdDsa(key) => Ok(key.sign(message).as_ref().to_vec()),
        }
    }

    /// Compact serialization of `header` and `claims`, both JSON texts.
    pub fn token(&self, header: &[u8], claims: &[u8]) -> Result<Secret, AuthError> {
        let mut token = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(Secret::new(token))
    }
}
