//! OAuth 2.0 client credentials, RFC 6749 section 4.4.

use super::{
    AuthError,
    cached::{Proof, Source},
    scope::Scope,
    token_endpoint::{Client, TokenEndpoint},
};
use crate::{Secret, Transport};
use async_trait::async_trait;
use if_manifest::plan;
use std::sync::Arc;

pub(super) struct ClientCredentials {
    endpoint: TokenEndpoint,
    client: Client,
    scope: Option<Secret>,
}

impl ClientCredentials {
    pub fn new(
        scope: &Scope,
        spec: &plan::ClientCredentials,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, AuthError> {
        let client = Client {
            id: scope.needed("client_id", &spec.client_id)?,
            secret: Some(scope.needed("client_secret", &spec.client_secret)?),
            auth: spec.client_auth,
        };
        let url = scope.url("token_url", &spec.token_url)?;
        let asked = scope.optional(spec.scope.as_ref())?;
        Ok(Self { endpoint: TokenEndpoint::new(scope.clone(), transport, url), client, scope: asked })
    }
}

#[async_trait]
impl Source for ClientCredentials {
    async fn fetch(&self) -> Result<Proof, AuthError> {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.scope.iter().map(|s| ("scope", s.expose())));
        self.endpoint.ask(Some(&self.client), &form).await.0?.proof()
    }

    fn host(&self) -> &str {
        self.endpoint.host()
    }
}
