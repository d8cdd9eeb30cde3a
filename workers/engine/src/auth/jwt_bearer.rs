//! A JSON Web Token of our own: sent as it is, or exchanged at a token endpoint (RFC 7523).

use super::{
    AuthError,
    cached::{Proof, Source},
    clock::{ServerClock, micros},
    jwt::JwtKey,
    scope::{self, Scope},
    token_endpoint::TokenEndpoint,
};
use crate::{Secret, Transport};
use async_trait::async_trait;
use if_manifest::{plan, raw::JwtAlgorithm};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};

/// A token says it was made this much earlier, so that a server whose clock is behind accepts it.
pub const BACK_DATED: Duration = Duration::from_secs(60);
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const JTI_BYTES: usize = 16;

pub(super) struct JwtBearer {
    key: JwtKey,
    /// JSON text.
    header: Vec<u8>,
    /// Those that are the same in every token.
    claims: Map<String, Value>,
    lifetime: Duration,
    clock: Arc<ServerClock>,
    endpoint: Option<TokenEndpoint>,
    host: String,
}

impl JwtBearer {
    pub fn new(
        scope: &Scope,
        spec: &plan::JwtBearer,
        transport: Arc<dyn Transport>,
        clock: Arc<ServerClock>,
    ) -> Result<Self, AuthError> {
        let endpoint = match &spec.token_url {
            Some(url) => Some(TokenEndpoint::new(scope.clone(), transport, scope.url("token_url", url)?)),
            None => None,
        };
        let mut header = json!({ "alg": name(spec.algorithm), "typ": "JWT" });
        if let Some(id) = scope.optional(spec.key_id.as_ref())? {
            header["kid"] = id.expose().into();
        }
        let mut claims = Map::new();
        claims.insert("iss".into(), scope.needed("issuer", &spec.issuer)?.expose().into());
        if let Some(subject) = scope.optional(spec.subject.as_ref())? {
            claims.insert("sub".into(), subject.expose().into());
        }
        match (scope.optional(spec.audience.as_ref())?, &endpoint) {
            (Some(audience), _) => claims.insert("aud".into(), audience.expose().into()),
            // RFC 7523 section 3: the endpoint's URL names the server.
            (None, Some(endpoint)) => claims.insert("aud".into(), endpoint.url().as_str().into()),
            (None, None) => None,
        };
        for (name, template) in &spec.claims {
            match scope.plan.templates.value(template, &scope.context)? {
                Value::Null => {}
                value => drop(claims.insert(name.clone(), value)),
            }
        }
        Ok(Self {
            key: JwtKey::from_pem(spec.algorithm, &scope.needed("the private key", &spec.private_key)?)?,
            header: header.to_string().into_bytes(),
            claims,
            lifetime: spec.lifetime,
            clock,
            host: endpoint.as_ref().map_or_else(|| scope.plan.spec.id.clone(), |e| e.host().into()),
            endpoint,
        })
    }

    /// A token that lasts [`plan::JwtBearer::lifetime`], of which it is [`BACK_DATED`] old already.
    fn token(&self) -> Result<Secret, AuthError> {
        let made_us = self.clock.now_us() - micros(self.back_dated());
        let mut claims = self.claims.clone();
        claims.insert("iat".into(), made_us.div_euclid(1_000_000).into());
        claims.insert("exp".into(), (made_us + micros(self.lifetime)).div_euclid(1_000_000).into());
        if self.endpoint.is_some() && !claims.contains_key("jti") {
            // An assertion may be good for one exchange only.
            let mut id = [0; JTI_BYTES];
            let failed = |_| AuthError::Settings("the system gives no random bytes".into());
            SystemRandom::new().fill(&mut id).map_err(failed)?;
            claims.insert("jti".into(), hex::encode(id).into());
        }
        self.key.token(&self.header, Value::Object(claims).to_string().as_bytes())
    }

    fn back_dated(&self) -> Duration {
        BACK_DATED.min(self.lifetime / 2)
    }
}

fn name(algorithm: JwtAlgorithm) -> &'static str {
    match algorithm {
        JwtAlgorithm::RS256 => "RS256",
        JwtAlgorithm::ES256 => "ES256",
        JwtAlgorithm::EdDsa => "EdDSA",
    }
}

#[async_trait]
impl Source for JwtBearer {
    async fn fetch(&self) -> Result<Proof, AuthError> {
        let token = self.token()?;
        let Some(endpoint) = &self.endpoint else {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, scope::bearer(&token)?)]);
            return Ok(Proof { headers, lifetime: self.lifetime - self.back_dated() });
        };
        let (first, head) = endpoint.ask(None, &[("grant_type", GRANT), ("assertion", token.expose())]).await;
        match (first, head) {
            // Refused for its time, perhaps: once more with the server's.
            (Err(AuthError::Refused { .. }), Some(head)) if self.clock.learn(&head) => {
                let token = self.token()?;
                endpoint.ask(None, &[("grant_type", GRANT), ("assertion", token.expose())]).await.0?.proof()
            }
            (first, _) => first?.proof(),
        }
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn renews(&self) -> bool {
        // Another token with the same key and the same time says the same.
        self.endpoint.is_some()
    }
}
