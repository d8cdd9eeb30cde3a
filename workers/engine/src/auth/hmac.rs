//! A keyed hash (RFC 2104) over parts of the request that the manifest chooses.

use super::{
    AuthError,
    clock::ServerClock,
    header::header_name,
    scope::{Scope, header_value},
};
use crate::Outgoing;
use base64::{Engine, engine::general_purpose::STANDARD};
use if_manifest::{
    plan,
    raw::{HmacAlgorithm, KeyEncoding, SignatureEncoding},
};
use reqwest::Url;
use ring::{
    digest,
    hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512, Key},
    rand::{SecureRandom, SystemRandom},
};
use serde_json::{Value, json};
use std::sync::Arc;
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 16;

pub(super) struct Hmac {
    key: Key,
    clock: Arc<ServerClock>,
}

impl Hmac {
    pub fn new(scope: &Scope, spec: &plan::Hmac, clock: Arc<ServerClock>) -> Result<Self, AuthError> {
        let text = scope.needed("the key", &spec.key)?;
        let wrong = |how: &str| AuthError::Settings(format!("the key of {} is not {how}", scope.plan.spec.id));
        let bytes = Zeroizing::new(match spec.key_encoding {
            KeyEncoding::Text => text.expose().as_bytes().to_vec(),
            KeyEncoding::Hex => hex::decode(text.expose()).map_err(|_| wrong("hex"))?,
            KeyEncoding::Base64 => STANDARD.decode(text.expose()).map_err(|_| wrong("base64"))?,
        });
        let algorithm = match spec.algorithm {
            HmacAlgorithm::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            HmacAlgorithm::Sha256 => HMAC_SHA256,
            HmacAlgorithm::Sha512 => HMAC_SHA512,
        };
        Ok(Self { key: Key::new(algorithm, &bytes), clock })
    }

    pub fn apply(&self, scope: &Scope, spec: &plan::Hmac, request: &mut Outgoing) -> Result<(), AuthError> {
        let scope = scope.with("request", self.facts(request)?);
        let message = scope.text(&spec.message)?;
        let tag = hmac::sign(&self.key, message.expose().as_bytes());
        let signature = match spec.encoding {
            SignatureEncoding::Hex => hex::encode(tag),
            SignatureEncoding::Base64 => STANDARD.encode(tag),
        };
        let scope = scope.with("signature", signature.into());
        for (name, template) in &spec.headers {
            let value = header_value(name, scope.text(template)?.expose())?;
            request.headers.insert(header_name(name)?, value);
        }
        Ok(())
    }

    /// What templates see as `request`. A body that is no text is left out: a template that names it fails.
    fn facts(&self, request: &Outgoing) -> Result<Value, AuthError> {
        let mut nonce = [0; NONCE_BYTES];
        let failed = |_| AuthError::Settings("the system gives no random bytes".into());
        SystemRandom::new().fill(&mut nonce).map_err(failed)?;
        let now_us = self.clock.now_us();
        let mut facts = json!({
            "method": request.method.as_str(),
            "path": path(&request.url),
            "body_sha256": hex::encode(digest::digest(&digest::SHA256, &request.body)),
            "timestamp": now_us.div_euclid(1_000_000),
            "timestamp_ms": now_us.div_euclid(1_000),
            "nonce": hex::encode(nonce),
        });
        if let Ok(body) = std::str::from_utf8(&request.body) {
            facts["body"] = body.into();
        }
        Ok(facts)
    }
}

/// With the query, as it is on the wire.
fn path(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().into(),
    }
}
