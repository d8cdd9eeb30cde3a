//! What proves who sends a request, as the engine needs it.

use super::request::encode;
use crate::{adapter::AdapterError, transport::Outgoing};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use if_manifest::plan::{Auth, Context, Plan, Template};
use if_schemas::presence::InstanceState;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use tokio::time::Instant;

/// Adds to a request what proves who sends it.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// May be called again for another try: what an earlier call added is replaced. An error means the request was not sent.
    async fn apply(&self, request: &mut Outgoing, deadline: Instant) -> Result<(), AdapterError>;
    /// The provider refused the credentials: `sent` are the headers of the request, `answer` those of the refusal. True if
    /// one more try makes sense.
    async fn rejected(&self, sent: &HeaderMap, answer: &HeaderMap) -> bool;
}

/// Those that are the same for every request.
pub struct Fixed {
    headers: HeaderMap,
    query: Option<(String, String)>,
}

impl Fixed {
    pub fn new(plan: &Arc<Plan>, context: &Context) -> Result<Self, AdapterError> {
        let bad = |message: String| AdapterError::new(InstanceState::BadConfig, message);
        let text = |t: &Template| plan.templates.text(t, context).map_err(|e| bad(e.to_string()));
        let mut all = Self { headers: HeaderMap::new(), query: None };
        let mut header = |name: &str, value: String| {
            let unusable = || bad(format!("the credentials of {} do not fit into a header", plan.spec.id));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| unusable())?;
            value.set_sensitive(true);
            all.headers.insert(name, value);
            Ok(())
        };
        match &plan.auth {
            Auth::None | Auth::Mtls(_) => {}
            Auth::Bearer { token } => header(AUTHORIZATION.as_str(), format!("Bearer {}", text(token)?))?,
            Auth::Basic { username, password } => {
                let both = STANDARD.encode(format!("{}:{}", text(username)?, text(password)?));
                header(AUTHORIZATION.as_str(), format!("Basic {both}"))?;
            }
            Auth::Header { name, value } => header(name, text(value)?)?,
            Auth::Query { name, value } => all.query = Some((name.clone(), text(value)?)),
            _ => return Err(bad(format!("the authentication of {} is not known to this worker", plan.spec.id))),
        }
        Ok(all)
    }
}

#[async_trait]
impl Credentials for Fixed {
    async fn apply(&self, request: &mut Outgoing, _: Instant) -> Result<(), AdapterError> {
        request.headers.extend(self.headers.clone());
        if let Some((name, value)) = &self.query {
            let others: Vec<(String, String)> =
                request.url.query_pairs().filter(|(k, _)| k != name).map(|(k, v)| (k.into(), v.into())).collect();
            let others = others.iter().map(|(k, v)| (k.as_str(), v.as_str()));
            let query = encode(others.chain([(name.as_str(), value.as_str())]));
            request.url.set_query(Some(&query));
        }
        Ok(())
    }
    async fn rejected(&self, _: &HeaderMap, _: &HeaderMap) -> bool {
        false
    }
}
