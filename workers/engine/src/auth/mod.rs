//! How requests prove who sends them: one file per kind of `if_manifest::plan::Auth`.

mod answer;
mod basic;
mod bearer;
mod cached;
mod client_credentials;
mod clock;
mod error;
mod header;
mod hmac;
mod jwt;
mod jwt_bearer;
mod mtls;
mod query;
mod refresh_token;
mod scope;
mod session;
mod sigv4;
mod store;
mod token_endpoint;

pub use answer::TOKEN_REQUEST_MAX;
pub use cached::EXPIRY_MARGIN;
pub use clock::{Clock, SKEW_MAX, SKEW_MIN, SystemClock};
pub use error::AuthError;
pub use jwt::JwtKey;
pub use jwt_bearer::BACK_DATED;
pub use mtls::ClientIdentity;
pub use refresh_token::STORE_KEY;
pub use store::{FileTokenStore, MemoryTokenStore, StoreError, TokenStore};
pub use token_endpoint::{TOKEN_ANSWER_MAX_BYTES, TOKEN_LIFETIME_DEFAULT, TOKEN_LIFETIME_MAX};

use crate::{Outgoing, Transport};
use cached::{Cached, Source};
use clock::ServerClock;
use if_manifest::plan::{Auth, Context, Extract, Plan, RequestPlan};
use reqwest::header::HeaderMap;
use scope::Scope;
use serde_json::Value;
use std::{fmt, sync::Arc};
use tokio::time::Instant;

/// The parts of the engine that logging in needs.
pub trait RequestBuilder: Send + Sync {
    /// The whole request, with base URL and the provider's headers, but without what proves who sends it.
    /// `context` holds `instance`, `secret` and `session`.
    fn build(&self, plan: &Plan, request: &RequestPlan, context: &Context) -> Result<Outgoing, AuthError>;

    /// The value in a JSON answer. None where nothing is found, or null.
    fn extract(
        &self,
        plan: &Plan,
        extract: &Extract,
        context: &Context,
        answer: &Value,
    ) -> Result<Option<Value>, AuthError>;
}

/// Proves to one provider who sends the requests of one instance. Shared by all its commands.
pub struct Authenticator {
    scope: Scope,
    clock: Arc<ServerClock>,
    kind: Kind,
}

enum Kind {
    /// Nothing is added to requests.
    Nothing,
    Headers(HeaderMap),
    Query(query::Query),
    Cached(Cached),
    Sigv4(Box<sigv4::Sigv4>),
    Hmac(hmac::Hmac),
}

impl Authenticator {
    /// `context` holds `instance` and `secret`. Nothing is sent yet; an error means that the settings can never work.
    pub fn new(
        plan: Arc<Plan>,
        context: Context,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        store: Arc<dyn TokenStore>,
        requests: Arc<dyn RequestBuilder>,
    ) -> Result<Self, AuthError> {
        let scope = Scope { plan: plan.clone(), context };
        let server = Arc::new(ServerClock::new(clock.clone()));
        let cached = |source: Arc<dyn Source>| Kind::Cached(Cached::new(source, clock.clone()));
        let kind = match &plan.auth {
            Auth::None => Kind::Nothing,
            Auth::Mtls(spec) => {
                ClientIdentity::new(&scope, spec)?;
                Kind::Nothing
            }
            Auth::Bearer { token } => Kind::Headers(bearer::headers(&scope, token)?),
            Auth::Basic { username, password } => Kind::Headers(basic::headers(&scope, username, password)?),
            Auth::Header { name, value } => Kind::Headers(header::headers(&scope, name, value)?),
            Auth::Query { name, value } => Kind::Query(query::Query::new(&scope, name, value)?),
            Auth::ClientCredentials(spec) => {
                cached(Arc::new(client_credentials::ClientCredentials::new(&scope, spec, transport)?))
            }
            Auth::RefreshToken(spec) => {
                cached(Arc::new(refresh_token::RefreshToken::new(&scope, spec, transport, store)?))
            }
            Auth::JwtBearer(spec) => {
                cached(Arc::new(jwt_bearer::JwtBearer::new(&scope, spec, transport, server.clone())?))
            }
            Auth::Session(_) => cached(Arc::new(session::Session::new(scope.clone(), transport, requests))),
            Auth::AwsSigv4(spec) => Kind::Sigv4(Box::new(sigv4::Sigv4::new(&scope, spec, server.clone())?)),
            Auth::Hmac(spec) => Kind::Hmac(hmac::Hmac::new(&scope, spec, server.clone())?),
        };
        Ok(Self { scope, clock: server, kind })
    }

    /// Adds what proves who sends `request`, which is complete but for this. May be called again for another try of the
    /// same request: what an earlier call added is replaced. Waits for a token or login until `deadline` at most.
    pub async fn apply(&self, request: &mut Outgoing, deadline: Instant) -> Result<(), AuthError> {
        match (&self.kind, &self.scope.plan.auth) {
            (Kind::Headers(headers), _) => request.headers.extend(headers.clone()),
            (Kind::Query(query), _) => query.apply(&mut request.url),
            (Kind::Cached(cached), _) => cached.apply(&mut request.headers, deadline).await?,
            (Kind::Sigv4(sigv4), _) => sigv4.apply(request)?,
            (Kind::Hmac(hmac), Auth::Hmac(spec)) => hmac.apply(&self.scope, spec, request)?,
            (Kind::Nothing | Kind::Hmac(_), _) => {}
        }
        Ok(())
    }

    /// The provider refused the credentials of a request. `sent` are the headers it had, `answer` those of the refusal.
    /// Forgets what was cached, if it is what was sent, and learns from `Date` how far the server's clock is off, if
    /// signatures hold a time. True if new credentials may help, so that one more try makes sense; the caller sees to
    /// it that there is one only.
    pub async fn rejected(&self, sent: &HeaderMap, answer: &HeaderMap) -> bool {
        let signs_time = matches!(self.scope.plan.auth, Auth::JwtBearer(_) | Auth::AwsSigv4(_) | Auth::Hmac(_));
        let learned = signs_time && self.clock.learn(answer);
        match &self.kind {
            Kind::Cached(cached) => cached.rejected(sent) || learned,
            _ => learned,
        }
    }

    /// The client certificate for TLS, where the kind needs one. Used when the HTTP client is built.
    pub fn identity(plan: &Arc<Plan>, context: &Context) -> Result<Option<ClientIdentity>, AuthError> {
        match &plan.auth {
            Auth::Mtls(spec) => {
                let scope = Scope { plan: plan.clone(), context: context.clone() };
                ClientIdentity::new(&scope, spec).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("provider", &self.scope.plan.spec.id).finish_non_exhaustive()
    }
}
