//! OAuth 2.0 refresh tokens, RFC 6749 section 6. A server may give a new one with every use and forget the old one: the
//! new one is on disk before anything else is done with the answer, or the grant would be lost with the process.

use super::{
    AuthError, StoreError, TokenStore,
    cached::{Proof, Source},
    scope::Scope,
    token_endpoint::{Client, TokenEndpoint},
};
use crate::{Secret, Transport};
use async_trait::async_trait;
use if_manifest::plan;
use ring::{
    digest::{Context, SHA256},
    rand::{SecureRandom, SystemRandom},
};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroize;

/// What the token is stored as.
pub const STORE_KEY: &str = "refresh_token";
const SALT_BYTES: usize = 16;

pub(super) struct RefreshToken {
    endpoint: TokenEndpoint,
    client: Client,
    setting: Secret,
    scope: Option<Secret>,
    store: Arc<dyn TokenStore>,
    /// Received and not yet kept: the disk refused it.
    unsaved: Mutex<Option<Secret>>,
}

/// A rotated token, and the mark of the setting it descends from: with another setting it counts no more.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    token: String,
    salt: String,
    /// SHA-256 of salt and setting, hex.
    setting: String,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.token.zeroize();
    }
}

impl RefreshToken {
    pub fn new(
        scope: &Scope,
        spec: &plan::RefreshToken,
        transport: Arc<dyn Transport>,
        store: Arc<dyn TokenStore>,
    ) -> Result<Self, AuthError> {
        let client = Client {
            id: scope.needed("client_id", &spec.client_id)?,
            secret: scope.optional(spec.client_secret.as_ref())?,
            auth: spec.client_auth,
        };
        let url = scope.url("token_url", &spec.token_url)?;
        Ok(Self {
            endpoint: TokenEndpoint::new(scope.clone(), transport, url),
            client,
            setting: scope.needed("the refresh token", &spec.refresh_token)?,
            scope: scope.optional(spec.scope.as_ref())?,
            store,
            unsaved: Mutex::new(None),
        })
    }

    /// The newest token known: of the store if it descends from the setting, else of the setting.
    async fn current(&self) -> Result<Secret, AuthError> {
        let unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = unsaved {
            self.keep(&token).await?;
            return Ok(token);
        }
        let Some(text) = blocking(self.store.clone(), |store| store.load(STORE_KEY)).await? else {
            return Ok(self.setting.clone());
        };
        let stored: Stored = serde_json::from_str(text.expose()).map_err(|_| StoreError {
            path: STORE_KEY.into(),
            why: "is stored in a form this worker does not know; delete the token file of the instance".into(),
        })?;
        let descends = mark(&stored.salt, &self.setting) == stored.setting;
        Ok(if descends { Secret::new(stored.token.clone()) } else { self.setting.clone() })
    }

    /// Durable once this returns; until then the token stays in memory.
    async fn keep(&self, token: &Secret) -> Result<(), AuthError> {
        *self.unsaved.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        let error = |why: &str| StoreError { path: STORE_KEY.into(), why: why.into() };
        let mut salt = [0; SALT_BYTES];
        SystemRandom::new().fill(&mut salt).map_err(|_| error("the system gives no random bytes"))?;
        let salt = hex::encode(salt);
        let stored = Stored { token: token.expose().into(), setting: mark(&salt, &self.setting), salt };
        let text = serde_json::to_string(&stored).map_err(|_| error("cannot be written as JSON"))?;
        let text = Secret::new(text);
        blocking(self.store.clone(), move |store| store.save(STORE_KEY, &text)).await?;
        *self.unsaved.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

fn mark(salt: &str, setting: &Secret) -> String {
    let mut context = Context::new(&SHA256);
    context.update(salt.as_bytes());
    context.update(setting.expose().as_bytes());
    hex::encode(context.finish())
}

async fn blocking<T: Send + 'static>(
    store: Arc<dyn TokenStore>,
    act: impl FnOnce(&dyn TokenStore) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(move || act(store.as_ref())).await;
    done.unwrap_or_else(|_| Err(StoreError { path: STORE_KEY.into(), why: "the store broke off".into() }))
}

#[async_trait]
impl Source for RefreshToken {
    async fn fetch(&self) -> Result<Proof, AuthError> {
        let token = self.current().await?;
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())];
        form.extend(self.scope.iter().map(|s| ("scope", s.expose())));
        let granted = self.endpoint.ask(Some(&self.client), &form).await.0?;
        if let Some(next) = granted.refresh.as_ref().filter(|next| next.expose() != token.expose()) {
            self.keep(next).await?;
        }
        granted.proof()
    }

    fn host(&self) -> &str {
        self.endpoint.host()
    }
}
