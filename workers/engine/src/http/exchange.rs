//! One request and its answer: a place and a token of the instance, the allowed hosts, credentials, redirects.

use super::{
    client::host_of,
    engine::Engine,
    rate::{Full, Place},
    request::Draft,
};
use crate::{
    auth::AuthError,
    hosts::{self, HostError},
    transport::{Incoming, TransportError},
};
use if_manifest::plan::Context;
use if_schemas::Effect;
use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, LOCATION, PROXY_AUTHORIZATION},
};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// An answer whose body has not been read; holds its place until it has.
pub struct Exchanged {
    pub incoming: Incoming,
    pub url: Url,
    /// The headers the request had, credentials included.
    pub sent: HeaderMap,
    pub place: Place,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Trouble {
    /// Not sent: nothing was done.
    Denied(AuthError),
    /// Not sent: it may not go there.
    Host(HostError),
    /// Not sent: the instance is busy until the deadline.
    Full(Full),
    Transport(TransportError),
    /// The provider sent it elsewhere, and it did not go there. `acted`: the first server may have done the work.
    Redirect {
        why: String,
        acted: bool,
    },
}

impl Engine {
    /// Sends `draft` and follows redirects as far as they are allowed.
    pub async fn exchange(
        &self,
        draft: &Draft,
        effect: Effect,
        context: &Context,
        deadline: Instant,
    ) -> Result<Exchanged, Trouble> {
        let (mut draft, first) = (draft.clone(), draft.url.clone());
        let mut seen = BTreeSet::from([first.to_string()]);
        loop {
            hosts::allowed(&self.plan, context, &draft.url).map_err(|e| match seen.len() {
                1 => Trouble::Host(e),
                _ => Trouble::Redirect { why: format!("{} redirects it: {e}", host_of(&first)), acted: false },
            })?;
            let place = self.gate.pass(self.clock.as_ref(), deadline).await.map_err(Trouble::Full)?;
            let mut outgoing = draft.finish();
            if draft.url.origin() == first.origin() {
                self.auth.apply(&mut outgoing, deadline).await.map_err(Trouble::Denied)?;
            }
            let sent = outgoing.headers.clone();
            let incoming = self.transport.send(outgoing, deadline).await.map_err(Trouble::Transport)?;
            let Some(next) = location(&incoming, &draft.url)? else {
                return Ok(Exchanged { incoming, url: draft.url, sent, place });
            };
            let host = host_of(&draft.url);
            let refused = |why: String| Trouble::Redirect { why, acted: false };
            if seen.len() > self.plan.limits.redirects {
                return Err(refused(format!("{host} redirects more than {} times", self.plan.limits.redirects)));
            }
            redirect(&mut draft, incoming.status, effect, &host)?;
            if next.origin() != draft.url.origin() {
                leave_origin(&mut draft, &host)?;
            }
            draft.url = next;
            if !seen.insert(draft.url.to_string()) {
                return Err(refused(format!("{host} redirects in a circle")));
            }
        }
    }
}

/// Where a redirect leads. None where the answer is none.
fn location(incoming: &Incoming, from: &Url) -> Result<Option<Url>, Trouble> {
    if !matches!(incoming.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(text) = incoming.headers.get(LOCATION) else { return Ok(None) };
    let url = text.to_str().ok().and_then(|t| from.join(t).ok());
    let mut url = url.ok_or_else(|| Trouble::Redirect {
        why: format!("{} redirects to what is no URL", host_of(from)),
        acted: !matches!(incoming.status, 307 | 308),
    })?;
    url.set_fragment(None);
    Ok(Some(url))
}

/// The method rules of browsers (Fetch, HTTP-redirect fetch). But what is not a read is never turned into a GET: the
/// answer to that would say nothing of the effect. And what must not happen twice is sent again only by 307 and 308, which
/// say that it was not done.
fn redirect(draft: &mut Draft, status: u16, effect: Effect, host: &str) -> Result<(), Trouble> {
    let to_get = match status {
        301 | 302 => draft.method == Method::POST,
        303 => draft.method != Method::HEAD && draft.method != Method::GET,
        _ => false,
    };
    let repeats = matches!(status, 307 | 308);
    if effect != Effect::Read && (to_get || (effect == Effect::Once && !repeats)) {
        let why = format!("{host} answered {status}, a redirect that does not repeat the request");
        return Err(Trouble::Redirect { why, acted: true });
    }
    if to_get {
        draft.method = Method::GET;
        draft.drop_body();
    }
    Ok(())
}

/// Takes off everything that another server must not see.
fn leave_origin(draft: &mut Draft, host: &str) -> Result<(), Trouble> {
    if draft.secret {
        let why = format!("{host} redirects a request that holds a secret to another server");
        return Err(Trouble::Redirect { why, acted: false });
    }
    let secret: Vec<HeaderName> = draft
        .headers
        .iter()
        .filter(|(name, value)| value.is_sensitive() || [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name))
        .map(|(name, _)| name.clone())
        .collect();
    for name in secret {
        draft.headers.remove(name);
    }
    Ok(())
}
