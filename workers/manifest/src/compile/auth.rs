//! How requests prove who sends them.

use super::{
    Compiler, DURATION_MIN, JWT_LIFETIME_DEFAULT, JWT_LIFETIME_MAX, SESSION_LIFETIME_DEFAULT, SESSION_LIFETIME_MAX,
    SESSION_STEPS_MAX, Scope,
};
use crate::{
    plan::{self, Auth, Template},
    raw,
};

/// What authentication may use.
const SETTINGS: Scope = Scope::INSTANCE.and(Scope::SECRET);

impl<'a> Compiler<'a> {
    pub fn auth(&mut self, raw: &'a raw::Auth) -> Option<Auth> {
        let scope = SETTINGS;
        match raw {
            raw::Auth::None => Some(Auth::None),
            raw::Auth::Bearer { token } => {
                self.at("bearer", |c| c.text("token", token, scope)).map(|token| Auth::Bearer { token })
            }
            raw::Auth::Basic { username, password } => self.at("basic", |c| {
                let (username, password) = (c.text("username", username, scope), c.text("password", password, scope));
                Some(Auth::Basic { username: username?, password: password? })
            }),
            raw::Auth::Header { name, value } => self.at("header", |c| {
                c.at("name", |c| c.header_name(name));
                c.text("value", value, scope).map(|value| Auth::Header { name: name.clone(), value })
            }),
            raw::Auth::Query { name, value } => self
                .at("query", |c| c.text("value", value, scope).map(|value| Auth::Query { name: name.clone(), value })),
            raw::Auth::OAuth2ClientCredentials(raw) => {
                self.at("oauth2_client_credentials", |c| c.client_credentials(raw)).map(Auth::ClientCredentials)
            }
            raw::Auth::OAuth2RefreshToken(raw) => {
                self.at("oauth2_refresh_token", |c| c.refresh_token(raw)).map(Auth::RefreshToken)
            }
            raw::Auth::JwtBearer(raw) => {
                self.at("jwt_bearer", |c| c.jwt_bearer(raw)).map(|jwt| Auth::JwtBearer(Box::new(jwt)))
            }
            raw::Auth::Session(raw) => self.at("session", |c| c.session_login(raw)).map(Auth::Session),
            raw::Auth::AwsSigv4(raw) => self.at("aws_sigv4", |c| c.sigv4(raw)).map(|s| Auth::AwsSigv4(Box::new(s))),
            raw::Auth::Hmac(raw) => self.at("hmac", |c| c.hmac(raw)).map(|h| Auth::Hmac(Box::new(h))),
            raw::Auth::Mtls(raw) => self.at("mtls", |c| c.mtls(raw)).map(Auth::Mtls),
        }
    }

    fn token_url(&mut self, url: &str) -> Option<Template> {
        self.at("token_url", |c| c.url(url, Scope::INSTANCE))
    }

    fn client_credentials(&mut self, raw: &'a raw::ClientCredentials) -> Option<plan::ClientCredentials> {
        let token_url = self.token_url(&raw.token_url);
        let client_id = self.text("client_id", &raw.client_id, SETTINGS);
        let client_secret = self.text("client_secret", &raw.client_secret, SETTINGS);
        let scope = self.optional("scope", raw.scope.as_ref(), SETTINGS);
        Some(plan::ClientCredentials {
            token_url: token_url?,
            client_id: client_id?,
            client_secret: client_secret?,
            scope: scope?,
            client_auth: raw.client_auth,
        })
    }

    fn refresh_token(&mut self, raw: &'a raw::RefreshToken) -> Option<plan::RefreshToken> {
        let token_url = self.token_url(&raw.token_url);
        let client_id = self.text("client_id", &raw.client_id, SETTINGS);
        let client_secret = self.optional("client_secret", raw.client_secret.as_ref(), SETTINGS);
        let refresh_token = self.text("refresh_token", &raw.refresh_token, Scope::SECRET);
        let scope = self.optional("scope", raw.scope.as_ref(), SETTINGS);
        Some(plan::RefreshToken {
            token_url: token_url?,
            client_id: client_id?,
            client_secret: client_secret?,
            refresh_token: refresh_token?,
            scope: scope?,
            client_auth: raw.client_auth,
        })
    }

    fn jwt_bearer(&mut self, raw: &'a raw::JwtBearer) -> Option<plan::JwtBearer> {
        let private_key = self.text("private_key", &raw.private_key, SETTINGS);
        let key_id = self.optional("key_id", raw.key_id.as_ref(), SETTINGS);
        let issuer = self.text("issuer", &raw.issuer, SETTINGS);
        let subject = self.optional("subject", raw.subject.as_ref(), SETTINGS);
        let audience = self.optional("audience", raw.audience.as_ref(), SETTINGS);
        let lifetime =
            self.duration("lifetime", raw.lifetime.as_ref(), JWT_LIFETIME_DEFAULT, DURATION_MIN, JWT_LIFETIME_MAX);
        let claims =
            self.at("claims", |c| c.each(&raw.claims, |c, _, claim| c.template(claim, plan::Escape::None, SETTINGS)));
        let token_url = match &raw.token_url {
            None => Some(None),
            Some(url) => self.token_url(url).map(Some),
        };
        Some(plan::JwtBearer {
            algorithm: raw.algorithm,
            private_key: private_key?,
            key_id: key_id?,
            issuer: issuer?,
            subject: subject?,
            audience: audience?,
            lifetime: lifetime?,
            claims: claims?,
            token_url: token_url?,
        })
    }

    fn session_login(&mut self, raw: &'a raw::SessionLogin) -> Option<plan::Session> {
        if raw.steps.is_empty() || raw.steps.len() > SESSION_STEPS_MAX {
            let next = format!("use 1 to {SESSION_STEPS_MAX}");
            self.at("steps", |c| c.wrong(format!("a login of {} steps", raw.steps.len()), next));
        }
        let mut steps = Vec::new();
        for (i, step) in raw.steps.iter().enumerate() {
            steps.push(self.at("steps", |c| c.at(i, |c| c.login_step(step))));
            self.session.extend(step.extract.keys().chain(step.headers.keys()).map(String::as_str));
        }
        let headers = self.at("headers", |c| c.headers(&raw.headers, SETTINGS | Scope::SESSION));
        let lifetime = self.duration(
            "lifetime",
            raw.lifetime.as_ref(),
            SESSION_LIFETIME_DEFAULT,
            DURATION_MIN,
            SESSION_LIFETIME_MAX,
        );
        let steps = steps.into_iter().collect::<Option<_>>();
        Some(plan::Session { steps: steps?, headers: headers?, lifetime: lifetime? })
    }

    fn login_step(&mut self, raw: &'a raw::LoginStep) -> Option<plan::LoginStep> {
        let request = self.at("request", |c| c.request(&raw.request, SETTINGS | Scope::SESSION));
        let extract = self.at("extract", |c| c.extracts(&raw.extract, Scope::INSTANCE | Scope::RESPONSE));
        self.at("headers", |c| {
            for (name, header) in &raw.headers {
                c.at(name, |c| {
                    c.identifier(name);
                    c.header_name(header);
                });
            }
        });
        Some(plan::LoginStep { request: request?, extract: extract?, headers: raw.headers.clone() })
    }

    fn sigv4(&mut self, raw: &'a raw::AwsSigv4) -> Option<plan::AwsSigv4> {
        let access_key_id = self.text("access_key_id", &raw.access_key_id, SETTINGS);
        let secret_access_key = self.text("secret_access_key", &raw.secret_access_key, SETTINGS);
        let session_token = self.optional("session_token", raw.session_token.as_ref(), SETTINGS);
        let region = self.text("region", &raw.region, SETTINGS | Scope::COMMON_ARGS);
        let service = self.text("service", &raw.service, SETTINGS | Scope::COMMON_ARGS);
        Some(plan::AwsSigv4 {
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            session_token: session_token?,
            region: region?,
            service: service?,
        })
    }

    fn hmac(&mut self, raw: &'a raw::Hmac) -> Option<plan::Hmac> {
        let key = self.text("key", &raw.key, SETTINGS);
        let message = self.text("message", &raw.message, SETTINGS | Scope::REQUEST);
        let signed = SETTINGS | Scope::REQUEST | Scope::SIGNATURE;
        let headers = self.at("headers", |c| c.headers(&raw.headers, signed));
        Some(plan::Hmac {
            algorithm: raw.algorithm,
            key: key?,
            key_encoding: raw.key_encoding,
            encoding: raw.encoding,
            message: message?,
            headers: headers?,
        })
    }

    fn mtls(&mut self, raw: &'a raw::Mtls) -> Option<plan::Mtls> {
        let certificate = self.text("certificate", &raw.certificate, SETTINGS);
        let private_key = self.text("private_key", &raw.private_key, SETTINGS);
        let ca = self.optional("ca", raw.ca.as_ref(), SETTINGS);
        Some(plan::Mtls { certificate: certificate?, private_key: private_key?, ca: ca? })
    }
}
