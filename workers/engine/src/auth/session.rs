//! Logging in: requests in order, each of which may use what the answers before it gave.

use super::{
    AuthError, RequestBuilder, answer,
    cached::{Proof, Source},
    header::header_name,
    scope::{Scope, header_value},
};
use crate::{Transport, hosts};
use async_trait::async_trait;
use if_manifest::plan::{Auth, LoginStep, Plan, Session as Spec};
use reqwest::header::{HeaderMap, SET_COOKIE};
use serde_json::{Map, Value};
use std::sync::Arc;

pub(super) struct Session {
    scope: Scope,
    transport: Arc<dyn Transport>,
    requests: Arc<dyn RequestBuilder>,
}

impl Session {
    pub fn new(scope: Scope, transport: Arc<dyn Transport>, requests: Arc<dyn RequestBuilder>) -> Self {
        Self { scope, transport, requests }
    }

    /// One request; what its answer gives goes into `session`.
    async fn step(&self, step: &LoginStep, session: &mut Map<String, Value>) -> Result<(), AuthError> {
        let scope = self.scope.with("session", Value::Object(session.clone()));
        let request = self.requests.build(&scope.plan, &step.request, &scope.context)?;
        hosts::allowed(&scope.plan, &self.scope.context, &request.url)?;
        let host = request.url.host_str().unwrap_or_default().to_string();
        let answer = answer::ask(self.transport.as_ref(), request, scope.plan.limits.response_bytes).await?;
        let unusable = |why: String| AuthError::Unusable { host: host.clone(), why };
        match answer.status {
            200..300 => {}
            // A form's way to say "welcome"; its cookies are in this answer, so there is nothing to follow.
            302 | 303 if step.extract.is_empty() && !step.headers.is_empty() => {}
            300..400 => return Err(unusable(format!("{} redirects, and credentials are not sent on", answer.status))),
            status => return Err(failed(host, status)),
        }
        for (name, header) in &step.headers {
            let found = header_of(&answer.headers, header);
            let found = found.ok_or_else(|| unusable(format!("it has no header {header}")))?;
            session.insert(name.clone(), found.into());
        }
        if step.extract.is_empty() {
            return Ok(());
        }
        let body: Value = serde_json::from_slice(&answer.body).map_err(|_| unusable("it is no JSON".into()))?;
        for (name, extract) in &step.extract {
            match self.requests.extract(&scope.plan, extract, &scope.context, &body)? {
                Some(value) => drop(session.insert(name.clone(), value)),
                None if extract.required => return Err(unusable(format!("it does not hold {name}"))),
                None => {}
            }
        }
        Ok(())
    }

    async fn login(&self, spec: &Spec) -> Result<Proof, AuthError> {
        let mut session = Map::new();
        for step in &spec.steps {
            self.step(step, &mut session).await?;
        }
        let scope = self.scope.with("session", Value::Object(session));
        let mut headers = HeaderMap::new();
        for (name, template) in &spec.headers {
            headers.insert(header_name(name)?, header_value(name, scope.text(template)?.expose())?);
        }
        Ok(Proof { headers, lifetime: spec.lifetime })
    }
}

fn failed(host: String, status: u16) -> AuthError {
    let said = format!("HTTP {status}");
    match status {
        400 | 401 | 403 | 422 => AuthError::Refused { host, said },
        429 | 500.. => AuthError::Unavailable { host, said },
        _ => AuthError::Unusable { host, why: said },
    }
}

/// The value; of `set-cookie`, `name=value` of each cookie, joined as `cookie` wants it.
fn header_of(headers: &HeaderMap, name: &str) -> Option<String> {
    if !name.eq_ignore_ascii_case(SET_COOKIE.as_str()) {
        return headers.get(name)?.to_str().ok().map(String::from);
    }
    let cookies = headers.get_all(SET_COOKIE).iter().filter_map(|c| c.to_str().ok()?.split(';').next());
    let joined = cookies.map(str::trim).collect::<Vec<_>>().join("; ");
    (!joined.is_empty()).then_some(joined)
}

fn spec(plan: &Plan) -> Option<&Spec> {
    match &plan.auth {
        Auth::Session(spec) => Some(spec),
        _ => None,
    }
}

#[async_trait]
impl Source for Session {
    async fn fetch(&self) -> Result<Proof, AuthError> {
        match spec(&self.scope.plan) {
            Some(spec) => self.login(spec).await,
            None => Err(AuthError::Settings(format!("{} has no login", self.scope.plan.spec.id))),
        }
    }

    fn host(&self) -> &str {
        &self.scope.plan.spec.id
    }
}
