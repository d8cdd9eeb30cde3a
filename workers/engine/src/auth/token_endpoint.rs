//! The token endpoint of OAuth 2.0 (RFC 6749): form in, JSON out.

use super::{AuthError, answer, basic, cached::Proof, scope, scope::Scope};
use crate::{Outgoing, Secret, Transport};
use bytes::Bytes;
use if_manifest::raw::ClientAuth;
use reqwest::{
    Method, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde::Deserialize;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// Largest answer of a token endpoint, bytes.
pub const TOKEN_ANSWER_MAX_BYTES: usize = 64 * 1024;
/// Life of a token whose answer does not say. One that ends earlier is refused, and then renewed.
pub const TOKEN_LIFETIME_DEFAULT: Duration = Duration::from_secs(60 * 60);
/// No token is used longer than this without asking again, whatever the answer says.
pub const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Errors of RFC 6749 section 5.2 that say the credentials themselves are not accepted.
const REFUSALS: [&str; 4] = ["invalid_client", "invalid_grant", "unauthorized_client", "access_denied"];
/// Errors that say the request can never be granted as it is.
const MISTAKES: [&str; 3] = ["invalid_scope", "unsupported_grant_type", "invalid_request"];
/// Errors that pass.
const BUSY: [&str; 3] = ["temporarily_unavailable", "server_error", "slow_down"];
/// Tokens that prove more than their possession: they cannot be sent as bearer.
const UNKNOWN_TYPES: [&str; 3] = ["mac", "dpop", "pop"];

pub(super) struct TokenEndpoint {
    scope: Scope,
    transport: Arc<dyn Transport>,
    url: Url,
}

/// How the client itself is known to the endpoint.
pub(super) struct Client {
    pub id: Secret,
    pub secret: Option<Secret>,
    pub auth: ClientAuth,
}

/// What an answer gave.
pub(super) struct Granted {
    pub access: Secret,
    pub lifetime: Duration,
    pub refresh: Option<Secret>,
}

impl Granted {
    pub fn proof(&self) -> Result<Proof, AuthError> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, scope::bearer(&self.access)?)]);
        Ok(Proof { headers, lifetime: self.lifetime })
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Value>,
    refresh_token: Option<String>,
    error: Option<Value>,
    error_description: Option<Value>,
}

impl TokenEndpoint {
    pub fn new(scope: Scope, transport: Arc<dyn Transport>, url: Url) -> Self {
        Self { scope, transport, url }
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Asks once. Also gives the head of the answer, if there was one: it tells the server's time.
    pub async fn ask(
        &self,
        client: Option<&Client>,
        form: &[(&str, &str)],
    ) -> (Result<Granted, AuthError>, Option<HeaderMap>) {
        let request = match self.request(client, form) {
            Ok(request) => request,
            Err(e) => return (Err(e), None),
        };
        let sent = proofs(&request, form);
        match answer::ask(self.transport.as_ref(), request, TOKEN_ANSWER_MAX_BYTES).await {
            Ok(answer) => (self.granted(&answer, &sent), Some(answer.headers)),
            Err(e) => (Err(e), None),
        }
    }

    fn request(&self, client: Option<&Client>, form: &[(&str, &str)]) -> Result<Outgoing, AuthError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        match client {
            Some(Client { id, secret: Some(secret), auth: ClientAuth::Basic }) => {
                // Section 2.3.1: both are form-encoded first.
                let [id, secret] = [id, secret].map(|s| {
                    Zeroizing::new(form_urlencoded::byte_serialize(s.expose().as_bytes()).collect::<String>())
                });
                headers.insert(AUTHORIZATION, basic::value(&id, &secret)?);
            }
            Some(Client { id, secret, .. }) => {
                body.append_pair("client_id", id.expose());
                body.extend_pairs(secret.iter().map(|s| ("client_secret", s.expose())));
            }
            None => {}
        }
        let body = Bytes::from(body.finish());
        Ok(Outgoing { method: Method::POST, url: self.url.clone(), headers, body })
    }

    fn granted(&self, answer: &answer::Answer, sent: &[Secret]) -> Result<Granted, AuthError> {
        let host = || self.host().to_string();
        let unusable = |why: String| AuthError::Unusable { host: host(), why };
        if (300..400).contains(&answer.status) {
            return Err(unusable(format!("{} redirects, and credentials are not sent on", answer.status)));
        }
        let parsed: Option<Answer> = serde_json::from_slice(&answer.body).ok();
        let Some(Answer { access_token, token_type, expires_in, refresh_token, error, error_description }) = parsed
        else {
            return Err(self.failed(answer.status, None, "without an explanation in JSON".into()));
        };
        if let (200..300, Some(access)) = (answer.status, access_token) {
            let kind = token_type.unwrap_or_default().to_lowercase();
            if UNKNOWN_TYPES.contains(&kind.as_str()) {
                return Err(unusable(format!("it gives a token of type {kind}, which is no bearer token")));
            }
            let lifetime = lifetime(expires_in.as_ref());
            return Ok(Granted { access: Secret::new(access), lifetime, refresh: refresh_token.map(Secret::new) });
        }
        let code = error.as_ref().and_then(code_of);
        let said = [code.unwrap_or("no error code"), error_description.as_ref().and_then(Value::as_str).unwrap_or("")];
        let sent: Vec<&str> = sent.iter().map(Secret::expose).collect();
        Err(self.failed(answer.status, code, self.scope.clean(said.join(" ").trim(), &sent)))
    }

    fn failed(&self, status: u16, code: Option<&str>, said: String) -> AuthError {
        let (host, said) = (self.host().to_string(), format!("{said} (HTTP {status})"));
        let is = |codes: &[&str]| code.is_some_and(|c| codes.contains(&c));
        match status {
            _ if is(&REFUSALS) => AuthError::Refused { host, said },
            _ if is(&MISTAKES) => AuthError::Settings(format!("{host} does not grant what is asked for: {said}")),
            _ if is(&BUSY) => AuthError::Unavailable { host, said },
            429 | 500.. => AuthError::Unavailable { host, said },
            401 | 403 => AuthError::Refused { host, said },
            _ => AuthError::Unusable { host, why: said },
        }
    }
}

/// What of a request proves something, besides the settings: a server may repeat it in its message.
fn proofs(request: &Outgoing, form: &[(&str, &str)]) -> Vec<Secret> {
    let header = request.headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Basic "));
    let fields = form.iter().filter(|(name, _)| ["refresh_token", "assertion"].contains(name)).map(|(_, value)| *value);
    header.into_iter().chain(fields).map(|text| Secret::new(text.into())).collect()
}

/// `"invalid_grant"`, or the object some services answer with.
fn code_of(error: &Value) -> Option<&str> {
    ["/code", "/type", "/status", "/message"]
        .iter()
        .filter_map(|p| error.pointer(p))
        .chain([error])
        .find_map(Value::as_str)
}

/// A number of seconds, which some services write as text.
fn lifetime(expires_in: Option<&Value>) -> Duration {
    let seconds = expires_in.and_then(|v| v.as_f64().or_else(|| v.as_str()?.parse().ok()));
    let asked = seconds.and_then(|s| Duration::try_from_secs_f64(s.max(0.0)).ok()).unwrap_or(TOKEN_LIFETIME_DEFAULT);
    asked.min(TOKEN_LIFETIME_MAX)
}
